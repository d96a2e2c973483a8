package segment_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

const (
	someID    = `"id":"9b1d4e7f2a3c5a0a"`
	someTrace = `"trace_id":"1-68f3a1c0-5b2e4d9c81f07a36c4de1b20"`
	someStart = `"start_time":1760797120.1`
	required  = `"name":"a",` + someID + `,` + someTrace + `,` + someStart
)

// subsegments nests n levels of them.
func subsegments(n int) string {
	return strings.Repeat(`,"subsegments":[{"name":"s","id":"1111111111111111","start_time":1`, n) + strings.Repeat("}]", n)
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name string
		doc  string
		want segment.Error // Reason: a part of it
	}{
		{"nothing", "", segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "ends where an object is expected"}},
		{"no object", "[]", segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "has '[' at byte 0 where an object"}},
		{"byte order mark", "\ufeff{}", segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "has '\\ufeff' at byte 0"}},
		{"cut short", `{"name":"a`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "ends where the end of a string"}},
		{"text behind", `{` + required + `} x`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "'x' at byte"}},
		{"two documents", `{` + required + `}{}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "'{' at byte"}},
		{"NUL behind", `{` + required + "}\x00", segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: `'\x00' at byte`}},
		{"comma at the end", `{` + required + `,}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where the name of a member is expected"}},
		{"line break in a string", "{\"name\":\"a\nb\"}", segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where a character of a string"}},
		{"bad escape", `{"name":"\x"}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where an escaped character"}},
		{"bad hex", `{"name":"\u12g4"}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where a hex digit"}},
		{"bad number", `{` + required + `,"x":01}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "'1' at byte"}},
		{"no digits", `{` + required + `,"x":-}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where a value"}},
		{"no decimals", `{` + required + `,"x":1.}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where a value"}},
		{"no exponent", `{` + required + `,"end_time":1e+}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where a value"}},
		{"bad literal", `{` + required + `,"fault":falsy}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where a value"}},
		{"bad list", `{` + required + `,"precursor_ids":["1111111111111111";]}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where ',' or ']'"}},
		{"bad array", `{` + required + `,"x":[1 2]}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where ',' or ']'"}},
		{"bad object", `{` + required + `,"x":{"a" 2}}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where ':'"}},
		{"bad subsegments", `{` + required + `,"subsegments":[{"name":"s","id":"1111111111111111","start_time":1}}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where ',' or ']'"}},
		{"backslash at the end", `{"name":"\`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "ends where an escaped"}},
		{"no colon", `{"name" "a"}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_json", Reason: "where ':' is expected"}},
		{"too large", `{` + required + `,"x":"` + strings.Repeat("x", segment.MaxDecodeBytes) + `"}`, segment.Error{Code: "InvalidSegment", Kind: "too_large", Reason: "more than 1048576"}},
		{"value too deep", `{` + required + `,"x":` + strings.Repeat("[", 129) + strings.Repeat("]", 129) + `}`, segment.Error{Code: "InvalidSegment", Kind: "too_deep", Reason: "nests deeper than 128 levels"}},
		{"only brackets", `{` + required + `,"x":` + strings.Repeat("[", 500_000), segment.Error{Code: "InvalidSegment", Kind: "too_deep", Reason: "nests deeper"}},
		{"subsegments too deep", `{` + required + subsegments(129) + `}`, segment.Error{Code: "InvalidSegment", Kind: "too_deep", Reason: "nests subsegments deeper than 128 levels"}},

		{"no name", `{` + someID + `,` + someTrace + `,` + someStart + `}`, segment.Error{Code: "MissingName", Kind: "missing_name", Path: "name", Reason: "is missing"}},
		{"empty name", `{"name":"",` + someID + `}`, segment.Error{Code: "MissingName", Kind: "missing_name", Path: "name", Reason: "is empty"}},
		{"name is a number", `{"name":5}`, segment.Error{Code: "InvalidName", Kind: "invalid_name", Path: "name", Reason: "is not a string: 5"}},
		{"no id", `{"name":"a",` + someTrace + `,` + someStart + `}`, segment.Error{Code: "MissingId", Kind: "missing_id", Path: "id", Reason: "is missing"}},
		{"id too short", `{"id":"9b1d"}`, segment.Error{Code: "InvalidId", Kind: "invalid_id", Path: "id", Reason: `is not 16 hex digits: "9b1d"`}},
		{"id too long for a message", `{"id":"` + strings.Repeat("é", 100) + `"}`, segment.Error{Code: "InvalidId", Kind: "invalid_id", Path: "id", Reason: "é…"}},
		{"id of zeros", `{"id":"0000000000000000"}`, segment.Error{Code: "InvalidId", Kind: "invalid_id", Path: "id", Reason: "0000"}},
		{"id is null", `{"id":null}`, segment.Error{Code: "InvalidId", Kind: "invalid_id", Path: "id", Reason: "null"}},
		{"no start", `{"name":"a",` + someID + `,` + someTrace + `}`, segment.Error{Code: "MissingStartTime", Kind: "missing_start_time", Path: "start_time", Reason: "is missing"}},
		{"start is text", `{"start_time":"1760797120.1"}`, segment.Error{Code: "InvalidStartTime", Kind: "invalid_start_time", Path: "start_time", Reason: `"1760797120.1"`}},
		{"start is zero", `{"start_time":0}`, segment.Error{Code: "InvalidStartTime", Kind: "invalid_start_time", Path: "start_time", Reason: ": 0"}},
		{"start is negative", `{"start_time":-1}`, segment.Error{Code: "InvalidStartTime", Kind: "invalid_start_time", Path: "start_time", Reason: ": -1"}},
		{"start in milliseconds", `{"start_time":1760797120100}`, segment.Error{Code: "InvalidStartTime", Kind: "invalid_start_time", Path: "start_time", Reason: "1760797120100"}},
		{"no trace id", `{"name":"a",` + someID + `,` + someStart + `}`, segment.Error{Code: "MissingTraceId", Kind: "missing_trace_id", Path: "trace_id", Reason: "is missing"}},
		{"bad trace id", `{"name":"a",` + someID + `,` + someStart + `,"trace_id":"1-68f3a1c0-5b2e4d9c81f07a36c4de1bZZ"}`, segment.Error{Code: "InvalidTraceId", Kind: "invalid_trace_id", Path: "trace_id", Reason: "ZZ"}},
		{"bad parent id", `{` + required + `,"parent_id":"x"}`, segment.Error{Code: "InvalidParentId", Kind: "invalid_parent_id", Path: "parent_id", Reason: `"x"`}},

		{"subsegment is no object", `{` + required + `,"subsegments":[{"name":"s","id":"1111111111111111","start_time":1},5]}`, segment.Error{Code: "InvalidSegment", Kind: "invalid_segment", Path: "subsegments[1]", Reason: "is not an object"}},
		{"deep name", `{` + required + `,"subsegments":[{"name":"s","id":"1111111111111111","start_time":1,"subsegments":[{"id":"1111111111111112","start_time":1}]}]}`, segment.Error{Code: "MissingName", Kind: "missing_name", Path: "subsegments[0].subsegments[0].name", Reason: "is missing"}},
		{"a long path", `{` + required + strings.Replace(subsegments(20), `,"subsegments":[{"name":"s","id":"1111111111111111","start_time":1}]`, `,"subsegments":[{}]`, 1) + `}`, segment.Error{Code: "MissingName", Kind: "missing_name", Path: strings.Repeat("subsegments[0].", 4) + "…." + strings.Repeat("subsegments[0].", 4) + "name", Reason: "is missing"}},
		{"path behind a nest", `{` + required + `,"subsegments":[{"name":"s","id":"1111111111111111","start_time":1,"subsegments":[{"name":"s","id":"1111111111111112","start_time":1}]},{"name":"s","start_time":1}]}`, segment.Error{Code: "MissingId", Kind: "missing_id", Path: "subsegments[1].id", Reason: "is missing"}},
	}
	var d segment.Decoder
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := d.Decode(test.doc)
			var got *segment.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(got.Reason, test.want.Reason) {
				t.Errorf("reason %q lacks %q", got.Reason, test.want.Reason)
			}
			if len(got.Error()) > 250 {
				t.Errorf("the message has %d bytes", len(got.Error()))
			}
			got.Reason = test.want.Reason
			if *got != test.want {
				t.Errorf("got  %+v\nwant %+v", *got, test.want)
			}
			// An error leaves nothing behind.
			if _, err := d.Decode(string(segmenttest.Mid())); err != nil {
				t.Errorf("the next document: %v", err)
			}
		})
	}
}

func TestDecodeTheAwkwardOnes(t *testing.T) {
	refused := map[string]string{
		"name missing":                           "missing_name",
		"id missing":                             "missing_id",
		"trace_id missing":                       "missing_trace_id",
		"start_time missing":                     "missing_start_time",
		"start_time is a string":                 "invalid_start_time",
		"id not hex":                             "invalid_id",
		"trace id not hex":                       "invalid_trace_id",
		"embedded subsegment without id":         "missing_id",
		"embedded subsegment without name":       "missing_name",
		"embedded subsegment without start_time": "missing_start_time",
	}
	text, err := os.ReadFile("testdata/invalid.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Why      string          `json:"why"`
		Document json.RawMessage `json:"document"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		t.Run(c.Why, func(t *testing.T) {
			s, err := segment.Decode(string(c.Document))
			var refusal *segment.Error
			kind := ""
			if errors.As(err, &refusal) {
				kind = refusal.Kind
			}
			if kind != refused[c.Why] {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				return
			}
			if diff := segmenttest.Equal(c.Document, s.AppendJSON(nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a field cannot hold is kept beside it.
func TestDecodeFieldOrExtra(t *testing.T) {
	const id = "aaaaaaaaaaaaaaa1"
	parsed, _ := segment.ParseID(id)
	number := func(n int64) segment.Int { return segment.Int{Value: n, Form: segment.NumberInt} }
	extra := func(name, value string) []segment.Member { return []segment.Member{{Name: name, Value: value}} }
	tests := []struct {
		members string
		want    segment.Segment
	}{
		{`"user":"u"`, segment.Segment{User: "u"}},
		{`"user":""`, segment.Segment{Extra: extra("user", `""`)}},
		{`"user":null`, segment.Segment{Extra: extra("user", "null")}},
		{`"user":{"a": [1]}`, segment.Segment{Extra: extra("user", `{"a": [1]}`)}},
		{`"user":"\ud83d\ude00\u00e9\ud800x\udc00\n\/"`, segment.Segment{User: "😀é\ufffdx\ufffd\n/"}},
		{"\"user\":\"\xff\xfeu\"", segment.Segment{User: "\ufffdu"}},
		{`"us\u0065r":"u"`, segment.Segment{User: "u"}},
		{`"error":true,"fault":false,"throttle":null,"traced":1`, segment.Segment{
			Error: segment.True, Fault: segment.False,
			Extra: []segment.Member{{Name: "throttle", Value: "null"}, {Name: "traced", Value: "1"}},
		}},
		{`"type":"subsegment"`, segment.Segment{Independent: true}},
		{`"type":"segment"`, segment.Segment{Extra: extra("type", `"segment"`)}},
		{`"parent_id":"` + strings.ToUpper(id) + `"`, segment.Segment{ParentID: parsed}},
		{`"parent_id":null`, segment.Segment{Extra: extra("parent_id", "null")}},
		{`"parent_id":""`, segment.Segment{Extra: extra("parent_id", `""`)}},
		{`"end_time":1.5`, segment.Segment{EndTime: 1_500_000_000}},
		{`"end_time":0`, segment.Segment{Extra: extra("end_time", "0")}},
		{`"end_time":"1.5"`, segment.Segment{Extra: extra("end_time", `"1.5"`)}},
		{`"end_time":1e30`, segment.Segment{Extra: extra("end_time", "1e30")}},

		{`"service":{}`, segment.Segment{Extra: extra("service", "{}")}},
		{`"service":{"x":1}`, segment.Segment{Service: &segment.Service{Extra: extra("x", "1")}}},
		{`"http":{"response":{"status":"200","content_length":1e2}}`, segment.Segment{HTTP: &segment.HTTP{
			Response: &segment.HTTPResponse{Status: segment.Int{Value: 200, Form: segment.StringInt}, ContentLength: number(100)},
		}}},
		{`"http":{"response":{"status":"0200","content_length":1.5},"request":{}}`, segment.Segment{HTTP: &segment.HTTP{
			Response: &segment.HTTPResponse{Extra: []segment.Member{{Name: "status", Value: `"0200"`}, {Name: "content_length", Value: "1.5"}}},
			Extra:    extra("request", "{}"),
		}}},
		{`"aws":{"table_names":["a",""],"retries":0,"cloudwatch_logs":[{},{"arn":"x"}],"elastic_beanstalk":{"deployment_id":"32"}}`, segment.Segment{AWS: &segment.AWS{
			TableNames: []string{"a", ""}, Retries: number(0), CloudWatchLogs: []segment.LogGroup{{}, {ARN: "x"}},
			ElasticBeanstalk: &segment.ElasticBeanstalk{DeploymentID: segment.Int{Value: 32, Form: segment.StringInt}},
		}}},
		{`"aws":{"table_names":["a",1],"cloudwatch_logs":[{"arn":"x"},null],"ec2":[]}`, segment.Segment{AWS: &segment.AWS{
			Extra: []segment.Member{{Name: "table_names", Value: `["a",1]`}, {Name: "cloudwatch_logs", Value: `[{"arn":"x"},null]`}, {Name: "ec2", Value: "[]"}},
		}}},

		{`"cause":"` + id + `"`, segment.Segment{Cause: &segment.Cause{ID: parsed}}},
		{`"cause":"boom"`, segment.Segment{Extra: extra("cause", `"boom"`)}},
		{`"cause":{"exceptions":[{"id":"` + id + `","stack":[{"line":3},{}],"cause":"x"}]}`, segment.Segment{Cause: &segment.Cause{
			Exceptions: []segment.Exception{{ID: parsed, Stack: []segment.Frame{{Line: number(3)}, {}}, Extra: extra("cause", `"x"`)}},
		}}},
		// contrib's receiver dies of this one.
		{`"cause":{"paths":["p"],"exceptions":[{"id":"` + id + `"},{"message":"m"}]}`, segment.Segment{Cause: &segment.Cause{
			Paths: []string{"p"}, Extra: extra("exceptions", `[{"id":"`+id+`"},{"message":"m"}]`),
		}}},

		{`"precursor_ids":["` + id + `"]`, segment.Segment{PrecursorIDs: []segment.ID{parsed}}},
		{`"precursor_ids":["x"]`, segment.Segment{Extra: extra("precursor_ids", `["x"]`)}},
		{`"precursor_ids":[]`, segment.Segment{Extra: extra("precursor_ids", "[]")}},
		{`"links":[{"id":"` + id + `","trace_id":5,"attributes":{"a":1}},{}]`, segment.Segment{
			Links: []segment.Link{{ID: parsed, Attributes: extra("a", "1"), Extra: extra("trace_id", "5")}, {}},
		}},
		{`"links":[1]`, segment.Segment{Extra: extra("links", "[1]")}},

		{`"annotations":{"a":[1],"":null}`, segment.Segment{Annotations: []segment.Member{{Name: "a", Value: "[1]"}, {Value: "null"}}}},
		{`"annotations":[]`, segment.Segment{Extra: extra("annotations", "[]")}},
		{"\"metadata\":{\"n\":{\r\n\t\"a b\" : [1,\n2 ],\"c\":\"\\n \"}}", segment.Segment{Metadata: extra("n", `{"a b":[1,2],"c":"\n "}`)}},
		{`"metadata":{"n":5}`, segment.Segment{Metadata: extra("n", "5")}},
		{`"subsegments":[]`, segment.Segment{Extra: extra("subsegments", "[]")}},
		{`"subsegments":null`, segment.Segment{Extra: extra("subsegments", "null")}},

		// Of members with one name the last counts.
		{`"user":"u","user":"v"`, segment.Segment{User: "v"}},
		{`"user":"u","user":null`, segment.Segment{Extra: extra("user", "null")}},
		{`"user":null,"fault":5,"user":"v"`, segment.Segment{User: "v", Extra: extra("fault", "5")}},
		{`"user":null,"user":0`, segment.Segment{Extra: extra("user", "0")}},
		{`"service":{"name":"a"},"service":{"version":"b"}`, segment.Segment{Service: &segment.Service{Version: "b"}}},
		{`"precursor_ids":["` + id + `"],"precursor_ids":["x"]`, segment.Segment{Extra: extra("precursor_ids", `["x"]`)}},
		{`"annotations":{"a":1,"b":2,"a":3}`, segment.Segment{Annotations: []segment.Member{{Name: "b", Value: "2"}, {Name: "a", Value: "3"}}}},
		{`"x":1,"y":2,"\u0078":3`, segment.Segment{Extra: []segment.Member{{Name: "y", Value: "2"}, {Name: "x", Value: "3"}}}},
	}
	base, err := segment.Decode("{" + required + "}")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.members, func(t *testing.T) {
			want := test.want
			want.Name, want.ID, want.TraceID, want.StartTime = base.Name, base.ID, base.TraceID, base.StartTime
			for _, doc := range []string{
				"{" + required + "," + test.members + "}",
				" { " + test.members + " , " + required + "\n}\r\n",
			} {
				got, err := segment.Decode(doc)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(*got, want) {
					t.Errorf("%s\ngot  %+v\nwant %+v", doc, *got, want)
				}
				again, err := segment.Decode(string(got.AppendJSON(nil)))
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(*again, want) {
					t.Errorf("%s\nthe second time %+v\nwant %+v", doc, *again, want)
				}
			}
		})
	}
}

func TestDecodeManyDuplicates(t *testing.T) {
	var b strings.Builder
	b.WriteString("{" + required)
	for range 10_000 {
		b.WriteString(`,"user":null,"a":1,"b":2,"user":"u","http":0`)
	}
	for range 30 {
		b.WriteString(`,"a":{"x":1},"c":3`)
	}
	b.WriteString("}")
	s, err := segment.Decode(b.String())
	if err != nil {
		t.Fatal(err)
	}
	want := []segment.Member{{Name: "b", Value: "2"}, {Name: "a", Value: `{"x":1}`}, {Name: "c", Value: "3"}, {Name: "http", Value: "0"}}
	if s.User != "u" || !reflect.DeepEqual(s.Extra, want) {
		t.Errorf("user %q, extra %v", s.User, s.Extra)
	}
}

func TestDecodeDeepest(t *testing.T) {
	doc := "{" + required + subsegments(segment.MaxDepth) + "}"
	checkRoundTrip(t, &segment.Decoder{}, []byte(doc))
	value := strings.Repeat(`{"a":[`, segment.MaxDepth/2) + strings.Repeat("]}", segment.MaxDepth/2)
	checkRoundTrip(t, &segment.Decoder{}, []byte("{"+required+`,"x":`+value+"}"))
}

func TestDecoderKeepsNoOldMemory(t *testing.T) {
	var d segment.Decoder
	first, err := d.Decode(string(segmenttest.Large()))
	if err != nil {
		t.Fatal(err)
	}
	text := string(first.AppendJSON(nil))
	name := first.Subsegments[0].Name
	if _, err := d.Decode("{" + required + "}"); err != nil {
		t.Fatal(err)
	}
	if name != "render basket" {
		t.Errorf("a string changed to %q", name)
	}
	second, err := d.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := segment.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(second, fresh) {
		t.Error("a decoder that was used decodes differently")
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	var d segment.Decoder
	doc := string(segmenttest.Small())
	var buf []byte
	allocs := testing.AllocsPerRun(100, func() {
		s, err := d.Decode(doc)
		if err != nil {
			t.Fatal(err)
		}
		buf = s.AppendJSON(buf[:0])
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzDecode(f *testing.F) {
	// Short ones: the fuzzer spends its time on making long ones short.
	for _, members := range []string{
		`"user":"u
é","traced":false,"in_progress":true`,
		`"service":{"name":"n"},"sql":{"url":"x","a":1}`,
		`"http":{"request":{"method":"GET"},"response":{"status":"200","content_length":1e2}}`,
		`"aws":{"retries":3,"table_names":["t"],"cloudwatch_logs":[{"arn":"x"}],"ec2":{"ami_id":"a"}}`,
		`"aws":{"ecs":{"container":"c"},"eks":{"pod":"p"},"elastic_beanstalk":{"deployment_id":1},"xray":{"sdk":"s"}}`,
		`"cause":{"paths":["p"],"exceptions":[{"id":"aaaaaaaaaaaaaaa1","stack":[{"line":1}]}]}`,
		`"cause":"aaaaaaaaaaaaaaa1","precursor_ids":["aaaaaaaaaaaaaaa1"],"end_time":1.499473414069E9`,
		`"links":[{"id":"aaaaaaaaaaaaaaa1","attributes":{"a":1}}],"annotations":{"a":"b"}`,
		`"metadata":{"n":{"a":[1,-0.5e+3,true,null,"\"]}},"user":5,"user":"v"`,
		`"subsegments":[{"name":"s","id":"1111111111111111","start_time":1,"subsegments":[]}]`,
	} {
		f.Add("{" + required + "," + members + "}")
	}
	f.Add("{" + required + `,"x":[1e5,{"a":null}],"http":{"response":{"status":"0"}}}`)
	f.Add("{" + required + `,"user":"\ud800\u0000","cause":{"exceptions":[{}]},"metadata":{"a":` + "\t[]}}")
	f.Add("{" + required + subsegments(3) + "}")
	var d segment.Decoder
	f.Fuzz(func(t *testing.T, doc string) {
		s, err := d.Decode(doc)
		if err != nil {
			var refusal *segment.Error
			if !errors.As(err, &refusal) || refusal.Code == "" || refusal.Kind == "" || refusal.Reason == "" {
				t.Fatalf("a refusal without a reason: %#v", err)
			}
			return
		}
		if !json.Valid([]byte(strings.ToValidUTF8(doc, "\ufffd"))) {
			t.Fatal("accepted what is no JSON")
		}
		s.Check()
		once := s.AppendJSON(nil)
		if !json.Valid(once) {
			t.Fatalf("wrote %q", once)
		}
		again, err := segment.Decode(string(once))
		if err != nil {
			t.Fatalf("%v in %s", err, once)
		}
		twice := again.AppendJSON(nil)
		if string(twice) != string(once) {
			t.Fatalf("wrote  %s\nand then %s", once, twice)
		}
		var v string
		if err := json.Unmarshal(segment.AppendJSONString(nil, once), &v); err != nil || v != string(once) {
			t.Fatalf("as a string: %v, %q", err, v)
		}
		parts, _ := again.Split(nil, segment.MinSplitBytes)
		for _, p := range parts {
			if len(p.JSON) > segment.MinSplitBytes {
				t.Fatalf("a part of %d bytes", len(p.JSON))
			}
			if _, err := segment.Decode(string(p.JSON)); err != nil {
				t.Fatalf("%v in the part %s", err, p.JSON)
			}
		}
	})
}
