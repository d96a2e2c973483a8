package samplingapi

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

func TestParseReport(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want *report
	}{
		"empty":      {"", &report{}},
		"white":      {" \n", &report{}},
		"no members": {"{}", &report{}},
		"null":       {"null", &report{}},
		"null lists": {`{"SamplingStatisticsDocuments":null,"SamplingBoostStatisticsDocuments":null}`, &report{}},
		"as documented": {
			`{"SamplingStatisticsDocuments":[{"RuleName":"a","ClientID":"b","Timestamp":1760797130,"RequestCount":110,"SampledCount":30,"BorrowCount":2}]}`,
			&report{SamplingStatisticsDocuments: []statistics{{RuleName: "a", ClientID: "b", RequestCount: 110, SampledCount: 30, BorrowCount: 2}}},
		},
		"what SDKs leave out": {
			`{"SamplingStatisticsDocuments":[{"RuleName":"a","ClientID":"b","Timestamp":"2026-11-22T08:00:00Z","RequestCount":5,"SampledCount":null}]}`,
			&report{SamplingStatisticsDocuments: []statistics{{RuleName: "a", ClientID: "b", RequestCount: 5}}},
		},
		"out of bounds": {
			`{"SamplingStatisticsDocuments":[{"RequestCount":1e300,"SampledCount":-5,"BorrowCount":1.9}]}`,
			&report{SamplingStatisticsDocuments: []statistics{{RequestCount: 1<<31 - 1, BorrowCount: 1}}},
		},
		"not JSON":       {"{", nil},
		"list":           {"[]", nil},
		"count in words": {`{"SamplingStatisticsDocuments":[{"RequestCount":"many"}]}`, nil},
		"name is number": {`{"SamplingStatisticsDocuments":[{"RuleName":5}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseReport([]byte(tc.body))
			assert.Equal(t, tc.want == nil, err != nil, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestCheck(t *testing.T) {
	long := strings.Repeat("é", 33)
	for _, bad := range []statistics{{RuleName: ""}, {RuleName: long}, {RuleName: "a", ClientID: strings.Repeat("x", 65)}} {
		assert.Error(t, bad.check())
	}
	assert.NoError(t, (&statistics{RuleName: long[:64]}).check(), "32 characters, no client ID")
	for _, bad := range []boostStatistics{{ServiceName: "a"}, {RuleName: long, ServiceName: "a"}, {RuleName: "a"}, {RuleName: "a", ServiceName: long + long}} {
		assert.Error(t, bad.check())
	}
	assert.NoError(t, (&boostStatistics{RuleName: "a", ServiceName: "a"}).check())
}

// FuzzReport: whatever a client sends, it gets an answer that samplers can
// read, and X-Ray gets what it takes.
func FuzzReport(f *testing.F) {
	for _, name := range []string{"report.json", "boost.json", "python.json"} {
		text, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(""))
	f.Add([]byte(`{"SamplingStatisticsDocuments":[{"RuleName":"\u0000\ud800","RequestCount":1e400}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseReport(body)
		if err != nil {
			return
		}
		b := &bench{t: t, xray: newFakeXRay(), seen: &seen{outcomes: map[string]int{}, dropped: map[string]int{}}}
		b.API = &API{observer: b.seen}
		b.targets = newTargets(&upstream{current: func() (Upstream, error) { return b.xray, nil }, observer: b.seen}, func(string) {})
		out := newTargetsReply()
		b.targets.take(r, out, b.seen.Dropped)
		b.targets.exchange(context.Background())
		b.xray.away() // what it would be asked now is not due
		for _, a := range []reply{b.targets.answer(context.Background(), &report{SamplingStatisticsDocuments: r.SamplingStatisticsDocuments}, b.seen.Dropped),
			newRecordAll(RecordAll{MaxPerSecond: 10}).targets(r, nil, epoch)} {
			var got answerOf
			require.NoError(t, json.Unmarshal(a.body, &got), string(a.body))
		}
		assert.Zero(t, b.seen.outcomes[awsclient.Permanent.String()], b.xray.asked)
	})
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		method, path, body string
		status             int
		want, operation    string
	}{
		"other API": {
			"POST", "/TraceSummaries", "{}",
			403, `{"Message":"this port answers POST /GetSamplingRules and POST /SamplingTargets, and nothing else"}`, "other",
		},
		"path in disguise":  {"POST", "/GetSamplingRules/../TraceSummaries", "{}", 403, "", "other"},
		"path with a slash": {"POST", "/GetSamplingRules/", "{}", 403, "", "other"},
		"root":              {"GET", "/", "", 403, "", "other"},
		"get":               {"GET", "/GetSamplingRules", "", 405, `{"Message":"use POST"}`, "GetSamplingRules"},
		"too large":         {"POST", "/SamplingTargets", strings.Repeat("x", MaxRequestBytes+1), 413, `{"Message":"the request is over 1048576 bytes"}`, "SamplingTargets"},
		"no report":         {"POST", "/SamplingTargets", "{", 400, `{"Message":"the request is no report of sampling statistics: unexpected end of JSON input"}`, "SamplingTargets"},
		"empty report":      {"POST", "/SamplingTargets", "", 200, `{"SamplingTargetDocuments":[],"UnprocessedStatistics":[],"UnprocessedBoostStatistics":[]}`, "SamplingTargets"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			w := httptest.NewRecorder()
			b.ServeHTTP(w, httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body)))
			assert.Equal(t, tc.status, w.Code)
			if tc.want != "" {
				assert.JSONEq(t, tc.want, w.Body.String())
			}
			assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
			if tc.status >= 400 {
				assert.NotEmpty(t, w.Header().Get("X-Amzn-Errortype"))
			}
			assert.Equal(t, tc.operation, b.seen.last())
			assert.Empty(t, b.xray.asked)
		})
	}
}
