package samplingapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// exchange tells X-Ray what is due, and puts its answer in force. It says
// whether there was anything to tell.
func (t *targets) exchange(ctx context.Context) (asked bool) {
	t.mu.Lock()
	waiting := t.next
	t.next = nil
	now := time.Now()
	var batch exchangeBatch
	if !now.Before(t.retryAt) {
		batch = t.due(now)
	}
	t.mu.Unlock()
	if waiting != nil {
		defer close(waiting)
	}
	asked = len(batch.statistics)+len(batch.boosts) > 0
	for len(batch.statistics)+len(batch.boosts) > 0 {
		part := exchangeBatch{
			batch.statistics[:min(len(batch.statistics), maxPerRequest)],
			batch.boosts[:min(len(batch.boosts), maxPerRequest)],
		}
		batch = exchangeBatch{batch.statistics[len(part.statistics):], batch.boosts[len(part.boosts):]}
		if failed := t.deliver(ctx, part); failed != nil {
			t.putBack(batch)
			break
		}
	}
	return asked
}

// exchangeBatch are documents that are not delivered and no longer pending.
type exchangeBatch struct {
	statistics []*statistics
	boosts     []*boostStatistics
}

// due takes what X-Ray may be told now. t.mu is held.
func (t *targets) due(now time.Time) exchangeBatch {
	var batch exchangeBatch
	for _, name := range slices.Sorted(maps.Keys(t.rules)) {
		if r := t.rules[name]; r.pending != nil && r.due(now) {
			batch.statistics = append(batch.statistics, r.pending)
			r.pending, r.reported = nil, now
		}
	}
	for key, b := range t.boosts {
		batch.boosts = append(batch.boosts, b)
		delete(t.boosts, key)
	}
	slices.SortFunc(batch.boosts, func(a, b *boostStatistics) int {
		return cmp.Or(cmp.Compare(a.RuleName, b.RuleName), cmp.Compare(a.ServiceName, b.ServiceName))
	})
	return batch
}

// deliver sends documents. What X-Ray refuses as a whole goes again one by
// one, so that a document that it does not like costs no other. A failure
// that may pass puts everything back and ends the exchange.
func (t *targets) deliver(ctx context.Context, b exchangeBatch) *failure {
	got, failed := t.send(ctx, b)
	switch {
	case failed == nil:
		t.apply(b, got)
		return nil
	case failed.kind != awsclient.Permanent:
		t.putBack(b)
		t.fail(failed)
		return failed
	case len(b.statistics)+len(b.boosts) == 1:
		t.refused(b, failed)
		return nil
	}
	for i := range b.statistics {
		if failed := t.deliver(ctx, exchangeBatch{statistics: b.statistics[i : i+1]}); failed != nil {
			t.putBack(exchangeBatch{b.statistics[i+1:], b.boosts})
			return failed
		}
	}
	for i := range b.boosts {
		if failed := t.deliver(ctx, exchangeBatch{boosts: b.boosts[i : i+1]}); failed != nil {
			t.putBack(exchangeBatch{boosts: b.boosts[i+1:]})
			return failed
		}
	}
	return nil
}

// Documents as they are sent.
type (
	sentStatistics struct {
		RuleName     string
		ClientID     string
		Timestamp    int64
		RequestCount count
		SampledCount count
		BorrowCount  count
	}
	sentBoost struct {
		RuleName            string
		ServiceName         string
		Timestamp           int64
		AnomalyCount        count
		TotalCount          count
		SampledAnomalyCount count
	}
)

