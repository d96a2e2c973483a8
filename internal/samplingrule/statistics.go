package samplingrule

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// DefaultInterval is how often a rule's statistics are reported unless X-Ray
// asks for another interval.
const DefaultInterval = 10 * time.Second

// Statistics is what happened under one rule since the last report.
type Statistics struct {
	Rule                       string
	Requests, Sampled, Borrows int64
}

// Target is X-Ray's answer for one rule.
type Target struct {
	Rule      string
	FixedRate float64
	// Quota is how many requests a second this client may keep until QuotaTTL;
	// nil when X-Ray assigned none.
	Quota    *int64
	QuotaTTL time.Time
	Interval time.Duration // until the next report; 0 leaves it as it is
	// BoostRate replaces FixedRate until BoostTTL where it is higher.
	BoostRate float64
	BoostTTL  time.Time
}

// Report takes the statistics that are due: of rules that matched a request
// since their last report and whose interval has passed. They count as
// reported; what cannot be delivered goes back with Restore.
func (s *Set) Report(now time.Time) []Statistics { return s.report(now, false) }

// ReportAll is Report without regard to the interval: for a last report.
func (s *Set) ReportAll(now time.Time) []Statistics { return s.report(now, true) }

func (s *Set) report(now time.Time, all bool) []Statistics {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var due []Statistics
	for _, r := range s.rules {
		r.mu.Lock()
		if r.requests > 0 && (all || now.Sub(r.reported) >= r.interval) {
			due = append(due, Statistics{r.Name, r.requests, r.sampled, r.borrows})
			r.requests, r.sampled, r.borrows = 0, 0, 0
			r.reported = now
		}
		r.mu.Unlock()
	}
	return due
}

// Restore takes back statistics that could not be delivered. They are due
// again at once. Those of rules that are gone are dropped.
func (s *Set) Restore(undelivered []Statistics) {
	for _, u := range undelivered {
		if r := s.find(u.Rule); r != nil {
			r.mu.Lock()
			r.requests += u.Requests
			r.sampled += u.Sampled
			r.borrows += u.Borrows
			r.reported = time.Time{}
			r.mu.Unlock()
		}
	}
}

// Apply puts X-Ray's targets in force. Targets of unknown rules are left out.
func (s *Set) Apply(targets []Target) {
	for _, t := range targets {
		r := s.find(t.Rule)
		if r == nil {
			continue
		}
		r.mu.Lock()
		if t.FixedRate >= 0 && t.FixedRate <= 1 {
			r.rate = t.FixedRate
		}
		if t.Quota != nil {
			r.quota, r.quotaTTL = *t.Quota, t.QuotaTTL
		}
		if t.Interval > 0 {
			r.interval = t.Interval
		}
		r.boost, r.boostTTL = t.BoostRate, t.BoostTTL
		r.mu.Unlock()
	}
}

func (s *Set) find(name string) *state {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.rules {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// BoostStatistics is what happened under a rule that may be boosted, in the
// requests of one service.
type BoostStatistics struct {
	Rule, Service                      string
	Total, Anomalies, SampledAnomalies int64
}

// maxBoostServices bounds the services of a rule that are told apart. What
// comes from others is not counted.
const maxBoostServices = 100

// Observe counts a decided request in the boost statistics of its rule, if
// that has a boost. An anomaly is a request that failed.
func (s *Set) Observe(rule, service string, anomaly, sampled bool) {
	r := s.find(rule)
	if r == nil || r.Boost == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.boosts[service]
	if b == nil {
		if len(r.boosts) >= maxBoostServices {
			return
		}
		if r.boosts == nil {
			r.boosts = map[string]*BoostStatistics{}
		}
		b = &BoostStatistics{Rule: rule, Service: service}
		r.boosts[service] = b
	}
	b.Total++
	if anomaly {
		b.Anomalies++
		if sampled {
			b.SampledAnomalies++
		}
	}
}

// ReportBoosts takes the boost statistics since the last report. What cannot
// be delivered goes back with RestoreBoosts.
func (s *Set) ReportBoosts() []BoostStatistics {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []BoostStatistics
	for _, r := range s.rules {
		r.mu.Lock()
		for _, b := range r.boosts {
			all = append(all, *b)
		}
		r.boosts = nil
		r.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b BoostStatistics) int {
		return cmp.Or(strings.Compare(a.Rule, b.Rule), strings.Compare(a.Service, b.Service))
	})
	return all
}

// RestoreBoosts takes back boost statistics that could not be delivered.
func (s *Set) RestoreBoosts(undelivered []BoostStatistics) {
	for _, u := range undelivered {
		r := s.find(u.Rule)
		if r == nil || r.Boost == nil {
			continue
		}
		r.mu.Lock()
		if b := r.boosts[u.Service]; b != nil {
			b.Total += u.Total
			b.Anomalies += u.Anomalies
			b.SampledAnomalies += u.SampledAnomalies
		} else if len(r.boosts) < maxBoostServices {
			if r.boosts == nil {
				r.boosts = map[string]*BoostStatistics{}
			}
			r.boosts[u.Service] = &u
		}
		r.mu.Unlock()
	}
}
