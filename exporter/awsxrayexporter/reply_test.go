package awsxrayexporter

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseReply(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       []unprocessed
		bad        bool
	}{
		{"empty object", `{}`, nil, false},
		{"empty list", `{"UnprocessedTraceSegments":[]}`, nil, false},
		{"spaced", " {\n \"UnprocessedTraceSegments\" : [ ] }\n", nil, false},
		{"null", `{"UnprocessedTraceSegments":null}`, nil, false},
		{"other members", `{"x":{"y":1},"UnprocessedTraceSegments":[]}`, nil, false},
		{"entries", `{"UnprocessedTraceSegments":[{"Id":"a0","ErrorCode":"InvalidTraceId","Message":"m"},{"ErrorCode":"MissingId"}]}`,
			[]unprocessed{{"a0", "InvalidTraceId", "m"}, {"", "MissingId", ""}}, false},
		{"nothing", ``, nil, true},
		{"page", `<html></html>`, nil, true},
		{"list", `[]`, nil, true},
		{"text", `"ok"`, nil, true},
		{"cut off", `{"UnprocessedTraceSegments":[{"Id":`, nil, true},
		{"wrong kind", `{"UnprocessedTraceSegments":{"Id":"a"}}`, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseReply([]byte(test.body))
			assert.Equal(t, test.bad, err != nil, err)
			if len(test.want) > 0 || len(got) > 0 {
				assert.Equal(t, test.want, got)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	parts := documents(0, 4)
	parts[2].ID = parts[1].ID // in progress and finished
	parts[3].JSON = []byte(`{"id":"b0","subsegments":[{"id":"feed"}]}`)
	index := func(r refusal) int {
		for i := range parts {
			if r.part == &parts[i] {
				return i
			}
		}
		return -1
	}
	got := match(parts, []unprocessed{
		{ID: parts[1].ID.String(), Code: "A"},
		{ID: parts[1].ID.String(), Code: "B"},
		{ID: "feed", Code: "C"},
		{ID: "", Code: ""},
		{ID: parts[0].ID.String(), Code: "past the number of documents"},
	})
	require.Len(t, got, 4)
	assert.Equal(t, []int{1, 2, 3, -1}, []int{index(got[0]), index(got[1]), index(got[2]), index(got[3])})
	assert.Equal(t, "none", got[3].code)

	long := match(parts[:1], []unprocessed{{Code: strings.Repeat("c", 1000), Message: strings.Repeat("é", 1000)}})
	assert.Len(t, long[0].code, 64)
	assert.Equal(t, strings.Repeat("é", 250), long[0].message)

	alone := match(parts[:1], []unprocessed{{Code: "MissingId"}})
	assert.Equal(t, 0, index(alone[0]), "it can only be this one")
}

func TestMaySucceed(t *testing.T) {
	for code, want := range map[string][2]bool{
		"ThrottledException": {true, true}, "ThrottlingException": {true, true}, "LimitExceeded": {true, true},
		"InternalFailure": {true, false}, "InternalServerError": {true, false}, "ServiceUnavailable": {true, false},
		"InvalidTraceId": {false, false}, "MissingId": {false, false}, "InvalidSegment": {false, false}, "none": {false, false},
	} {
		again, throttle := maySucceed(code)
		assert.Equal(t, want, [2]bool{again, throttle}, code)
	}
}

// The fast path and the parser agree, and nothing that answers can upset them.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{`{}`, `{"UnprocessedTraceSegments":[]}`, `{"UnprocessedTraceSegments":[{"Id":"a0","ErrorCode":"InvalidTraceId"}]}`, `[`, "\xff"} {
		f.Add([]byte(seed))
	}
	parts := documents(0, 3)
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := parseReply(body)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("accepted %q", body)
		}
		if n := len(match(parts, list)); n > len(parts) {
			t.Fatalf("%d refusals of %d documents", n, len(parts))
		}
	})
}
