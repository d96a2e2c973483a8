package tracebuffer

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// ID is a trace ID.
type ID [16]byte

// Flags are what is known of a span.
type Flags uint16

// The flags of a Span.
const (
	Error Flags = 1 << iota
	Throttle
	Fault
	InProgress
	Serving    // a request that a service served: the kinds server and consumer
	Segment    // it is a segment of its service
	Call       // it calls another service
	superseded // in progress, and its completed form is there too
)

// Span is what is kept of a span beside its bytes. It holds no pointer.
type Span struct {
	ID, Parent uint64
	Start, End uint64 // Unix nanoseconds
	// Facts is where in Trace.Facts the user of the buffer keeps more, plus
	// one; 0 means nowhere.
	Facts  uint32
	chunk  uint32
	Flags  Flags
	Status uint16
}

// Superseded says that the completed form of this span is in the trace too.
// Index.Build finds out.
func (s *Span) Superseded() bool { return s.Flags&superseded != 0 }

// Resource is what the spans of one ResourceSpans share. It is encoded once,
// whatever number of traces it has spans of, and counted once.
type Resource struct {
	Header []byte // see otlpspan.AppendResourceHeader
	// Facts is what the user of the buffer knows of it. It is not counted.
	Facts any

	users atomic.Int64
}

func (r *Resource) size() int64 { return int64(len(r.Header)) + resourceOverhead }

// Group is the spans of one trace that came together from one resource.
type Group struct {
	Resource *Resource
	// Scopes are encoded ScopeSpans. The buffer keeps it.
	Scopes string
	Spans  []Span // the buffer copies it
	Facts  []byte // the buffer copies it, and moves Span.Facts
}

// Trace is the spans of one trace that have come so far.
type Trace struct {
	ID ID
	// First and Last are when its first and its latest spans came, and Due is
	// when it is looked at next.
	First, Last, Due time.Time
	// Randomness of the trace, if its spans carry one (tracestate ot=rv).
	Randomness    uint64
	HasRandomness bool

	Spans []Span
	Facts []byte

	chunks []chunk
	bytes  int64
	byDue  links
	byAge  links
	slot   uint16 // of the wheel
}

type chunk struct {
	resource *Resource
	scopes   string
}

// What is counted beside bytes that came: the structs and their share of the
// map and the lists, as measured.
const (
	traceOverhead    = int64(unsafe.Sizeof(Trace{})) + 64
	chunkOverhead    = int64(unsafe.Sizeof(chunk{}))
	spanBytes        = int64(unsafe.Sizeof(Span{}))
	resourceOverhead = int64(unsafe.Sizeof(Resource{})) + 256
)

// add appends a group and returns by how much the trace grew.
func (t *Trace) add(g Group) int64 {
	before := t.size()
	base := uint32(len(t.Facts))
	t.Facts = appendExactly(t.Facts, g.Facts)
	at := len(t.Spans)
	t.Spans = appendExactly(t.Spans, g.Spans)
	for i := at; i < len(t.Spans); i++ {
		s := &t.Spans[i]
		s.chunk = uint32(len(t.chunks))
		if s.Facts != 0 {
			s.Facts += base
		}
	}
	t.chunks = append(t.chunks, chunk{g.Resource, g.Scopes})
	t.bytes += int64(len(g.Scopes))
	return t.size() - before
}

// appendExactly is append that takes no more room than needed the first time,
// when most traces are whole.
func appendExactly[T any](to, more []T) []T {
	if to == nil && len(more) > 0 {
		to = make([]T, 0, len(more))
	}
	return append(to, more...)
}

func (t *Trace) size() int64 {
	return t.bytes + int64(cap(t.chunks))*chunkOverhead + int64(cap(t.Spans))*spanBytes + int64(cap(t.Facts)) + traceOverhead
}

// Resource returns the resource of a span of this trace.
func (t *Trace) Resource(s *Span) *Resource { return t.chunks[s.chunk].resource }

// Kept is the spans of a trace that was taken out of the buffer to be sent.
type Kept struct {
	chunks []chunk
	// Superseded are the ids of spans in progress of which the completed form
	// is there too, and Spans counts all spans.
	Superseded []uint64
	Spans      int
}

// Take returns the bytes of the trace, of which nothing else remains usable.
// An Index must have been built on it.
func (t *Trace) Take() *Kept {
	k := &Kept{chunks: t.chunks, Spans: len(t.Spans)}
	for i := range t.Spans {
		if t.Spans[i].Superseded() {
			k.Superseded = append(k.Superseded, t.Spans[i].ID)
		}
	}
	return k
}

// KeepGroup returns a group that does not go through the buffer.
func KeepGroup(g Group) *Kept {
	return &Kept{chunks: []chunk{{g.Resource, g.Scopes}}, Spans: len(g.Spans)}
}

// Join returns the spans of several traces as one, of which nothing is
// superseded.
func Join(all []*Kept) *Kept {
	joined, chunks := &Kept{}, 0
	for _, k := range all {
		chunks += len(k.chunks)
	}
	joined.chunks = make([]chunk, 0, chunks)
	for _, k := range all {
		joined.chunks = append(joined.chunks, k.chunks...)
		joined.Spans += k.Spans
	}
	return joined
}

// Size is about the bytes that it holds.
func (k *Kept) Size() int64 {
	size := int64(unsafe.Sizeof(Kept{})) + int64(cap(k.chunks))*chunkOverhead
	for i := range k.chunks {
		size += int64(len(k.chunks[i].scopes) + len(k.chunks[i].resource.Header))
	}
	return size
}
