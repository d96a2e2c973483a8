package awsxrayexporter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

const (
	// maxDocuments is how many documents X-Ray takes in one request.
	maxDocuments = 50
	// maxPortionBytes bounds the documents of one request, and with it the
	// buffer that each worker needs. A document has at most 64 KiB.
	maxPortionBytes = 1 << 20
	// documentOverhead is what a document costs in the queue beyond its text.
	documentOverhead = 48
)

// portion is an item of the sending queue: finished documents, those of one
// trace side by side. What leaves the queue has at most maxDocuments of them.
type portion struct {
	parts []segment.Part
	bytes int
}

func newPortion(parts []segment.Part) *portion {
	return &portion{parts: parts, bytes: sizeOf(parts)}
}

func sizeOf(parts []segment.Part) (n int) {
	for i := range parts {
		n += len(parts[i].JSON) + documentOverhead
	}
	return n
}

// ItemsCount returns the number of documents.
func (p *portion) ItemsCount() int { return len(p.parts) }

// BytesSize returns the size in the queue.
func (p *portion) BytesSize() int { return p.bytes }

// MergeSplit joins p with another portion and cuts the result for requests. It
// keeps the limits of X-Ray whatever maxSize says. Neither portion may be used
// after it.
func (p *portion) MergeSplit(_ context.Context, maxSize int, sizer exporterhelper.RequestSizerType, other xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	limit := limits{documents: maxDocuments, bytes: maxPortionBytes}
	if maxSize > 0 {
		switch sizer {
		case exporterhelper.RequestSizerTypeItems:
			limit.documents = min(limit.documents, maxSize)
		case exporterhelper.RequestSizerTypeBytes:
			limit.bytes = min(limit.bytes, maxSize)
		}
	}
	parts, keep := p.parts, 0
	if other != nil {
		second, ok := other.(*portion)
		if !ok {
			return nil, fmt.Errorf("join a portion with a %T", other)
		}
		// The batcher ties what p came from to the first result alone, so all
		// of p must be in there.
		keep = len(parts)
		parts = append(parts[:keep:keep], second.parts...)
	}
	var out []xexporterhelper.Request
	for len(parts) > 0 {
		n := max(limit.first(parts, keep), keep)
		out = append(out, newPortion(parts[:n:n]))
		parts, keep = parts[n:], 0
	}
	if out == nil {
		out = append(out, p) // the batcher wants at least one
	}
	return out, nil
}

// limits are the limits of one request.
type limits struct{ documents, bytes int }

var requestLimits = limits{documents: maxDocuments, bytes: maxPortionBytes}

// first returns how many of parts go into the next request: as many as fit,
// but it does not cut a trace that would fit whole into the request after it,
// unless the cut lies in the first keep parts. It returns at least 1.
func (l limits) first(parts []segment.Part, keep int) int {
	n, bytes := 0, 0
	for n < len(parts) && n < l.documents {
		bytes += len(parts[n].JSON) + documentOverhead
		if bytes > l.bytes && n > 0 {
			break
		}
		n++
	}
	if n == len(parts) {
		return n
	}
	start, end := n, n
	for start > 0 && parts[start-1].TraceID == parts[n].TraceID {
		start--
	}
	for end < len(parts) && parts[end].TraceID == parts[n].TraceID {
		end++
	}
	if start == 0 || start < keep || end-start > l.documents || sizeOf(parts[start:end]) > l.bytes {
		return n
	}
	return start
}

// A portion on disk: version, number of documents, then for each its ids, the
// length of its text and the text.
const portionVersion = 1

var errPortion = errors.New("damaged queue item")

func (p *portion) marshal() []byte {
	out := make([]byte, 0, 1+binary.MaxVarintLen32+p.bytes)
	out = append(out, portionVersion)
	out = binary.AppendUvarint(out, uint64(len(p.parts)))
	for i := range p.parts {
		part := &p.parts[i]
		out = append(out, part.TraceID[:]...)
		out = append(out, part.ID[:]...)
		out = binary.AppendUvarint(out, uint64(len(part.JSON)))
		out = append(out, part.JSON...)
	}
	return out
}

// unmarshalPortion reads what marshal wrote. The documents share memory with in.
func unmarshalPortion(in []byte) (*portion, error) {
	if len(in) == 0 {
		return nil, fmt.Errorf("%w: empty", errPortion)
	}
	if in[0] != portionVersion {
		return nil, fmt.Errorf("%w: version %d, this program reads %d", errPortion, in[0], portionVersion)
	}
	var p portion
	in = in[1:]
	count, n := binary.Uvarint(in)
	if n <= 0 {
		return nil, fmt.Errorf("%w: no count", errPortion)
	}
	in = in[n:]
	const least = len(segment.TraceID{}) + len(segment.ID{}) + 1
	if count > uint64(len(in)/least) {
		return nil, fmt.Errorf("%w: %d documents in %d bytes", errPortion, count, len(in))
	}
	p.parts = make([]segment.Part, count)
	for i := range p.parts {
		part := &p.parts[i]
		if len(in) < least {
			return nil, fmt.Errorf("%w: cut off at document %d", errPortion, i)
		}
		in = in[copy(part.TraceID[:], in):]
		in = in[copy(part.ID[:], in):]
		length, n := binary.Uvarint(in)
		if n <= 0 || length > uint64(len(in)-n) {
			return nil, fmt.Errorf("%w: cut off at document %d", errPortion, i)
		}
		in = in[n:]
		part.JSON, in = in[:length:length], in[length:]
	}
	if len(in) > 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errPortion, len(in))
	}
	p.bytes = sizeOf(p.parts)
	return &p, nil
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
