package sampling

import (
	"slices"
	"time"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// minutesKept is how many minutes of statistics are remembered of a rule.
const minutesKept = 60

// Minute is what all clients together reported of one rule in one minute.
type Minute struct {
	samplingrule.Statistics
	Start time.Time
}

// count adds a report to the statistics of its minute.
func (s *state) count(now time.Time, report samplingrule.Statistics) {
	start := now.Truncate(time.Minute)
	if n := len(s.minutes); n == 0 || s.minutes[n-1].Start.Before(start) {
		s.minutes = append(s.minutes, Minute{samplingrule.Statistics{Rule: report.Rule}, start})
		if n >= minutesKept {
			s.minutes = slices.Delete(s.minutes, 0, n+1-minutesKept)
		}
	}
	m := &s.minutes[len(s.minutes)-1]
	m.Requests += report.Requests
	m.Sampled += report.Sampled
	m.Borrows += report.Borrows
}

// Minutes returns the statistics of the last hour, oldest first, of the rules
// that are there, in their order.
func (r *Rules) Minutes(now time.Time) []Minute {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := now.Truncate(time.Minute).Add(-(minutesKept - 1) * time.Minute)
	var list []Minute
	for _, rule := range r.set.Rules() {
		for _, m := range r.states[rule.Name].minutes {
			if !m.Start.Before(oldest) {
				list = append(list, m)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Minute) int { return a.Start.Compare(b.Start) })
	return list
}
