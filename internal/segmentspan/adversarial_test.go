package segmentspan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// Whatever an application sends must become documents that X-Ray takes, or be
// counted. The tests here send what no specification allows.

// strangeValues are values that no attribute should have.
var strangeValues = []struct {
	name string
	set  func(v pcommon.Value)
}{
	{"nothing", func(pcommon.Value) {}},
	{"empty text", func(v pcommon.Value) { v.SetStr("") }},
	{"blank", func(v pcommon.Value) { v.SetStr(" ") }},
	{"text", func(v pcommon.Value) { v.SetStr("x") }},
	{"number as text", func(v pcommon.Value) { v.SetStr("404") }},
	{"large number as text", func(v pcommon.Value) { v.SetStr("99999999999999999999") }},
	{"JSON as text", func(v pcommon.Value) { v.SetStr(`{"a":[1,{"a":null}]}`) }},
	{"broken JSON as text", func(v pcommon.Value) { v.SetStr(`{"a":[1,`) }},
	{"id as text", func(v pcommon.Value) { v.SetStr("00f067aa0ba902b7") }},
	{"quotes and controls", func(v pcommon.Value) { v.SetStr("\"\\\x00\n\r\t\x1b\x7f\u2028</script>") }},
	{"no UTF-8", func(v pcommon.Value) { v.SetStr("\xff\xfe\xed\xa0\x80 \xc3") }},
	{"URL", func(v pcommon.Value) { v.SetStr("://[::1:%zz@/?#") }},
	{"separators", func(v pcommon.Value) { v.SetStr("&&,,;;//::@@") }},
	{"ARN", func(v pcommon.Value) { v.SetStr("arn:aws:logs:::log-group:") }},
	{"long text", func(v pcommon.Value) { v.SetStr(strings.Repeat("ü", 40_000)) }},
	{"zero", func(v pcommon.Value) { v.SetInt(0) }},
	{"negative", func(v pcommon.Value) { v.SetInt(-1) }},
	{"least", func(v pcommon.Value) { v.SetInt(math.MinInt64) }},
	{"greatest", func(v pcommon.Value) { v.SetInt(math.MaxInt64) }},
	{"NaN", func(v pcommon.Value) { v.SetDouble(math.NaN()) }},
	{"infinite", func(v pcommon.Value) { v.SetDouble(math.Inf(-1)) }},
	{"large", func(v pcommon.Value) { v.SetDouble(1e300) }},
	{"small", func(v pcommon.Value) { v.SetDouble(-5e-324) }},
	{"whole", func(v pcommon.Value) { v.SetDouble(500) }},
	{"true", func(v pcommon.Value) { v.SetBool(true) }},
	{"false", func(v pcommon.Value) { v.SetBool(false) }},
	{"bytes", func(v pcommon.Value) { v.SetEmptyBytes().FromRaw([]byte{0, 255, '"'}) }},
	{"no bytes", func(v pcommon.Value) { v.SetEmptyBytes() }},
	{"empty map", func(v pcommon.Value) { v.SetEmptyMap() }},
	{"map", func(v pcommon.Value) {
		m := v.SetEmptyMap()
		m.PutEmpty("")
		m.PutDouble("a", math.NaN())
		m.PutEmptySlice("b").AppendEmpty().SetEmptyMap()
	}},
	{"deep map", func(v pcommon.Value) {
		for range 200 {
			v = v.SetEmptyMap().PutEmpty("m")
		}
	}},
	{"empty list", func(v pcommon.Value) { v.SetEmptySlice() }},
	{"list of nothing", func(v pcommon.Value) { v.SetEmptySlice().AppendEmpty() }},
	{"list of texts", func(v pcommon.Value) {
		l := v.SetEmptySlice()
		for _, s := range []string{"", "a", "a", "\xff", strings.Repeat("b", 300)} {
			l.AppendEmpty().SetStr(s)
		}
	}},
	{"mixed list", func(v pcommon.Value) {
		l := v.SetEmptySlice()
		l.AppendEmpty().SetStr("a")
		l.AppendEmpty().SetInt(1)
		l.AppendEmpty().SetEmptyMap().PutStr("a", "b")
	}},
	{"deep list", func(v pcommon.Value) {
		for range 200 {
			v = v.SetEmptySlice().AppendEmpty()
		}
	}},
}