func (t *targets) send(ctx context.Context, b exchangeBatch) (*targetsReply, *failure) {
	now := time.Now().Unix()
	request := struct {
		SamplingStatisticsDocuments      []sentStatistics
		SamplingBoostStatisticsDocuments []sentBoost `json:",omitempty"`
	}{SamplingStatisticsDocuments: []sentStatistics{}}
	for _, d := range b.statistics {
		request.SamplingStatisticsDocuments = append(request.SamplingStatisticsDocuments,
			sentStatistics{d.RuleName, t.clientID, now, d.RequestCount, d.SampledCount, d.BorrowCount})
	}
	for _, d := range b.boosts {
		request.SamplingBoostStatisticsDocuments = append(request.SamplingBoostStatisticsDocuments,
			sentBoost{d.RuleName, d.ServiceName, now, d.AnomalyCount, d.TotalCount, d.SampledAnomalyCount})
	}
	body, _ := json.Marshal(request) // strings and numbers always marshal
	var got targetsReply
	failed := t.upstream.post(ctx, SamplingTargets, body, func(body []byte) error { return json.Unmarshal(body, &got) })
	return &got, failed
}

// apply puts an answer in force for the rules that were asked about.
func (t *targets) apply(sent exchangeBatch, got *targetsReply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retryAt, t.failed = time.Time{}, nil
	asked := map[string]*statistics{}
	for _, d := range sent.statistics {
		asked[d.RuleName] = d
	}
	for _, d := range got.SamplingTargetDocuments {
		if r := t.rules[d.RuleName]; r != nil && asked[d.RuleName] != nil && d.valid() {
			r.target, r.refused, r.answered = d, nil, true
			r.every = d.interval()
		}
	}
	for _, u := range got.UnprocessedStatistics {
		r := t.rules[u.RuleName]
		if r == nil || asked[u.RuleName] == nil {
			continue
		}
		r.refused, r.answered = &u, true
		if len(u.ErrorCode) > 0 && u.ErrorCode[0] == '5' {
			r.add(asked[u.RuleName]) // X-Ray's own fault
			continue
		}
		t.upstream.observer.Dropped(ReasonRefused, 1)
	}
	if n := len(got.UnprocessedBoostStatistics); n > 0 {
		t.upstream.observer.Dropped(ReasonRefused, n)
	}
	if m := bytes.TrimSpace(got.LastRuleModification); len(m) > 0 && !bytes.Equal(m, []byte("null")) {
		t.lastModified = m
		t.moved(string(m))
	}
}

// valid says whether a target can be passed on. A quota without an end, or
// that is no number of requests, is left out.
func (d *target) valid() bool {
	if d.FixedRate < 0 || d.FixedRate > 1 {
		return false
	}
	var ttl *float64
	if json.Unmarshal(d.ReservoirQuotaTTL, &ttl) != nil || ttl == nil || d.ReservoirQuota == nil ||
		*d.ReservoirQuota < 0 || *d.ReservoirQuota > 1e9 {
		d.ReservoirQuota, d.ReservoirQuotaTTL = nil, nil
	}
	return true
}

func (d *target) interval() time.Duration {
	if d.Interval == nil {
		return reportEvery
	}
	seconds := min(max(*d.Interval, minInterval.Seconds()), maxInterval.Seconds())
	return time.Duration(seconds * float64(time.Second))
}

// refused takes note of a document that X-Ray will never take.
func (t *targets) refused(b exchangeBatch, f *failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retryAt, t.failed = time.Time{}, nil
	for _, d := range b.statistics {
		if r := t.rules[d.RuleName]; r != nil {
			r.refused, r.answered = &unprocessed{d.RuleName, "400", f.reply.err.Error()}, true
		}
	}
	t.upstream.observer.Dropped(ReasonRefused, 1)
}

// fail puts off the next exchange.
func (t *targets) fail(f *failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retryAt, t.failed = time.Now().Add(f.wait), f.reply
}

// putBack makes documents pending again, and due.
func (t *targets) putBack(b exchangeBatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range b.statistics {
		r := t.rules[d.RuleName]
		if r == nil { // forgotten meanwhile
			r = &ruleTarget{every: reportEvery}
			t.rules[d.RuleName] = r
		}
		r.add(d)
		r.reported = time.Time{}
	}
	for _, d := range b.boosts {
		t.addBoost(*d)
	}
}
