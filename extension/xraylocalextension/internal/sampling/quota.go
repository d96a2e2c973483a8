package sampling

import (
	"time"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

const (
	// quotaLife is how long a granted quota may be used.
	quotaLife = 5 * time.Minute
	// clientLife is how long after its last report a client has a share.
	clientLife = 2 * samplingrule.DefaultInterval
	// maxClients bounds the clients that are remembered of one rule; those
	// past it get the fixed rate without a quota.
	maxClients = 2000
)

// client is a client that reported on a rule lately.
type client struct {
	seen     time.Time
	requests int64 // of its last report
	granted  int64
}

// Report takes in what a client reports of one rule, and returns what it may
// do until it reports again. The target of a client that cannot be remembered
// has no quota.
func (r *Rules) Report(now time.Time, id string, s samplingrule.Statistics) (samplingrule.Target, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rules, at, err := r.find(s.Rule)
	if err != nil {
		return samplingrule.Target{}, err
	}
	rule, state := &rules[at], r.states[s.Rule]
	state.count(now, s)
	t := samplingrule.Target{Rule: rule.Name, FixedRate: rule.FixedRate, Interval: samplingrule.DefaultInterval}
	if quota, ok := state.grant(now, id, s.Requests, int64(rule.ReservoirSize)); ok {
		t.Quota, t.QuotaTTL = &quota, now.Add(quotaLife)
	}
	t.BoostRate, t.BoostTTL = state.boost.rate(now, rule)
	return t, nil
}

// grant returns how much of the reservoir a client has from now on.
//
// How X-Ray splits a reservoir is not published. Ours: each client that
// reported lately is due one request a second as long as there is one for
// each, and of the rest a part in proportion to what it reported last. It gets
// what it is due as far as the others have not got it still: they give up
// their surplus when they report, within an interval. So the quotas that are
// in use never add up to more than the reservoir, from the first answer on.
func (s *state) grant(now time.Time, id string, requests, reservoir int64) (quota int64, ok bool) {
	for other, c := range s.clients {
		if now.Sub(c.seen) > clientLife {
			delete(s.clients, other)
		}
	}
	c := s.clients[id]
	if c == nil {
		if len(s.clients) >= maxClients {
			return 0, false
		}
		c = new(client)
		s.clients[id] = c
	}
	c.seen, c.requests = now, requests
	free := reservoir
	for other, o := range s.clients {
		if other != id {
			free -= o.granted
		}
	}
	c.granted = max(0, min(s.due(id, reservoir), free))
	return c.granted, true
}

// due returns the share of a client. All shares together are the reservoir:
// what does not divide goes to those with the largest fractions.
func (s *state) due(id string, reservoir int64) int64 {
	n := int64(len(s.clients))
	least := min(1, reservoir/n)
	rest := reservoir - least*n
	total := int64(0)
	for _, c := range s.clients {
		total += c.requests
	}
	weight := func(c *client) int64 { return c.requests }
	if total == 0 {
		total, weight = n, func(*client) int64 { return 1 }
	}
	own := rest * weight(s.clients[id])
	left, before := rest, int64(0)
	for other, c := range s.clients {
		part := rest * weight(c)
		left -= part / total
		if f, g := part%total, own%total; f > g || f == g && other < id {
			before++
		}
	}
	due := least + own/total
	if before < left {
		due++
	}
	return due
}
