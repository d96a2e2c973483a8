package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// twoServices is a request through two services and a table.
var twoServices = Scenario{
	Name:   "two",
	Visits: []Visit{{"a", OK}, {"b", Error}},
	Calls:  []Call{{"a", "b", Error}, {"b", "t", OK}},
}

const (
	segmentA  = `{"name":"a","id":"a0","end_time":2,"subsegments":[{"name":"work","id":"a1","end_time":2,"subsegments":[{"name":"b","id":"a2","end_time":2,"namespace":"remote","error":true}]}]}`
	segmentB  = `{"name":"b","id":"b0","parent_id":"a2","end_time":2,"error":true,"subsegments":[{"name":"DynamoDB","id":"b1","end_time":2,"namespace":"aws","aws":{"table_name":"t"}}]}`
	inferredT = `{"name":"DynamoDB","id":"t0","parent_id":"b1","end_time":2,"inferred":true}`
)

func parseDocuments(t *testing.T, documents ...string) []entity {
	parsed := make([]entity, len(documents))
	for i, document := range documents {
		require.NoError(t, json.Unmarshal([]byte(document), &parsed[i]))
	}
	return parsed
}

func TestCompareTrace(t *testing.T) {
	for name, test := range map[string]struct {
		documents []string
		want      []string
	}{
		"whole": {[]string{segmentA, segmentB, inferredT}, nil},
		"empty": {nil, []string{"not there"}},
		"a segment is missing": {[]string{segmentA}, []string{
			"call b -> t (ok): 1 missing", "segment b (error): 1 missing",
		}},
		"the caller is missing": {[]string{segmentB}, []string{
			"0 segments without a caller instead of 1", "call a -> b (error): 1 missing",
			"segment a (ok): 1 missing", "the caller of b is missing",
		}},
		"twice": {[]string{segmentA, segmentB, segmentB}, []string{
			"call b -> t (ok): 1 too many", "segment b (error): 1 too many",
		}},
		"other outcome": {[]string{segmentA, strings.Replace(segmentB, `"error":true`, `"fault":true`, 1)}, []string{
			"segment b (error): 1 missing", "segment b (fault): 1 too many",
		}},
		"not ended": {[]string{segmentA, strings.Replace(segmentB, `"id":"b1","end_time":2`, `"id":"b1","in_progress":true`, 1)}, []string{
			"DynamoDB in b has not ended",
		}},
		"subsegment in the air": {[]string{segmentA, segmentB, `{"name":"x","id":"x0","parent_id":"y","type":"subsegment","end_time":2}`}, []string{
			"subsegment x hangs in the air",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, compareTrace(twoServices, parseDocuments(t, test.documents...)))
		})
	}
}

const goodGraph = `{"Services":[
	{"ReferenceId":1,"Name":"a","Root":true,"SummaryStatistics":{"TotalCount":1,"OkCount":1},
	 "Edges":[{"ReferenceId":2,"SummaryStatistics":{"TotalCount":1,"ErrorStatistics":{"OtherCount":1,"TotalCount":1}}}]},
	{"ReferenceId":2,"Name":"b","SummaryStatistics":{"TotalCount":1,"ErrorStatistics":{"OtherCount":1,"TotalCount":1}},
	 "Edges":[{"ReferenceId":3,"SummaryStatistics":{"TotalCount":1,"OkCount":1}}]},
	{"ReferenceId":3,"Name":"t","Type":"AWS::DynamoDB::Table","SummaryStatistics":{"TotalCount":1,"OkCount":1}},
	{"ReferenceId":4,"Name":"a","Type":"client","Edges":[{"ReferenceId":1}]}]}`

// fakeAPI answers BatchGetTraces with the documents of the n-th look, the last
// one again and again, and GetServiceGraph with graph.
func fakeAPI(t *testing.T, graph string, looks ...[]string) *Reader {
	looked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ServiceGraph" {
			fmt.Fprint(w, graph)
			return
		}
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.JSONEq(t, `{"TraceIds":["1-a"]}`, string(body))
		segments := []map[string]string{}
		for _, document := range looks[min(looked, len(looks)-1)] {
			segments = append(segments, map[string]string{"Document": document})
		}
		looked++
		assert.NoError(t, json.NewEncoder(w).Encode(map[string]any{"Traces": []any{map[string]any{"Id": "1-a", "Segments": segments}}}))
	}))
	t.Cleanup(server.Close)
	return NewReader(server.URL)
}

