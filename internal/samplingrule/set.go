package samplingrule

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// Reason says why a request was kept or not.
type Reason uint8

// The reasons of a Decision.
const (
	NotSampled Reason = iota // the fixed rate said no
	ByReservoir
	ByBorrow // as ByReservoir, before X-Ray has assigned a quota
	ByRate
)

// Decision is the answer for one request.
type Decision struct {
	Rule    string // name of the rule that matched
	Reason  Reason
	Sampled bool
	// Rate is the fixed rate (or boosted rate) that was in force.
	Rate float64
}

// randomnessBits is the length of the randomness that a trace ID carries in
// OpenTelemetry's consistent probability sampling.
const randomnessBits = 56

// Threshold returns the rejection threshold of a rate: a randomness below it
// is not sampled. A rate of 1 has threshold 0.
func Threshold(rate float64) uint64 {
	return 1<<randomnessBits - uint64(math.Round(rate*(1<<randomnessBits)))
}

// Set is a list of rules with their state. It is safe for concurrent use.
type Set struct {
	// central says that X-Ray assigns quotas. Without it each process has the
	// whole reservoir to itself, as with an SDK's local rules.
	central bool

	mu    sync.RWMutex
	rules []*state
}

// state is a rule and what happened under it. Its own mutex is held briefly.
type state struct {
	Rule

	mu        sync.Mutex
	reservoir reservoir
	borrowed  reservoir

	quota    int64
	quotaTTL time.Time // zero: no quota yet
	rate     float64
	boost    float64
	boostTTL time.Time

	requests, sampled, borrows int64
	boosts                     map[string]*BoostStatistics // by service
	interval                   time.Duration
	reported                   time.Time
}

// NewSet returns a set of these rules. central says that X-Ray assigns quotas
// through Update; otherwise the whole reservoir is this process's own.
func NewSet(rules []Rule, central bool) (*Set, error) {
	s := &Set{central: central}
	return s, s.Replace(rules)
}

// Replace puts new rules in force. A rule that did not change keeps its state,
// and one that only changed its settings keeps its statistics. A missing
// Default rule is added. On an error nothing changes.
func (s *Set) Replace(rules []Rule) error {
	rules = slices.Clone(rules)
	if !slices.ContainsFunc(rules, func(r Rule) bool { return r.Name == DefaultName }) {
		rules = append(rules, Default())
	}
	var errs []error
	seen := map[string]bool{}
	for i := range rules {
		errs = append(errs, rules[i].Validate())
		if seen[rules[i].Name] {
			errs = append(errs, fmt.Errorf("rule %q is there twice", rules[i].Name))
		}
		seen[rules[i].Name] = true
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	slices.SortStableFunc(rules, func(a, b Rule) int { return before(&a, &b) })

	s.mu.Lock()
	defer s.mu.Unlock()
	old := map[string]*state{}
	for _, r := range s.rules {
		old[r.Name] = r
	}
	s.rules = make([]*state, len(rules))
	for i := range rules {
		r := &rules[i]
		was := old[r.Name]
		if was != nil && was.Rule.Equal(r) {
			s.rules[i] = was
			continue
		}
		next := &state{Rule: *r, rate: r.FixedRate, interval: DefaultInterval}
		if was != nil {
			was.mu.Lock()
			next.requests, next.sampled, next.borrows = was.requests, was.sampled, was.borrows
			next.interval, next.reported = was.interval, was.reported
			if r.Boost != nil {
				next.boosts, was.boosts = was.boosts, nil
			}
			was.mu.Unlock()
		}
		s.rules[i] = next
	}
	return nil
}

// Rules returns the rules in the order in which they are tried.
func (s *Set) Rules() []Rule {
	s.mu.RLock()
	defer s.mu.RUnlock()
	rules := make([]Rule, len(s.rules))
	for i, r := range s.rules {
		rules[i] = r.Rule
	}
	return rules
}

func (s *Set) match(q *Request) *state {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.rules {
		if r.matches(q) {
			return r
		}
	}
	return s.rules[len(s.rules)-1] // Default
}

// Count counts a request that something else has decided in the statistics of
// the rule that matches it, and takes nothing from its reservoir. It returns
// the rule's name.
func (s *Set) Count(q *Request) string {
	r := s.match(q)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	return r.Name
}

// Decide decides for one request that started at start. randomness is that of
// the trace, 56 bits: the same trace gets the same answer of the fixed rate
// everywhere.
func (s *Set) Decide(q *Request, start, now time.Time, randomness uint64) Decision {
	r := s.match(q)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	d := Decision{Rule: r.Name, Rate: r.rateAt(now)}
	switch {
	case !s.central:
		if r.reservoir.take(int64(r.ReservoirSize), start, now) {
			d.Reason = ByReservoir
		}
	case !r.quotaTTL.IsZero() && !now.After(r.quotaTTL):
		if r.reservoir.take(r.quota, start, now) {
			d.Reason = ByReservoir
		}
	case r.ReservoirSize > 0:
		if r.borrowed.take(1, start, now) {
			d.Reason = ByBorrow
		}
	}
	if d.Reason == NotSampled && randomness&(1<<randomnessBits-1) >= Threshold(d.Rate) {
		d.Reason = ByRate
	}
	switch d.Reason {
	case NotSampled:
		return d
	case ByBorrow:
		r.borrows++
	default:
		r.sampled++
	}
	d.Sampled = true
	return d
}

// rateAt is the fixed rate, or the boosted one while it lasts.
func (r *state) rateAt(now time.Time) float64 {
	if r.boost > r.rate && !now.After(r.boostTTL) {
		return r.boost
	}
	return r.rate
}
