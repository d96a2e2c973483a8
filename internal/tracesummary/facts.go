package tracesummary

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/filterexpr"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
)

// Tag says what a fact is. A span's facts are entries of a tag, a length and that many bytes, up to the
// tag TagEnd. Those with a key have it in front of the value in the same way.
type Tag byte

// The tags.
const (
	TagEnd Tag = iota
	TagService
	TagOrigin
	TagCallee
	TagCalleeAWS // as TagCallee, of the namespace aws
	TagHost
	TagMethod
	TagPath
	TagURL
	TagUserAgent
	TagClientIP
	TagUser
	TagARN
	TagString // an annotation, with a key
	TagNumber
	TagBool
	TagAttribute // for a sampling rule, with a key
)

// maxFact is how much of a value is kept.
const maxFact = 250

func appendFact(to []byte, tag Tag, value string) []byte {
	if value == "" {
		return to
	}
	value = cut(value)
	to = append(to, byte(tag), byte(len(value)))
	return append(to, value...)
}

func appendKeyed(to []byte, tag Tag, key, value string) []byte {
	value = cut(value)
	to = append(to, byte(tag), byte(len(key)))
	to = append(to, key...)
	to = append(to, byte(len(value)))
	return append(to, value...)
}

// cut shortens a value to maxFact bytes of whole characters.
func cut(s string) string {
	if len(s) <= maxFact {
		return s
	}
	n := maxFact
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Facts reads a span's facts one by one.
type Facts struct{ rest []byte }

// FactsOf returns the facts of a span of a trace.
func FactsOf(t *tracebuffer.Trace, s *tracebuffer.Span) Facts {
	if s.Facts == 0 {
		return Facts{}
	}
	return Facts{t.Facts[s.Facts-1:]}
}

// Next returns the next fact. The tag is TagEnd where there is none.
func (f *Facts) Next() (tag Tag, key, value []byte) {
	if len(f.rest) == 0 || f.rest[0] == byte(TagEnd) {
		f.rest = nil
		return TagEnd, nil, nil
	}
	tag = Tag(f.rest[0])
	f.rest = f.rest[1:]
	if tag >= TagString {
		key = f.take()
	}
	return tag, key, f.take()
}

func (f *Facts) take() []byte {
	n := int(f.rest[0])
	value := f.rest[1 : 1+n]
	f.rest = f.rest[1+n:]
	return value
}

// Wanted is what decisions read of spans: of the filters in use, and the keys
// of attributes of the sampling rules in use.
type Wanted struct {
	filterexpr.Fields
	Attributes []string
}

// Resource is what spans may ask of their resource.
type Resource struct {
	segmentspan.ResourceFacts
	Attributes pcommon.Map
}

// Describe makes the record of a span, and appends its facts to all.
func Describe(d *segmentspan.Describer, span ptrace.Span, res *Resource, want *Wanted, all []byte) (tracebuffer.Span, []byte) {
	f := d.Span(span, &res.ResourceFacts, want.HTTP)
	s := tracebuffer.Span{
		ID: ID64(span.SpanID()), Parent: ID64(span.ParentSpanID()),
		Start: uint64(span.StartTimestamp()), End: uint64(span.EndTimestamp()),
	}
	if s.Start == 0 {
		s.Start = s.End
	}
	if f.Status > 0 && f.Status < math.MaxUint16 {
		s.Status = uint16(f.Status)
	}
	for _, flag := range [...]struct {
		set  bool
		flag tracebuffer.Flags
	}{
		{f.Error, tracebuffer.Error}, {f.Throttle, tracebuffer.Throttle}, {f.Fault, tracebuffer.Fault},
		{f.InProgress, tracebuffer.InProgress}, {f.Segment, tracebuffer.Segment},
		{f.Callee != "", tracebuffer.Call},
		{span.Kind() == ptrace.SpanKindServer || span.Kind() == ptrace.SpanKindConsumer, tracebuffer.Serving},
	} {
		if flag.set {
			s.Flags |= flag.flag
		}
	}
	at := len(all)
	if f.Segment {
		if f.Service != res.Service {
			all = appendFact(all, TagService, f.Service)
		}
		all = appendFact(all, TagOrigin, f.Origin)
		all = appendFact(all, TagMethod, f.Method)
		host, path := split(f.URL)
		all = appendFact(appendFact(all, TagHost, host), TagPath, path)
		all = appendFact(all, TagARN, f.ResourceARN)
		for _, key := range want.Attributes {
			if value, ok := attributeOf(span, res, key); ok {
				all = appendKeyed(all, TagAttribute, key, value.AsString())
			}
		}
	} else if want.HTTP {
		all = appendFact(all, TagMethod, f.Method)
	}
	if s.Flags&tracebuffer.Call != 0 && (want.Nodes || want.Edges) {
		tag := TagCallee
		if f.Namespace == "aws" {
			tag = TagCalleeAWS
		}
		all = appendFact(all, tag, f.Callee)
	}
	if want.HTTP {
		all = appendFact(all, TagURL, f.URL)
		all = appendFact(all, TagUserAgent, f.UserAgent)
		all = appendFact(all, TagClientIP, f.ClientIP)
	}
	if want.Users {
		all = appendFact(all, TagUser, f.User)
	}
	for _, key := range want.Annotations {
		if value, ok := attributeOf(span, res, key); ok {
			all = appendAnnotation(all, key, value)
		}
	}
	if len(all) > at {
		s.Facts = uint32(at) + 1
		all = append(all, byte(TagEnd))
	}
	return s, all
}

// attributeOf finds an attribute of the span, else of its resource.
func attributeOf(span ptrace.Span, res *Resource, key string) (pcommon.Value, bool) {
	if value, ok := span.Attributes().Get(key); ok {
		return value, true
	}
	return res.Attributes.Get(key)
}

func appendAnnotation(to []byte, key string, value pcommon.Value) []byte {
	number := func(n float64) []byte {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], math.Float64bits(n))
		return appendKeyed(to, TagNumber, key, string(b[:]))
	}
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return appendKeyed(to, TagString, key, value.Str())
	case pcommon.ValueTypeInt:
		return number(float64(value.Int()))
	case pcommon.ValueTypeDouble:
		return number(value.Double())
	case pcommon.ValueTypeBool:
		text := "\x00"
		if value.Bool() {
			text = "\x01"
		}
		return appendKeyed(to, TagBool, key, text)
	}
	return to // X-Ray has no annotations of other types
}

func annotationValue(tag Tag, value []byte) any {
	switch tag {
	case TagNumber:
		return math.Float64frombits(binary.LittleEndian.Uint64(value))
	case TagBool:
		return value[0] == 1
	}
	return string(value)
}

// ID64 is a span ID as a number.
func ID64(id pcommon.SpanID) uint64 { return binary.BigEndian.Uint64(id[:]) }

// split takes host, without user and port, and path out of a URL. A URL that
// is only a path has no host.
func split(url string) (host, path string) {
	_, rest, found := strings.Cut(url, "://")
	if !found {
		if strings.HasPrefix(url, "/") {
			return "", untilQuery(url)
		}
		return "", ""
	}
	host, path = rest, "/"
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
		if rest[end] == '/' {
			path = untilQuery(rest[end:])
		}
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	if strings.HasPrefix(host, "[") {
		if end := strings.IndexByte(host, ']'); end > 0 {
			return host[1:end], path
		}
	}
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 {
		host = host[:colon]
	}
	return host, path
}

func untilQuery(path string) string {
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		return path[:end]
	}
	return path
}
