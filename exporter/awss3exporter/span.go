package awss3exporter

import (
	"encoding/binary"
	"math"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"
)

// readSpan puts the message of a span into span, which may hold another one, and
// says whether it did. It reads what SDKs send; what else a message may be, such
// as one with unknown fields, is left to pdata, which makes objects for each
// span anew. The texts share memory with message.
//
// https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
func readSpan(message []byte, span ptrace.Span) bool {
	clearSpan(span)
	f, ok := wireField{rest: message}, true
	for ok && f.next() {
		switch f.tag {
		case 1<<3 | wireBytes:
			var id pcommon.TraceID
			ok = f.id(id[:])
			span.SetTraceID(id)
		case 2<<3 | wireBytes:
			var id pcommon.SpanID
			ok = f.id(id[:])
			span.SetSpanID(id)
		case 3<<3 | wireBytes:
			span.TraceState().FromRaw(f.text())
		case 4<<3 | wireBytes:
			var id pcommon.SpanID
			ok = f.id(id[:])
			span.SetParentSpanID(id)
		case 5<<3 | wireBytes:
			span.SetName(f.text())
		case 6<<3 | wireVarint:
			span.SetKind(ptrace.SpanKind(f.number))
		case 7<<3 | wireFixed64:
			span.SetStartTimestamp(pcommon.Timestamp(f.number))
		case 8<<3 | wireFixed64:
			span.SetEndTimestamp(pcommon.Timestamp(f.number))
		case 9<<3 | wireBytes:
			ok = readAttribute(f.bytes, span.Attributes())
		case 10<<3 | wireVarint:
			span.SetDroppedAttributesCount(uint32(f.number))
		case 11<<3 | wireBytes:
			ok = readEvent(f.bytes, span.Events().AppendEmpty())
		case 12<<3 | wireVarint:
			span.SetDroppedEventsCount(uint32(f.number))
		case 13<<3 | wireBytes:
			ok = readLink(f.bytes, span.Links().AppendEmpty())
		case 14<<3 | wireVarint:
			span.SetDroppedLinksCount(uint32(f.number))
		case 15<<3 | wireBytes:
			ok = readStatus(f.bytes, span.Status())
		case 16<<3 | wireFixed32:
			span.SetFlags(uint32(f.number))
		default:
			ok = false
		}
	}
	return ok && f.whole()
}

// clearSpan makes a span an empty one. Its attributes keep their room.
func clearSpan(span ptrace.Span) {
	span.SetTraceID(pcommon.TraceID{})
	span.SetSpanID(pcommon.SpanID{})
	span.SetParentSpanID(pcommon.SpanID{})
	span.TraceState().FromRaw("")
	span.SetFlags(0)
	span.SetName("")
	span.SetKind(0)
	span.SetStartTimestamp(0)
	span.SetEndTimestamp(0)
	span.Attributes().RemoveIf(func(string, pcommon.Value) bool { return true })
	span.SetDroppedAttributesCount(0)
	span.Events().RemoveIf(func(ptrace.SpanEvent) bool { return true })
	span.SetDroppedEventsCount(0)
	span.Links().RemoveIf(func(ptrace.SpanLink) bool { return true })
	span.SetDroppedLinksCount(0)
	span.Status().SetCode(0)
	span.Status().SetMessage("")
}

func readStatus(message []byte, status ptrace.Status) bool {
	f, ok := wireField{rest: message}, true
	for ok && f.next() {
		switch f.tag {
		case 2<<3 | wireBytes:
			status.SetMessage(f.text())
		case 3<<3 | wireVarint:
			status.SetCode(ptrace.StatusCode(f.number))
		default:
			ok = false
		}
	}
	return ok && f.whole()
}

func readEvent(message []byte, event ptrace.SpanEvent) bool {
	f, ok := wireField{rest: message}, true
	for ok && f.next() {
		switch f.tag {
		case 1<<3 | wireFixed64:
			event.SetTimestamp(pcommon.Timestamp(f.number))
		case 2<<3 | wireBytes:
			event.SetName(f.text())
		case 3<<3 | wireBytes:
			ok = readAttribute(f.bytes, event.Attributes())
		case 4<<3 | wireVarint:
			event.SetDroppedAttributesCount(uint32(f.number))
		default:
			ok = false
		}
	}
	return ok && f.whole()
}

