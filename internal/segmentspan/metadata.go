package segmentspan

import (
	"encoding/base64"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// The namespaces of metadata that we write.
const (
	// namespaceDefault holds the attributes of spans of OpenTelemetry.
	namespaceDefault = "default"
	// namespaceOTel holds what else such a span says, and the attributes that
	// processors added to a span that was born in X-Ray.
	namespaceOTel = "otel"
	// resourcePrefix goes before the names of a resource's attributes.
	resourcePrefix = "otel.resource."
)

// metadata writes each namespace as JSON text.
func (w *writer) metadata(namespaces []segment.Member) {
	if len(namespaces) > maxHomes {
		w.json("/metadata", object(namespaces))
		return
	}
	for _, n := range namespaces {
		w.attrs.PutStr(prefixMetadata+n.Name, n.Value)
	}
}

// metadataOf derives the namespaces that have attributes of their own. On a
// span of OpenTelemetry one that holds no object is an attribute like others.
func (m *mapper) metadataOf(e *entity) {
	for _, a := range m.r.meta {
		if e.born == roleNone && !isObject(a.value) {
			m.r.other = append(m.r.other, attribute{prefixMetadata + a.name, a.value})
			continue
		}
		e.metadata = append(e.metadata, segment.Member{Name: a.name, Value: m.rawJSON(a.value)})
	}
}

func isObject(v pcommon.Value) bool {
	if v.Type() == pcommon.ValueTypeMap {
		return true
	}
	text, ok := segment.CompactJSON(v.Str())
	return ok && text[0] == '{'
}

// addMetadata adds members, JSON text without braces, to a namespace. If the
// namespace has other plans with a name, they get a namespace of their own.
func (m *mapper) addMetadata(e *entity, namespace string, members []byte) {
	if len(members) == 0 {
		return
	}
	text := make([]byte, 0, len(members)+2)
	text = append(append(append(text, '{'), members...), '}')
	for {
		at := -1
		for i := range e.metadata {
			if e.metadata[i].Name == namespace {
				at = i
				break
			}
		}
		if at < 0 {
			e.metadata = append(e.metadata, segment.Member{Name: namespace, Value: m.keep(text)})
			return
		}
		if merged, ok := mergeObjects(e.metadata[at].Value, string(text)); ok {
			e.metadata[at].Value = merged
			return
		}
		namespace += "."
	}
}

// mergeObjects joins two JSON objects that have no member's name in common.
func mergeObjects(a, b string) (string, bool) {
	left, ok := segment.JSONMembers(a)
	if !ok {
		return "", false
	}
	right, ok := segment.JSONMembers(b)
	if !ok {
		return "", false
	}
	names := make(map[string]struct{}, len(left))
	for _, m := range left {
		names[m.Name] = struct{}{}
	}
	for _, m := range right {
		if _, taken := names[m.Name]; taken {
			return "", false
		}
	}
	return object(append(left[:len(left):len(left)], right...)), true
}

// maxValueDepth bounds how deep the value of an attribute nests.
const maxValueDepth = 32

// appendValue appends the value of an attribute as JSON.
func appendValue(b []byte, v pcommon.Value, depth int) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return segment.AppendString(b, v.Str())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(b, v.Int(), 10)
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(b, v.Bool())
	case pcommon.ValueTypeDouble:
		f := v.Double()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return segment.AppendString(b, strconv.FormatFloat(f, 'g', -1, 64))
		}
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	case pcommon.ValueTypeBytes:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes().AsRaw())
		return append(b, '"')
	case pcommon.ValueTypeMap:
		if depth >= maxValueDepth {
			return append(b, `"too deep"`...)
		}
		b = append(b, '{')
		first := true
		for name, element := range v.Map().All() {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(segment.AppendString(b, name), ':')
			b = appendValue(b, element, depth+1)
		}
		return append(b, '}')
	case pcommon.ValueTypeSlice:
		if depth >= maxValueDepth {
			return append(b, `"too deep"`...)
		}
		b = append(b, '[')
		for i, element := range v.Slice().All() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, element, depth+1)
		}
		return append(b, ']')
	}
	return append(b, "null"...)
}

// appendMember appends a member to the inside of an object.
func appendMember(b []byte, name string, v pcommon.Value) []byte {
	return appendValue(appendName(b, name), v, 0)
}

func appendName(b []byte, name string) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	return append(segment.AppendString(b, name), ':')
}

// leftovers gives the attributes that no member took to the annotations and
// the metadata.
func (m *mapper) leftovers(e *entity, namespace string, resource []byte) {
	m.paths = m.r.strings(keyAnnotations, m.paths[:0])
	m.named.reset(m.paths)
	b := append(m.inside[:0], resource...)
	for i := range m.r.have {
		for set := m.r.have[i] &^ m.r.used[i]; set != 0; set &= set - 1 {
			k := i<<6 + bits.TrailingZeros64(set)
			b = m.leftover(e, b, keyNames[k], m.r.vals[k])
		}
	}
	for _, a := range m.r.other {
		b = m.leftover(e, b, a.name, a.value)
	}
	m.inside = b
	m.addMetadata(e, namespace, b)
	m.annotateUsed(e)
}

// leftover places one attribute.
func (m *mapper) leftover(e *entity, b []byte, name string, v pcommon.Value) []byte {
	if e.born != roleNone && m.named.has(name) {
		e.annotations = append(e.annotations, segment.Member{Name: name, Value: m.json(v)})
		return b
	}
	if m.isIndexed(name) && m.annotate(e, name, v) {
		return b
	}
	return appendMember(b, name, v)
}

