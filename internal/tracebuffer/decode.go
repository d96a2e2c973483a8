package tracebuffer

import (
	"errors"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/otlpspan"
)

var errWire = errors.New("not an OTLP message")

// Traces decodes the spans, each with room for spare more attributes. Spans of
// equal resources, and of equal scopes that follow each other, stand together.
// The text of the spans is k's memory, and is not copied.
//
// Resources and scopes are decoded by pdata from a message without the spans.
// The spans are decoded here, because pdata makes each text and each growth of
// the attributes an allocation of its own, and by pdata where one is unusual.
func (k *Kept) Traces(spare int) (ptrace.Traces, error) {
	f := frame{runs: make([]run, 0, len(k.chunks))}
	if err := f.read(k.chunks); err != nil {
		return ptrace.Traces{}, err
	}
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(f.message)
	if err != nil {
		return td, err
	}
	runs := f.runs
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			if f.scopes == 1 {
				ss.Spans().EnsureCapacity(k.Spans)
			}
			for first := true; len(runs) > 0 && (first || !runs[0].first); first = false {
				if err := decode(runs[0].spans, ss.Spans(), spare); err != nil {
					return td, err
				}
				runs = runs[1:]
			}
		}
	}
	return td, nil
}

// frame is an encoded TracesData without spans, and the encoded spans of its
// scopes, in runs.
type frame struct {
	message []byte
	scopes  int
	runs    []run
	scope   string // of the run before
}

// run is encoded spans of one scope, the first ones of it or more.
type run struct {
	spans string
	first bool
}

// read fills the frame, with the chunks of each resource together.
func (f *frame) read(chunks []chunk) error {
	var firsts []int
	after := make([]int, len(chunks)) // the next chunk of the same resource, plus one
	if len(chunks) == 1 {
		firsts = []int{0}
	} else {
		known, last, at := make(map[string]int, min(len(chunks), 64)), make([]int, len(chunks)), 0
		for i := range chunks {
			if i == 0 || chunks[i].resource != chunks[i-1].resource {
				header, ok := chunks[i].resource.Header, false
				if at, ok = known[string(header)]; !ok {
					at = i
					known[string(header)] = i
					firsts = append(firsts, i)
				}
			}
			if at != i {
				after[last[at]] = i + 1
			}
			last[at] = i
		}
	}
	var scopes []byte
	for _, i := range firsts {
		scopes, f.scope = scopes[:0], ""
		for j := i + 1; j != 0; j = after[j-1] {
			var err error
			if scopes, err = f.readScopes(scopes, chunks[j-1].scopes, j == i+1); err != nil {
				return err
			}
		}
		f.message = otlpspan.AppendResource(f.message, chunks[i].resource.Header, scopes)
	}
	return nil
}

// readScopes appends encoded ScopeSpans without their spans, which are behind
// all else in them and become runs. Where the scope is that of the run before,
// of the same resource, the run belongs to it.
func (f *frame) readScopes(to []byte, encoded string, newResource bool) ([]byte, error) {
	for at := 0; at < len(encoded); {
		tag, _, start, end := otlpspan.Next(encoded, at)
		if end < 0 || tag != otlpspan.TagScopeSpans {
			return nil, errWire
		}
		content, header := encoded[start:end], 0
		at = end
		for header < len(content) {
			tag, _, _, end := otlpspan.Next(content, header)
			if end < 0 {
				return nil, errWire
			}
			if tag == otlpspan.TagSpan {
				break
			}
			header = end
		}
		r := run{spans: content[header:], first: newResource || content[:header] != f.scope}
		if newResource = false; r.first {
			f.scopes++
			f.scope = content[:header]
			to = otlpspan.AppendScope(to, []byte(f.scope), 0)
		}
		f.runs = append(f.runs, r)
	}
	return to, nil
}

// decode appends spans, which are fields of a ScopeSpans.
func decode(encoded string, to ptrace.SpanSlice, spare int) error {
	attributes := 8
	for at := 0; at < len(encoded); {
		tag, _, start, end := otlpspan.Next(encoded, at)
		if end < 0 || tag != otlpspan.TagSpan {
			return errWire
		}
		span := to.AppendEmpty()
		// Spans of a scope often have as many attributes as the one before.
		span.Attributes().EnsureCapacity(attributes + spare)
		if !otlpspan.Read(encoded[start:end], span) {
			if err := decodeAlone(encoded[at:end], span); err != nil {
				return err
			}
		}
		attributes = min(span.Attributes().Len(), otlpspan.MostAttributes)
		at = end
	}
	return nil
}

// decodeAlone has pdata decode a field that holds a span.
func decodeAlone(field string, to ptrace.Span) error {
	alone := append(otlpspan.AppendScope(nil, nil, len(field)), field...)
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(otlpspan.AppendResource(nil, nil, alone))
	if err != nil {
		return err
	}
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).MoveTo(to)
	return nil
}
