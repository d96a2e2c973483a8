package samplingapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"maps"
	"sync"
	"time"
)

const (
	// maxPerRequest is how many documents of each kind X-Ray takes at once.
	maxPerRequest = 25

	// maxRules bounds the rules that are known from reports, and the pairs of
	// rule and service of anomalies.
	maxRules = 100

	// exchangeGap is the least time between two exchanges, so that clients
	// that make up names of rules do not set the pace.
	exchangeGap = time.Second

	// Bounds of the interval that X-Ray asks for.
	minInterval = time.Second
	maxInterval = 5 * time.Minute

	// finishWait bounds the delivery at the end.
	finishWait = 2 * time.Second
)

// targets adds up what clients report and shares out what X-Ray answers.
//
// A report of a rule that is due (its interval has passed since X-Ray was
// told) makes the goroutine of run exchange at once and waits for it, so a
// single client sees X-Ray as if it spoke to it. All that report meanwhile get
// the answer that is there.
type targets struct {
	upstream *upstream
	moved    func(lastModification string)
	clientID string // as which X-Ray knows all clients together
	wake     chan struct{}

	mu           sync.Mutex
	rules        map[string]*ruleTarget
	boosts       map[boostKey]*boostStatistics // not delivered
	lastModified json.RawMessage
	retryAt      time.Time // not before, after a failure
	failed       *reply    // the last exchange's
	next         chan struct{}
}

type boostKey struct{ rule, service string }

// ruleTarget is what is known of one rule.
type ruleTarget struct {
	pending  *statistics // not delivered; nil if nothing is
	reported time.Time   // when X-Ray was last told
	used     time.Time   // when a client last reported
	every    time.Duration
	answered bool         // X-Ray's last word is target, or refused if that is not nil
	target   target       // with the quota of all clients
	refused  *unprocessed // why X-Ray took no statistics
	shares   shares
}

// due says whether X-Ray may be told again. Clients' clocks jitter.
func (r *ruleTarget) due(now time.Time) bool { return now.Sub(r.reported) >= r.every*9/10 }

func newTargets(up *upstream, moved func(string)) *targets {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	return &targets{
		upstream: up,
		moved:    moved,
		clientID: hex.EncodeToString(id[:]),
		wake:     make(chan struct{}, 1),
		rules:    map[string]*ruleTarget{},
		boosts:   map[boostKey]*boostStatistics{},
	}
}

