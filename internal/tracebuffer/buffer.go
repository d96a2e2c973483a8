// Package tracebuffer holds the spans of traces that are not decided yet:
// encoded as they came, with a record of 48 bytes for each span that a decision
// reads, bounded in bytes.
//
// A Buffer is not safe for concurrent use; several share a Budget. The time
// comes in as an argument.
package tracebuffer

import (
	"sync/atomic"
	"time"
)

// Budget counts the bytes that buffers, and who sends their traces, hold. It
// is safe for concurrent use. The zero value has counted nothing.
type Budget struct{ used atomic.Int64 }

// Add counts n bytes more, or fewer where n is negative.
func (b *Budget) Add(n int64) { b.used.Add(n) }

// Used returns the bytes that are held.
func (b *Budget) Used() int64 { return b.used.Load() }

// Buffer holds pending traces. Create one with New.
type Buffer struct {
	budget *Budget
	idle   time.Duration
	wait   time.Duration

	traces map[ID]*Trace
	wheel  wheel
	byAge  list
}

// New returns an empty buffer. A trace is due when nothing came for idle, or
// when its first span came wait ago.
func New(budget *Budget, wait, idle time.Duration, now time.Time) *Buffer {
	b := &Buffer{budget: budget, wait: wait, idle: idle, traces: map[ID]*Trace{}}
	b.wheel.start(now)
	b.byAge.of = func(t *Trace) *links { return &t.byAge }
	return b
}

// Len returns the number of traces.
func (b *Buffer) Len() int { return len(b.traces) }

// Get returns a trace, or nil if there is none.
func (b *Buffer) Get(id ID) *Trace { return b.traces[id] }

// Add adds spans to a trace, which it returns.
func (b *Buffer) Add(id ID, g Group, now time.Time) *Trace {
	t := b.traces[id]
	grew := int64(0)
	if t == nil {
		t = &Trace{ID: id, First: now}
		b.traces[id] = t
		b.byAge.push(t)
		grew = traceOverhead
	} else {
		b.wheel.remove(t)
	}
	grew += t.add(g)
	if g.Resource.users.Add(1) == 1 {
		b.budget.Add(g.Resource.size())
	}
	b.budget.Add(grew)
	t.Last = now
	b.schedule(t, now.Add(b.idle))
	return t
}

// Next takes a trace that is due off the clock and returns it, or nil. It is
// still in the buffer: the caller removes it or calls Wait.
func (b *Buffer) Next(now time.Time) *Trace { return b.wheel.next(now) }

// Wait puts a trace that Next returned back, until its wait is over.
func (b *Buffer) Wait(t *Trace) { b.schedule(t, t.First.Add(b.wait)) }

// Expired says that the trace has waited as long as it may.
func (b *Buffer) Expired(t *Trace, now time.Time) bool { return !now.Before(t.First.Add(b.wait)) }

func (b *Buffer) schedule(t *Trace, due time.Time) {
	if end := t.First.Add(b.wait); due.After(end) {
		due = end
	}
	t.Due = due
	b.wheel.add(t)
}

// Oldest returns the trace whose first span came first, or nil.
func (b *Buffer) Oldest() *Trace { return b.byAge.head }

// Remove takes a trace out of the buffer. Its bytes, and those of resources
// that no other trace uses, count no more.
func (b *Buffer) Remove(t *Trace) {
	delete(b.traces, t.ID)
	b.wheel.remove(t)
	b.byAge.remove(t)
	size := t.size()
	b.budget.Add(-size)
	for i := range t.chunks {
		if r := t.chunks[i].resource; r.users.Add(-1) == 0 {
			b.budget.Add(-r.size())
		}
	}
}

// Size returns the bytes that a trace holds without its resources.
func (t *Trace) Size() int64 { return t.size() }
