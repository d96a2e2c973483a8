package delivery

import (
	"context"
	"sync"
)

// Limiter bounds the requests in flight. It is safe for concurrent use. The bound halves when the service
// throttles and grows by one for each full round of requests that it accepts,
// up to most (additive increase, multiplicative decrease).
type Limiter struct {
	most int

	mu       sync.Mutex
	limit    float64 // between 1 and most
	inFlight int
	// era counts the halvings. Requests that were already on their way when
	// the bound fell do not halve it again.
	era     uint64
	waiting []chan struct{} // oldest first; closed when its turn has come
}

// NewLimiter returns a limiter that lets in most requests at once, at least 1.
func NewLimiter(most int) *Limiter {
	most = max(most, 1)
	return &Limiter{most: most, limit: float64(most)}
}

// Acquire waits for its turn to send a request. The result goes to Release.
func (l *Limiter) Acquire(ctx context.Context) (era uint64, err error) {
	l.mu.Lock()
	if l.inFlight < int(l.limit) && len(l.waiting) == 0 {
		l.inFlight++
		era = l.era
		l.mu.Unlock()
		return era, nil
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	l.mu.Unlock()

	select {
	case <-turn:
		return l.currentEra(), nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.waiting {
		if w == turn {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return 0, ctx.Err()
		}
	}
	// The turn came in the same moment: give it to the next.
	l.inFlight--
	l.wake()
	return 0, ctx.Err()
}

func (l *Limiter) currentEra() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.era
}

// Outcome is what a request says about the service's capacity.
type Outcome uint8

// The outcomes of a request.
const (
	Neutral   Outcome = iota // it failed for another reason
	Accepted                 // there is room
	Throttled                // there is none
)

// Release ends a request that Acquire admitted.
func (l *Limiter) Release(era uint64, o Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	switch {
	case o == Accepted:
		l.limit = min(float64(l.most), l.limit+1/l.limit)
	case o == Throttled && era == l.era:
		l.limit = max(1, l.limit/2)
		l.era++
	}
	l.wake()
}

// wake lets in whoever there is room for. The caller holds mu.
func (l *Limiter) wake() {
	for len(l.waiting) > 0 && l.inFlight < int(l.limit) {
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
		l.inFlight++
	}
}

// Now returns the bound.
func (l *Limiter) Now() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.limit)
}
