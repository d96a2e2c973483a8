package tracebuffer

import "time"

// Index is the tree of a trace: which span is whose parent, and which one is
// the entry. Its memory is used again by the next Build. The zero value is
// ready to use.
type Index struct {
	slots []int32 // open addressing: the span's position plus one
	spans []Span

	// Root is the span without parent that started first, Entry the request
	// with which the trace came in: the root, or, where that is no request that
	// was served, the first one that was. Both are -1 where there is none.
	Root, Entry int
	// First is the span that started first.
	First int
	// Missing counts the spans whose parent is not there.
	Missing int
	// Open counts the spans in progress.
	Open int
	// Flags are those of all spans together.
	Flags Flags
	// Start and End are the earliest start and the latest end.
	Start, End uint64
}

// Build indexes a trace and marks the spans in progress of which the completed
// form is there. With ignoreMissing a span whose parent is not there counts as
// one without parent where there is no other.
func (x *Index) Build(t *Trace, ignoreMissing bool) {
	*x = Index{slots: x.slots, spans: t.Spans, Root: -1, Entry: -1, First: -1}
	size := 8
	for size < 2*len(t.Spans) {
		size *= 2
	}
	if size > cap(x.slots) {
		x.slots = make([]int32, size)
	} else {
		x.slots = x.slots[:size]
		clear(x.slots)
	}
	for i := range x.spans {
		x.insert(i)
	}
	orphan, serving := -1, -1
	for i := range x.spans {
		s := &x.spans[i]
		if s.Flags&superseded != 0 {
			continue
		}
		x.Flags |= s.Flags
		if x.First < 0 || s.Start < x.spans[x.First].Start {
			x.First = i
		}
		if s.End > x.End {
			x.End = s.End
		}
		if s.Flags&InProgress != 0 {
			x.Open++
		}
		if s.Flags&Serving != 0 && x.earlier(i, serving) {
			serving = i
		}
		switch {
		case s.Parent == 0:
			if x.earlier(i, x.Root) {
				x.Root = i
			}
		case x.Find(s.Parent) < 0:
			x.Missing++
			if x.earlier(i, orphan) {
				orphan = i
			}
		}
	}
	if x.First >= 0 {
		x.Start = x.spans[x.First].Start
	}
	if x.Root < 0 && ignoreMissing {
		x.Root = orphan
	}
	x.Entry = x.Root
	if x.Root >= 0 && x.spans[x.Root].Flags&Serving == 0 && serving >= 0 {
		x.Entry = serving
	}
}

func (x *Index) earlier(i, than int) bool {
	return than < 0 || x.spans[i].Start < x.spans[than].Start
}

// hash spreads ids that count up.
func (x *Index) hash(id uint64) int {
	return int(id*0x9e3779b97f4a7c15>>33) & (len(x.slots) - 1)
}

func (x *Index) insert(i int) {
	s := &x.spans[i]
	s.Flags &^= superseded
	at := x.hash(s.ID)
	for ; x.slots[at] != 0; at = (at + 1) & (len(x.slots) - 1) {
		other := &x.spans[x.slots[at]-1]
		if other.ID != s.ID {
			continue
		}
		switch {
		case other.Flags&InProgress != 0:
			// A later form replaces one in progress, complete or not.
			other.Flags |= superseded
			x.slots[at] = int32(i + 1)
		case s.Flags&InProgress != 0:
			s.Flags |= superseded
		}
		return // of two that are complete the first stands for both
	}
	x.slots[at] = int32(i + 1)
}

// Find returns the position of the span with this id, or -1.
func (x *Index) Find(id uint64) int {
	for at := x.hash(id); x.slots[at] != 0; at = (at + 1) & (len(x.slots) - 1) {
		if i := int(x.slots[at] - 1); x.spans[i].ID == id {
			return i
		}
	}
	return -1
}

// Complete says that the trace is whole, as far as it can be known: its entry
// has ended and no parent is missing.
func (x *Index) Complete(ignoreMissing bool) bool {
	return x.Entry >= 0 && (x.Missing == 0 || ignoreMissing) &&
		(x.spans[x.Entry].Flags|x.spans[x.Root].Flags)&InProgress == 0
}

// SoFar is how long a request that started at start has taken, if it has not
// ended: until the latest end that was seen, or as long as the trace is here.
func (x *Index) SoFar(t *Trace, start uint64, now time.Time) time.Duration {
	seen := time.Duration(0)
	if x.End > start {
		seen = time.Duration(x.End - start)
	}
	return max(seen, now.Sub(t.First))
}
