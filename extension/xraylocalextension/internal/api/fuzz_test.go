package api

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/filterexpr"
)

// Whatever comes, the answer is JSON, and what was taken can be read.
func FuzzPutTraceSegments(f *testing.F) {
	everything, err := filterexpr.Parse(`service() { fault } OR edge() { error } OR rootcause.fault.exception { message = "x" } OR annotation.a OR user = "x"`)
	require.NoError(f, err)
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
			everything.Match(e.Digest().Filter)
		}
		code, _ := r.call(t, "/ServiceGraph", map[string]any{"StartTime": 0, "EndTime": maxEpoch})
		require.Equal(t, http.StatusOK, code)
		code, _ = r.call(t, "/TraceSummaries", map[string]any{"StartTime": 0, "EndTime": maxEpoch})
		require.Equal(t, http.StatusOK, code)
	})
}

// Whatever is asked of the sampling API, the answer is JSON, the Default rule
// stays, and there are never more rules than may be.
func FuzzSampling(f *testing.F) {
	paths := []string{"/CreateSamplingRule", "/UpdateSamplingRule", "/DeleteSamplingRule", "/SamplingTargets"}
	f.Add(byte(0), []byte(minimalRule), byte(3), []byte(`{"SamplingStatisticsDocuments":[{"RuleName":"a","RequestCount":3},{"RuleName":"Default","RequestCount":-3}]}`))
	f.Add(byte(1), []byte(`{"SamplingRuleUpdate":{"RuleName":"Default","ReservoirSize":2147483647,"FixedRate":1}}`), byte(3), []byte(`{"SamplingStatisticsDocuments":[{"RuleName":"Default","RequestCount":9223372036854775807}]}`))
	f.Add(byte(0), []byte(`{"SamplingRule":{"RuleARN":":sampling-rule/b","Priority":1,"ResourceARN":"","ServiceName":"","ServiceType":"","Host":"","HTTPMethod":"","URLPath":"","Version":1,"SamplingRateBoost":{"MaxRate":1,"CooldownWindowMinutes":525600}}}`),
		byte(3), []byte(`{"SamplingStatisticsDocuments":[{"RuleName":"b"}],"SamplingBoostStatisticsDocuments":[{"RuleName":"b","AnomalyCount":1}]}`))
	f.Add(byte(2), []byte(`{"RuleName":"Default"}`), byte(2), []byte(`{"RuleARN":"x"}`))
	f.Fuzz(func(t *testing.T, first byte, a []byte, second byte, b []byte) {
		r := newRig(t)
		for range 30 {
			for _, call := range []struct {
				path byte
				body []byte
			}{{first, a}, {second, b}} {
				req := httptest.NewRequest(http.MethodPost, paths[int(call.path)%len(paths)], bytes.NewReader(call.body))
				req.Header.Set("Content-Type", "application/json")
				r.do(t, req)
			}
			r.time = r.time.Add(7 * time.Second)
		}
		names := r.ruleNames(t)
		require.LessOrEqual(t, len(names), 26)
		require.Equal(t, "Default", names[len(names)-1])
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
