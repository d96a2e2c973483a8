package awsxrayreceiver

import "sync"

// datagramOverhead is what a queued datagram counts beyond its length: string
// header, allocator rounding and its share of the ring. It also bounds how
// many tiny datagrams fit.
const datagramOverhead = 64

// keepRing is the ring capacity that an empty queue keeps.
const keepRing = 1024

// queue holds datagrams between the readers, which it never blocks, and the
// workers. It is bounded in bytes; past that the oldest datagrams make room,
// because the newest are the ones that somebody still waits to see.
type queue struct {
	maxBytes int

	mu      sync.Mutex
	filled  sync.Cond // on mu: there is something to pop, or the queue is closed
	waiting int       // workers in pop
	ring    []string
	head    int
	count   int
	bytes   int
	closed  bool
}

func newQueue(maxBytes int) *queue {
	q := &queue{maxBytes: maxBytes}
	q.filled.L = &q.mu
	return q
}

// push adds datagrams and returns how many old ones made room for them. After
// close it takes nothing and returns the number of datagrams given.
func (q *queue) push(datagrams []string) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return len(datagrams)
	}
	for _, d := range datagrams {
		for size := len(d) + datagramOverhead; q.count > 0 && q.bytes+size > q.maxBytes; dropped++ {
			q.take()
		}
		if q.count == len(q.ring) {
			q.grow()
		}
		q.ring[(q.head+q.count)%len(q.ring)] = d
		q.count++
		q.bytes += len(d) + datagramOverhead
	}
	if q.waiting > 0 {
		q.filled.Signal()
	}
	return dropped
}

// pop waits for datagrams and appends to dst those at hand, up to maxCount and
// about maxBytes. It returns false when the queue is closed and empty.
func (q *queue) pop(dst []string, maxCount, maxBytes int) ([]string, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.count == 0 {
		if q.closed {
			return dst, false
		}
		q.waiting++
		q.filled.Wait()
		q.waiting--
	}
	for bytes := 0; q.count > 0 && maxCount > 0 && bytes < maxBytes; maxCount-- {
		d := q.take()
		bytes += len(d)
		dst = append(dst, d)
	}
	switch {
	case q.count > 0 && q.waiting > 0:
		q.filled.Signal() // there is work for one more
	case q.count == 0 && len(q.ring) > keepRing:
		q.ring, q.head = nil, 0
	}
	return dst, true
}

// size returns the bytes that are queued.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// close lets pop return false once the queue is empty.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Broadcast()
}

// discard closes the queue, empties it and returns how many datagrams it held.
func (q *queue) discard() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.count
	q.ring, q.head, q.count, q.bytes, q.closed = nil, 0, 0, 0, true
	q.filled.Broadcast()
	return n
}

func (q *queue) take() string {
	d := q.ring[q.head]
	q.ring[q.head] = ""
	q.head = (q.head + 1) % len(q.ring)
	q.count--
	q.bytes -= len(d) + datagramOverhead
	return d
}

func (q *queue) grow() {
	ring := make([]string, max(64, 2*len(q.ring)))
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}