var allKinds = []ptrace.SpanKind{
	ptrace.SpanKindUnspecified, ptrace.SpanKindInternal, ptrace.SpanKindServer,
	ptrace.SpanKindClient, ptrace.SpanKindProducer, ptrace.SpanKindConsumer, ptrace.SpanKind(99),
}

// adversary makes spans with ids of their own.
type adversary struct {
	td  ptrace.Traces
	ids uint64
}

func newAdversary() *adversary { return &adversary{td: ptrace.NewTraces()} }

// resource appends a resource with room for spans.
func (a *adversary) resource() (pcommon.Map, ptrace.ScopeSpans) {
	rs := a.td.ResourceSpans().AppendEmpty()
	return rs.Resource().Attributes(), rs.ScopeSpans().AppendEmpty()
}

// span appends a span with a trace of its own that is well but for what the
// caller does to it.
func (a *adversary) span(ss ptrace.ScopeSpans) ptrace.Span {
	a.ids++
	var trace pcommon.TraceID
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(trace[8:], a.ids)
	binary.BigEndian.PutUint64(id[:], a.ids)
	trace[0] = 0x6a
	span := ss.Spans().AppendEmpty()
	span.SetTraceID(trace)
	span.SetSpanID(id)
	span.SetName("checkout")
	span.SetStartTimestamp(1_760_000_000_000_000_000)
	span.SetEndTimestamp(1_760_000_000_250_000_000)
	return span
}

// strangeCompany is what a span has beside the strange value, so that each part
// of the mapping looks at it.
var strangeCompany = []func(ptrace.Span){
	func(ptrace.Span) {},
	func(span ptrace.Span) {
		span.Attributes().PutStr("http.request.method", "GET")
		span.Attributes().PutStr("db.system", "mysql")
		span.Attributes().PutStr("rpc.system", "aws-api")
		span.Attributes().PutStr("messaging.system", "aws_sqs")
	},
	func(span ptrace.Span) {
		span.Attributes().PutStr("aws.span.kind", "LOCAL_ROOT")
		span.Attributes().PutStr("aws.local.service", "shop")
		span.Attributes().PutStr("aws.remote.service", "AWS::SQS")
	},
	func(span ptrace.Span) { span.Attributes().PutStr("aws.xray.document", "segment") },
	func(span ptrace.Span) {
		span.Attributes().PutStr("aws.xray.document", "subsegment")
		span.SetParentSpanID(pcommon.SpanID{1})
	},
	func(span ptrace.Span) {
		span.Attributes().PutStr("aws.xray.document", "embedded")
		span.SetParentSpanID(pcommon.SpanID{1})
	},
}

func TestAdversarialSpanAttributes(t *testing.T) {
	for k := noKey + 1; k < numKeys; k++ {
		name := keyNames[k]
		t.Run(name, func(t *testing.T) {
			a := newAdversary()
			res, ss := a.resource()
			res.PutStr("service.name", "shop")
			// Each value in three of the circumstances, each key in all.
			for j, value := range strangeValues {
				for i := range 3 {
					span := a.span(ss)
					span.SetKind(allKinds[(3*j+i)%len(allKinds)])
					strangeCompany[(j+2*i)%len(strangeCompany)](span)
					value.set(span.Attributes().PutEmpty(name))
				}
			}
			encodeChecked(t, a.td, Options{})
		})
	}
}