// answer takes a report and answers it.
func (t *targets) answer(ctx context.Context, r *report, dropped func(reason string, documents int)) reply {
	out := newTargetsReply()
	wait, known := t.take(r, out, dropped)
	late := false
	if wait != nil {
		patience := upstreamTimeout
		if known {
			patience = staleAfter
		}
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-wait:
		case <-timer.C:
			late = true
		case <-ctx.Done():
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	failed := t.failed
	if failed == nil && late {
		failed = unavailable("X-Ray has not answered yet")
	}
	asked := map[string]bool{}
	var unknown []string
	for _, d := range r.SamplingStatisticsDocuments {
		rule := t.rules[d.RuleName]
		if rule == nil || asked[d.RuleName] || d.check() != nil {
			continue
		}
		asked[d.RuleName] = true
		switch {
		case !rule.answered && failed != nil:
			unknown = append(unknown, d.RuleName)
		case !rule.answered: // X-Ray said nothing
		case rule.refused != nil:
			out.UnprocessedStatistics = append(out.UnprocessedStatistics, *rule.refused)
		default:
			out.SamplingTargetDocuments = append(out.SamplingTargetDocuments, rule.of(d.ClientID, now))
		}
	}
	if len(unknown) > 0 && len(unknown) == len(asked) {
		return *failed
	}
	for _, name := range unknown {
		out.UnprocessedStatistics = append(out.UnprocessedStatistics, unprocessed{name, "503", failed.err.Error()})
	}
	out.LastRuleModification = t.lastModified
	answer := marshal(out)
	answer.stale = failed != nil
	return answer
}

// of returns the target of one client: the rule's with its share of the quota.
func (r *ruleTarget) of(clientID string, now time.Time) target {
	t := r.target
	if t.ReservoirQuota != nil {
		share := float64(r.shares.of(clientID, int64(*t.ReservoirQuota), now, r.every))
		t.ReservoirQuota = &share
	}
	return t
}

// take adds a report to what X-Ray will be told. It returns a channel to wait
// on if X-Ray is asked now, and whether there is an older answer for all.
func (t *targets) take(r *report, out *targetsReply, dropped func(string, int)) (wait <-chan struct{}, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.forget(now)
	due, known := false, true
	for i := range r.SamplingBoostStatisticsDocuments {
		d := r.SamplingBoostStatisticsDocuments[i]
		key := boostKey{d.RuleName, d.ServiceName}
		err := d.check()
		if err == nil && t.boosts[key] == nil && len(t.boosts) >= maxRules {
			err = errTooManyRules
			dropped(ReasonLimit, 1)
		}
		if err != nil {
			out.UnprocessedBoostStatistics = append(out.UnprocessedBoostStatistics, unprocessed{d.RuleName, "400", err.Error()})
			continue
		}
		t.addBoost(d)
	}
	for i := range r.SamplingStatisticsDocuments {
		d := &r.SamplingStatisticsDocuments[i]
		rule := t.rules[d.RuleName]
		err := d.check()
		if err == nil && rule == nil && len(t.rules) >= maxRules {
			err = errTooManyRules
			dropped(ReasonLimit, 1)
		}
		if err != nil {
			out.UnprocessedStatistics = append(out.UnprocessedStatistics, unprocessed{d.RuleName, "400", err.Error()})
			continue
		}
		if rule == nil {
			rule = &ruleTarget{every: reportEvery}
			t.rules[d.RuleName] = rule
		}
		rule.used = now
		rule.shares.report(d.ClientID, int64(d.RequestCount), now, rule.every)
		rule.add(d)
		due = due || rule.due(now)
		known = known && rule.answered
	}
	if !due || now.Before(t.retryAt) {
		return nil, known
	}
	if t.next == nil {
		t.next = make(chan struct{})
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
	return t.next, known
}

func (r *ruleTarget) add(d *statistics) {
	if r.pending == nil {
		r.pending = &statistics{RuleName: d.RuleName}
	}
	r.pending.RequestCount = r.pending.RequestCount.plus(d.RequestCount)
	r.pending.SampledCount = r.pending.SampledCount.plus(d.sampled())
	r.pending.BorrowCount = r.pending.BorrowCount.plus(d.BorrowCount)
}

func (t *targets) addBoost(d boostStatistics) {
	key := boostKey{d.RuleName, d.ServiceName}
	if b := t.boosts[key]; b != nil {
		d.AnomalyCount = d.AnomalyCount.plus(b.AnomalyCount)
		d.TotalCount = d.TotalCount.plus(b.TotalCount)
		d.SampledAnomalyCount = d.SampledAnomalyCount.plus(b.SampledAnomalyCount)
	}
	t.boosts[key] = &d
}

// forget leaves out rules that no client has reported for long, and those that
// X-Ray does not know when there is no room, if nothing of them is left to deliver.
func (t *targets) forget(now time.Time) {
	full := len(t.rules) >= maxRules
	maps.DeleteFunc(t.rules, func(_ string, r *ruleTarget) bool {
		return r.pending == nil && (now.Sub(r.used) > forgetAfter*r.every || full && r.refused != nil)
	})
}

// run exchanges when a client waits for it, and at least every reportEvery for
// what clients have left behind, until ctx ends.
func (t *targets) run(ctx context.Context) {
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-t.wake:
		}
		if ctx.Err() == nil && t.exchange(ctx) {
			select {
			case <-ctx.Done():
			case <-time.After(exchangeGap):
			}
		}
		if ctx.Err() != nil {
			t.release()
			return
		}
	}
}

// release lets those go that wait for an exchange that will not be.
func (t *targets) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next != nil {
		close(t.next)
		t.next = nil
	}
}

// finish delivers what is left.
func (t *targets) finish(ctx context.Context) {
	t.mu.Lock()
	for _, r := range t.rules {
		r.reported = time.Time{}
	}
	t.retryAt = time.Time{}
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, finishWait)
	defer cancel()
	t.exchange(ctx)

	t.mu.Lock()
	defer t.mu.Unlock()
	left := len(t.boosts)
	for _, r := range t.rules {
		if r.pending != nil {
			left++
		}
	}
	if left > 0 {
		t.upstream.observer.Dropped(ReasonShutdown, left)
	}
}
