package otlpspan

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// MostAttributes is the number of attributes up to which looking for duplicates
// among them costs less than pdata's way. Read leaves alone what has more.
const MostAttributes = 64

// Read decodes an OTLP Span, of which it keeps parts of the text, into an empty
// one. It reports false, and leaves behind what is to be overwritten, where one
// is not of the usual kind, which pdata decodes: it has values that are neither
// scalars nor lists of them, keys that occur twice, or what OTLP does not know.
func Read(m string, span ptrace.Span) bool {
	for at := 0; at < len(m); {
		tag, number, start, end := Next(m, at)
		if end < 0 {
			return false
		}
		content, ok := m[start:end], true
		at = end
		switch tag {
		case 1<<3 | wireBytes:
			var id pcommon.TraceID
			if ok = copyID(id[:], content); ok {
				span.SetTraceID(id)
			}
		case 2<<3 | wireBytes, 4<<3 | wireBytes:
			var id pcommon.SpanID
			if ok = copyID(id[:], content); !ok {
				break
			}
			if tag == 2<<3|wireBytes {
				span.SetSpanID(id)
			} else {
				span.SetParentSpanID(id)
			}
		case 3<<3 | wireBytes:
			span.TraceState().FromRaw(content)
		case 5<<3 | wireBytes:
			span.SetName(content)
		case 6 << 3:
			span.SetKind(ptrace.SpanKind(number))
		case 7<<3 | wire64:
			span.SetStartTimestamp(pcommon.Timestamp(number))
		case 8<<3 | wire64:
			span.SetEndTimestamp(pcommon.Timestamp(number))
		case 9<<3 | wireBytes:
			ok = readAttribute(content, span.Attributes())
		case 10 << 3:
			span.SetDroppedAttributesCount(uint32(number))
		case 11<<3 | wireBytes:
			ok = readEvent(content, span.Events().AppendEmpty())
		case 12 << 3:
			span.SetDroppedEventsCount(uint32(number))
		case 13<<3 | wireBytes:
			ok = readLink(content, span.Links().AppendEmpty())
		case 14 << 3:
			span.SetDroppedLinksCount(uint32(number))
		case 15<<3 | wireBytes:
			ok = readStatus(content, span.Status())
		case 16<<3 | wire32:
			span.SetFlags(uint32(number))
		default:
			return false
		}
		if !ok {
			return false
		}
	}
	return true
}

// copyID copies an id. An empty one is one of zeros.
func copyID(to []byte, id string) bool {
	return copy(to, id) == len(to) && len(id) == len(to) || id == ""
}

func readEvent(m string, event ptrace.SpanEvent) bool {
	for at := 0; at < len(m); {
		tag, number, start, end := Next(m, at)
		if end < 0 {
			return false
		}
		content := m[start:end]
		at = end
		switch tag {
		case 1<<3 | wire64:
			event.SetTimestamp(pcommon.Timestamp(number))
		case 2<<3 | wireBytes:
			event.SetName(content)
		case 3<<3 | wireBytes:
			if !readAttribute(content, event.Attributes()) {
				return false
			}
		case 4 << 3:
			event.SetDroppedAttributesCount(uint32(number))
		default:
			return false
		}
	}
	return true
}

func readLink(m string, link ptrace.SpanLink) bool {
	for at := 0; at < len(m); {
		tag, number, start, end := Next(m, at)
		if end < 0 {
			return false
		}
		content, ok := m[start:end], true
		at = end
		switch tag {
		case 1<<3 | wireBytes:
			var id pcommon.TraceID
			ok = copyID(id[:], content)
			link.SetTraceID(id)
		case 2<<3 | wireBytes:
			var id pcommon.SpanID
			ok = copyID(id[:], content)
			link.SetSpanID(id)
		case 3<<3 | wireBytes:
			link.TraceState().FromRaw(content)
		case 4<<3 | wireBytes:
			ok = readAttribute(content, link.Attributes())
		case 5 << 3:
			link.SetDroppedAttributesCount(uint32(number))
		case 6<<3 | wire32:
			link.SetFlags(uint32(number))
		default:
			return false
		}
		if !ok {
			return false
		}
	}
	return true
}

func readStatus(m string, status ptrace.Status) bool {
	for at := 0; at < len(m); {
		tag, number, start, end := Next(m, at)
		if end < 0 {
			return false
		}
		content := m[start:end]
		at = end
		switch tag {
		case 2<<3 | wireBytes:
			status.SetMessage(content)
		case 3 << 3:
			status.SetCode(ptrace.StatusCode(number))
		default:
			return false
		}
	}
	return true
}

// readAttribute decodes a KeyValue under a new key.
func readAttribute(m string, to pcommon.Map) bool {
	var key, value string
	for at := 0; at < len(m); {
		tag, _, start, end := Next(m, at)
		switch {
		case end >= 0 && tag == 1<<3|wireBytes && key == "":
			key = m[start:end]
		case end >= 0 && tag == 2<<3|wireBytes && value == "":
			value = m[start:end]
		default:
			return false
		}
		at = end
	}
	before := to.Len()
	if before == MostAttributes {
		return false
	}
	if value == "" {
		to.PutEmpty(key)
		return to.Len() > before
	}
	tag, number, start, end := Next(value, 0)
	if end != len(value) {
		return false
	}
	switch tag { // PutStr and the like do in one step what PutEmpty and SetStr do in two
	case 1<<3 | wireBytes:
		to.PutStr(key, value[start:end])
	case 2 << 3:
		to.PutBool(key, number != 0)
	case 3 << 3:
		to.PutInt(key, int64(number))
	case 4<<3 | wire64:
		to.PutDouble(key, math.Float64frombits(number))
	case 5<<3 | wireBytes:
		list := to.PutEmpty(key)
		return to.Len() > before && readList(value[start:end], list.SetEmptySlice())
	default:
		return false
	}
	return to.Len() > before
}

// readList decodes an ArrayValue of scalars.
func readList(m string, to pcommon.Slice) bool {
	for at := 0; at < len(m); {
		tag, _, start, end := Next(m, at)
		if end < 0 || tag != 1<<3|wireBytes {
			return false
		}
		value, v := m[start:end], to.AppendEmpty()
		at = end
		if value == "" {
			continue
		}
		tag, number, start, end := Next(value, 0)
		if end != len(value) {
			return false
		}
		switch tag {
		case 1<<3 | wireBytes:
			v.SetStr(value[start:end])
		case 2 << 3:
			v.SetBool(number != 0)
		case 3 << 3:
			v.SetInt(int64(number))
		case 4<<3 | wire64:
			v.SetDouble(math.Float64frombits(number))
		default:
			return false
		}
	}
	return true
}
