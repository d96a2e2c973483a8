package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// summaries asks for the traces that satisfy an expression and returns the
// last digit of their ids, all pages together, and the number of pages.
func (r *rig) summaries(t *testing.T, expression string) (ids string, pages int) {
	t.Helper()
	q := map[string]any{"StartTime": 0, "EndTime": maxEpoch, "FilterExpression": expression}
	for {
		code, out := r.call(t, "/TraceSummaries", q)
		require.Equal(t, http.StatusOK, code, "%v", out)
		pages++
		for _, s := range out["TraceSummaries"].([]any) {
			id := s.(map[string]any)["Id"].(string)
			ids += id[len(id)-1:]
		}
		token, more := out["NextToken"].(string)
		if !more {
			return ids, pages
		}
		q["NextToken"] = token
	}
}

// The shop's traces: a is whole, b failed behind a throttle and a gateway, c
// went to AWS services, d lacks a part, e was not found.
func TestFilterExpression(t *testing.T) {
	r := newRig(t)
	r.putShop(t)
	for expression, want := range map[string]string{
		`ok`:                              "dca",
		`error`:                           "e",
		`fault`:                           "b",
		`partial`:                         "d",
		`http.status = 404`:               "e",
		`http.method = "POST"`:            "cb",
		`http.url ENDSWITH "/products/7"`: "a",
		`responsetime > 0.25`:             "db",
		`duration > 0.25 OR error`:        "edcb",
		`user = "user-2"`:                 "b",
		`annotation.tenant = "blue"`:      "ba",
		`annotation[items] >= 3`:          "ba",
		`!annotation.tenant AND !partial`: "ec",
		`instance.id BEGINSWITH "i-0123"`: "a",
		`availabilityzone = "eu-west-1a"`: "a",
		`inferred`:                        "dcba",

		`service("payment") { fault }`:                                     "b",
		`service("orders")`:                                                "cb",
		`service("frontend") { root }`:                                     "edcba",
		`service("orders") { root }`:                                       "",
		`service(id(name: "orders", type: "AWS::DynamoDB::Table"))`:        "cb",
		`service(id(name: "orders", type: "AWS::ECS::Fargate")) { fault }`: "b",
		`service("orders") { throttle }`:                                   "b",
		`service() { inferred AND type = "AWS::S3::Bucket" }`:              "c",
		`service(id(type: "client"))`:                                      "",
		`edge("frontend", "orders") { fault }`:                             "b",
		`edge("frontend", "orders") { ok }`:                                "c",
		`edge("orders", "frontend")`:                                       "",
		`edge("payment", "gateway.example.net") { http.status = 503 }`:     "b",
		`edge() { throttle }`:                                              "b",

		`rootcause.fault.service { name = "payment" }`:                      "b",
		`rootcause.fault.exception { message CONTAINS "answered 503" }`:     "b",
		`rootcause.responsetime.entity { name = "frontend" coverage >= 1 }`: "edcba",

		// There are no groups here.
		`group.name = "Default"`: "",
		`group.arn`:              "",
	} {
		t.Run(expression, func(t *testing.T) {
			ids, _ := r.summaries(t, expression)
			require.Equal(t, want, ids)
		})
	}
}

// A page ends when it is full, when enough was looked at, or after a while; it
// may be empty and still not be the last. Together the pages hold all.
func TestFilterPages(t *testing.T) {
	r := newRig(t)
	for n := range 2500 {
		user := "other"
		if n == 0 || n == 2499 {
			user = "sought"
		}
		_, out := r.call(t, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{fmt.Sprintf(
			`{"name":"a","id":"a1b2c3d4e5f60719","trace_id":"1-68f3a1c0-%024x","start_time":%d,"end_time":%d,"user":%q}`, n%16+(n<<8), 1760797000+n, 1760797001+n, user)}})
		require.Empty(t, out["UnprocessedTraceSegments"])
	}
	ids, pages := r.summaries(t, `user = "sought"`)
	require.Equal(t, "30", ids)
	require.Equal(t, 3, pages)
	ids, pages = r.summaries(t, `user = "other"`)
	require.Len(t, ids, 2498)
	require.Equal(t, 25, pages)

	_, out := r.call(t, "/TraceSummaries", map[string]any{"StartTime": 0, "EndTime": maxEpoch, "FilterExpression": `user = "none"`})
	require.Empty(t, out["TraceSummaries"])
	require.EqualValues(t, maxScan, out["TracesProcessedCount"])
	require.NotEmpty(t, out["NextToken"])

	// On a clock that runs on with each look, a page has few traces and the
	// answer is the same.
	now := r.time
	r.Handler.now = func() time.Time { now = now.Add(maxScanTime / 10); return now }
	ids, pages = r.summaries(t, `user = "sought"`)
	require.Equal(t, "30", ids)
	require.Greater(t, pages, 200)
}
