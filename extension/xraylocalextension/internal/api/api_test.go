package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// counts is an Observer that remembers.
type counts struct {
	mu        sync.Mutex
	requests  map[string]int
	accepted  int
	rejected  map[string]int
	telemetry int
}

func (c *counts) Request(operation string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[fmt.Sprintf("%s %d", operation, status)]++
}

func (c *counts) Accepted(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted += n
}

func (c *counts) Rejected(code string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejected[code] += n
}

func (c *counts) Telemetry(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.telemetry += n
}

// rig is a handler at a fixed time.
type rig struct {
	*Handler
	counts *counts
	store  *store.Store
	time   time.Time
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{
		counts: &counts{requests: map[string]int{}, rejected: map[string]int{}},
		store:  &store.Store{MaxBytes: 64 << 20, Retention: 24 * time.Hour},
		time:   time.Unix(1760797200, 0),
	}
	r.Handler = New(r.store, r.counts, func() time.Time { return r.time })
	return r
}

// call posts body, which is marshalled unless it is a string, and returns the answer.
func (r *rig) call(t testing.TB, path string, body any) (int, map[string]any) {
	t.Helper()
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		require.NoError(t, err)
		text = string(b)
	}
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(text))
	req.Header.Set("Content-Type", "application/json")
	return r.do(t, req)
}

func (r *rig) do(t testing.TB, req *http.Request) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	var answer map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), "%s", w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	if w.Code != http.StatusOK {
		require.NotEmpty(t, w.Header().Get("X-Amzn-Errortype"))
		require.NotEmpty(t, answer["Message"])
	}
	return w.Code, answer
}

func shop(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "shop.json"))
	require.NoError(t, err)
	var raw []json.RawMessage
	require.NoError(t, json.Unmarshal(text, &raw))
	docs := make([]string, len(raw))
	for i, r := range raw {
		docs[i] = string(r)
	}
	return docs
}

func (r *rig) putShop(t testing.TB) {
	t.Helper()
	for i, doc := range shop(t) {
		r.time = r.time.Add(time.Second)
		code, out := r.call(t, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{doc}})
		require.Equal(t, http.StatusOK, code)
		require.Empty(t, out["UnprocessedTraceSegments"], "document %d", i)
	}
}

// golden compares an answer with a file. Documents, which are JSON in a string,
// stand there as JSON.
func golden(t *testing.T, name string, answer map[string]any) {
	t.Helper()
	expand(answer)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	require.NoError(t, enc.Encode(answer))
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

func expand(v any) {
	switch v := v.(type) {
	case map[string]any:
		if text, ok := v["Document"].(string); ok {
			var doc any
			if json.Unmarshal([]byte(text), &doc) == nil {
				v["Document"] = doc
			}
		}
		for _, e := range v {
			expand(e)
		}
	case []any:
		for _, e := range v {
			expand(e)
		}
	}
}

const (
	traceA = "1-68f3a1c0-00000000000000000000000a"
	traceB = "1-68f3a1c0-00000000000000000000000b"
	traceC = "1-68f3a1c0-00000000000000000000000c"
	traceD = "1-68f3a1c0-00000000000000000000000d"
	traceE = "1-68f3a1c0-00000000000000000000000e"
)

func TestShop(t *testing.T) {
	r := newRig(t)
	r.putShop(t)
	all := map[string]any{"StartTime": 1760797000, "EndTime": 1760797300}
	for name, q := range map[string]struct {
		path string
		body any
	}{
		"summaries":      {"/TraceSummaries", all},
		"service-graph":  {"/ServiceGraph", all},
		"traces":         {"/Traces", map[string]any{"TraceIds": []string{traceA, traceB, traceC, traceD, traceE}}},
		"trace-graph":    {"/TraceGraph", map[string]any{"TraceIds": []string{traceC, "1-68f3a1c0-0000000000000000000000ff"}}},
		"sampling-rules": {"/GetSamplingRules", ""},
		"groups":         {"/Groups", map[string]any{}},
		"group":          {"/GetGroup", map[string]any{"GroupName": "Default"}},
		"encryption":     {"/EncryptionConfig", ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, answer := r.call(t, q.path, q.body)
			require.Equal(t, http.StatusOK, code)
			golden(t, name, answer)
		})
	}
}

// The order in which the documents of a trace come makes no difference, but
// for an unfinished version before a complete one of the same id.
func TestShopBackwards(t *testing.T) {
	forth, back := newRig(t), newRig(t)
	docs := shop(t)
	for i := range docs {
		forth.call(t, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{docs[i]}})
		back.call(t, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{docs[len(docs)-1-i]}})
	}
	for path, body := range map[string]any{
		"/Traces":       map[string]any{"TraceIds": []string{traceA, traceB, traceC, traceD, traceE}},
		"/ServiceGraph": map[string]any{"StartTime": 1760797000, "EndTime": 1760797300},
	} {
		_, a := forth.call(t, path, body)
		_, b := back.call(t, path, body)
		require.Equal(t, a, b)
	}
}