func TestAdversarialResourceAttributes(t *testing.T) {
	for k := noKey + 1; k < numKeys; k++ {
		name := keyNames[k]
		t.Run(name, func(t *testing.T) {
			a := newAdversary()
			platforms := []string{"", "aws_ec2", "aws_ecs", "aws_eks", "aws_elastic_beanstalk", "AWS_Lambda", "gcp_cloud_run"}
			for j, value := range strangeValues {
				for i := range 2 {
					res, ss := a.resource()
					res.PutStr("cloud.platform", platforms[(2*j+i)%len(platforms)])
					value.set(res.PutEmpty(name))
					span := a.span(ss)
					span.SetKind(allKinds[(i+j)%len(allKinds)])
					strangeCompany[j%len(strangeCompany)](span)
				}
			}
			encodeChecked(t, a.td, Options{LogGroups: []string{"", "a&b"}})
		})
	}
}

// Events, links, the scope and indexed attributes with strange values.
func TestAdversarialParts(t *testing.T) {
	for _, value := range strangeValues {
		t.Run(value.name, func(t *testing.T) {
			a := newAdversary()
			res, ss := a.resource()
			value.set(ss.Scope().Attributes().PutEmpty("scope"))
			ss.Scope().SetName("\xff")
			value.set(res.PutEmpty("custom"))
			for _, language := range []string{"java", "python", "nodejs", "go", "dotnet", "php", "ruby", "rust", ""} {
				res.PutStr("telemetry.sdk.language", language)
				for i, company := range strangeCompany {
					for _, key := range []string{"exception.type", "exception.message", "exception.stacktrace", "exception.escaped",
						"aws.xray.exception.id", "aws.xray.exception.remote", "aws.xray.exception.truncated", "aws.xray.exception.skipped",
						"aws.xray.exception.cause", "aws.xray.exception.stack", "aws.xray.json./type", "aws.xray.json./stack", "type", "id", ""} {
						if (key != "exception.stacktrace" && language != "java") || value.name == "long text" && i > 0 {
							continue // no language, or no company, makes a difference
						}
						span := a.span(ss)
						company(span)
						event := span.Events().AppendEmpty()
						event.SetName("exception")
						value.set(event.Attributes().PutEmpty(key))
						event = span.Events().AppendEmpty()
						event.SetName("HTTP request failure")
						value.set(event.Attributes().PutEmpty("http.response.status_code"))
						value.set(event.Attributes().PutEmpty("aws.http.error_message"))
						event = span.Events().AppendEmpty()
						value.set(event.Attributes().PutEmpty("message.type"))
						link := span.Links().AppendEmpty()
						value.set(link.Attributes().PutEmpty(key))
						link.TraceState().FromRaw("\xff,=")
						span.TraceState().FromRaw("\"\x00")
						value.set(span.Attributes().PutEmpty("custom"))
						value.set(span.Attributes().PutEmpty("custom key"))
						value.set(span.Attributes().PutEmpty("custom-key"))
						value.set(span.Attributes().PutEmpty(""))
						value.set(span.Attributes().PutEmpty("\xff"))
					}
				}
			}
			encodeChecked(t, a.td, Options{})
			encodeChecked(t, a.td, Options{IndexAllAttributes: true})
			encodeChecked(t, a.td, Options{IndexedAttributes: []string{"", "custom", "custom key", "custom-key", "\xff", "otel.resource.custom"}})
		})
	}
}

