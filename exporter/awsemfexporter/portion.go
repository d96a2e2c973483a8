package awsemfexporter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// maxChunkBytes bounds an item of the queue. A queue must have room for one.
const maxChunkBytes = 4 << 20

// event is a finished document and where it goes.
type event struct {
	group, stream string
	timestamp     int64 // milliseconds
	message       []byte
}

func (e *event) size() int { return len(e.message) + emf.EventOverhead }

// portion is an item of the sending queue: finished events.
type portion struct {
	events []event
	bytes  int
}

func newPortion(events []event) *portion {
	p := &portion{events: events}
	for i := range events {
		p.bytes += events[i].size()
	}
	return p
}

// ItemsCount returns the number of events.
func (p *portion) ItemsCount() int { return len(p.events) }

// BytesSize returns the size as PutLogEvents counts it.
func (p *portion) BytesSize() int { return p.bytes }

// MergeSplit joins p with another portion and cuts the result for requests. It
// keeps the limits of PutLogEvents whatever maxSize says. Neither portion may
// be used after it.
func (p *portion) MergeSplit(_ context.Context, maxSize int, sizer exporterhelper.RequestSizerType, other xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	limit := requestLimits
	if maxSize > 0 {
		switch sizer {
		case exporterhelper.RequestSizerTypeItems:
			limit.events = min(limit.events, maxSize)
		case exporterhelper.RequestSizerTypeBytes:
			limit.bytes = min(limit.bytes, maxSize)
		}
	}
	events, keep := p.events, 0
	if other != nil {
		second, ok := other.(*portion)
		if !ok {
			return nil, fmt.Errorf("join a portion with a %T", other)
		}
		// The batcher ties what p came from to the first result alone, so all
		// of p must be in there.
		keep = len(events)
		events = append(events[:keep:keep], second.events...)
	}
	var out []xexporterhelper.Request
	for len(events) > 0 {
		n := max(limit.first(events), keep)
		out = append(out, newPortion(events[:n:n]))
		events, keep = events[n:], 0
	}
	if out == nil {
		out = append(out, p) // the batcher wants at least one
	}
	return out, nil
}

// limits are the limits of one request.
type limits struct{ events, bytes int }

var requestLimits = limits{events: emf.MaxRequestEvents, bytes: emf.MaxRequest}

// first returns how many of events fit into a request, at least 1.
func (l limits) first(events []event) int {
	n, bytes := 0, 0
	for n < len(events) && n < l.events {
		bytes += events[n].size()
		if bytes > l.bytes && n > 0 {
			break
		}
		n++
	}
	return n
}

// A portion on disk: version, number of events, then for each the length of its
// group's name (0 if group and stream are those of the event before), group,
// stream, time, and text, with lengths.
const portionVersion = 1

var errPortion = errors.New("damaged queue item")

func (p *portion) marshal() []byte {
	out := make([]byte, 0, p.bytes+64)
	out = append(out, portionVersion)
	out = binary.AppendUvarint(out, uint64(len(p.events)))
	for i := range p.events {
		e := &p.events[i]
		if i > 0 && e.group == p.events[i-1].group && e.stream == p.events[i-1].stream {
			out = binary.AppendUvarint(out, 0)
		} else {
			out = binary.AppendUvarint(out, uint64(len(e.group))+1)
			out = append(out, e.group...)
			out = appendText(out, e.stream)
		}
		out = binary.AppendVarint(out, e.timestamp)
		out = binary.AppendUvarint(out, uint64(len(e.message)))
		out = append(out, e.message...)
	}
	return out
}

// reader reads what marshal wrote. After the first error everything is empty.
type reader struct {
	in  []byte
	err error
}

func (r *reader) fail() {
	if r.err == nil {
		r.err = fmt.Errorf("%w: cut off", errPortion)
	}
	r.in = nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.in)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.in = r.in[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.in)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.in = r.in[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.in)) {
		r.fail()
		return nil
	}
	out := r.in[:n:n]
	r.in = r.in[n:]
	return out
}

// unmarshalPortion reads what marshal wrote. The messages share memory with in.
func unmarshalPortion(in []byte) (*portion, error) {
	if len(in) == 0 {
		return nil, fmt.Errorf("%w: empty", errPortion)
	}
	if in[0] != portionVersion {
		return nil, fmt.Errorf("%w: version %d, this program reads %d", errPortion, in[0], portionVersion)
	}
	r := &reader{in: in[1:]}
	const least = 3
	count := r.uvarint()
	if r.err != nil {
		return nil, r.err
	}
	if count > uint64(len(r.in)/least) {
		return nil, fmt.Errorf("%w: %d events in %d bytes", errPortion, count, len(r.in))
	}
	events := make([]event, count)
	for i := range events {
		e := &events[i]
		switch n := r.uvarint(); {
		case n > 0:
			e.group = string(r.bytes(n - 1))
			e.stream = string(r.bytes(r.uvarint()))
		case i > 0:
			e.group, e.stream = events[i-1].group, events[i-1].stream
		default:
			r.fail()
		}
		e.timestamp = r.varint()
		e.message = r.bytes(r.uvarint())
		if r.err != nil {
			return nil, fmt.Errorf("%w: event %d of %d", r.err, i, count)
		}
	}
	if len(r.in) > 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errPortion, len(r.in))
	}
	return newPortion(events), nil
}

// encoding stores portions in a queue on disk.
type encoding struct {
	// damaged is called for each item that cannot be read.
	damaged func()
}

// Marshal writes a portion.
func (encoding) Marshal(_ context.Context, r xexporterhelper.Request) ([]byte, error) {
	p, ok := r.(*portion)
	if !ok {
		return nil, fmt.Errorf("store a %T", r)
	}
	return p.marshal(), nil
}

// Unmarshal reads a portion.
func (e encoding) Unmarshal(in []byte) (context.Context, xexporterhelper.Request, error) {
	p, err := unmarshalPortion(in)
	if err != nil {
		e.damaged()
		return context.Background(), nil, err
	}
	return context.Background(), p, nil
}
