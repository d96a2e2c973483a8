package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// rebuilder makes spans of rows.
type rebuilder struct {
	td    ptrace.Traces
	spans int
	// scopes are where the rows of one resource and scope go, by all that the
	// row says of these.
	scopes  map[string]ptrace.ScopeSpans
	key     []byte
	strings interner
}

func newRebuilder() *rebuilder {
	return &rebuilder{td: ptrace.NewTraces(), scopes: map[string]ptrace.ScopeSpans{}, strings: interner{}}
}

// take returns the spans added since the last call.
func (b *rebuilder) take() ptrace.Traces {
	td := b.td
	b.td, b.spans = ptrace.NewTraces(), 0
	clear(b.scopes)
	return td
}

// originLeaves are the columns that say what resource and scope a span has.
var originLeaves = func() []leaf {
	list := []leaf{
		leafResourceAttributesKey, leafResourceAttributesValue, leafScopeAttributesKey, leafScopeAttributesValue,
		colResourceAttributeTypes, colScopeAttributeTypes, colResourceEntityRefs,
		colResourceDroppedAttributesCount, colScopeDroppedAttributesCount,
		colResourceSchemaURL, colScopeSchemaURL, colScopeName, colScopeVersion,
	}
	for column := range hotResourceSources {
		list = append(list, column)
	}
	slices.Sort(list)
	return list
}()

// add makes the span of one row.
func (b *rebuilder) add(row *rowValues) error {
	b.spans++
	if raw := row[colRaw]; present(raw) {
		return b.addRaw(raw[0].ByteArray())
	}
	ss, err := b.scope(row)
	if err != nil {
		return err
	}
	return b.span(row, ss.Spans().AppendEmpty())
}

func (b *rebuilder) addRaw(raw []byte) error {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(raw)
	if err == nil && td.SpanCount() != 1 {
		err = fmt.Errorf("it has %d spans", td.SpanCount())
	}
	if err != nil {
		return fmt.Errorf("raw: %w", err)
	}
	td.ResourceSpans().MoveAndAppendTo(b.td.ResourceSpans())
	return nil
}

// scope returns where spans of the row's resource and scope go.
func (b *rebuilder) scope(row *rowValues) (ptrace.ScopeSpans, error) {
	b.key = b.key[:0]
	for _, l := range originLeaves {
		for i := range row[l] {
			b.key = appendValue(b.key, &row[l][i])
		}
		b.key = append(b.key, 0xff)
	}
	if ss, found := b.scopes[string(b.key)]; found {
		return ss, nil
	}
	rs := b.td.ResourceSpans().AppendEmpty()
	ss := rs.ScopeSpans().AppendEmpty()
	res, scope := rs.Resource(), ss.Scope()
	if err := b.attributes(res.Attributes(), row, row[resourceMap.types], row[resourceMap.key], row[resourceMap.value], &hotResource); err != nil {
		return ss, fmt.Errorf("resource_attributes: %w", err)
	}
	res.SetDroppedAttributesCount(count(row[colResourceDroppedAttributesCount]))
	rs.SetSchemaUrl(b.text(row[colResourceSchemaURL]))
	if refs := row[colResourceEntityRefs]; present(refs) {
		if err := setEntityRefs(res, string(refs[0].ByteArray())); err != nil {
			return ss, err
		}
	}
	scope.SetName(b.text(row[colScopeName]))
	scope.SetVersion(b.text(row[colScopeVersion]))
	if err := b.attributes(scope.Attributes(), row, row[scopeMap.types], row[scopeMap.key], row[scopeMap.value], nil); err != nil {
		return ss, fmt.Errorf("scope_attributes: %w", err)
	}
	scope.SetDroppedAttributesCount(count(row[colScopeDroppedAttributesCount]))
	ss.SetSchemaUrl(b.text(row[colScopeSchemaURL]))
	b.scopes[string(b.key)] = ss
	return ss, nil
}

// appendValue appends a value so that different values differ.
func appendValue(dst []byte, v *parquet.Value) []byte {
	dst = append(dst, byte(v.RepetitionLevel()), byte(v.DefinitionLevel()))
	if v.Kind() == parquet.ByteArray {
		text := v.ByteArray()
		dst = binary.AppendUvarint(dst, uint64(len(text)))
		return append(dst, text...)
	}
	return binary.LittleEndian.AppendUint64(dst, v.Uint64())
}

