package tracebuffer

import (
	"encoding/binary"
	"errors"
)

// Tags of the OTLP messages TracesData, ResourceSpans and ScopeSpans on the
// wire: the repeated field that leads one level down.
const (
	tagResourceSpans = 1<<3 | 2
	tagScopeSpans    = 2<<3 | 2
	tagSpan          = 2<<3 | 2
)

var errWire = errors.New("not an OTLP message")

// ScopeSize returns the bytes that AppendScope appends for a header and spans
// of this many bytes together.
func ScopeSize(header, spans int) int { return 1 + uvarintSize(header+spans) + header + spans }

// AppendScope appends the start of a ScopeSpans field, whose spans, of this
// many bytes together, the caller appends behind it.
func AppendScope(to, header []byte, spans int) []byte {
	to = binary.AppendUvarint(append(to, tagScopeSpans), uint64(len(header)+spans))
	return append(to, header...)
}

// appendResource appends a ResourceSpans field with these scopes.
func appendResource(to, header []byte, scopes ...[]byte) []byte {
	size := len(header)
	for _, s := range scopes {
		size += len(s)
	}
	to = binary.AppendUvarint(append(to, tagResourceSpans), uint64(size))
	to = append(to, header...)
	for _, s := range scopes {
		to = append(to, s...)
	}
	return to
}

func uvarintSize(n int) int {
	size := 1
	for ; n >= 128; n >>= 7 {
		size++
	}
	return size
}
