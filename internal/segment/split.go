package segment

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
)

// Part is one finished document.
type Part struct {
	ID      ID
	TraceID TraceID
	JSON    []byte // owned by the receiver
}

// MinSplitBytes is the smallest size that Split makes documents fit into.
const MinSplitBytes = 8 * 1024

// independence is what an embedded subsegment's JSON grows by, at most, when it
// becomes a document of its own: trace_id, parent_id and type.
const independence = len(`"trace_id":"1-00000000-000000000000000000000000","parent_id":"0000000000000000","type":"subsegment",`)

// maxPooled is the capacity above which a buffer is not kept.
const maxPooled = 1 << 20

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Split encodes s as documents of at most maxBytes each, but not less than
// MinSplitBytes, and appends them to parts, parents before their children.
//
// A document that is too large gives subsegments away, which become independent
// documents with type, trace_id and parent_id: from the deepest level upwards,
// at each entity the largest first, and no more than needed. The same happens
// to what nests deeper than MaxDepth. Only if one entity alone is too large are
// its largest metadata namespaces cut, then its SQL texts and stacks, and at
// last whatever else is long; each cut is named in the metadata namespace
// "tailwater", and cut counts the entities concerned.
//
// Split may modify s.
func (s *Segment) Split(parts []Part, maxBytes int) (_ []Part, cut int) {
	maxBytes = max(maxBytes, MinSplitBytes)
	buf := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= maxPooled {
			buffers.Put(buf)
		}
	}()

	if !s.deeperThan(MaxDepth) {
		*buf = s.AppendJSON((*buf)[:0])
		if len(*buf) <= maxBytes {
			return append(parts, Part{ID: s.ID, TraceID: s.TraceID, JSON: bytes.Clone(*buf)}), 0
		}
	}

	p := splitter{max: maxBytes, buf: (*buf)[:0]}
	p.fit(s, maxBytes)
	p.detached = append(p.detached, s)
	for _, d := range slices.Backward(p.detached) {
		d.TraceID = s.TraceID
		p.buf = d.AppendJSON(p.buf[:0])
		parts = append(parts, Part{ID: d.ID, TraceID: d.TraceID, JSON: bytes.Clone(p.buf)})
	}
	*buf = p.buf
	return parts, p.cut
}

// deeperThan says whether subsegments nest on more than n levels below s.
func (s *Segment) deeperThan(n int) bool {
	for _, sub := range s.Subsegments {
		if n == 0 || sub.deeperThan(n-1) {
			return true
		}
	}
	return false
}

// splitter splits one document.
type splitter struct {
	max      int
	buf      []byte
	detached []*Segment // children before their parents
	cut      int
}

// fit detaches subsegments of s, and cuts s itself if it must, until the JSON
// of s with the subsegments that remain has at most limit bytes. It returns how
// many it has, and on how many levels subsegments remain below s.
//
// Going upwards from the leaves and detaching the largest child first makes the
// fewest documents for a tree.
func (p *splitter) fit(s *Segment, limit int) (size, levels int) {
	type child struct {
		*Segment
		size, levels int
		detach       bool
	}
	size = p.own(s)
	if size > limit {
		p.cut++
		newCutter(p, s, limit).cut()
		size = p.own(s)
	}
	if len(s.Subsegments) == 0 {
		return size, 0
	}

	size += len(`"subsegments":[],`)
	children := make([]child, len(s.Subsegments))
	for i, sub := range s.Subsegments {
		c := &children[i]
		c.Segment = sub
		c.size, c.levels = p.fit(sub, p.max-independence)
		c.detach = c.levels >= MaxDepth
		if !c.detach {
			size += c.size + len(",")
		}
	}
	if size > limit {
		bySize := make([]*child, len(children))
		for i := range children {
			bySize[i] = &children[i]
		}
		slices.SortStableFunc(bySize, func(a, b *child) int { return cmp.Compare(b.size, a.size) })
		for _, c := range bySize {
			if size <= limit {
				break
			}
			if !c.detach {
				c.detach = true
				size -= c.size + len(",")
			}
		}
	}

	remaining := s.Subsegments[:0:0]
	for _, c := range children {
		if c.detach {
			p.detach(c.Segment, s.ID)
			continue
		}
		remaining = append(remaining, c.Segment)
		levels = max(levels, c.levels+1)
	}
	s.Subsegments = remaining
	return size, levels
}

// own returns the size of the JSON of s without subsegments.
func (p *splitter) own(s *Segment) int {
	p.buf = s.appendOwn(p.buf[:0])
	return len(p.buf)
}

// detach makes a subsegment independent. The trace id is set at the end.
func (p *splitter) detach(s *Segment, parent ID) {
	s.ParentID = parent
	s.Independent = true
	s.Extra = without(s.Extra, "trace_id", "parent_id", "type")
	p.detached = append(p.detached, s)
}
