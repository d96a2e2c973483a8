package segmentspan

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// Encoder turns spans into segment documents. Create one with NewEncoder.
// It is safe for concurrent use.
type Encoder struct {
	options *settings
	mappers sync.Pool
}

// settings are Options, prepared.
type settings struct {
	Options
	indexed   map[string]struct{}
	logGroups []segment.LogGroup
}

func (s *settings) isIndexed(name string) bool {
	if len(s.indexed) == 0 {
		return false
	}
	_, found := s.indexed[name]
	return found
}

// NewEncoder returns an encoder with these settings.
func NewEncoder(o Options) *Encoder {
	if o.MaxDocumentBytes <= 0 {
		o.MaxDocumentBytes = segment.MaxDocumentBytes
	}
	s := &settings{Options: o}
	if len(o.IndexedAttributes) > 0 {
		s.indexed = make(map[string]struct{}, len(o.IndexedAttributes))
		for _, name := range o.IndexedAttributes {
			s.indexed[name] = struct{}{}
		}
	}
	s.logGroups = (&identity{logNames: o.LogGroups}).logGroups(nil)
	e := &Encoder{options: s}
	e.mappers.New = func() any {
		return &mapper{options: s, index: index{seed: maphash.MakeSeed()}}
	}
	return e
}

// FromTraces encodes all spans of td. It does not modify td.
func (e *Encoder) FromTraces(td ptrace.Traces) Encoded {
	m := e.mappers.Get().(*mapper)
	out := Encoded{}
	// Two slots for each span: its own, and that of its trace.
	m.index.reset(2 * td.SpanCount())
	for _, rs := range td.ResourceSpans().All() {
		fresh := true
		for _, ss := range rs.ScopeSpans().All() {
			scope := ss.Scope()
			for _, span := range ss.Spans().All() {
				if fresh {
					m.readResource(rs.Resource())
					fresh = false
				}
				m.fromSpan(span, scope, &out)
			}
		}
	}
	m.emit(&out)
	if m.release() {
		e.mappers.Put(m)
	}
	return out
}

// mapper is the memory of one call of FromTraces.
type mapper struct {
	options *settings

	r       reader
	text    strings.Builder // all text that we make
	buf     []byte
	inside  []byte
	paths   []string
	members []segment.Member // one that is looked at
	named   nameSet

	resources []resource
	chunks    []*[chunkSize]entity
	entities  int
	index     index
	traces    []traceList
	path      []*entity
}

// chunkSize is how many entities are allocated together. They may not move.
const chunkSize = 8

// What a mapper may have grown to for its memory to be kept.
const (
	maxKeptEntities   = 1024
	maxKeptAttributes = 1024
	maxKeptBytes      = 1 << 20
)

// alloc returns an empty entity.
func (m *mapper) alloc() *entity {
	chunk, at := m.entities/chunkSize, m.entities%chunkSize
	if chunk == len(m.chunks) {
		m.chunks = append(m.chunks, new([chunkSize]entity))
	}
	m.entities++
	return &m.chunks[chunk][at]
}

// release drops what the mapper refers to and keeps its memory. It reports
// false if that is too much to keep.
func (m *mapper) release() bool {
	if m.entities > maxKeptEntities || cap(m.r.other) > maxKeptAttributes ||
		cap(m.buf) > maxKeptBytes || cap(m.inside) > maxKeptBytes {
		return false
	}
	m.r.release()
	m.text = strings.Builder{}
	m.named.reset(nil)
	clear(m.paths[:cap(m.paths)])
	clear(m.members[:cap(m.members)])
	for i := range m.entities {
		m.chunks[i/chunkSize][i%chunkSize].reset()
	}
	m.entities = 0
	clear(m.index.slots)
	clear(m.resources)
	m.resources = m.resources[:0]
	clear(m.traces)
	m.traces = m.traces[:0]
	clear(m.path[:cap(m.path)])
	return true
}

// keep returns the bytes as a string that lives as long as the documents are
// in the making.
func (m *mapper) keep(b []byte) string {
	start := m.text.Len()
	m.text.Write(b)
	return m.text.String()[start:]
}

// json returns the value of an attribute as JSON text.
func (m *mapper) json(v pcommon.Value) string {
	m.buf = appendValue(m.buf[:0], v, 0)
	return m.keep(m.buf)
}

func (m *mapper) quote(s string) string {
	m.buf = segment.AppendString(m.buf[:0], s)
	return m.keep(m.buf)
}

// sameService says whether two resources are equal.
func (m *mapper) sameService(a, b int) bool {
	return a == b || m.hashOf(&m.resources[a]) == m.hashOf(&m.resources[b])
}

// hashOf hashes the attributes of a resource, whatever their order.
func (m *mapper) hashOf(res *resource) uint64 {
	if res.hashed {
		return res.hash
	}
	res.hashed, res.hash = true, uint64(res.attributes.Len())
	for name, value := range res.attributes.All() {
		m.buf = appendValue(append(append(m.buf[:0], name...), '='), value, 0)
		res.hash += maphash.Bytes(m.index.seed, m.buf)
	}
	return res.hash
}

// isRecent says whether the time in a trace id is one that X-Ray once asked
// for: not more than 28 days old, nor more than 5 minutes ahead.
func (m *mapper) isRecent(id pcommon.TraceID) bool {
	at := time.Unix(int64(binary.BigEndian.Uint32(id[:4])), 0)
	age := time.Since(at)
	return age <= 28*24*time.Hour && age >= -5*time.Minute
}