// The homes of members that have no attribute of their own hold JSON, or
// should.
func TestAdversarialJSONHomes(t *testing.T) {
	pointers := []string{
		"", "/", "//", "/~", "/~2", "/name", "/id", "/trace_id", "/parent_id", "/type", "/start_time", "/end_time", "/in_progress", "/subsegments",
		"/subsegments/0/name", "/annotations", "/annotations/a", "/annotations/", "/metadata", "/metadata/default", "/metadata/default/a", "/metadata/otel",
		"/http", "/http/request", "/http/request/method", "/http/request/method/x", "/http/response/status", "/http/response/content_length",
		"/aws", "/aws/ec2", "/aws/ec2/instance_id", "/aws/ecs/x/y/z", "/aws/cloudwatch_logs", "/aws/cloudwatch_logs/0", "/aws/elastic_beanstalk/deployment_id", "/aws/xray/sdk",
		"/sql", "/sql/url", "/cause", "/cause/id", "/cause/exceptions", "/cause/exceptions/0/id", "/cause/working_directory", "/cause/paths",
		"/service", "/service/version", "/links", "/links/0", "/precursor_ids", "/error", "/fault", "/throttle", "/origin", "/user", "/namespace", "/traced", "/inferred",
		"/x", "/x/y", "/x/y/z", "/a~1b/~0", "/\xff", strings.Repeat("/x", 5000),
	}
	values := []string{
		"", " ", "null", "true", "0", "-0", "1e999", "404", `"404"`, `""`, `"x"`, `"00f067aa0ba902b7"`, "[]", "{}", "[null]", "[[]]", `[{"id":1}]`,
		`{"name":"y","id":"00f067aa0ba902b8","start_time":1}`, `[{"name":"y","id":"00f067aa0ba902b8","start_time":1}]`, "{", `{"a"}`, "[1,]", "nul", "'x'", "\xff", "\"\xff\"", `"\ud800"`,
		strings.Repeat("[", 5000) + strings.Repeat("]", 5000), `{"a":` + strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3001),
		`"` + strings.Repeat("x", 100_000) + `"`,
	}
	for _, prefix := range []string{"aws.xray.json.", "aws.xray.metadata."} {
		for _, company := range strangeCompany {
			a := newAdversary()
			res, ss := a.resource()
			res.PutStr("service.name", "shop")
			for _, pointer := range pointers {
				for _, value := range values {
					span := a.span(ss)
					company(span)
					span.Attributes().PutStr(prefix+pointer, value)
					span.Attributes().PutStr("custom", "x")
				}
			}
			encodeChecked(t, a.td, Options{})
		}
	}
	// Homes that contradict one another, in either order.
	a := newAdversary()
	_, ss := a.resource()
	for i, one := range pointers {
		for _, two := range pointers[i+1:] {
			for _, company := range strangeCompany {
				span := a.span(ss)
				company(span)
				span.Attributes().PutStr("aws.xray.json."+one, `{"a":1}`)
				span.Attributes().PutStr("aws.xray.json."+two, `"x"`)
			}
		}
	}
	encodeChecked(t, a.td, Options{})
}

// Names, ids and times that a span should not have.
func TestAdversarialSpans(t *testing.T) {
	a := newAdversary()
	_, ss := a.resource()
	for _, kind := range allKinds {
		for _, name := range []string{"", " ", "\x00", "\xff", "€", "()[]{}", strings.Repeat("名", 300), strings.Repeat("a", 100_000), "日本語 サービス"} {
			span := a.span(ss)
			span.SetName(name)
			span.SetKind(kind)
			for _, key := range []string{"aws.local.service", "aws.remote.service", "peer.service", "server.address", "http.host", "rpc.service", "url.full"} {
				span := a.span(ss)
				span.SetKind(kind)
				span.Attributes().PutStr(key, name)
			}
			res, other := a.resource()
			res.PutStr("service.name", name)
			span = a.span(other)
			span.SetKind(kind)
		}
		for _, company := range strangeCompany {
			for _, start := range []pcommon.Timestamp{0, 1, 1_760_000_000_000_000_000, math.MaxInt64, math.MaxUint64} {
				for _, end := range []pcommon.Timestamp{0, 1, 1_760_000_000_000_000_000, math.MaxInt64, math.MaxUint64} {
					span := a.span(ss)
					span.SetKind(kind)
					company(span)
					span.SetStartTimestamp(start)
					span.SetEndTimestamp(end)
				}
			}
			span := a.span(ss)
			company(span)
			span.SetTraceID(pcommon.TraceID{})
			span = a.span(ss)
			company(span)
			span.SetSpanID(pcommon.SpanID{})
			span = a.span(ss)
			company(span)
			span.SetParentSpanID(span.SpanID()) // its own parent
			span.Status().SetCode(ptrace.StatusCode(77))
		}
	}
	// Parts that hold nothing.
	a.td.ResourceSpans().AppendEmpty()
	a.td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	a.td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	encodeChecked(t, a.td, Options{})
	encodeChecked(t, a.td, Options{ValidateTimestamp: true})
	encodeChecked(t, ptrace.NewTraces(), Options{})
}

