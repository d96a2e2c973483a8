// Package trace turns the documents of one trace into what X-Ray shows of it:
// segments with their subsegments nested, segments inferred for called
// services that sent none, a summary, and the calls for a service graph.
package trace

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// Trace is one merged trace. It is not changed after Merge.
type Trace struct {
	ID segment.TraceID
	// Segments are the documents as X-Ray gives them out: segments with their
	// subsegments nested, subsegments whose parent is not there (still
	// independent), in the order of their start, then the inferred segments.
	Segments []*segment.Segment

	callees map[segment.ID][]*segment.Segment // segments by the id of their caller
	owners  map[segment.ID]*segment.Segment   // every entity's document in Segments
}

// Callees returns the segments, inferred ones among them, that the entity with
// this id called.
func (t *Trace) Callees(id segment.ID) []*segment.Segment { return t.callees[id] }

// Owner returns the element of Segments that holds the entity with this id,
// or nil.
func (t *Trace) Owner(id segment.ID) *segment.Segment { return t.owners[id] }

// Start returns the earliest start of a document.
func (t *Trace) Start() segment.Time {
	var start segment.Time
	for _, s := range t.Segments {
		if start == 0 || s.StartTime < start {
			start = s.StartTime
		}
	}
	return start
}

// End returns the latest end of a document, or of its start if it has not ended.
func (t *Trace) End() segment.Time {
	var end segment.Time
	for _, s := range t.Segments {
		end = max(end, s.StartTime, s.EndTime)
	}
	return end
}

// entity is a segment or subsegment while a trace is put together.
type entity struct {
	seg      *segment.Segment
	embedder *entity // what it was nested in; nil for a document of its own
	parent   *entity // what it is nested in now; nil if nothing
	replaced *entity // the version that took its place
	isSub    bool
	depth    int // 0: not known yet
}

func (e *entity) resolve() *entity {
	for e != nil && e.replaced != nil {
		e = e.replaced
	}
	return e
}

// better reports whether b, which came later, takes the place of a, which has
// the same id: unless that would put an unfinished entity over a complete one.
func better(a, b *segment.Segment) bool {
	return a.InProgress == segment.True || b.InProgress != segment.True
}

// Merge puts a trace together from its documents, in the order in which they
// came. It takes the segments over and changes them.
//
// Of two entities of the same kind with the same id the complete one counts,
// else the later. A subsegment that came alone goes under the entity that its
// parent_id names. One whose parent is not there, or that would close a
// circle or nest deeper than segment.MaxDepth, stays a document of its own.
func Merge(id segment.TraceID, docs []*segment.Segment) *Trace {
	segments := make(map[segment.ID]*entity)
	subs := make(map[segment.ID]*entity)
	var all []*entity

	var add func(s *segment.Segment, embedder *entity)
	add = func(s *segment.Segment, embedder *entity) {
		e := &entity{seg: s, embedder: embedder, isSub: embedder != nil || s.Independent}
		byID := segments
		if e.isSub {
			byID = subs
		}
		if old := byID[s.ID]; old == nil {
			byID[s.ID] = e
		} else if better(old.seg, s) {
			old.replaced = e
			byID[s.ID] = e
		} else {
			e.replaced = old
		}
		all = append(all, e)
		nested := s.Subsegments
		s.Subsegments = nil
		for _, n := range nested {
			add(n, e)
		}
	}
	for _, d := range docs {
		add(d, nil)
	}

	for _, e := range all {
		if !e.isSub || e.replaced != nil {
			continue
		}
		if e.embedder != nil {
			e.parent = e.embedder.resolve()
		} else if p := subs[e.seg.ParentID]; p != nil {
			e.parent = p
		} else {
			e.parent = segments[e.seg.ParentID]
		}
	}

	t := &Trace{ID: id, callees: make(map[segment.ID][]*segment.Segment), owners: make(map[segment.ID]*segment.Segment, len(all))}
	for _, e := range all {
		if e.replaced != nil {
			continue
		}
		measure(e)
		if e.parent == nil {
			if e.isSub && !e.seg.Independent {
				// It was nested in what is not there any more.
				e.seg.Independent = true
			}
			if e.seg.TraceID == (segment.TraceID{}) {
				e.seg.TraceID = id
			}
			t.Segments = append(t.Segments, e.seg)
			if !e.isSub && e.seg.ParentID != (segment.ID{}) {
				t.callees[e.seg.ParentID] = append(t.callees[e.seg.ParentID], e.seg)
			}
			continue
		}
		if e.embedder == nil {
			// Inside its parent these go without saying.
			e.seg.Independent, e.seg.TraceID, e.seg.ParentID = false, segment.TraceID{}, segment.ID{}
		}
		e.parent.seg.Subsegments = append(e.parent.seg.Subsegments, e.seg)
	}
	byStart := func(a, b *segment.Segment) int { return cmp.Compare(a.StartTime, b.StartTime) }
	slices.SortStableFunc(t.Segments, byStart)
	for _, s := range t.Segments {
		walk(s, func(e *segment.Segment) {
			slices.SortStableFunc(e.Subsegments, byStart)
			t.owners[e.ID] = s
		})
	}
	// A segment's own id wins over a subsegment's.
	for _, s := range t.Segments {
		t.owners[s.ID] = s
	}
	t.infer()
	return t
}

// measure works out how deep e sits. It cuts the tie of an entity to its parent
// where that closes a circle or goes too deep.
func measure(e *entity) {
	var path []*entity
	for n := e; n != nil && n.depth == 0; n = n.parent {
		n.depth = measuring
		path = append(path, n)
		if n.parent != nil && n.parent.depth == measuring {
			breakCircle(n)
			for _, p := range path {
				p.depth = 0
			}
			measure(e)
			return
		}
	}
	for _, n := range slices.Backward(path) {
		switch {
		case n.parent == nil:
			n.depth = 1
		case n.parent.depth >= segment.MaxDepth:
			n.parent, n.depth = nil, 1
		default:
			n.depth = n.parent.depth + 1
		}
	}
}

// measuring stands for a depth that is being worked out.
const measuring = -1

// breakCircle cuts the circle that e is part of: above its earliest entity,
// whatever the order in which they came, if there is one that was not embedded
// where it is.
func breakCircle(e *entity) {
	first := e
	for n := e.parent; n != e; n = n.parent {
		if cmp.Or(cmp.Compare(embedded(n), embedded(first)),
			cmp.Compare(n.seg.StartTime, first.seg.StartTime),
			bytes.Compare(n.seg.ID[:], first.seg.ID[:])) < 0 {
			first = n
		}
	}
	first.parent = nil
}

func embedded(e *entity) int {
	if e.embedder != nil {
		return 1
	}
	return 0
}

// walk calls f for s and everything below it, parents first.
func walk(s *segment.Segment, f func(*segment.Segment)) {
	f(s)
	for _, n := range s.Subsegments {
		walk(n, f)
	}
}

// Duration returns the seconds from the start of the first document to the end
// of the last.
func (t *Trace) Duration() float64 { return Seconds(t.Start(), t.End()) }