// annotateUsed makes annotations also of attributes that a member took, if
// they were asked for by name.
func (m *mapper) annotateUsed(e *entity) {
	if e.born != roleNone || len(m.named.list) == 0 && len(m.options.indexed) == 0 {
		return
	}
	for k := noKey + 1; k < numKeys; k++ {
		if !m.r.have.has(k) || !m.r.used.has(k) || k == keyAnnotations {
			continue
		}
		if name := keyNames[k]; m.named.has(name) || m.options.isIndexed(name) {
			m.annotate(e, name, m.r.vals[k])
		}
	}
}

// spanFacts writes what a span says and no member of a document can show.
func (m *mapper) spanFacts(e *entity, scope pcommon.InstrumentationScope, name string) {
	b := m.inside[:0]
	str := func(name, value string) {
		if value != "" {
			b = segment.AppendString(appendName(b, name), value)
		}
	}
	number := func(name string, n uint64) {
		if n != 0 {
			b = strconv.AppendUint(appendName(b, name), n, 10)
		}
	}
	span := e.span
	if e.born == roleNone {
		if span.Name() != name {
			str("span.name", span.Name())
		}
		if k := span.Kind(); k == ptrace.SpanKindConsumer || k == ptrace.SpanKindProducer ||
			k == ptrace.SpanKindInternal && !e.sub {
			str("span.kind", strings.ToUpper(k.String()))
		}
		if span.Status().Code() == ptrace.StatusCodeOk {
			str("status.code", "OK")
		}
	}
	if text := span.Status().Message(); text != "" && !m.saidByException(e, text) {
		str("status.message", text)
	}
	str("trace_state", span.TraceState().AsRaw())
	str("scope.name", scope.Name())
	str("scope.version", scope.Version())
	if scope.Attributes().Len() > 0 {
		b = appendName(b, "scope.attributes")
		b = appendAttributes(b, scope.Attributes())
	}
	// The lower 8 bits are those of the W3C trace flags; bit 0 is set on every
	// sampled span and bits 8 and 9 only say whether the parent is remote.
	number("span.flags", uint64(span.Flags()&^0x301))
	number("span.dropped_attributes", uint64(span.DroppedAttributesCount()))
	number("span.dropped_events", uint64(span.DroppedEventsCount()))
	number("span.dropped_links", uint64(span.DroppedLinksCount()))
	b = m.events(e, b)
	b = m.moreLinks(e, b)
	m.inside = b
	m.addMetadata(e, namespaceOTel, b)
}

// saidByException says whether the status message is also that of an exception.
func (m *mapper) saidByException(e *entity, text string) bool {
	for i := range e.exceptions {
		if e.exceptions[i].Message == text {
			return true
		}
	}
	return false
}

func appendAttributes(b []byte, attrs pcommon.Map) []byte {
	b = append(b, '{')
	first := true
	for name, value := range attrs.All() {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(segment.AppendString(b, name), ':')
		b = appendValue(b, value, 0)
	}
	return append(b, '}')
}

// events writes the events of a span: of exceptions that the cause shows, what
// it does not show.
func (m *mapper) events(e *entity, b []byte) []byte {
	before := len(b)
	first := true
	for i, event := range e.span.Events().All() {
		exception := event.Name() == eventException
		if exception && e.born != roleNone {
			continue
		}
		start := len(b)
		if first {
			b = append(appendName(b, "events"), '[')
		} else {
			b = append(b, ',')
		}
		b = segment.AppendString(append(b, `{"name":`...), event.Name())
		named := len(b)
		if event.Timestamp() != 0 {
			b = appendSeconds(append(b, `,"time":`...), event.Timestamp())
		}
		b = m.eventAttributes(e, i, event, b)
		if n := event.DroppedAttributesCount(); n != 0 {
			b = strconv.AppendUint(append(b, `,"dropped_attributes":`...), uint64(n), 10)
		}
		if exception && len(b) == named {
			b = b[:start]
			continue
		}
		b = append(b, '}')
		first = false
	}
	if len(b) > before {
		b = append(b, ']')
	}
	return b
}

// eventAttributes writes the attributes of an event that the cause does not show.
func (m *mapper) eventAttributes(e *entity, index int, event ptrace.SpanEvent, b []byte) []byte {
	exception := event.Name() == eventException
	attempt := e.born == roleNone && m.isFailedAttempt(event)
	none := true
	for name, value := range event.Attributes().All() {
		if exception && m.isShown(e, index, name) || attempt && (name == attemptStatus || name == attemptMessage) {
			continue
		}
		if none {
			b = append(b, `,"attributes":{`...)
		} else {
			b = append(b, ',')
		}
		none = false
		b = append(segment.AppendString(b, name), ':')
		b = appendValue(b, value, 0)
	}
	if none {
		return b
	}
	return append(b, '}')
}

// isShown says whether the cause shows this attribute of an exception event.
func (m *mapper) isShown(e *entity, event int, name string) bool {
	switch name {
	case exType, exMessage, exID, exRemote, exCause, exTruncated, exSkipped:
		return true
	case exStackTrace:
		_, unparsed := slices.BinarySearch(e.unparsed, event)
		return !unparsed
	}
	return false
}

// appendSeconds appends a time as epoch seconds, as documents have it.
func appendSeconds(b []byte, t pcommon.Timestamp) []byte {
	b = strconv.AppendUint(b, uint64(t)/1e9, 10)
	ns := uint64(t) % 1e9
	if ns == 0 {
		return b
	}
	digits := strconv.AppendUint(nil, 1e9+ns, 10)
	digits[0] = '.'
	return append(b, strings.TrimRight(string(digits), "0")...)
}
