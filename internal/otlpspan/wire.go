// Package otlpspan reads and writes OTLP spans one by one. pdata decodes and
// encodes whole batches, into new memory for each text and each growth of the
// attributes; here a span shares the memory of its message, and is appended to
// memory that is there.
//
// https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
package otlpspan

// Tags of the OTLP messages TracesData, ResourceSpans and ScopeSpans on the
// wire: the repeated field that leads one level down.
const (
	TagResourceSpans = 1<<3 | wireBytes
	TagScopeSpans    = 2<<3 | wireBytes
	TagSpan          = 2<<3 | wireBytes
)

// Wire types of protobuf, the low bits of a tag.
const (
	wireVarint = 0 // left out of the tags below
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

// Next reads the field of a message that begins at at, and returns what it
// holds: a number, or m[start:end]. end is also where the next one begins, and
// -1 at what is no field. The message is a string so that what is found in it
// need not be copied, and positions are ints because they cost the garbage
// collector nothing.
func Next(m string, at int) (tag, number uint64, start, end int) {
	tag, at = uvarint(m, at)
	if at < 0 {
		return 0, 0, 0, -1
	}
	switch tag & 7 {
	case wireVarint:
		number, at = uvarint(m, at)
		return tag, number, 0, at
	case wireBytes:
		size, at := uvarint(m, at)
		if at < 0 || size > uint64(len(m)-at) {
			return 0, 0, 0, -1
		}
		return tag, 0, at, at + int(size)
	case wire64:
		if len(m)-at < 8 {
			return 0, 0, 0, -1
		}
		b := m[at : at+8]
		number = uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		return tag, number, 0, at + 8
	case wire32:
		if len(m)-at < 4 {
			return 0, 0, 0, -1
		}
		b := m[at : at+4]
		return tag, uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24, 0, at + 4
	}
	return 0, 0, 0, -1
}

// uvarint reads a number, and returns where it ends, or -1.
func uvarint(m string, at int) (uint64, int) {
	if at < len(m) && m[at] < 0x80 {
		return uint64(m[at]), at + 1
	}
	return longUvarint(m, at)
}

func longUvarint(m string, at int) (n uint64, end int) {
	for shift := 0; at < len(m) && shift < 64; at, shift = at+1, shift+7 {
		b := m[at]
		if shift == 63 && b > 1 {
			break // more than 64 bits
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n, at + 1
		}
	}
	return 0, -1
}
