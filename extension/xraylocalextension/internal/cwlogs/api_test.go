package cwlogs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

var now = time.UnixMilli(1760797200123)

// rig is an API with what it counted.
type rig struct {
	api     *API
	handler *rpc.Handler
	counts  map[string]int
}

func (r *rig) Request(string, int)                    {}
func (r *rig) LogEventsAccepted(n int)                { r.counts["accepted"] += n }
func (r *rig) LogEventsRejected(reason string, n int) { r.counts[reason] += n }
func (r *rig) EMF(outcome string, n int)              { r.counts[outcome] += n }

func newRig() *rig {
	r := &rig{counts: map[string]int{}}
	r.api = &API{Logs: &logs.Store{MaxBytes: 8 << 20}, Metrics: &metric.Store{MaxBytes: 8 << 20}, Observer: r, Now: func() time.Time { return now }}
	r.handler = r.api.Handler()
	return r
}

// call returns the status, the error code and the answer.
func (r *rig) call(t testing.TB, operation, body string) (int, string, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.handler.Serve(w, req, rpc.JSON, operation)
	var out map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out), w.Body.String())
	code, _ := out["__type"].(string)
	return w.Code, code, out
}

func (r *rig) ok(t testing.TB, operation, body string) map[string]any {
	t.Helper()
	status, _, out := r.call(t, operation, body)
	require.Equal(t, http.StatusOK, status, out)
	return out
}

// stream makes a group and a stream.
func (r *rig) stream(t testing.TB, group, stream string) {
	t.Helper()
	if _, err := r.api.Logs.Group(group); err != nil {
		r.ok(t, "CreateLogGroup", fmt.Sprintf(`{"logGroupName":%q}`, group))
	}
	r.ok(t, "CreateLogStream", fmt.Sprintf(`{"logGroupName":%q,"logStreamName":%q}`, group, stream))
}

// put is the body of PutLogEvents, with the age of each event.
func put(message string, ages ...time.Duration) string {
	var events []string
	for _, age := range ages {
		events = append(events, fmt.Sprintf(`{"timestamp":%d,"message":%q}`, now.Add(-age).UnixMilli(), message))
	}
	return `{"logGroupName":"g","logStreamName":"s","logEvents":[` + strings.Join(events, ",") + `]}`
}

func times(n int) []time.Duration { return make([]time.Duration, n) }

func TestPutLogEventsLimits(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		body     string
		code     string // of the error, "" if it is taken
		accepted int
	}{
		"one event":                 {put("x", 0), "", 1},
		"10,000 events":             {put("x", times(10_000)...), "", 10_000},
		"10,001 events":             {put("x", times(10_001)...), "InvalidParameterException", 0},
		"no events":                 {put("x"), "InvalidParameterException", 0},
		"the largest message":       {put(strings.Repeat("x", 1<<20-26), 0), "", 1},
		"a message too large":       {put(strings.Repeat("x", 1<<20-25), 0), "InvalidParameterException", 0},
		"two messages too large":    {put(strings.Repeat("x", 1<<19-25), 0, 0), "InvalidParameterException", 0},
		"bytes count, not letters":  {put(strings.Repeat("é", 1<<19-12), 0), "InvalidParameterException", 0},
		"24 hours":                  {put("x", day, 0), "", 2},
		"more than 24 hours":        {put("x", day+time.Millisecond, 0), "InvalidParameterException", 0},
		"24 hours of what is valid": {put("x", 15*day, day, 0, -3*time.Hour), "", 2},
		"not in order":              {put("x", 0, time.Millisecond), "InvalidParameterException", 0},
		"14 days":                   {put("x", 14*day), "", 1},
		"more than 14 days":         {put("x", 14*day+time.Millisecond), "", 0},
		"2 hours ahead":             {put("x", -2*time.Hour), "", 1},
		"more than 2 hours ahead":   {put("x", -2*time.Hour-time.Millisecond), "", 0},
		"no message":                {`{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":1}]}`, "InvalidParameterException", 0},
		"an empty message":          {put("", 0), "InvalidParameterException", 0},
		"no time":                   {`{"logGroupName":"g","logStreamName":"s","logEvents":[{"message":"x"}]}`, "InvalidParameterException", 0},
		"a negative time":           {`{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":-1,"message":"x"}]}`, "InvalidParameterException", 0},
		"no group":                  {`{"logStreamName":"s","logEvents":[{"timestamp":1,"message":"x"}]}`, "InvalidParameterException", 0},
		"a group that is not there": {strings.Replace(put("x", 0), `"g"`, `"h"`, 1), "ResourceNotFoundException", 0},
		"a stream that is not":      {strings.Replace(put("x", 0), `"s"`, `"t"`, 1), "ResourceNotFoundException", 0},
		"not JSON":                  {`{`, "SerializationException", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			r.stream(t, "g", "s")
			status, code, out := r.call(t, "PutLogEvents", c.body)
			require.Equal(t, c.code, code, out)
			require.Equal(t, c.code == "", status == http.StatusOK)
			require.Equal(t, c.accepted, r.counts["accepted"])
			events, err := r.api.Logs.Events(now, "g", func(string) bool { return true }, time.Time{}, time.Time{})
			require.NoError(t, err)
			require.Len(t, events, c.accepted)
		})
	}
}