func TestCheck(t *testing.T) {
	sent := []Sent{{"1-a", twoServices}}
	whole := []string{segmentA, segmentB, inferredT}
	t.Run("whole at the second look", func(t *testing.T) {
		report, err := fakeAPI(t, goodGraph, []string{segmentA}, whole).Check(t.Context(), sent, time.Now())
		require.NoError(t, err)
		assert.Equal(t, Report{Traces: 1, Services: 3, Edges: 2}, report)
	})
	for name, test := range map[string]struct {
		graph     string
		documents []string
		want      []string
	}{
		"never whole": {goodGraph, []string{segmentA}, []string{
			"two 1-a: call b -> t (ok): 1 missing", "two 1-a: segment b (error): 1 missing",
		}},
		"wrong count in the graph": {strings.Replace(goodGraph, `"OkCount":1}`, `"OkCount":0}`, 1), whole, []string{
			"graph node a: {Total:1 OK:0 Error:0 Throttle:0 Fault:0}, not {Total:1 OK:1 Error:0 Throttle:0 Fault:0}",
		}},
		"no root": {strings.Replace(goodGraph, `"Root":true`, `"Root":false`, 1), whole, []string{"graph node a: root is false, not true"}},
		"no edge": {strings.Replace(goodGraph, `{"ReferenceId":3,"SummaryStatistics":{"TotalCount":1,"OkCount":1}}`, ``, 1), whole, []string{
			"graph edge b -> t: {Total:0 OK:0 Error:0 Throttle:0 Fault:0}, not {Total:1 OK:1 Error:0 Throttle:0 Fault:0}",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // one look
			report, err := fakeAPI(t, test.graph, test.documents).Check(ctx, sent, time.Now())
			require.NoError(t, err)
			assert.Equal(t, test.want, report.Misses)
		})
	}
	for name, graph := range map[string]string{
		"two nodes of one name": strings.Replace(goodGraph, `"Name":"b"`, `"Name":"a"`, 1),
		"edge to nowhere":       strings.Replace(goodGraph, `[{"ReferenceId":3`, `[{"ReferenceId":7`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fakeAPI(t, graph, whole).Check(t.Context(), sent, time.Now())
			assert.ErrorContains(t, err, "node")
		})
	}
}

// What each scenario claims hangs together: the first visit is the front, and
// every other service is called.
func TestScenarios(t *testing.T) {
	for _, withNode := range []bool{true, false} {
		for _, s := range Scenarios(withNode) {
			called := map[string]bool{s.Visits[0].Service: true}
			for _, c := range s.Calls {
				assert.True(t, called[c.From], "%s: %s calls but was not called", s.Name, c.From)
				called[c.To] = true
			}
			for _, v := range s.Visits {
				assert.True(t, called[v.Service], "%s: %s was not called", s.Name, v.Service)
			}
			assert.Positive(t, s.Weight, s.Name)
			assert.NotEmpty(t, s.About, s.Name)
			assert.Equal(t, withNode, s.Visits[0].Service == frontend, s.Name)
		}
	}
}

func TestWalk(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Regexp(t, `^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=1$`, r.Header.Get("X-Amzn-Trace-Id"))
		if r.URL.Path == "/bad" {
			http.Error(w, "broken", http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	t.Cleanup(customers.CloseIdleConnections)

	good := &Shop{URL: server.URL, Scenarios: []Scenario{{Name: "good", Method: "GET", Path: "/", Weight: 1, Status: 200}}}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	requests, err := good.Walk(ctx, 200)
	require.NoError(t, err)
	assert.Positive(t, requests)

	bad := &Shop{URL: server.URL, Scenarios: []Scenario{{Name: "bad", Method: "GET", Path: "/bad", Weight: 1, Status: 200}}}
	_, err = bad.Walk(t.Context(), 200)
	assert.ErrorContains(t, err, "GET /bad was answered with 500, not 200: broken")
	_, err = bad.SendAll(t.Context(), 3)
	assert.Equal(t, 3, strings.Count(err.Error(), "GET /bad was answered"))
}