func readLink(message []byte, link ptrace.SpanLink) bool {
	f, ok := wireField{rest: message}, true
	for ok && f.next() {
		switch f.tag {
		case 1<<3 | wireBytes:
			var id pcommon.TraceID
			ok = f.id(id[:])
			link.SetTraceID(id)
		case 2<<3 | wireBytes:
			var id pcommon.SpanID
			ok = f.id(id[:])
			link.SetSpanID(id)
		case 3<<3 | wireBytes:
			link.TraceState().FromRaw(f.text())
		case 4<<3 | wireBytes:
			ok = readAttribute(f.bytes, link.Attributes())
		case 5<<3 | wireVarint:
			link.SetDroppedAttributesCount(uint32(f.number))
		case 6<<3 | wireFixed32:
			link.SetFlags(uint32(f.number))
		default:
			ok = false
		}
	}
	return ok && f.whole()
}

// maxRead is how many attributes are read here: the time grows with the square.
const maxRead = 64

// readAttribute appends an attribute. It leaves alone what comes twice.
func readAttribute(message []byte, to pcommon.Map) bool {
	var key, value wireField
	f, ok := wireField{rest: message}, true
	for ok && f.next() {
		switch {
		case f.tag == 1<<3|wireBytes && key.tag == 0:
			key = f
		case f.tag == 2<<3|wireBytes && value.tag == 0:
			value = f
		default:
			ok = false
		}
	}
	if !ok || !f.whole() {
		return false
	}
	before := to.Len()
	v := to.PutEmpty(key.text())
	return to.Len() > before && before < maxRead && readValue(value.bytes, v, true)
}

// readValue reads a scalar, or a list of them.
func readValue(message []byte, to pcommon.Value, list bool) bool {
	f := wireField{rest: message}
	if !f.next() {
		return f.whole() // an empty value
	}
	if len(f.rest) > 0 {
		return false
	}
	switch f.tag {
	case 1<<3 | wireBytes:
		to.SetStr(f.text())
	case 2<<3 | wireVarint:
		to.SetBool(f.number != 0)
	case 3<<3 | wireVarint:
		to.SetInt(int64(f.number))
	case 4<<3 | wireFixed64:
		to.SetDouble(math.Float64frombits(f.number))
	case 5<<3 | wireBytes:
		return list && readList(f.bytes, to.SetEmptySlice())
	default:
		return false
	}
	return true
}

func readList(message []byte, to pcommon.Slice) bool {
	f := wireField{rest: message}
	for f.next() {
		if f.tag != 1<<3|wireBytes || !readValue(f.bytes, to.AppendEmpty(), false) {
			return false
		}
	}
	return f.whole()
}

// Wire types of protobuf.
const (
	wireVarint  = uint64(protowire.VarintType)
	wireFixed64 = uint64(protowire.Fixed64Type)
	wireBytes   = uint64(protowire.BytesType)
	wireFixed32 = uint64(protowire.Fixed32Type)
)

// wireField is a field of a message, and what comes behind it. A callback for
// each field, as eachField has, would put each field on the heap.
type wireField struct {
	tag    uint64 // number and type, as on the wire; 0 is none
	number uint64 // of the types that have one
	bytes  []byte // of the others
	rest   []byte
}

// next goes to the next field. It returns false at the end of the message, and
// where it is broken.
func (f *wireField) next() bool {
	if len(f.rest) == 0 {
		return false
	}
	at := 1
	if f.tag = uint64(f.rest[0]); f.tag >= 0x80 {
		if f.tag, at = binary.Uvarint(f.rest); at <= 0 {
			return false
		}
	}
	switch rest := f.rest[at:]; f.tag & 7 {
	case wireVarint:
		number, n := binary.Uvarint(rest)
		if n <= 0 {
			return false
		}
		f.number, f.rest = number, rest[n:]
	case wireFixed64:
		if len(rest) < 8 {
			return false
		}
		f.number, f.rest = binary.LittleEndian.Uint64(rest), rest[8:]
	case wireFixed32:
		if len(rest) < 4 {
			return false
		}
		f.number, f.rest = uint64(binary.LittleEndian.Uint32(rest)), rest[4:]
	case wireBytes:
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) {
			return false
		}
		end := n + int(length)
		f.bytes, f.rest = rest[n:end:end], rest[end:]
	default:
		return false
	}
	return true
}

// whole says whether next got to the end of the message.
func (f *wireField) whole() bool { return len(f.rest) == 0 }

// text returns the bytes without a copy.
func (f *wireField) text() string {
	return unsafe.String(unsafe.SliceData(f.bytes), len(f.bytes))
}

// id copies an id, which may be empty, and says whether it is one.
func (f *wireField) id(to []byte) bool {
	copy(to, f.bytes)
	return len(f.bytes) == len(to) || len(f.bytes) == 0
}
