package segmentspan

import (
	"hash/maphash"
	"slices"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// visit is how far tree building came with an entity.
type visit uint8

const (
	unseen visit = iota
	onPath
	settled
)

// traceList is the entities of one trace in the order of their spans.
type traceList struct{ first, last *entity }

// spanKey names a span; with a zero span id it names a trace.
type spanKey struct {
	trace segment.TraceID
	span  segment.ID
}

// index finds entities by their span, and traces.
type index struct {
	seed  maphash.Seed
	slots []slot
}

type slot struct {
	key    spanKey
	entity *entity // of a span
	trace  int     // of a trace: its place among the traces, from 1
}

// reset makes room for n keys.
func (x *index) reset(n int) {
	size := 16
	for size < 2*n {
		size *= 2
	}
	if cap(x.slots) < size {
		x.slots = make([]slot, size)
		return
	}
	x.slots = x.slots[:size]
}

// find returns the slot of a key, which is empty if the key is new.
func (x *index) find(k spanKey) *slot {
	var b [24]byte
	copy(b[:16], k.trace[:])
	copy(b[16:], k.span[:])
	mask := uint64(len(x.slots) - 1)
	for at := maphash.Bytes(x.seed, b[:]) & mask; ; at = (at + 1) & mask {
		s := &x.slots[at]
		if s.entity == nil && s.trace == 0 || s.key == k {
			return s
		}
	}
}

// place adds an entity to the index and to its trace. Of two forms of one
// span, the completed one stays, and of two that are both completed or both in
// progress the later one: in X-Ray it would replace the first, and it must not
// do so without the subsegments that both were sent with. Different entities
// that share an id all stay.
func (m *mapper) place(e *entity, out *Encoded) {
	out.Spans++
	m.chain(e)
	s := m.index.find(spanKey{e.traceID, e.seg.ID})
	if s.entity == nil {
		s.key, s.entity = spanKey{e.traceID, e.seg.ID}, e
		return
	}
	other := s.entity
	switch was, is := other.seg.InProgress == segment.True, e.seg.InProgress == segment.True; {
	case was && !is:
		s.entity = e
		other.drop()
	case is && !was:
		e.drop()
	case e.born == other.born && e.parent == other.parent && e.seg.Name == other.seg.Name && e.seg.StartTime == other.seg.StartTime:
		s.entity = e
		other.drop()
	default:
		return
	}
	out.Spans--
	out.Superseded++
}

// drop leaves an entity out, and the service segment that was made for it.
func (e *entity) drop() {
	e.skip = true
	if e.above != nil {
		e.above.skip = true
	}
}

// chain adds an entity to its trace.
func (m *mapper) chain(e *entity) {
	s := m.index.find(spanKey{trace: e.traceID})
	if s.trace == 0 {
		m.traces = append(m.traces, traceList{first: e, last: e})
		s.key, s.trace = spanKey{trace: e.traceID}, len(m.traces)
		return
	}
	t := &m.traces[s.trace-1]
	t.last.next = e
	t.last = e
}

// emit nests the entities and encodes the documents, trace by trace.
func (m *mapper) emit(out *Encoded) {
	for i := range m.traces {
		t := &m.traces[i]
		for e := t.first; e != nil; e = e.next {
			if !e.skip {
				m.adopt(e)
			}
		}
		for e := t.first; e != nil; e = e.next {
			if !e.skip {
				m.settle(e)
			}
		}
		for e := t.first; e != nil; e = e.next {
			if e.above != nil && !e.skip {
				e.above.subs = append(e.above.subs, &e.seg)
			}
		}
		for e := t.first; e != nil; e = e.next {
			if e.skip {
				continue
			}
			m.finish(e)
			if e.twins {
				e.dropTwins()
			}
		}
		for e := t.first; e != nil; e = e.next {
			if e.skip || e.above != nil {
				continue
			}
			var cut int
			out.Parts, cut = e.seg.Split(out.Parts, m.options.MaxDocumentBytes)
			out.Cut += cut
		}
	}
}

// adopt finds the entity that this one is nested in, if it is at hand: for one
// that was embedded its parent, for a span of OpenTelemetry its parent in the
// same service.
func (m *mapper) adopt(e *entity) {
	if e.above != nil || e.parent == (segment.ID{}) || e.born == roleSegment || e.born == roleSubsegment || !e.sub {
		return
	}
	p := m.index.find(spanKey{e.traceID, e.parent}).entity
	if p == nil || p == e {
		return
	}
	if e.born == roleNone && (p.born != roleNone || !m.sameService(p.res, e.res)) {
		return
	}
	e.above = p
}

// settle computes how deep e is nested, and breaks cycles and chains that are
// deeper than a document may be. Each entity is climbed over once.
func (m *mapper) settle(e *entity) {
	m.path = m.path[:0]
	for at := e; at != nil && at.state != settled; at = at.above {
		if at.state == onPath {
			m.path[len(m.path)-1].above = nil
			break
		}
		at.state = onPath
		m.path = append(m.path, at)
	}
	for _, at := range slices.Backward(m.path) {
		at.state = settled
		if at.above != nil {
			at.depth = at.above.depth + 1
		}
		if at.depth > segment.MaxDepth {
			at.above, at.depth = nil, 0
		}
	}
}

// finish gives an entity the members that depend on whether it is nested.
func (m *mapper) finish(e *entity) {
	s := &e.seg
	if s.Subsegments = e.subs; len(e.subs) > 1 {
		slices.SortStableFunc(e.subs, func(a, b *segment.Segment) int {
			switch {
			case a.StartTime < b.StartTime:
				return -1
			case a.StartTime > b.StartTime:
				return 1
			}
			return 0
		})
	}
	if e.above != nil {
		s.Independent = marked(e.spelled, spelledType)
		if marked(e.spelled, spelledTraceID) {
			s.TraceID = e.traceID
		}
		if marked(e.spelled, spelledParentID) {
			s.ParentID = e.parent
		}
		return
	}
	s.TraceID, s.ParentID, s.Independent = e.traceID, e.parent, e.sub
	if e.born == roleEmbedded {
		s.Extra = slices.DeleteFunc(s.Extra, func(m segment.Member) bool {
			return m.Name == spelledType || m.Name == spelledTraceID || m.Name == spelledParentID
		})
	}
	if e.born == roleNone && e.sub {
		m.segmentOf(e, &m.resources[e.res])
	}
}
