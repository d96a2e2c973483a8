package tracebuffer

import (
	"encoding/binary"
	"errors"
	"iter"
)

// Tags of the OTLP messages TracesData, ResourceSpans and ScopeSpans on the
// wire: the repeated field that leads one level down.
const (
	tagResourceSpans = 1<<3 | 2
	tagScopeSpans    = 2<<3 | 2
	tagSpan          = 2<<3 | 2
)

var errWire = errors.New("not an OTLP message")

// fields iterates over the fields of an OTLP message. raw is the whole field,
// content what a field of bytes holds. It stops at what is no message, and
// then *err says so.
func fields(message []byte, err *error) iter.Seq2[byte, [2][]byte] {
	return func(yield func(byte, [2][]byte) bool) {
		for at := 0; at < len(message); {
			tag, n := binary.Uvarint(message[at:])
			if n <= 0 {
				*err = errWire
				return
			}
			end := at + n
			var content []byte
			switch tag & 7 {
			case 0:
				_, n := binary.Uvarint(message[end:])
				if n <= 0 {
					*err = errWire
					return
				}
				end += n
			case 1:
				end += 8
			case 5:
				end += 4
			case 2:
				size, n := binary.Uvarint(message[end:])
				if n <= 0 || size > uint64(len(message)-end-n) {
					*err = errWire
					return
				}
				end += n
				content = message[end : end+int(size)]
				end += int(size)
			default:
				*err = errWire
				return
			}
			if end > len(message) {
				*err = errWire
				return
			}
			small := byte(0)
			if tag < 128 {
				small = byte(tag)
			}
			if !yield(small, [2][]byte{message[at:end], content}) {
				return
			}
			at = end
		}
	}
}

// ResourceSpans is one ResourceSpans message, taken apart. Its slices share
// memory with the message.
type ResourceSpans struct {
	Header []byte // all of it but the ScopeSpans
	Scopes []ScopeSpans
}

// ScopeSpans is one ScopeSpans message, taken apart.
type ScopeSpans struct {
	Header []byte   // all of it but the spans
	Spans  [][]byte // whole fields, ready to be appended to another ScopeSpans
}

// Split takes an encoded TracesData apart, in the order of its spans. Headers
// that lie in one piece share memory with the message. The slices of spans are
// parts of room, which is returned longer, to be used again when they are not.
func Split(message []byte, room [][]byte) (all []ResourceSpans, _ [][]byte, err error) {
	for tag, f := range fields(message, &err) {
		if tag != tagResourceSpans {
			continue
		}
		var rs ResourceSpans
		for tag, f := range fields(f[1], &err) {
			if tag != tagScopeSpans {
				rs.Header = join(rs.Header, f[0])
				continue
			}
			var ss ScopeSpans
			first := len(room)
			for tag, f := range fields(f[1], &err) {
				if tag == tagSpan {
					room = append(room, f[0])
				} else {
					ss.Header = join(ss.Header, f[0])
				}
			}
			ss.Spans = room[first:len(room):len(room)]
			rs.Scopes = append(rs.Scopes, ss)
		}
		all = append(all, rs)
	}
	return all, room, err
}

// join appends without writing into memory that a shares with the message.
func join(a, b []byte) []byte {
	if a == nil {
		return b[:len(b):len(b)]
	}
	return append(a, b...)
}

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
