//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestDatagramNumbers(t *testing.T) {
	now := time.Unix(0x68f3a1c0, 0)
	d, err := newDatagram(midSegments.document(), now)
	require.NoError(t, err)
	for _, n := range []uint64{0, 1, 0xabcdef, 1<<48 - 1} {
		b := d.number(n)
		header, body, ok := bytes.Cut(b, []byte("\n"))
		require.True(t, ok)
		assert.JSONEq(t, `{"format":"json","version":1}`, string(header))
		var doc struct {
			TraceID string `json:"trace_id"`
			ID      string `json:"id"`
		}
		require.NoError(t, json.Unmarshal(body, &doc))
		assert.Len(t, doc.ID, 16)
		assert.Equal(t, "1-68f3a1c0-"+traceTag, doc.TraceID[:23])

		got, ok := traceNumber(escape(t, body))
		require.True(t, ok)
		assert.Equal(t, n, got)
	}
}

// escape returns the document as it stands in a request, without the quotes.
func escape(t *testing.T, document []byte) []byte {
	b, err := json.Marshal(string(document))
	require.NoError(t, err)
	return b[1 : len(b)-1]
}

func TestNewDatagramRefuses(t *testing.T) {
	_, err := newDatagram([]byte(`{"id":"a1b2c3d4e5f60718"}`), time.Unix(0, 0))
	require.ErrorContains(t, err, "no trace_id")
}

func TestSpanRequest(t *testing.T) {
	r := newSpanRequest(time.Unix(0x68f3a1c0, 0))
	spans := r.number(4096).ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	require.Equal(t, spansPerRequest, spans.Len())
	size := (&ptrace.ProtoMarshaler{}).TracesSize(r.traces)
	assert.InDelta(t, 250, size/spansPerRequest, 30)

	seen := map[string]bool{}
	for i, s := range spans.All() {
		assert.False(t, seen[s.SpanID().String()], "span ids are unique")
		seen[s.SpanID().String()] = true
		assert.Equal(t, i%spansPerTrace == 0, s.ParentSpanID().IsEmpty())
		trace := s.TraceID().String()
		document := []byte(`\"trace_id\":\"1-` + trace[:8] + "-" + trace[8:] + `\"`)
		n, ok := traceNumber(document)
		require.True(t, ok)
		assert.Equal(t, uint64(4096+i/spansPerTrace), n)
	}
}

func TestPacer(t *testing.T) {
	begin := time.Unix(100, 0)
	p := newPacer(2000, 1, begin)
	assert.Equal(t, 1, p.due(begin))
	assert.Equal(t, 5, p.due(begin.Add(2*time.Millisecond)))
	p.sent = 5
	assert.Zero(t, p.due(begin.Add(2*time.Millisecond)))
	// Asleep for a second: only a burst is due, then the old rate holds.
	assert.Equal(t, 10, p.due(begin.Add(time.Second)))
	p.sent += 10
	assert.Equal(t, 2, p.due(begin.Add(time.Second+time.Millisecond)))
	// A request larger than a burst can become due.
	p = newPacer(1000, 100, begin)
	assert.Equal(t, 100, p.due(begin))
	p.sent = 100
	assert.Equal(t, 100, p.due(begin.Add(100*time.Millisecond)))
}

func TestEndpointCounts(t *testing.T) {
	e, err := startEndpoint(0)
	require.NoError(t, err)
	defer e.close()
	d, err := newDatagram(midSegments.document(), time.Now())
	require.NoError(t, err)
	post := func(documents ...string) {
		body, err := json.Marshal(map[string][]string{"TraceSegmentDocuments": documents})
		require.NoError(t, err)
		resp, err := http.Post(e.url+"/TraceSegments", "application/json", bytes.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	document := func(n uint64) string {
		_, doc, _ := bytes.Cut(d.number(n), []byte("\n"))
		return string(doc)
	}
	post(document(1), document(2))
	post(document(2))
	post()
	http.DefaultClient.CloseIdleConnections()

	a := e.arrived()
	assert.Positive(t, a.Bytes)
	a.Bytes = 0
	assert.Equal(t, arrivals{Requests: 3, Documents: 3, Entities: 18}, a)
	assert.Equal(t, int64(6), e.surplus(d.entities))

	e.count([]byte(`{"TraceSegmentDocuments":["{\"trace_id\":\"1-68f3a1c0-000102030405060708090a0b\",\"start_time\":1}"]}`))
	assert.Equal(t, int64(1), e.arrived().Foreign)
}
