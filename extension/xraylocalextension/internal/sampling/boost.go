package sampling

import (
	"time"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// boostLife is how long a rate stays raised.
const boostLife = time.Minute

// boost is when a rule's rate is raised. The zero value never was.
type boost struct {
	until time.Time // the rate is raised up to here
	next  time.Time // it may be raised again from here on
}

// Anomalies takes in how many requests under a rule were anomalous, and how
// many of them were sampled.
//
// When and how far X-Ray raises a rate is not published in full. Ours: to the
// rule's highest rate, for a minute, as soon as a client reports anomalies that
// were not sampled; then not again before the end of the cooldown window in
// which that minute ended. Windows follow the clock.
func (r *Rules) Anomalies(now time.Time, rule string, anomalies, sampled int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	rules, at, err := r.find(rule)
	if err != nil {
		return err
	}
	b := rules[at].Boost
	if b == nil {
		return ErrNoBoost
	}
	s := &r.states[rule].boost
	if anomalies <= sampled || now.Before(s.next) {
		return nil
	}
	s.until = now.Add(boostLife)
	s.next = s.until
	if b.Cooldown > 0 {
		if start := s.until.Truncate(b.Cooldown); start.Before(s.until) {
			s.next = start.Add(b.Cooldown)
		}
	}
	return nil
}

// rate returns the raised rate and until when it holds, or nothing.
func (b *boost) rate(now time.Time, rule *samplingrule.Rule) (float64, time.Time) {
	if rule.Boost == nil || rule.Boost.MaxRate <= rule.FixedRate || !now.Before(b.until) {
		return 0, time.Time{}
	}
	return rule.Boost.MaxRate, b.until
}