// Trees that are no trees: rings, twins, chains that are too deep, families
// that are too large.
func TestAdversarialTrees(t *testing.T) {
	for _, born := range []string{"", "segment", "subsegment", "embedded", "nonsense"} {
		for _, tt := range []struct {
			name   string
			spans  int
			parent func(i int) int // of span i; -1 for none
			id     func(i int) int
		}{
			{"ring of 2", 2, func(i int) int { return 1 - i }, nil},
			{"ring of 100", 100, func(i int) int { return (i + 1) % 100 }, nil},
			{"ring with a tail", 100, func(i int) int { return max(i-1, 0) }, nil},
			{"chain down", 3000, func(i int) int { return i - 1 }, nil},
			{"chain up", 3000, func(i int) int { return i + 1 }, nil},
			{"star", 3000, func(i int) int { return min(i, 1) - 1 }, nil},
			{"twins", 50, func(int) int { return -1 }, func(int) int { return 7 }},
			{"twins of the parent", 50, func(int) int { return 7 }, func(i int) int { return 7 + i%2 }},
			{"binary", 1000, func(i int) int { return (i+1)/2 - 1 }, nil},
		} {
			t.Run(born+"/"+tt.name, func(t *testing.T) {
				a := newAdversary()
				res, ss := a.resource()
				res.PutStr("service.name", "shop")
				_, other := a.resource()
				spanID := func(i int) (id pcommon.SpanID) {
					if i >= 0 {
						binary.BigEndian.PutUint64(id[:], uint64(i)+1)
					}
					return id
				}
				for i := range tt.spans {
					span := a.span(ss)
					if i%17 == 16 {
						span = a.span(other)
					}
					span.SetTraceID(pcommon.TraceID{0x6a, 15: 1})
					span.SetSpanID(spanID(i))
					if tt.id != nil {
						span.SetSpanID(spanID(tt.id(i)))
					}
					span.SetParentSpanID(spanID(tt.parent(i)))
					span.SetKind(allKinds[i%len(allKinds)])
					if born != "" {
						span.Attributes().PutStr("aws.xray.document", born)
					}
					if i%5 == 4 {
						span.Attributes().PutBool("aws.xray.inprogress", true)
					}
				}
				encoded := encodeChecked(t, a.td, Options{})
				if tt.id == nil && len(encoded.Invalid) > 0 {
					t.Errorf("spans were refused: %v", encoded.Invalid)
				}
			})
		}
	}
}

// Many of everything in one span.
func TestAdversarialCrowds(t *testing.T) {
	a := newAdversary()
	_, ss := a.resource()
	for _, company := range strangeCompany {
		span := a.span(ss)
		company(span)
		var annotations pcommon.Slice
		for i := range 3000 {
			name := fmt.Sprintf("attribute %d", i)
			span.Attributes().PutStr(name, strings.Repeat("v", 50))
			if i == 0 {
				annotations = span.Attributes().PutEmptySlice("aws.xray.annotations")
			}
			annotations.AppendEmpty().SetStr(name)
			span.Attributes().PutStr(fmt.Sprintf("aws.xray.metadata.ns%d", i), `{"a":"`+strings.Repeat("v", 50)+`"}`)
			span.Attributes().PutStr(fmt.Sprintf("aws.xray.json./x%d/y", i), `"`+strings.Repeat("v", 50)+`"`)
		}
		span = a.span(ss)
		company(span)
		for i := range 3000 {
			event := span.Events().AppendEmpty()
			event.SetName("exception")
			event.Attributes().PutStr("exception.type", fmt.Sprint("E", i))
			event.Attributes().PutStr("exception.stacktrace", strings.Repeat("\tat a.b(C.java:1)\n", 50))
			link := span.Links().AppendEmpty()
			link.SetTraceID(pcommon.TraceID{1})
			link.SetSpanID(pcommon.SpanID{1})
			link.Attributes().PutStr("a", strings.Repeat("v", 50))
		}
	}
	encodeChecked(t, a.td, Options{})
	encodeChecked(t, a.td, Options{IndexAllAttributes: true})
}

