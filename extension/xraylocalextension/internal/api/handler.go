// Package api answers the X-Ray API over HTTP, as far as a store on one machine
// can: it takes documents in and gives traces, graphs and sampling rules out.
// Signatures are not checked.
package api

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/sampling"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

const (
	// maxPutBytes bounds the body of PutTraceSegments: 50 documents of 64 KB,
	// each escaped into a JSON string.
	maxPutBytes = 8 << 20
	// maxBodyBytes bounds the body of every other request.
	maxBodyBytes = 256 << 10
	// maxInFlight bounds how many requests are read and answered at the same
	// time, and with maxPutBytes the memory that they can take.
	maxInFlight = 16
)

// Observer is told what the API did.
type Observer interface {
	// Request is called once for each request. The operation is "unknown"
	// for a path that is none.
	Request(operation string, status int)
	// Accepted and Rejected count documents; code is the error code answered.
	Accepted(documents int)
	Rejected(code string, documents int)
	// Telemetry counts the records of PutTelemetryRecords.
	Telemetry(records int)
}

// Handler is the API as an http.Handler. Create one with New.
type Handler struct {
	store    *store.Store
	sampling *sampling.Rules
	observer Observer
	now      func() time.Time
	slots    chan struct{}
	ops      map[string]operation
}

// SetDefaultRule changes the sampling rule named Default, before anyone asks.
func (h *Handler) SetDefaultRule(change func(*samplingrule.Rule)) error {
	_, err := h.sampling.Update(h.now().Truncate(time.Second), samplingrule.DefaultName, change)
	return err
}

// operation is one operation of the API.
type operation struct {
	name    string
	maxBody int64
	do      func(body []byte) (any, error)
}

// New returns a handler over st. It reads the time from now.
func New(st *store.Store, o Observer, now func() time.Time) *Handler {
	h := &Handler{
		store:    st,
		sampling: sampling.New(now().Truncate(time.Second)),
		observer: o,
		now:      now,
		slots:    make(chan struct{}, maxInFlight),
	}
	h.ops = map[string]operation{
		"/TraceSegments":              op("PutTraceSegments", maxPutBytes, h.putTraceSegments),
		"/TelemetryRecords":           op("PutTelemetryRecords", maxBodyBytes, h.putTelemetryRecords),
		"/TraceSummaries":             op("GetTraceSummaries", maxBodyBytes, h.getTraceSummaries),
		"/Traces":                     op("BatchGetTraces", maxBodyBytes, h.batchGetTraces),
		"/TraceGraph":                 op("GetTraceGraph", maxBodyBytes, h.getTraceGraph),
		"/ServiceGraph":               op("GetServiceGraph", maxBodyBytes, h.getServiceGraph),
		"/GetSamplingRules":           op("GetSamplingRules", maxBodyBytes, h.getSamplingRules),
		"/CreateSamplingRule":         op("CreateSamplingRule", maxBodyBytes, h.createSamplingRule),
		"/UpdateSamplingRule":         op("UpdateSamplingRule", maxBodyBytes, h.updateSamplingRule),
		"/DeleteSamplingRule":         op("DeleteSamplingRule", maxBodyBytes, h.deleteSamplingRule),
		"/SamplingTargets":            op("GetSamplingTargets", maxBodyBytes, h.getSamplingTargets),
		"/SamplingStatisticSummaries": op("GetSamplingStatisticSummaries", maxBodyBytes, h.getSamplingStatisticSummaries),
		"/Groups":                     op("GetGroups", maxBodyBytes, h.getGroups),
		"/GetGroup":                   op("GetGroup", maxBodyBytes, h.getGroup),
		"/EncryptionConfig":           op("GetEncryptionConfig", maxBodyBytes, h.getEncryptionConfig),
	}
	return h
}

// Sampling returns the sampling rules, to keep and to restore them.
func (h *Handler) Sampling() *sampling.Rules { return h.sampling }

// op makes an operation of a function from its input to its output. An empty
// body stands for an empty input.
func op[In, Out any](name string, maxBody int64, f func(*In) (*Out, error)) operation {
	return operation{name, maxBody, func(body []byte) (any, error) {
		in := new(In)
		if len(bytes.TrimSpace(body)) > 0 {
			if err := json.Unmarshal(body, in); err != nil {
				return nil, &apiError{http.StatusBadRequest, "SerializationException", "the body is not the JSON of " + name + ": " + err.Error()}
			}
		}
		out, err := f(in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}}
}

// apiError is an error in the form that AWS SDKs read.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// invalid returns an InvalidRequestException.
func invalid(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "InvalidRequestException", fmt.Sprintf(format, args...)}
}

// Handles reports whether path is that of an operation.
func (h *Handler) Handles(path string) bool {
	_, ok := h.ops[path]
	return ok
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o, ok := h.ops[r.URL.Path]
	if !ok {
		h.refuse(w, "unknown", &apiError{http.StatusNotFound, "UnknownOperationException",
			fmt.Sprintf("%s %s is no operation of the X-Ray API that is served here", r.Method, cut(r.URL.Path, 100))})
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		h.refuse(w, o.name, &apiError{http.StatusMethodNotAllowed, "UnknownOperationException", o.name + " takes POST"})
		return
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-r.Context().Done():
		h.refuse(w, o.name, &apiError{http.StatusServiceUnavailable, "ServiceUnavailable", "gave up waiting for other requests"})
		return
	}
	body, err := readBody(w, r, o.maxBody)
	if err != nil {
		h.refuse(w, o.name, err)
		return
	}
	out, err := o.do(body)
	if err != nil {
		h.refuse(w, o.name, err)
		return
	}
	reply, err := json.Marshal(out)
	if err != nil {
		h.refuse(w, o.name, err)
		return
	}
	h.write(w, o.name, http.StatusOK, reply)
}

// Refuse answers a request that must not reach the API.
func (h *Handler) Refuse(w http.ResponseWriter, status int, code, message string) {
	h.refuse(w, "refused", &apiError{status, code, message})
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, &apiError{http.StatusUnsupportedMediaType, "UnsupportedMediaTypeException", "the content encoding must be identity"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", fmt.Sprintf("the body is longer than %d bytes", limit)}
	}
	if err != nil {
		return nil, &apiError{http.StatusBadRequest, "SerializationException", "read the body: " + err.Error()}
	}
	// A browser can send a body of another type across origins unasked. SDKs
	// name the type whenever there is a body.
	if len(body) > 0 {
		t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || t != "application/json" && t != "application/x-amz-json-1.0" && t != "application/x-amz-json-1.1" {
			return nil, &apiError{http.StatusUnsupportedMediaType, "UnsupportedMediaTypeException", "the content type must be application/json"}
		}
	}
	return body, nil
}

func (h *Handler) refuse(w http.ResponseWriter, operation string, err error) {
	e := (*apiError)(nil)
	if !errors.As(err, &e) {
		e = &apiError{http.StatusInternalServerError, "InternalFailure", err.Error()}
	}
	w.Header().Set("X-Amzn-Errortype", e.code)
	body, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string
	}{e.code, e.message})
	if err != nil {
		body = []byte("{}")
	}
	h.write(w, operation, e.status, body)
}

func (h *Handler) write(w http.ResponseWriter, operation string, status int, body []byte) {
	h.observer.Request(operation, status)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("X-Amzn-Requestid", rand.Text())
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone if it fails; there is nobody to tell
}

// cut returns at most n bytes of s.
func cut(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
