package samplingapi

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// reportEvery is how often clients report unless X-Ray says otherwise.
	reportEvery = 10 * time.Second

	// forgetAfter is how many intervals a client may be silent before its share
	// goes to the others. SDKs report only what had requests.
	forgetAfter = 3

	// maxShares bounds the clients of one group. Those past it get no share.
	maxShares = 1000
)

// shares gives each client its part of a number of requests a second. The zero
// value knows no client.
type shares struct {
	clients map[string]*client
}

// client is one that reported.
type client struct {
	rate  float64 // requests a second, of late
	seen  time.Time
	share int64
	// borrower says that it does not use quotas.
	borrower bool
}

// report notes a client's requests since its last report.
func (s *shares) report(id string, requests int64, now time.Time, every time.Duration) {
	c, known := s.clients[id]
	if !known {
		if s.forget(now, every); len(s.clients) >= maxShares {
			return
		}
		if s.clients == nil {
			s.clients = map[string]*client{}
		}
		s.clients[id] = &client{rate: float64(requests) / every.Seconds(), seen: now}
		return
	}
	rate := float64(requests) / max(now.Sub(c.seen), time.Second).Seconds()
	// A burst counts at once, and its end after a while.
	c.rate = max(rate, (c.rate+rate)/2)
	c.seen = now
}

// mostBorrowed is what a client may borrow while its first quota is on its way.
const mostBorrowed = 2

// borrowed notes what a client borrowed since its last report. Whoever borrows
// with a quota in its hands does not use it: the X-Ray SDK for Node takes every
// quota for expired, because it reads its end in milliseconds.
func (s *shares) borrowed(id string, requests int64) {
	if c := s.clients[id]; c != nil && c.share > 0 && requests > mostBorrowed {
		c.borrower = true
	}
}

// rate returns the fixed rate with which a client that does not use quotas
// keeps its share, beside the one request a second that it borrows; 0 for all
// others.
func (s *shares) rate(id string) float64 {
	c := s.clients[id]
	if c == nil || !c.borrower || c.rate <= 0 {
		return 0
	}
	return max(0, min(1, float64(c.share-1)/c.rate))
}

// forget leaves out the clients that have been silent.
func (s *shares) forget(now time.Time, every time.Duration) {
	for id, c := range s.clients {
		if now.Sub(c.seen) > forgetAfter*every {
			delete(s.clients, id)
		}
	}
}

// of returns a client's part of total. The parts of all clients add up to
// total: each gets what it needs, those that need more than an equal part
// share what is left equally, and what nobody needs goes to all. When there
// is less than one for each, the busiest get one.
func (s *shares) of(id string, total int64, now time.Time, every time.Duration) int64 {
	s.forget(now, every)
	if s.clients[id] == nil {
		return 0
	}
	order := make([]string, 0, len(s.clients))
	for id := range s.clients {
		order = append(order, id)
	}
	slices.SortFunc(order, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.clients[a].rate, s.clients[b].rate), cmp.Compare(a, b))
	})
	left := total
	for i, id := range order {
		c := s.clients[id]
		need := max(1, int64(math.Ceil(min(c.rate, math.MaxInt32))))
		c.share = min(need, left/int64(len(order)-i))
		left -= c.share
	}
	for i, id := range order {
		extra := left / int64(len(order)-i)
		s.clients[id].share += extra
		left -= extra
	}
	return s.clients[id].share
}
