package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

// A full PutTraceSegments: 50 documents of 2.9 KB, each of a trace of its own.
func BenchmarkPutTraceSegments(b *testing.B) {
	r := newRig(b)
	doc := string(segmenttest.Mid())
	var id struct {
		TraceID string `json:"trace_id"`
	}
	require.NoError(b, json.Unmarshal([]byte(doc), &id))
	body, err := json.Marshal(map[string]any{"TraceSegmentDocuments": strings.Split(strings.Repeat(doc+"\x00", 49)+doc, "\x00")})
	require.NoError(b, err)
	parts := bytes.Split(body, []byte(id.TraceID))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		var request bytes.Buffer
		for i, p := range parts {
			if i > 0 {
				n++
				fmt.Fprintf(&request, "1-68f3a1c0-%024x", n)
			}
			request.Write(p)
		}
		req := httptest.NewRequest(http.MethodPost, "/TraceSegments", &request)
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		if w.Body.String() != `{"UnprocessedTraceSegments":[]}` {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(50*b.N), "ns/document")
}

// The graph of a full store, from digests that are there.
func BenchmarkGetServiceGraph(b *testing.B) {
	r := newRig(b)
	for n := range 5000 {
		_, out := r.call(b, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{
			fmt.Sprintf(`{"name":"a%d","id":"%016x","trace_id":"1-68f3a1c0-%024x","start_time":%d,"end_time":%d.5,"subsegments":[{"name":"DynamoDB","id":"00000000000000ff","start_time":1,"end_time":2,"namespace":"aws","aws":{"table_name":"t"}}]}`,
				n%20, n+1, n+1, 1760797000+n%60, 1760797000+n%60)}})
		require.Empty(b, out["UnprocessedTraceSegments"])
	}
	b.ReportAllocs()
	for b.Loop() {
		code, _ := r.call(b, "/ServiceGraph", map[string]any{"StartTime": 1760797000, "EndTime": 1760797300})
		require.Equal(b, 200, code)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(5000*b.N), "ns/trace")
}