func TestRejectedEvents(t *testing.T) {
	const day = 24 * time.Hour
	r := newRig()
	r.stream(t, "g", "s")
	r.ok(t, "PutRetentionPolicy", `{"logGroupName":"g","retentionInDays":1}`)
	out := r.ok(t, "PutLogEvents", put("x", 20*day, 2*day, 2*day, 0, -3*time.Hour, -4*time.Hour))
	require.Equal(t, map[string]any{"tooOldLogEventEndIndex": 1.0, "expiredLogEventEndIndex": 3.0, "tooNewLogEventStartIndex": 4.0}, out["rejectedLogEventsInfo"])
	require.Equal(t, map[string]int{"accepted": 1, "too_old": 1, "expired": 2, "too_new": 2}, r.counts)
	require.NotEmpty(t, out["nextSequenceToken"])
	require.NotContains(t, r.ok(t, "PutLogEvents", put("x", 0)), "rejectedLogEventsInfo")
}

func TestEntity(t *testing.T) {
	for name, c := range map[string]struct{ entity, want string }{
		"none":            {`null`, ""},
		"a service":       {`{"keyAttributes":{"Type":"Service","Name":"a","Environment":"b"}}`, ""},
		"a resource":      {`{"keyAttributes":{"Type":"AWS::Resource","ResourceType":"a","Identifier":"b"},"attributes":{"x":"y"}}`, ""},
		"no environment":  {`{"keyAttributes":{"Type":"Service","Name":"a"}}`, "MissingRequiredFields"},
		"no type":         {`{}`, "MissingRequiredFields"},
		"another type":    {`{"keyAttributes":{"Type":"Thing"}}`, "InvalidTypeValue"},
		"another key":     {`{"keyAttributes":{"Type":"Service","Color":"red"}}`, "InvalidKeyAttributes"},
		"a long value":    {`{"keyAttributes":{"Type":"Service","Name":"a","Environment":"b"},"attributes":{"x":"` + strings.Repeat("y", 513) + `"}}`, "InvalidAttributes"},
		"many attributes": {`{"attributes":{"0":"","1":"","2":"","3":"","4":"","5":"","6":"","7":"","8":"","9":"","10":""}}`, "EntitySizeTooLarge"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			r.stream(t, "g", "s")
			out := r.ok(t, "PutLogEvents", strings.Replace(put("x", 0), `{`, `{"entity":`+c.entity+`,`, 1))
			if c.want == "" {
				require.NotContains(t, out, "rejectedEntityInfo")
			} else {
				require.Equal(t, map[string]any{"errorType": c.want}, out["rejectedEntityInfo"])
			}
			require.Equal(t, 1, r.counts["accepted"], "the events are kept all the same")
		})
	}
}

