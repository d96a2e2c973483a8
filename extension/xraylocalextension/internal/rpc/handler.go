// Package rpc answers the AWS protocols that name an operation instead of a
// path: awsJson, and Smithy RPC v2 with CBOR. Signatures are not checked.
package rpc

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
)

const (
	// maxBodyBytes bounds a body, also after gzip: the largest request is
	// PutLogEvents with 1 MB of messages, each byte of which may be an escape
	// of six in JSON.
	maxBodyBytes = 8 << 20
	// maxInFlight bounds how many requests of one service are read and answered
	// at the same time, and with maxBodyBytes the memory that they can take.
	maxInFlight = 8
)

// Observer is told of each request once. The operation is "unknown" if there
// is none of that name.
type Observer interface {
	Request(operation string, status int)
}

// Operation is one operation of a service. Make it with Op.
type Operation func(p Protocol, body []byte) (any, error)

// Op makes an operation of a function from its input to its output. An empty
// body stands for an empty input.
func Op[In, Out any](f func(*In) (*Out, error)) Operation {
	return func(p Protocol, body []byte) (any, error) {
		in := new(In)
		if len(bytes.TrimSpace(body)) > 0 {
			if err := p.decode(body, in); err != nil {
				return nil, &Error{Status: http.StatusBadRequest, Code: "SerializationException", Message: "the body is not the input of this operation: " + err.Error()}
			}
		}
		return f(in)
	}
}

// Empty is the output of an operation that answers nothing.
type Empty struct{}

// Error is an error in the form that AWS SDKs read.
type Error struct {
	Status  int
	Code    string
	Message string
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf returns an error of the client's.
func Errorf(code, format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Handler answers the operations of one service. Create one with New.
type Handler struct {
	observer Observer
	ops      map[string]Operation
	slots    chan struct{}
}

// New returns a handler of the operations in ops, by name.
func New(o Observer, ops map[string]Operation) *Handler {
	return &Handler{observer: o, ops: ops, slots: make(chan struct{}, maxInFlight)}
}

// Serve answers one request in the protocol and for the operation that its
// headers or its path name.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, p Protocol, operation string) {
	do, ok := h.ops[operation]
	if !ok {
		h.refuse(w, p, "unknown", &Error{http.StatusNotFound, "UnknownOperationException",
			fmt.Sprintf("%q is no operation that is served here", operation[:min(len(operation), 100)])})
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		h.refuse(w, p, operation, &Error{http.StatusMethodNotAllowed, "UnknownOperationException", operation + " takes POST"})
		return
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-r.Context().Done():
		h.refuse(w, p, operation, &Error{http.StatusServiceUnavailable, "ServiceUnavailableException", "gave up waiting for other requests"})
		return
	}
	body, err := readBody(w, r, p)
	if err != nil {
		h.refuse(w, p, operation, err)
		return
	}
	out, err := do(p, body)
	if err != nil {
		h.refuse(w, p, operation, err)
		return
	}
	reply, err := p.encode(out)
	if err != nil {
		h.refuse(w, p, operation, err)
		return
	}
	h.write(w, p, operation, http.StatusOK, reply)
}

func readBody(w http.ResponseWriter, r *http.Request, p Protocol) ([]byte, error) {
	var reader io.Reader = http.MaxBytesReader(w, r.Body, maxBodyBytes)
	switch e := r.Header.Get("Content-Encoding"); strings.ToLower(e) {
	case "", "identity":
	case "gzip":
		unzip, err := gzip.NewReader(reader)
		if err != nil {
			return nil, unreadable(err)
		}
		reader = unzip
	default:
		return nil, &Error{http.StatusUnsupportedMediaType, "UnsupportedMediaTypeException", "the content encoding must be gzip or identity"}
	}
	body, err := io.ReadAll(io.LimitReader(reader, maxBodyBytes+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(body) > maxBodyBytes {
		return nil, tooLarge()
	}
	// A browser can send a body of another type across origins unasked. SDKs
	// name the type whenever there is a body.
	if len(body) > 0 {
		t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || !slices.Contains(p.contentTypes(), t) {
			return nil, &Error{http.StatusUnsupportedMediaType, "UnsupportedMediaTypeException", "the content type must be " + p.contentTypes()[0]}
		}
	}
	return body, nil
}

func unreadable(err error) error {
	if e := (*http.MaxBytesError)(nil); errors.As(err, &e) {
		return tooLarge()
	}
	return &Error{http.StatusBadRequest, "SerializationException", "read the body: " + err.Error()}
}

func tooLarge() error {
	return &Error{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", fmt.Sprintf("the body is longer than %d bytes", maxBodyBytes)}
}

func (h *Handler) refuse(w http.ResponseWriter, p Protocol, operation string, err error) {
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		e = &Error{http.StatusInternalServerError, "InternalServerException", err.Error()}
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	body, err := p.encode(&errorBody{e.Code, e.Message})
	if err != nil {
		body = nil
	}
	h.write(w, p, operation, e.Status, body)
}

type errorBody struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

func (h *Handler) write(w http.ResponseWriter, p Protocol, operation string, status int, body []byte) {
	h.observer.Request(operation, status)
	p.header(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("X-Amzn-Requestid", rand.Text())
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone if it fails; there is nobody to tell
}