func TestUnprocessed(t *testing.T) {
	type refused struct{ id, code, message string }
	long := strings.Repeat("x", 64*1024)
	for name, c := range map[string]struct {
		doc  string
		want refused
	}{
		"trace id": {
			`{"name":"checkout","id":"a1b2c3d4e5f60719","trace_id":"1-xyz","start_time":1.0,"end_time":2.0}`,
			refused{"a1b2c3d4e5f60719", "InvalidTraceId", "Invalid segment. ErrorCode: InvalidTraceId, Cause: trace_id"},
		},
		"an array":  {`[]`, refused{"", "MissingId", "Invalid segment. ErrorCode: MissingId"}},
		"a number":  {` 12`, refused{"", "MissingId", "Invalid segment. ErrorCode: MissingId"}},
		"empty":     {``, refused{"", "InvalidSegment", "Invalid segment. ErrorCode: InvalidSegment"}},
		"no JSON":   {`{"name":"a"`, refused{"", "InvalidSegment", "Invalid segment. ErrorCode: InvalidSegment"}},
		"too large": {`{"name":"` + long + `","id":"a1b2c3d4e5f60719"}`, refused{"a1b2c3d4e5f60719", "InvalidSegment", "Invalid segment. ErrorCode: InvalidSegment, Cause: document has 65571 bytes"}},
		"a subsegment": {
			`{"type":"subsegment","name":"a","id":"a1b2c3d4e5f60719","trace_id":"1-68f3a1c0-00000000000000000000000a","parent_id":"a1b2c3d4e5f60718","start_time":1.0}`,
			refused{"a1b2c3d4e5f60719", "MissingEndTime", "Invalid subsegment. ErrorCode: MissingEndTime, Cause: end_time"},
		},
		"a name": {
			`{"name":"a<b>","id":"a1b2c3d4e5f60719","trace_id":"1-68f3a1c0-00000000000000000000000a","start_time":1.0,"end_time":2}`,
			refused{"a1b2c3d4e5f60719", "InvalidName", "Invalid segment. ErrorCode: InvalidName, Cause: name"},
		},
		"an odd id": {
			`{"name":"a","id":7,"trace_id":"1-68f3a1c0-00000000000000000000000a","start_time":1.0,"end_time":2}`,
			refused{"", "InvalidId", "Invalid segment. ErrorCode: InvalidId, Cause: id"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			code, out := r.call(t, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{c.doc}})
			require.Equal(t, http.StatusOK, code)
			list := out["UnprocessedTraceSegments"].([]any)
			require.Len(t, list, 1)
			u := list[0].(map[string]any)
			id, _ := u["Id"].(string)
			require.Equal(t, c.want.id, id)
			require.Equal(t, c.want.code, u["ErrorCode"])
			require.True(t, strings.HasPrefix(u["Message"].(string), c.want.message), "%s", u["Message"])
			require.Equal(t, map[string]int{c.want.code: 1}, r.counts.rejected)
			require.Zero(t, r.counts.accepted)
		})
	}
}

// The awkward documents each get the code that stands beside them, or are taken.
func TestInvalidDocuments(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "invalid.json"))
	require.NoError(t, err)
	var cases []struct {
		Why, Code string
		Document  json.RawMessage
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	for _, c := range cases {
		t.Run(c.Why, func(t *testing.T) {
			r := newRig(t)
			code, out := r.call(t, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{string(c.Document)}})
			require.Equal(t, http.StatusOK, code)
			list := out["UnprocessedTraceSegments"].([]any)
			if c.Code == "" {
				require.Empty(t, list)
				require.Equal(t, 1, r.counts.accepted)
				return
			}
			require.Len(t, list, 1)
			require.Equal(t, c.Code, list[0].(map[string]any)["ErrorCode"])
		})
	}
}