// Metrics come from log groups of the Standard class only.
func TestExtraction(t *testing.T) {
	doc := fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[[]],"Metrics":[{"Name":"Orders"}]}]},"Orders":2}`, now.UnixMilli())
	for _, class := range classes {
		r := newRig()
		r.ok(t, "CreateLogGroup", fmt.Sprintf(`{"logGroupName":"g","logGroupClass":%q}`, class))
		r.stream(t, "g", "s")
		for _, message := range []string{doc, doc, strings.Replace(doc, `"Orders":2`, `"orders":2`, 1), doc + "}", "text"} {
			r.ok(t, "PutLogEvents", put(message, 0))
		}
		names := map[string]float64{}
		for _, s := range r.api.Metrics.List(now, func(metric.Series) bool { return true }) {
			for _, p := range r.api.Metrics.Query(now, s.ID, "", now.Add(-time.Minute), now.Add(time.Minute), time.Minute) {
				names[s.Namespace+" "+s.Name] += p.Sum
			}
		}
		if class == classStandard {
			require.Equal(t, map[string]float64{"Shop Orders": 4, "AWS/Logs EMFValidationErrors": 1, "AWS/Logs EMFParsingErrors": 1}, names)
			require.Equal(t, map[string]int{"accepted": 5, "extracted": 2, "validation_error": 1, "parsing_error": 1}, r.counts)
		} else {
			require.Empty(t, names, class)
		}
	}
}

func TestErrors(t *testing.T) {
	long := strings.Repeat("x", 513)
	for name, c := range map[string]struct{ operation, body, code, want string }{
		"a name too long":            {"CreateLogGroup", `{"logGroupName":"` + long + `"}`, "InvalidParameterException", "logGroupName"},
		"a name of AWS":              {"CreateLogGroup", `{"logGroupName":"aws/x"}`, "InvalidParameterException", "must not begin with aws/"},
		"a character":                {"CreateLogGroup", `{"logGroupName":"a:b"}`, "InvalidParameterException", "logGroupName"},
		"a class":                    {"CreateLogGroup", `{"logGroupName":"h","logGroupClass":"GOLD"}`, "InvalidParameterException", "logGroupClass"},
		"a key":                      {"CreateLogGroup", `{"logGroupName":"h","kmsKeyId":"alias/x"}`, "InvalidParameterException", "kmsKeyId"},
		"a tag":                      {"CreateLogGroup", `{"logGroupName":"h","tags":{"":"x"}}`, "InvalidParameterException", "tag"},
		"a group twice":              {"CreateLogGroup", `{"logGroupName":"g"}`, "ResourceAlreadyExistsException", ""},
		"a stream twice":             {"CreateLogStream", `{"logGroupName":"g","logStreamName":"s"}`, "ResourceAlreadyExistsException", ""},
		"a stream with a star":       {"CreateLogStream", `{"logGroupName":"g","logStreamName":"a*"}`, "InvalidParameterException", "logStreamName"},
		"a stream of no group":       {"CreateLogStream", `{"logGroupName":"h","logStreamName":"s"}`, "ResourceNotFoundException", ""},
		"two days":                   {"PutRetentionPolicy", `{"logGroupName":"g","retentionInDays":2}`, "InvalidParameterException", "retentionInDays is 2"},
		"retention of no group":      {"PutRetentionPolicy", `{"logGroupName":"h","retentionInDays":1}`, "ResourceNotFoundException", ""},
		"prefix and pattern":         {"DescribeLogGroups", `{"logGroupNamePrefix":"a","logGroupNamePattern":"b"}`, "InvalidParameterException", "mutually exclusive"},
		"a limit":                    {"DescribeLogGroups", `{"limit":51}`, "InvalidParameterException", "limit is 51"},
		"streams of no group":        {"DescribeLogStreams", `{"logGroupName":"h"}`, "ResourceNotFoundException", ""},
		"a prefix by time":           {"DescribeLogStreams", `{"logGroupName":"g","orderBy":"LastEventTime","logStreamNamePrefix":"a"}`, "InvalidParameterException", "LastEventTime"},
		"events of no stream":        {"GetLogEvents", `{"logGroupName":"g","logStreamName":"t"}`, "ResourceNotFoundException", "log stream"},
		"a token":                    {"GetLogEvents", `{"logGroupName":"g","logStreamName":"s","nextToken":"x"}`, "InvalidParameterException", "nextToken"},
		"no events":                  {"GetLogEvents", `{"logGroupName":"g","logStreamName":"s","limit":0}`, "InvalidParameterException", "limit is 0"},
		"a JSON pattern":             {"FilterLogEvents", `{"logGroupName":"g","filterPattern":"{ $.a = 1 }"}`, "InvalidParameterException", "filterPattern"},
		"a quote that is not closed": {"FilterLogEvents", `{"logGroupName":"g","filterPattern":"\"a"}`, "InvalidParameterException", "not closed"},
		"streams and a prefix":       {"FilterLogEvents", `{"logGroupName":"g","logStreamNames":["s"],"logStreamNamePrefix":"s"}`, "InvalidParameterException", "mutually exclusive"},
		"tags of no group":           {"ListTagsForResource", `{"resourceArn":"arn:aws:logs:r:1:log-group:h"}`, "ResourceNotFoundException", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			r.stream(t, "g", "s")
			status, code, out := r.call(t, c.operation, c.body)
			require.Equal(t, http.StatusBadRequest, status)
			require.Equal(t, c.code, code)
			require.Contains(t, out["message"], c.want)
		})
	}
}

func TestDescribePages(t *testing.T) {
	r := newRig()
	for i := range 7 {
		r.stream(t, fmt.Sprintf("/app/%d", i), "s")
		r.stream(t, "/app/3", fmt.Sprintf("host-%d", i))
	}
	r.ok(t, "CreateLogGroup", `{"logGroupName":"/other","logGroupClass":"INFREQUENT_ACCESS"}`)
	list := func(operation, members, what, name string) (names []string) {
		token := ""
		for range 10 {
			out := r.ok(t, operation, fmt.Sprintf(`{"limit":3,"nextToken":%q%s}`, token, members))
			for _, v := range out[what].([]any) {
				names = append(names, v.(map[string]any)[name].(string))
			}
			if token, _ = out["nextToken"].(string); token == "" {
				break
			}
		}
		return names
	}
	require.Equal(t, []string{"/app/0", "/app/1", "/app/2", "/app/3", "/app/4", "/app/5", "/app/6", "/other"}, list("DescribeLogGroups", "", "logGroups", "logGroupName"))
	require.Equal(t, []string{"/other"}, list("DescribeLogGroups", `,"logGroupClass":"INFREQUENT_ACCESS"`, "logGroups", "logGroupName"))
	require.Equal(t, []string{"/app/3"}, list("DescribeLogGroups", `,"logGroupNamePattern":"p/3"`, "logGroups", "logGroupName"))
	require.Equal(t, []string{"/app/5"}, list("DescribeLogGroups", `,"logGroupIdentifiers":["arn:aws:logs:r:1:log-group:/app/5:*"]`, "logGroups", "logGroupName"))
	require.Equal(t, []string{"host-6", "host-5", "host-4", "host-3", "host-2", "host-1", "host-0"},
		list("DescribeLogStreams", `,"logGroupName":"/app/3","logStreamNamePrefix":"host","descending":true`, "logStreams", "logStreamName"))
}

func TestReadPages(t *testing.T) {
	r := newRig()
	r.stream(t, "g", "s")
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprint("message ", i))
		r.ok(t, "PutLogEvents", put(want[i], 0))
	}
	messages := func(out map[string]any) (list []string) {
		for _, e := range out["events"].([]any) {
			list = append(list, e.(map[string]any)["message"].(string))
		}
		return list
	}
	get := func(members string) (list []string, forward, backward string) {
		out := r.ok(t, "GetLogEvents", `{"logGroupName":"g","logStreamName":"s","limit":4`+members+`}`)
		return messages(out), out["nextForwardToken"].(string), out["nextBackwardToken"].(string)
	}
	last, forward, backward := get("")
	require.Equal(t, want[6:], last)
	none, same, _ := get(fmt.Sprintf(`,"nextToken":%q`, forward))
	require.Empty(t, none)
	require.Equal(t, forward, same, "the end answers its own token")
	before, forward, _ := get(fmt.Sprintf(`,"nextToken":%q`, backward))
	require.Equal(t, want[2:6], before)
	again, _, _ := get(fmt.Sprintf(`,"nextToken":%q,"startFromHead":true`, forward))
	require.Equal(t, want[6:], again)
	first, _, backward := get(`,"startFromHead":true`)
	require.Equal(t, want[:4], first)
	none, _, same = get(fmt.Sprintf(`,"nextToken":%q`, backward))
	require.Empty(t, none)
	require.Equal(t, backward, same)

	var found []string
	token := ""
	for range 10 {
		out := r.ok(t, "FilterLogEvents", fmt.Sprintf(`{"logGroupName":"g","limit":4,"filterPattern":"message","nextToken":%q}`, token))
		found = append(found, messages(out)...)
		if token, _ = out["nextToken"].(string); token == "" {
			break
		}
	}
	require.Equal(t, want, found)
}

// Whatever is asked, the answer is JSON, the store keeps its bound, and what
// was accepted can be read.
func FuzzOperations(f *testing.F) {
	operations := []string{"PutLogEvents", "CreateLogGroup", "CreateLogStream", "PutRetentionPolicy", "DescribeLogGroups", "DescribeLogStreams", "GetLogEvents", "FilterLogEvents", "TagResource", "ListTagsForResource"}
	f.Add(byte(0), put("x", 0, 0), byte(6), `{"logGroupName":"g","logStreamName":"s","nextToken":"f/1/2"}`)
	f.Add(byte(1), `{"logGroupName":"h","tags":{"a":"b"}}`, byte(8), `{"resourceArn":"h","tags":{"c":"d"}}`)
	f.Add(byte(2), `{"logGroupName":"g","logStreamName":"t"}`, byte(5), `{"logGroupName":"g","limit":1,"nextToken":"s"}`)
	f.Add(byte(3), `{"logGroupName":"g","retentionInDays":1}`, byte(7), `{"logGroupName":"g","filterPattern":"\"a\" b"}`)
	f.Fuzz(func(t *testing.T, first byte, a string, second byte, b string) {
		r := newRig()
		r.stream(t, "g", "s")
		r.call(t, operations[int(first)%len(operations)], a)
		r.call(t, operations[int(second)%len(operations)], b)
		bytes, _, kept := r.api.Logs.Size(now)
		require.LessOrEqual(t, bytes, r.api.Logs.MaxBytes)
		require.Equal(t, r.counts["accepted"], kept)
		r.ok(t, "DescribeLogGroups", `{}`)
	})
}