func (b *rebuilder) span(row *rowValues, span ptrace.Span) error {
	trace, err := idOf[[16]byte](row[colTraceID])
	if err != nil {
		return fmt.Errorf("trace_id: %w", err)
	}
	id, err := idOf[[8]byte](row[colSpanID])
	if err != nil {
		return fmt.Errorf("span_id: %w", err)
	}
	span.SetTraceID(trace)
	span.SetSpanID(id)
	if parent := row[colParentSpanID]; present(parent) {
		id, err := idOf[[8]byte](parent)
		if err != nil {
			return fmt.Errorf("parent_span_id: %w", err)
		}
		span.SetParentSpanID(id)
	}
	span.TraceState().FromRaw(b.text(row[colTraceState]))
	span.SetFlags(count(row[colFlags]))
	start := row[colStartTimeUnixNano][0].Int64()
	span.SetStartTimestamp(pcommon.Timestamp(start))
	if duration := row[colDurationNano]; present(duration) {
		span.SetEndTimestamp(pcommon.Timestamp(start + duration[0].Int64()))
	}
	span.SetName(b.text(row[colName]))
	kind, err := numberOf(kindNames[:], row[colKind])
	if err != nil {
		return fmt.Errorf("kind: %w", err)
	}
	span.SetKind(ptrace.SpanKind(kind))
	code, err := numberOf(statusNames[:], row[colStatusCode])
	if err != nil {
		return fmt.Errorf("status_code: %w", err)
	}
	span.Status().SetCode(ptrace.StatusCode(code))
	span.Status().SetMessage(b.text(row[colStatusMessage]))
	span.SetDroppedAttributesCount(count(row[colDroppedAttributesCount]))
	span.SetDroppedEventsCount(count(row[colDroppedEventsCount]))
	span.SetDroppedLinksCount(count(row[colDroppedLinksCount]))
	if err := b.attributes(span.Attributes(), row, row[spanMap.types], row[spanMap.key], row[spanMap.value], &hotSpan); err != nil {
		return fmt.Errorf("attributes: %w", err)
	}
	if err := b.events(row, span.Events()); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	if err := b.links(row, span.Links()); err != nil {
		return fmt.Errorf("links: %w", err)
	}
	return nil
}

// attributes rebuilds a map from its types, its entries and flat columns.
func (b *rebuilder) attributes(dst pcommon.Map, row *rowValues, types, keys, values []parquet.Value, hot *hotAttributes) error {
	if len(keys) != len(values) {
		return errors.New("keys and values do not match")
	}
	if len(keys) == 1 && keys[0].IsNull() {
		keys, values = nil, nil // an empty map
	}
	if !present(types) {
		dst.EnsureCapacity(len(keys))
		for i := range keys {
			dst.PutStr(b.strings.of(keys[i].ByteArray()), b.strings.of(values[i].ByteArray()))
		}
		return nil
	}
	list := types[0].ByteArray()
	dst.EnsureCapacity(len(list))
	next := 0
	for i := 0; i < len(list); i++ {
		if c := list[i]; c < 'A' || c > 'Z' {
			if next == len(keys) {
				return fmt.Errorf("there are %d entries for the types %q", len(keys), list)
			}
			value := dst.PutEmpty(b.strings.of(keys[next].ByteArray()))
			if err := valueOf(value, c, b.strings.of(values[next].ByteArray())); err != nil {
				return fmt.Errorf("%q: %w", keys[next].ByteArray(), err)
			}
			next++
			continue
		}
		if err := b.hot(dst, row, string(list[i:min(i+2, len(list))]), hot); err != nil {
			return err
		}
		i++
	}
	if next != len(keys) {
		return fmt.Errorf("there are %d entries for the types %q", len(keys), list)
	}
	return nil
}

// hot adds an attribute that a flat column holds.
func (b *rebuilder) hot(dst pcommon.Map, row *rowValues, code string, hot *hotAttributes) error {
	if hot == nil {
		return fmt.Errorf("the code %q has no meaning here", code)
	}
	source, found := hot.byCode[code]
	if !found {
		return fmt.Errorf("the code %q is not known", code)
	}
	v := row[source.column]
	if !present(v) {
		return fmt.Errorf("%s is in column %s, which is NULL", source.name, flatColumns[source.column].name)
	}
	if flatColumns[source.column].kind == kindInt32 {
		dst.PutInt(source.name, int64(v[0].Int32()))
	} else {
		dst.PutStr(source.name, b.text(v))
	}
	return nil
}

