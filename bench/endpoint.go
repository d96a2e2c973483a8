//go:build linux

package main

import (
	"bytes"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// endpoint is a stand-in for X-Ray and CloudWatch Logs that takes everything and counts it. It
// does as little as it can: it shares the machine with what is measured.
type endpoint struct {
	latency time.Duration
	server  *http.Server
	url     string
	served  chan struct{}

	mu     sync.Mutex
	counts arrivals
	traces map[uint64]int // entities seen, by the number in the trace id; of metrics by time
	buffer sync.Pool
}

// arrivals is what has come so far.
type arrivals struct {
	Requests  int64
	Bytes     int64
	Documents int64
	Entities  int64 // segments and subsegments, or data points
	Foreign   int64 // documents that are not of what the generator sent
}

// startEndpoint listens on a free loopback port.
func startEndpoint(latency time.Duration) (*endpoint, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &endpoint{
		latency: latency,
		url:     "http://" + l.Addr().String(),
		served:  make(chan struct{}),
		traces:  map[uint64]int{},
		buffer:  sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
	e.server = &http.Server{Handler: http.HandlerFunc(e.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(e.served)
		_ = e.server.Serve(l) // ends with Close
	}()
	return e, nil
}

func (e *endpoint) close() {
	_ = e.server.Close()
	<-e.served
}

func (e *endpoint) arrived() arrivals {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts
}

// surplus returns how many entities came more often than they were sent,
// given that each trace has perTrace of them.
func (e *endpoint) surplus(perTrace int) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	var n int64
	for _, seen := range e.traces {
		n += int64(max(0, seen-perTrace))
	}
	return n
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	logs := r.Header.Get("X-Amz-Target") != ""
	if r.URL.Path != "/TraceSegments" && !logs {
		_, _ = io.WriteString(w, "{}")
		return
	}
	buf := e.buffer.Get().(*bytes.Buffer)
	buf.Reset()
	defer e.buffer.Put(buf)
	if _, err := buf.ReadFrom(r.Body); err != nil || !logs && r.Header.Get("Content-Encoding") != "" {
		http.Error(w, `{"Message":"unreadable body"}`, http.StatusBadRequest)
		return
	}
	if e.latency > 0 {
		time.Sleep(e.latency)
	}
	if logs {
		e.serveLogs(w, r, buf.Bytes())
		return
	}
	e.count(buf.Bytes())
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"UnprocessedTraceSegments":[]}`)
}

// The marks that count looks for. Inside a document every quote is escaped, so
// a bare one opens or closes a document.
var (
	firstDocument = []byte(`["{`)
	nextDocument  = []byte(`,"{`)
	startTime     = []byte(`\"start_time\":`) // required once in each entity
	traceIDMark   = []byte(`\"trace_id\":\"1-`)
)

// count takes one body of PutTraceSegments.
func (e *endpoint) count(body []byte) {
	a := arrivals{Requests: 1, Bytes: int64(len(body))}
	rest := body
	if i := bytes.Index(rest, firstDocument); i >= 0 {
		rest = rest[i+1:]
	} else {
		rest = nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(rest) > 0 {
		document := rest
		if i := bytes.Index(rest, nextDocument); i >= 0 {
			document, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		entities := bytes.Count(document, startTime)
		a.Documents++
		a.Entities += int64(entities)
		if n, ok := traceNumber(document); ok {
			e.traces[n] += entities
		} else {
			a.Foreign++
		}
	}
	e.counts.Requests += a.Requests
	e.counts.Bytes += a.Bytes
	e.counts.Documents += a.Documents
	e.counts.Entities += a.Entities
	e.counts.Foreign += a.Foreign
}

// traceNumber finds the number that the generator wrote into the last 12
// digits of the trace id.
func traceNumber(document []byte) (uint64, bool) {
	const idLength = 8 + 1 + 24
	i := bytes.Index(document, traceIDMark)
	if i < 0 || len(document) < i+len(traceIDMark)+idLength {
		return 0, false
	}
	id := document[i+len(traceIDMark):][:idLength]
	if string(id[9:9+len(traceTag)]) != traceTag {
		return 0, false
	}
	var b [6]byte
	if _, err := hex.Decode(b[:], id[21:]); err != nil {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n, true
}
