package tracebuffer

import "go.opentelemetry.io/collector/pdata/ptrace"

// Traces decodes the spans, each with room for spare more attributes. Spans of
// equal resources stand together. What it returns shares no memory with k; all
// text of one span is one piece of memory.
//
// Resources and scopes are decoded by pdata from a message without the spans.
// The spans are decoded here, because pdata makes each text and each growth of
// the attributes an allocation of its own, and by pdata where one is unusual.
func (k *Kept) Traces(spare int) (ptrace.Traces, error) {
	frame, scopes, err := k.frame()
	if err != nil {
		return ptrace.Traces{}, err
	}
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(frame)
	if err != nil {
		return td, err
	}
	at := 0
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			if len(scopes) == 1 {
				ss.Spans().EnsureCapacity(k.Spans)
			}
			if err := decode(scopes[at], ss.Spans(), spare); err != nil {
				return td, err
			}
			at++
		}
	}
	return td, nil
}

// frame returns an encoded TracesData without spans, and the encoded spans of
// each of its scopes.
func (k *Kept) frame() (message []byte, scopes [][]byte, err error) {
	scopes = make([][]byte, 0, len(k.chunks))
	if len(k.chunks) == 1 {
		var headers []byte
		headers, scopes, err = appendFrames(nil, scopes, k.chunks[0].scopes)
		return appendResource(nil, k.chunks[0].resource.Header, headers), scopes, err
	}
	first := make(map[string]int, min(len(k.chunks), 64))
	next := make([]int, len(k.chunks)) // the next chunk of the same resource, plus one
	last := make([]int, len(k.chunks))
	for i := range k.chunks {
		header := k.chunks[i].resource.Header
		if f, ok := first[string(header)]; ok {
			next[last[f]] = i + 1
			last[f] = i
			continue
		}
		first[string(header)], last[i] = i, i
	}
	var headers []byte
	for i := range k.chunks {
		header := k.chunks[i].resource.Header
		if first[string(header)] != i {
			continue
		}
		headers = headers[:0]
		for j := i + 1; j != 0; j = next[j-1] {
			if headers, scopes, err = appendFrames(headers, scopes, k.chunks[j-1].scopes); err != nil {
				return nil, nil, err
			}
		}
		message = appendResource(message, header, headers)
	}
	return message, scopes, nil
}

// appendFrames appends encoded ScopeSpans without their spans, and to scopes
// their spans, which are behind all else in them.
func appendFrames(to []byte, scopes [][]byte, encoded []byte) ([]byte, [][]byte, error) {
	var err error
	for tag, f := range fields(encoded, &err) {
		if tag != tagScopeSpans {
			return nil, nil, errWire
		}
		content, header := f[1], 0
		for tag, f := range fields(content, &err) {
			if tag == tagSpan {
				break
			}
			header += len(f[0])
		}
		to = AppendScope(to, content[:header], 0)
		scopes = append(scopes, content[header:])
	}
	return to, scopes, err
}

// decode appends spans, which are fields of a ScopeSpans.
func decode(encoded []byte, to ptrace.SpanSlice, spare int) error {
	var err error
	attributes := 8
	for tag, f := range fields(encoded, &err) {
		if tag != tagSpan {
			return errWire
		}
		span := to.AppendEmpty()
		// Spans of a scope often have as many attributes as the one before.
		span.Attributes().EnsureCapacity(attributes + spare)
		if !readSpan(string(f[1]), span) {
			if err := decodeAlone(f[0], span); err != nil {
				return err
			}
		}
		attributes = min(span.Attributes().Len(), mostAttributes)
	}
	return err
}

// decodeAlone has pdata decode a field that holds a span.
func decodeAlone(field []byte, to ptrace.Span) error {
	alone := append(AppendScope(nil, nil, len(field)), field...)
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(appendResource(nil, nil, alone))
	if err != nil {
		return err
	}
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).MoveTo(to)
	return nil
}

// next reads the field of a message that begins at at, and returns what it
// holds: a number, or m[start:end]. end is also where the next one begins, and
// -1 at what is no field. The message is a string so that what is found in it
// need not be copied, and positions are ints because they cost the garbage
// collector nothing.
func next(m string, at int) (tag, number uint64, start, end int) {
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