func TestErrors(t *testing.T) {
	many := func(n int, s string) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = s
		}
		return list
	}
	for name, c := range map[string]struct {
		path, body string
		status     int
		code, text string
	}{
		"unknown operation":  {"/Insight", `{}`, 404, "UnknownOperationException", "/Insight is no operation"},
		"51 documents":       {"/TraceSegments", marshal(t, map[string]any{"TraceSegmentDocuments": many(51, "{}")}), 400, "InvalidRequestException", "Exceeding maximum segment count: 50"},
		"no documents":       {"/TraceSegments", `{}`, 400, "InvalidRequestException", "TraceSegmentDocuments is missing"},
		"documents no texts": {"/TraceSegments", `{"TraceSegmentDocuments":[{}]}`, 400, "SerializationException", "PutTraceSegments"},
		"no JSON":            {"/TraceSegments", `{`, 400, "SerializationException", "PutTraceSegments"},
		"body too long":      {"/Traces", strings.Repeat(" ", 256<<10+1), 413, "RequestEntityTooLargeException", "262144"},
		"put too long":       {"/TraceSegments", strings.Repeat(" ", 8<<20+1), 413, "RequestEntityTooLargeException", "8388608"},
		"no start":           {"/TraceSummaries", `{"EndTime":1}`, 400, "InvalidRequestException", "StartTime is missing"},
		"no end":             {"/ServiceGraph", `{"StartTime":1}`, 400, "InvalidRequestException", "EndTime is missing"},
		"backwards":          {"/TraceSummaries", `{"StartTime":2,"EndTime":1}`, 400, "InvalidRequestException", "after EndTime"},
		"no epoch":           {"/TraceSummaries", `{"StartTime":0,"EndTime":1e300}`, 400, "InvalidRequestException", "seconds since 1970"},
		"filter":             {"/TraceSummaries", `{"StartTime":1,"EndTime":2,"FilterExpression":"ok AND faults"}`, 400, "InvalidRequestException", "FilterExpression: column 8: unknown keyword faults"},
		"range type":         {"/TraceSummaries", `{"StartTime":1,"EndTime":2,"TimeRangeType":"Moon"}`, 400, "InvalidRequestException", `"Moon"`},
		"token":              {"/TraceSummaries", `{"StartTime":1,"EndTime":2,"NextToken":"zzz"}`, 400, "InvalidRequestException", "NextToken"},
		"graph token":        {"/ServiceGraph", `{"StartTime":1,"EndTime":2,"NextToken":"zzz"}`, 400, "InvalidRequestException", "NextToken"},
		"group":              {"/ServiceGraph", `{"StartTime":1,"EndTime":2,"GroupName":"slow"}`, 400, "InvalidRequestException", `"slow"`},
		"group ARN":          {"/GetGroup", `{"GroupARN":"arn:aws:xray:eu-west-1:1:group/slow/7HXQ"}`, 400, "InvalidRequestException", "slow"},
		"no group":           {"/GetGroup", ``, 400, "InvalidRequestException", "GroupName"},
		"6 traces":           {"/Traces", marshal(t, map[string]any{"TraceIds": many(6, traceA)}), 400, "InvalidRequestException", "Exceeding maximum query size: 5"},
		"no traces":          {"/TraceGraph", `{}`, 400, "InvalidRequestException", "TraceIds is missing"},
		"no trace id":        {"/Traces", `{"TraceIds":["x"]}`, 400, "InvalidRequestException", `"x"`},
		"traces token":       {"/Traces", `{"TraceIds":["x"],"NextToken":"x"}`, 400, "InvalidRequestException", "NextToken is not supported"},
		"26 reports":         {"/SamplingTargets", marshal(t, map[string]any{"SamplingStatisticsDocuments": make([]struct{}, 26)}), 400, "InvalidRequestException", "25"},
		"no records":         {"/TelemetryRecords", `{}`, 400, "InvalidRequestException", "TelemetryRecords is missing"},
		"no timestamp":       {"/TelemetryRecords", `{"TelemetryRecords":[{}]}`, 400, "InvalidRequestException", "TelemetryRecords[0].Timestamp"},
		"long host":          {"/TelemetryRecords", `{"Hostname":"` + strings.Repeat("h", 256) + `","TelemetryRecords":[]}`, 400, "InvalidRequestException", "Hostname is longer than 255"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			code, answer := r.call(t, c.path, c.body)
			require.Equal(t, c.status, code)
			require.Equal(t, c.code, answer["__type"])
			require.Contains(t, answer["Message"], c.text)
			require.Len(t, r.counts.requests, 1)
		})
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestRequestForm(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		header map[string]string
		body   string
		status int
	}{
		"plain":             {"POST", map[string]string{"Content-Type": "application/json"}, "{}", 200},
		"with charset":      {"POST", map[string]string{"Content-Type": "application/json; charset=utf-8"}, "{}", 200},
		"old AWS type":      {"POST", map[string]string{"Content-Type": "application/x-amz-json-1.1"}, "{}", 200},
		"no body, no type":  {"POST", nil, "", 200},
		"body without type": {"POST", nil, "{}", 415},
		"a form":            {"POST", map[string]string{"Content-Type": "text/plain"}, "{}", 415},
		"compressed":        {"POST", map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"}, "{}", 415},
		"GET":               {"GET", nil, "", 405},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			req := httptest.NewRequest(c.method, "/GetSamplingRules", strings.NewReader(c.body))
			for k, v := range c.header {
				req.Header.Set(k, v)
			}
			code, _ := r.do(t, req)
			require.Equal(t, c.status, code)
		})
	}
}

