package samplingapi

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// recordQuotaTTL is how long a client's share of the cap is valid. Some
// samplers record nothing once it has ended, so a client without requests for
// hours must still have one.
const recordQuotaTTL = 24 * time.Hour

// recordAll tells clients to record everything, up to a cap. Their statistics
// end here: the tail sampler behind them reports what it kept.
//
// Without a cap each rule has a rate of 1 and no reservoir. With one each rule
// has a rate of 0, and each client gets its share of the cap as the quota of a
// reservoir; until it has reported for the first time it may only borrow, one
// request a second for each rule. A client that does not use its quota gets a
// rate that makes as much.
type recordAll struct {
	maxPerSecond int

	mu     sync.Mutex
	shares shares
}

func newRecordAll(o RecordAll) *recordAll { return &recordAll{maxPerSecond: o.MaxPerSecond} }

// rate and reservoir are what each rule has.
func (a *recordAll) rate() float64 {
	if a.maxPerSecond > 0 {
		return 0
	}
	return 1
}

// rules returns X-Ray's rules, all with the same rate; nil if they are not known.
func (a *recordAll) rules(r *rules) reply {
	out := rulesReply{SamplingRuleRecords: []json.RawMessage{}}
	hasDefault := false
	if r != nil {
		for _, text := range r.records {
			changed, name, ok := a.rewrite(text)
			if !ok {
				continue
			}
			hasDefault = hasDefault || name == samplingrule.DefaultName
			out.SamplingRuleRecords = append(out.SamplingRuleRecords, changed)
		}
	}
	if !hasDefault {
		changed, _, _ := a.rewrite(json.RawMessage(defaultRecord))
		out.SamplingRuleRecords = append(out.SamplingRuleRecords, changed)
	}
	return marshal(out)
}

// defaultRecord is the rule that samplers need to record anything.
const defaultRecord = `{"CreatedAt":0,"ModifiedAt":0,"SamplingRule":{"RuleName":"Default","Priority":10000,"ResourceARN":"*",` +
	`"ServiceName":"*","ServiceType":"*","Host":"*","HTTPMethod":"*","URLPath":"*","Version":1,"Attributes":{}}}`

// rewrite changes the rate of a rule and leaves all else as it is.
func (a *recordAll) rewrite(text json.RawMessage) (_ json.RawMessage, name string, ok bool) {
	var record, rule map[string]json.RawMessage
	if json.Unmarshal(text, &record) != nil || json.Unmarshal(record["SamplingRule"], &rule) != nil || rule == nil ||
		json.Unmarshal(rule["RuleName"], &name) != nil {
		return nil, "", false
	}
	rate, _ := json.Marshal(a.rate())
	reservoir, _ := json.Marshal(a.maxPerSecond)
	rule["FixedRate"], rule["ReservoirSize"] = rate, reservoir
	delete(rule, "SamplingRateBoost") // there is nothing to raise
	record["SamplingRule"], _ = json.Marshal(rule)
	changed, err := json.Marshal(record)
	return changed, name, err == nil
}

// targets answers a report. Each pair of client and rule has a share.
func (a *recordAll) targets(r *report, current *rules, now time.Time) reply {
	out := newTargetsReply()
	if current != nil {
		out.LastRuleModification, _ = json.Marshal(float64(current.changed.UnixMilli()) / 1000)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	sums, borrows := map[shareKey]int64{}, map[shareKey]int64{}
	var order []shareKey
	for i := range r.SamplingStatisticsDocuments {
		d := &r.SamplingStatisticsDocuments[i]
		if err := d.check(); err != nil {
			out.UnprocessedStatistics = append(out.UnprocessedStatistics, unprocessed{d.RuleName, "400", err.Error()})
			continue
		}
		key := shareKey{d.ClientID, d.RuleName}
		if _, again := sums[key]; !again {
			order = append(order, key)
		}
		sums[key] += int64(d.RequestCount)
		borrows[key] += int64(d.BorrowCount)
	}
	for _, key := range order {
		a.shares.borrowed(key.String(), borrows[key])
		a.shares.report(key.String(), sums[key], now, reportEvery)
	}
	interval := reportEvery.Seconds()
	ttl, _ := json.Marshal(now.Add(recordQuotaTTL).Unix())
	for _, key := range order {
		t := target{RuleName: key.rule, FixedRate: a.rate(), Interval: &interval}
		if a.maxPerSecond > 0 {
			quota := float64(a.shares.of(key.String(), int64(a.maxPerSecond), now, reportEvery))
			t.ReservoirQuota, t.ReservoirQuotaTTL = &quota, ttl
			t.FixedRate = a.shares.rate(key.String())
		}
		out.SamplingTargetDocuments = append(out.SamplingTargetDocuments, t)
	}
	return marshal(out)
}

// shareKey is who has a share.
type shareKey struct{ client, rule string }

func (k shareKey) String() string { return k.client + "\x00" + k.rule }