// The same name twice is no valid OTLP, but it arrives.
func TestAdversarialTwinAttributes(t *testing.T) {
	var unmarshaler ptrace.ProtoUnmarshaler
	marshaler := ptrace.ProtoMarshaler{}
	for k := noKey + 1; k < numKeys; k++ {
		a := newAdversary()
		res, ss := a.resource()
		// Names of one length, exchanged in the encoded bytes.
		stand := strings.Repeat("~", len(keyNames[k]))
		res.PutStr(keyNames[k], "one")
		res.PutStr(stand, "two")
		for _, company := range strangeCompany {
			span := a.span(ss)
			company(span)
			span.Attributes().PutStr(keyNames[k], "one")
			span.Attributes().PutStr(stand, "two")
		}
		data, err := marshaler.MarshalTraces(a.td)
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.ReplaceAll(data, []byte(stand), []byte(keyNames[k]))
		td, err := unmarshaler.UnmarshalTraces(data)
		if err != nil {
			t.Fatal(err)
		}
		encodeChecked(t, td, Options{})
		encodeChecked(t, td, Options{IndexAllAttributes: true})
	}
}

// encodeChecked encodes and checks what must hold for all spans there are: each
// is counted once, each document is one that X-Ray takes, and the spans are as
// they were.
func encodeChecked(t *testing.T, td ptrace.Traces, o Options) Encoded {
	t.Helper()
	before, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	encoded := NewEncoder(o).FromTraces(td)
	after, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the spans were modified")
	}
	counted := encoded.Spans + encoded.Unsampled + encoded.Superseded
	for _, n := range encoded.Invalid {
		counted += n
	}
	if counted != td.SpanCount() {
		t.Errorf("%d of %d spans are counted: %d encoded, %d unsampled, %d superseded, invalid %v",
			counted, td.SpanCount(), encoded.Spans, encoded.Unsampled, encoded.Superseded, encoded.Invalid)
	}
	fromXRay := map[segment.ID]bool{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if _, ok := span.Attributes().Get("aws.xray.document"); ok {
					fromXRay[segment.ID(span.SpanID())] = true
				}
			}
		}
	}
	entities := 0
	var decoder segment.Decoder
	for _, part := range encoded.Parts {
		if problem := documentProblem(&decoder, part, fromXRay[part.ID], &entities); problem != "" {
			t.Fatalf("%s in document %.600s", problem, part.JSON)
		}
	}
	if entities < encoded.Spans {
		t.Errorf("%d spans became %d entities", encoded.Spans, entities)
	}
	return encoded
}

// documentProblem says what is wrong with a document. What came from X-Ray's
// SDKs goes on as it came, also with a name that X-Ray does not take, and without
// a parent or an end.
func documentProblem(decoder *segment.Decoder, part segment.Part, fromXRay bool, entities *int) string {
	if len(part.JSON) > segment.MaxDocumentBytes {
		return fmt.Sprintf("%d bytes", len(part.JSON))
	}
	if !json.Valid(part.JSON) {
		return "no JSON"
	}
	if path := twinMember(part.JSON); path != "" {
		return fmt.Sprintf("member %q twice", path)
	}
	s, err := decoder.Decode(string(part.JSON))
	if err != nil {
		return err.Error()
	}
	for _, problem := range s.Check() {
		if !fromXRay || problem.Kind != "missing_parent_id" && problem.Kind != "missing_end_time" && problem.Kind != "invalid_name" {
			return problem.Error()
		}
	}
	if s.ID != part.ID || s.TraceID != part.TraceID {
		return fmt.Sprintf("part says id %s", part.ID)
	}
	*entities += countEntities(s)
	return ""
}

