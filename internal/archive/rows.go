package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// Encoded rows are what the columns will hold, before it is known which file
// they go to and in which order. They may be kept on disk. All integers are
// little-endian, a length counts what comes after it:
//
//	rows    version u8 | group…
//	group   length u32 | cells of the resource and scope | spans u32 | span…
//	span    length u32 | start i64 (ns) | trace id 16 bytes | span id 8 bytes | other cells
//
// What a cell is, row.go says. Columns are numbers there, so rowsVersion is of
// their order too.
const (
	rowsVersion = 1
	keySize     = 8 + 16 + 8
)

// ErrRows is wrapped by errors about what is no encoded row.
var ErrRows = errors.New("no encoded rows")

// An Encoder makes rows of spans. It is not safe for concurrent use.
type Encoder struct {
	row       row
	describer *segmentspan.Describer
}

// NewEncoder returns an Encoder.
func NewEncoder() *Encoder { return &Encoder{describer: segmentspan.NewDescriber()} }

// AppendRows appends the encoded rows of all spans to dst. They are all that
// the spans say: a Writer needs nothing else of them. Lengths are right up to
// 4 GiB. An error means an error in the program.
func (e *Encoder) AppendRows(dst []byte, td ptrace.Traces) ([]byte, error) {
	r := &e.row
	r.cells = append(dst, rowsVersion)
	for _, rs := range td.ResourceSpans().All() {
		facts := e.describer.Resource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			r.exact = true
			at := r.begin()
			r.resource(rs.Resource(), rs.SchemaUrl(), ss.Scope(), ss.SchemaUrl())
			r.end(at)
			exact := r.exact
			r.cells = binary.LittleEndian.AppendUint32(r.cells, uint32(ss.Spans().Len()))
			for _, span := range ss.Spans().All() {
				r.exact = exact
				at := r.begin()
				r.key(KeyOf(span))
				said := e.describer.Span(span, &facts, false)
				r.span(span, &said)
				if !r.exact {
					raw, err := rawOf(rs.Resource(), rs.SchemaUrl(), ss.Scope(), ss.SchemaUrl(), span)
					if err != nil {
						return dst, fmt.Errorf("encode a span as OTLP: %w", err)
					}
					r.addBytes(colRaw, 0, raw)
				}
				r.end(at)
			}
		}
	}
	dst, r.cells = r.cells, nil
	return dst, nil
}

// begin makes room for a length, which end puts there.
func (r *row) begin() int {
	r.cells = append(r.cells, 0, 0, 0, 0)
	return len(r.cells)
}

func (r *row) end(at int) {
	binary.LittleEndian.PutUint32(r.cells[at-4:], uint32(len(r.cells)-at))
}

func (r *row) key(k Key) {
	r.cells = binary.LittleEndian.AppendUint64(r.cells, uint64(k.Start))
	r.cells = append(r.cells, k.TraceID[:]...)
	r.cells = append(r.cells, k.SpanID[:]...)
}

// rawOf returns a span with its resource and scope as OTLP.
func rawOf(res pcommon.Resource, resSchema string, scope pcommon.InstrumentationScope, scopeSchema string, span ptrace.Span) ([]byte, error) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	res.CopyTo(rs.Resource())
	rs.SetSchemaUrl(resSchema)
	ss := rs.ScopeSpans().AppendEmpty()
	scope.CopyTo(ss.Scope())
	ss.SetSchemaUrl(scopeSchema)
	span.CopyTo(ss.Spans().AppendEmpty())
	return (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
}

// A Row is one span, encoded.
type Row struct {
	Key Key
	// Origin is what all spans of the resource and scope have in common; rows
	// of one group have the same memory.
	Origin []byte
	Cells  []byte // the rest, without the ids
}

// VisitRows calls use for each of the rows that AppendRows appended. They share
// memory with data. It returns use's error, or one that wraps ErrRows; cells
// are not looked at.
func VisitRows(data []byte, use func(*Row) error) error {
	if len(data) == 0 || data[0] != rowsVersion {
		return fmt.Errorf("%w of version %d", ErrRows, rowsVersion)
	}
	data = data[1:]
	var r Row
	var ok bool
	for len(data) > 0 {
		if r.Origin, data, ok = part(data); !ok || len(data) < 4 {
			return fmt.Errorf("%w: a group is cut off", ErrRows)
		}
		spans := binary.LittleEndian.Uint32(data)
		data = data[4:]
		for range spans {
			var span []byte
			if span, data, ok = part(data); !ok || len(span) < keySize {
				return fmt.Errorf("%w: a span is cut off", ErrRows)
			}
			r.Key.Start = int64(binary.LittleEndian.Uint64(span))
			copy(r.Key.TraceID[:], span[8:])
			copy(r.Key.SpanID[:], span[24:])
			r.Cells = span[keySize:]
			if err := use(&r); err != nil {
				return err
			}
		}
	}
	return nil
}

// part returns what has its length before it, and what follows.
func part(data []byte) (head, tail []byte, ok bool) {
	if len(data) < 4 {
		return nil, nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(data))
	if data = data[4:]; n > uint64(len(data)) {
		return nil, nil, false
	}
	return data[:n:n], data[n:], true
}

// An Origin is what all spans of a resource and scope have in common, ready for
// a Writer.
type Origin struct {
	values []columnValues
	digest [32]byte // of what they say
	bytes  int      // of what they say
}

// NewOrigin reads the Origin of a Row. It copies cells.
func NewOrigin(cells []byte) (*Origin, error) {
	var b batch
	if err := b.put(cells); err != nil {
		return nil, err
	}
	o := &Origin{digest: sha256.Sum256(cells), bytes: len(cells)}
	for l := range numLeaves {
		if b.filled[l] > 0 {
			o.values = append(o.values, columnValues{l, slices.Clip(b.values[l])})
		}
	}
	return o, nil
}