func TestTelemetryRecords(t *testing.T) {
	r := newRig(t)
	code, out := r.call(t, "/TelemetryRecords", `{"EC2InstanceId":"","Hostname":"","ResourceARN":"","TelemetryRecords":[{"Timestamp":1760797180.0,"SegmentsReceivedCount":120},{"Timestamp":1760797190}]}`)
	require.Equal(t, http.StatusOK, code)
	require.Empty(t, out)
	require.Equal(t, 2, r.counts.telemetry)
}

// Pages follow one another without a gap or a trace twice, also when traces
// come between them.
func TestPaging(t *testing.T) {
	for _, by := range []string{"TraceId", "Event", "Service"} {
		t.Run(by, func(t *testing.T) {
			r := newRig(t)
			n := 0
			add := func(start float64) {
				n++
				doc := fmt.Sprintf(`{"name":"a","id":"%016x","trace_id":"1-68f3a1c0-%024x","start_time":%f,"end_time":%f}`, n, n, start, start+1)
				_, out := r.call(t, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{doc}})
				require.Empty(t, out["UnprocessedTraceSegments"])
			}
			for i := range 250 {
				add(1760797200 + float64(i/3)) // several at the same time
			}
			seen := map[string]bool{}
			token, pages, last := "", 0, 2e9
			for {
				q := map[string]any{"StartTime": 1760797000, "EndTime": 1760798000, "TimeRangeType": by}
				if token != "" {
					q["NextToken"] = token
				}
				code, out := r.call(t, "/TraceSummaries", q)
				require.Equal(t, http.StatusOK, code)
				pages++
				for _, s := range out["TraceSummaries"].([]any) {
					s := s.(map[string]any)
					id := s["Id"].(string)
					require.False(t, seen[id], id)
					seen[id] = true
					if by != "Event" {
						require.LessOrEqual(t, s["StartTime"].(float64), last)
						last = s["StartTime"].(float64)
					}
				}
				token, _ = out["NextToken"].(string)
				if token == "" {
					break
				}
				r.time = r.time.Add(time.Minute)
				add(1760797900)
			}
			require.Equal(t, 3, pages)
			require.Len(t, seen, 250)
		})
	}
}

func TestTimeRangeTypes(t *testing.T) {
	r := newRig(t)
	r.time = time.Unix(1000, 0)
	_, out := r.call(t, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{
		`{"name":"a","id":"a1b2c3d4e5f60719","trace_id":"1-68f3a1c0-00000000000000000000000a","start_time":100.5,"end_time":200.5}`}})
	require.Empty(t, out["UnprocessedTraceSegments"])
	for by, at := range map[string]float64{"TraceId": 100.5, "Event": 1000, "Service": 200.5} {
		for _, c := range []struct {
			from, to float64
			want     int
		}{{at, at, 1}, {at - 1, at - 0.1, 0}, {at + 0.1, at + 1, 0}, {0, 2000, 1}} {
			_, out := r.call(t, "/TraceSummaries", map[string]any{"StartTime": c.from, "EndTime": c.to, "TimeRangeType": by})
			require.Len(t, out["TraceSummaries"], c.want, "%s in [%v, %v]", by, c.from, c.to)
			require.EqualValues(t, c.want, out["TracesProcessedCount"])
		}
	}
}

func TestTraceTooLarge(t *testing.T) {
	r := newRig(t)
	text := strings.Repeat("x", 60_000)
	refused := 0
	for i := range 10 {
		_, out := r.call(t, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{
			fmt.Sprintf(`{"name":"a","id":"%016x","trace_id":"%s","start_time":1,"end_time":2,"metadata":{"default":{"x":%q}}}`, i+1, traceA, text)}})
		for _, u := range out["UnprocessedTraceSegments"].([]any) {
			refused++
			require.Equal(t, "InvalidSegment", u.(map[string]any)["ErrorCode"])
			require.Contains(t, u.(map[string]any)["Message"], "Trace Size Exceeded")
		}
	}
	require.Equal(t, 2, refused)
	_, out := r.call(t, "/Traces", map[string]any{"TraceIds": []string{traceA}})
	require.Equal(t, true, out["Traces"].([]any)[0].(map[string]any)["LimitExceeded"])
}