// twinMember returns the name of a member that an object has twice.
func twinMember(doc []byte) string {
	type level struct {
		names map[string]bool // nil in an array
		name  bool            // a name comes next
	}
	var stack []level
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return ""
		}
		top := len(stack) - 1
		if top >= 0 && stack[top].name {
			if name, ok := token.(string); ok {
				if stack[top].names[name] {
					return name
				}
				stack[top].names[name] = true
				stack[top].name = false
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, level{names: map[string]bool{}, name: true})
			continue
		case json.Delim('['):
			stack = append(stack, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = slices.Delete(stack, top, top+1)
			top--
		}
		if top >= 0 && stack[top].names != nil {
			stack[top].name = true
		}
	}
}

// FuzzCombinations lets the fuzzer write spans in a small language: each three
// bytes say where an attribute goes, which one it is and what it holds.
func FuzzCombinations(f *testing.F) {
	names := []string{
		"custom", "", "exception.type", "exception.message", "exception.stacktrace", "aws.xray.exception.id", "aws.xray.exception.cause", "aws.xray.exception.stack",
		"aws.xray.metadata.default", "aws.xray.metadata.otel", "aws.xray.metadata.", "aws.xray.json./annotations/custom", "aws.xray.json./~", "aws.xray.json./aws/~",
	}
	for pointer := range fieldPointers {
		names = append(names, "aws.xray.json."+pointer)
	}
	slices.Sort(names)
	for k := noKey + 1; k < numKeys; k++ {
		names = append(names, keyNames[k])
	}
	documents := []string{"segment", "subsegment", "embedded"}
	f.Add([]byte{})
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		script := make([]byte, 3*r.IntN(60))
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		a := newAdversary()
		res, ss := a.resource()
		span := a.span(ss)
		trace := span.TraceID()
		for ; len(script) >= 3; script = script[3:] {
			place, which, what := script[0], int(script[1])|int(script[0]&1)<<8, int(script[2])
			name := names[which%len(names)]
			set := strangeValues[what%len(strangeValues)].set
			if strangeValues[what%len(strangeValues)].name == "long text" {
				set = func(v pcommon.Value) { v.SetStr("[]") }
			}
			switch place >> 1 % 16 {
			case 0:
				parent := span.SpanID()
				span = a.span(ss)
				span.SetTraceID(trace)
				span.SetParentSpanID(parent)
			case 1:
				res, ss = a.resource()
			case 2:
				span.SetKind(allKinds[what%len(allKinds)])
			case 3:
				span.Attributes().PutStr("aws.xray.document", documents[what%len(documents)])
			case 4:
				span.Status().SetCode(ptrace.StatusCode(what % 4))
				span.Status().SetMessage(name)
			case 5, 6:
				event := span.Events().AppendEmpty()
				event.SetName("exception")
				set(event.Attributes().PutEmpty(name))
			case 7:
				link := span.Links().AppendEmpty()
				link.SetTraceID(pcommon.TraceID{15: byte(what)})
				set(link.Attributes().PutEmpty(name))
			case 8:
				set(res.PutEmpty(name))
			case 9:
				span.SetParentSpanID(pcommon.SpanID{7: byte(what % 8)})
			case 10:
				span.SetSpanID(pcommon.SpanID{7: byte(what % 8)})
			default:
				set(span.Attributes().PutEmpty(name))
			}
		}
		one := encodeChecked(t, a.td, Options{})
		two := encodeChecked(t, a.td, Options{})
		if !reflect.DeepEqual(one, two) {
			t.Errorf("sent again the spans make other documents:\n%s\n%s", one.Parts, two.Parts)
		}
		encodeChecked(t, a.td, Options{IndexAllAttributes: true, IndexedAttributes: names[:20], LogGroups: []string{"orders"}})
	})
}
