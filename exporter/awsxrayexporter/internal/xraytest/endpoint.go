// Package xraytest is an X-Ray endpoint for tests, over HTTP and as unreliable
// as the test asks for.
package xraytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// Behaviour answers one request. It reports whether X-Ray has the documents.
type Behaviour func(w http.ResponseWriter, r *http.Request, documents []string) (taken bool)

// Script chooses the behaviour for the nth request, from 0.
type Script func(n int) Behaviour

// Endpoint is an X-Ray endpoint. Requests without a signature get 403.
type Endpoint struct {
	*httptest.Server

	mu       sync.Mutex
	script   Script
	requests int
	taken    map[string]int // by document id, how often
	texts    map[string]string
	headers  http.Header // of the last request
}

// Start starts an endpoint on a free port. A nil script accepts everything.
func Start(script Script) *Endpoint {
	e := &Endpoint{script: script, taken: map[string]int{}, texts: map[string]string{}}
	e.Server = httptest.NewServer(http.HandlerFunc(e.serve))
	return e
}

// Follow changes the script. The count of requests goes on.
func (e *Endpoint) Follow(script Script) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.script = script
}

func (e *Endpoint) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=") {
		http.Error(w, `{"message":"Missing Authentication Token"}`, http.StatusForbidden)
		return
	}
	if r.URL.Path != "/TraceSegments" {
		fmt.Fprint(w, `{}`)
		return
	}
	var request struct{ TraceSegmentDocuments []string }
	if err := json.Unmarshal(body, &request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e.mu.Lock()
	n, script := e.requests, e.script
	e.requests++
	e.headers = r.Header.Clone()
	e.mu.Unlock()

	behave := Accept
	if script != nil {
		behave = script(n)
	}
	// The documents are recorded before the reply leaves, so that a test that
	// saw the reply sees them too.
	recorder := &deferred{ResponseWriter: w}
	if behave(recorder, r, request.TraceSegmentDocuments) {
		e.take(request.TraceSegmentDocuments, recorder.refused)
	}
	recorder.send()
}

func (e *Endpoint) take(documents []string, refused map[string]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, text := range documents {
		if id := ID(text); !refused[id] {
			e.taken[id]++
			e.texts[id] = text
		}
	}
}

// ID returns the id of a document.
func ID(document string) string {
	var d struct{ ID string }
	_ = json.Unmarshal([]byte(document), &d)
	return d.ID
}

// Taken returns how often each document was taken, by id.
func (e *Endpoint) Taken() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[string]int, len(e.taken))
	for id, n := range e.taken {
		out[id] = n
	}
	return out
}

// Documents returns the text of the documents that were taken, by id.
func (e *Endpoint) Documents() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[string]string, len(e.texts))
	for id, text := range e.texts {
		out[id] = text
	}
	return out
}

// Requests returns how many requests came.
func (e *Endpoint) Requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.requests
}

// Header returns the header of the last request.
func (e *Endpoint) Header() http.Header {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.headers
}

// deferred keeps a reply until its documents are recorded.
type deferred struct {
	http.ResponseWriter
	status  int
	body    []byte
	refused map[string]bool
	gone    bool // the behaviour did something else with the connection
}

func (d *deferred) WriteHeader(status int) { d.status = status }
func (d *deferred) Write(text []byte) (int, error) {
	d.body = append(d.body, text...)
	return len(text), nil
}

func (d *deferred) send() {
	if d.gone {
		return
	}
	if d.status != 0 {
		d.ResponseWriter.WriteHeader(d.status)
	}
	_, _ = d.ResponseWriter.Write(d.body)
}

// Accept takes all documents.
func Accept(w http.ResponseWriter, _ *http.Request, _ []string) bool {
	_, _ = io.WriteString(w, `{"UnprocessedTraceSegments":[]}`)
	return true
}

// Fail answers with a status and an error code and takes nothing.
func Fail(status int, code string) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ []string) bool {
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"message":"as the test asked"}`)
		return false
	}
}

// Hang does not answer until the client goes away.
func Hang(w http.ResponseWriter, r *http.Request, _ []string) bool {
	<-r.Context().Done()
	w.(*deferred).gone = true
	return false
}

// LoseReply takes all documents and breaks the connection.
func LoseReply(w http.ResponseWriter, _ *http.Request, _ []string) bool {
	hangUp(w)
	return true
}

// HangUp breaks the connection and takes nothing.
func HangUp(w http.ResponseWriter, _ *http.Request, _ []string) bool {
	hangUp(w)
	return false
}

func hangUp(w http.ResponseWriter) {
	d := w.(*deferred)
	d.gone = true
	if connection, _, err := d.ResponseWriter.(http.Hijacker).Hijack(); err == nil {
		_ = connection.Close()
	}
}

// Say answers 200 with a text of its own and takes nothing.
func Say(text string) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ []string) bool {
		_, _ = io.WriteString(w, text)
		return false
	}
}

// Refuse takes all documents but those that code names one for.
func Refuse(code func(id string) string) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, documents []string) bool {
		type entry struct{ Id, ErrorCode, Message string } //nolint // X-Ray's names
		list := []entry{}
		refused := map[string]bool{}
		for _, text := range documents {
			id := ID(text)
			if c := code(id); c != "" {
				list = append(list, entry{id, c, "Invalid segment. ErrorCode: " + c})
				refused[id] = true
			}
		}
		w.(*deferred).refused = refused
		_ = json.NewEncoder(w).Encode(map[string]any{"UnprocessedTraceSegments": list})
		return true
	}
}
