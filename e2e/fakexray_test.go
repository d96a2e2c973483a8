package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/demo/proc"
)

// fakeXRay is an X-Ray endpoint that outlives the collector, remembers what it
// accepted and misbehaves as it is told. It starts closed.
type fakeXRay struct {
	t       testing.TB
	address string

	mu        sync.Mutex
	server    *http.Server
	serving   sync.WaitGroup
	behave    behaviour
	accepted  map[string]int // how often each segment and subsegment was accepted, by id
	documents map[string]string
}

// behaviour answers one PutTraceSegments request. accept stores documents as
// X-Ray would; what is not accepted is not stored. It is called concurrently.
type behaviour func(w http.ResponseWriter, r *http.Request, documents []string, accept func(...string))

func newFakeXRay(t testing.TB) *fakeXRay {
	address, err := proc.FreeAddress()
	require.NoError(t, err)
	f := &fakeXRay{t: t, address: address, behave: acceptAll, accepted: map[string]int{}, documents: map[string]string{}}
	t.Cleanup(f.close)
	return f
}

func (f *fakeXRay) url() string { return "http://" + f.address }

// env tells the collector where the fake is.
func (f *fakeXRay) env() []string { return []string{"FAKE_XRAY=" + f.url()} }

// open begins to answer; until then, and after close, connections are refused.
func (f *fakeXRay) open() {
	listener, err := net.Listen("tcp", f.address)
	require.NoError(f.t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /TraceSegments", f.putTraceSegments)
	mux.HandleFunc("POST /TelemetryRecords", func(w http.ResponseWriter, _ *http.Request) { writeReply(w, http.StatusOK, `{}`) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	f.mu.Lock()
	f.server = server
	f.mu.Unlock()
	f.serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			assert.NoError(f.t, err)
		}
	})
}

func (f *fakeXRay) close() {
	f.mu.Lock()
	server := f.server
	f.server = nil
	f.mu.Unlock()
	if server != nil {
		assert.NoError(f.t, server.Close())
		f.serving.Wait()
	}
}

// behaveAs changes how requests are answered from now on.
func (f *fakeXRay) behaveAs(b behaviour) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.behave = b
}

func (f *fakeXRay) putTraceSegments(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the collector went away
	}
	var request struct{ TraceSegmentDocuments []string }
	if err := json.Unmarshal(body, &request); err != nil {
		assert.NoError(f.t, err, "the body of PutTraceSegments")
	}
	assert.NotEmpty(f.t, request.TraceSegmentDocuments)
	assert.LessOrEqual(f.t, len(request.TraceSegmentDocuments), 50)
	assert.Contains(f.t, r.Header.Get("Authorization"), "AWS4-HMAC-SHA256", "unsigned request")
	f.mu.Lock()
	behave := f.behave
	f.mu.Unlock()
	behave(w, r, request.TraceSegmentDocuments, f.accept)
}

func (f *fakeXRay) accept(documents ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, document := range documents {
		assert.LessOrEqual(f.t, len(document), 64*1024)
		var e entity
		if !assert.NoError(f.t, json.Unmarshal([]byte(document), &e), document) {
			continue
		}
		f.documents[e.ID] = document
		e.each(func(id string) { f.accepted[id]++ })
	}
}

// entity is a segment or subsegment, as far as the fake reads it.
type entity struct {
	ID          string   `json:"id"`
	Subsegments []entity `json:"subsegments"`
}

func (e entity) each(f func(id string)) {
	f(e.ID)
	for _, sub := range e.Subsegments {
		sub.each(f)
	}
}

func (f *fakeXRay) document(id string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	document, ok := f.documents[id]
	return document, ok
}

// missing returns how many of the ids were not accepted, and more lists those
// accepted more than once.
func (f *fakeXRay) missing(ids []string) (missing int, more []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		switch n := f.accepted[id]; {
		case n == 0:
			missing++
		case n > 1:
			more = append(more, id)
		}
	}
	return missing, more
}

// waitFor waits until all ids were accepted.
func (f *fakeXRay) waitFor(ids []string) {
	f.t.Helper()
	require.EventuallyWithT(f.t, func(t *assert.CollectT) {
		missing, _ := f.missing(ids)
		assert.Zero(t, missing, "missing of %d", len(ids))
	}, wait, tick)
}

func writeReply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The collector is gone if this fails; the test sees what it missed.
	_, _ = io.WriteString(w, body)
}

const allProcessed = `{"UnprocessedTraceSegments":[]}`

func acceptAll(w http.ResponseWriter, _ *http.Request, documents []string, accept func(...string)) {
	accept(documents...)
	writeReply(w, http.StatusOK, allProcessed)
}

// slowly accepts everything after a while.
func slowly(latency time.Duration) behaviour {
	return func(w http.ResponseWriter, r *http.Request, documents []string, accept func(...string)) {
		select {
		case <-time.After(latency):
			acceptAll(w, r, documents, accept)
		case <-r.Context().Done():
		}
	}
}

// failFor answers with an error for a time that begins with the first request,
// and behaves after.
func failFor(period time.Duration, status int, errorType, message string) behaviour {
	var once sync.Once
	var end time.Time
	return func(w http.ResponseWriter, r *http.Request, documents []string, accept func(...string)) {
		once.Do(func() { end = time.Now().Add(period) })
		if time.Now().After(end) {
			acceptAll(w, r, documents, accept)
			return
		}
		w.Header().Set("X-Amzn-ErrorType", errorType)
		writeReply(w, status, `{"Message":"`+message+`"}`)
	}
}

// firstly treats the first n requests in one way and accepts the others.
func firstly(n int, b behaviour) behaviour {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request, documents []string, accept func(...string)) {
		mu.Lock()
		n--
		first := n >= 0
		mu.Unlock()
		if first {
			b(w, r, documents, accept)
			return
		}
		acceptAll(w, r, documents, accept)
	}
}

// hang answers nothing until the client gives up.
func hang(_ http.ResponseWriter, r *http.Request, _ []string, _ func(...string)) {
	<-r.Context().Done()
}

// loseReply accepts everything and cuts the connection instead of answering.
func loseReply(_ http.ResponseWriter, _ *http.Request, documents []string, accept func(...string)) {
	accept(documents...)
	panic(http.ErrAbortHandler)
}

// refuseHalf takes every other document and asks for the rest again, but
// refuses none twice.
func refuseHalf() behaviour {
	var mu sync.Mutex
	refused := map[string]bool{}
	return func(w http.ResponseWriter, _ *http.Request, documents []string, accept func(...string)) {
		list := []map[string]string{}
		mu.Lock()
		defer mu.Unlock()
		for i, document := range documents {
			var e entity
			if json.Unmarshal([]byte(document), &e) != nil || i%2 == 0 || refused[e.ID] {
				accept(document)
				continue
			}
			refused[e.ID] = true
			list = append(list, map[string]string{"Id": e.ID, "ErrorCode": "ThrottledException", "Message": "Rate exceeded"})
		}
		reply, _ := json.Marshal(map[string]any{"UnprocessedTraceSegments": list})
		writeReply(w, http.StatusOK, string(reply))
	}
}
