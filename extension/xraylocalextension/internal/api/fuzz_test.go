package api

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever comes, the answer is JSON, and what was taken can be read.
func FuzzPutTraceSegments(f *testing.F) {
	for _, doc := range shop(f) {
		f.Add([]byte(`{"TraceSegmentDocuments":[` + quote(doc) + `]}`))
	}
	f.Add([]byte(`{"TraceSegmentDocuments":["[]","",null,"{}"]}`))
	f.Add([]byte(`{"TraceSegmentDocuments":[` + quote(`{"name":"a","id":"a1b2c3d4e5f60719","trace_id":"1-68f3a1c0-00000000000000000000000a","parent_id":"a1b2c3d4e5f60719","type":"subsegment","start_time":1e300,"end_time":-1}`) + `]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := newRig(t)
		req := httptest.NewRequest(http.MethodPost, "/TraceSegments", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		r.do(t, req)
		for _, e := range r.store.List(r.time, 0, time.Time{}, time.Time{}) {
			code, out := r.call(t, "/Traces", map[string]any{"TraceIds": []string{e.ID.String()}})
			require.Equal(t, http.StatusOK, code)
			require.Len(t, out["Traces"], 1)
			e.Digest()
		}
		code, _ := r.call(t, "/ServiceGraph", map[string]any{"StartTime": 0, "EndTime": maxEpoch})
		require.Equal(t, http.StatusOK, code)
		code, _ = r.call(t, "/TraceSummaries", map[string]any{"StartTime": 0, "EndTime": maxEpoch})
		require.Equal(t, http.StatusOK, code)
	})
}

func quote(s string) string {
	var b bytes.Buffer
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		if c == '\n' {
			b.WriteString(`\n`)
			continue
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}
