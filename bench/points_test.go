//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestPointRequest(t *testing.T) {
	now := time.UnixMilli(1_760_000_000_000)
	r := newPointRequest(now)
	require.Equal(t, pointsPerRequest, r.metrics.DataPointCount())
	size := (&pmetric.ProtoMarshaler{}).MetricsSize(r.metrics)
	assert.InDelta(t, 200, size/pointsPerRequest, 50)

	md := r.number(4096)
	want := now.Add(-pointsAge + 4096*time.Millisecond).UTC()
	metrics := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	var times []time.Time
	for _, m := range metrics.All() {
		switch m.Type() {
		case pmetric.MetricTypeGauge:
			times = append(times, m.Gauge().DataPoints().At(setsPerRequest-1).Timestamp().AsTime())
		case pmetric.MetricTypeSum:
			times = append(times, m.Sum().DataPoints().At(setsPerRequest-1).Timestamp().AsTime())
		case pmetric.MetricTypeHistogram:
			p := m.Histogram().DataPoints().At(setsPerRequest - 1)
			times = append(times, p.Timestamp().AsTime())
			assert.Equal(t, p.Count(), total(p.BucketCounts().AsRaw()))
		case pmetric.MetricTypeExponentialHistogram:
			p := m.ExponentialHistogram().DataPoints().At(setsPerRequest - 1)
			times = append(times, p.Timestamp().AsTime())
			assert.Equal(t, p.Count(), total(p.Positive().BucketCounts().AsRaw()))
		}
	}
	assert.Equal(t, []time.Time{want, want, want, want}, times)
}

func total(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func TestEndpointCountsEvents(t *testing.T) {
	e, err := startEndpoint(0)
	require.NoError(t, err)
	defer e.close()
	post := func(target string, body []byte, encoding string) (int, map[string]any) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url, bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("X-Amz-Target", target)
		req.Header.Set("Content-Encoding", encoding)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		var answer map[string]any
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
		return resp.StatusCode, answer
	}
	type event struct {
		Message   string `json:"message"`
		Timestamp int64  `json:"timestamp"`
	}
	document := func(namespace string, at int64, names ...string) event {
		metrics := make([]map[string]string, len(names))
		for i, n := range names {
			metrics[i] = map[string]string{"Name": n, "Unit": "Count"}
		}
		b, err := json.Marshal(map[string]any{"_aws": map[string]any{
			"Timestamp":         at,
			"CloudWatchMetrics": []any{map[string]any{"Namespace": namespace, "Dimensions": [][]string{{}}, "Metrics": metrics}},
		}})
		require.NoError(t, err)
		return event{string(b), at}
	}
	body := func(events ...event) []byte {
		b, err := json.Marshal(map[string]any{"logGroupName": "g", "logStreamName": "s", "logEvents": events})
		require.NoError(t, err)
		return b
	}

	status, answer := post("Logs_20140328.CreateLogGroup", []byte(`{"logGroupName":"g"}`), "")
	assert.Equal(t, http.StatusOK, status)
	assert.Empty(t, answer)

	plain := body(document("bench", 1001, "a", "b"), document("bench", 1001, "c"))
	status, answer = post(putLogEvents, plain, "")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, map[string]any{"nextSequenceToken": "1"}, answer)

	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err = z.Write(body(document("bench", 1002, "a", "b", "c"), document("bench", 1001, "c")))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	length := zipped.Len()
	status, _ = post(putLogEvents, zipped.Bytes(), "gzip")
	assert.Equal(t, http.StatusOK, status)

	status, _ = post(putLogEvents, plain, "gzip")
	assert.Equal(t, http.StatusBadRequest, status, "it is not compressed")
	http.DefaultClient.CloseIdleConnections()

	assert.Equal(t, arrivals{Requests: 2, Bytes: int64(len(plain) + length), Documents: 4, Entities: 7}, e.arrived())
	assert.Equal(t, int64(1), e.surplus(3), "one point of the first request came again")

	for _, b := range [][]byte{body(document("other", 1003, "a")), []byte(fmt.Sprintf(`{"logEvents":[%s]}`, `{"message":"hello"}`))} {
		e.countEvents(b, 0)
	}
	assert.Equal(t, int64(2), e.arrived().Foreign)
}