func (b *rebuilder) events(row *rowValues, dst ptrace.SpanEventSlice) error {
	times := row[leafEventTime]
	if !present(times) {
		return nil
	}
	e := elements{row: row, n: len(times)}
	dst.EnsureCapacity(len(times))
	for i := range times {
		event := dst.AppendEmpty()
		event.SetTimestamp(pcommon.Timestamp(times[i].Int64()))
		event.SetName(b.text(e.at(leafEventName, i)))
		keys, values := e.entries(eventMap)
		if err := b.attributes(event.Attributes(), row, e.at(leafEventAttributeTypes, i), keys, values, nil); err != nil {
			return err
		}
		event.SetDroppedAttributesCount(count(e.at(leafEventDropped, i)))
	}
	return e.err()
}

func (b *rebuilder) links(row *rowValues, dst ptrace.SpanLinkSlice) error {
	ids := row[leafLinkTraceID]
	if !present(ids) {
		return nil
	}
	e := elements{row: row, n: len(ids)}
	dst.EnsureCapacity(len(ids))
	for i := range ids {
		link := dst.AppendEmpty()
		trace, err := idOf[[16]byte](ids[i:])
		if err != nil {
			return err
		}
		span := e.at(leafLinkSpanID, i)
		if !present(span) {
			return errors.New("span_id is missing")
		}
		id, err := idOf[[8]byte](span)
		if err != nil {
			return err
		}
		link.SetTraceID(trace)
		link.SetSpanID(id)
		link.TraceState().FromRaw(b.text(e.at(leafLinkTraceState, i)))
		link.SetFlags(count(e.at(leafLinkFlags, i)))
		keys, values := e.entries(linkMap)
		if err := b.attributes(link.Attributes(), row, e.at(leafLinkAttributeTypes, i), keys, values, nil); err != nil {
			return err
		}
		link.SetDroppedAttributesCount(count(e.at(leafLinkDropped, i)))
	}
	return e.err()
}

// elements reads the fields of the elements of a list.
type elements struct {
	row  *rowValues
	n    int
	next int // entry of the maps
	bad  bool
}

// at returns a field of one element, as the value of a flat column.
func (e *elements) at(l leaf, i int) []parquet.Value {
	values := e.row[l]
	if len(values) == 0 {
		return nil // not in the file
	}
	if len(values) != e.n {
		e.bad = true
		return nil
	}
	return values[i : i+1]
}

// entries returns those of the next element's map.
func (e *elements) entries(m mapColumns) (keys, values []parquet.Value) {
	keys, values = e.row[m.key], e.row[m.value]
	if len(keys) != len(values) || e.next >= len(keys) {
		e.bad = true
		return nil, nil
	}
	from := e.next
	for e.next++; e.next < len(keys) && keys[e.next].RepetitionLevel() > 1; e.next++ {
	}
	return keys[from:e.next], values[from:e.next]
}

func (e *elements) err() error {
	if e.bad {
		return errors.New("its columns do not match")
	}
	return nil
}

func present(v []parquet.Value) bool { return len(v) > 0 && !v[0].IsNull() }

func count(v []parquet.Value) uint32 {
	if !present(v) {
		return 0
	}
	return v[0].Uint32()
}

func (b *rebuilder) text(v []parquet.Value) string {
	if !present(v) {
		return ""
	}
	return b.strings.of(v[0].ByteArray())
}

// numberOf is the other direction of nameOf.
func numberOf(names []string, v []parquet.Value) (int32, error) {
	text := v[0].ByteArray()
	for i, name := range names {
		if string(text) == name {
			return int32(i), nil
		}
	}
	n, err := strconv.ParseInt(string(text), 10, 32)
	return int32(n), err
}

// interner keeps one copy of texts that come again and again. It is bounded in
// texts and in their length.
type interner map[string]string

const (
	maxInterned       = 8192
	maxInternedLength = 128
)

func (n interner) of(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > maxInternedLength {
		return string(b)
	}
	if s, found := n[string(b)]; found {
		return s
	}
	s := string(b)
	if len(n) >= maxInterned {
		clear(n)
	}
	n[s] = s
	return s
}
