// Package samplingapi is the server side of the two operations that X-Ray
// samplers call, GetSamplingRules and GetSamplingTargets.
package samplingapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// The operations, as they are named in paths. SamplingTargets is the path of
// GetSamplingTargets. Other stands for everything that is refused.
const (
	GetSamplingRules = "GetSamplingRules"
	SamplingTargets  = "SamplingTargets"
	Other            = "other"
)

const (
	// MaxRequestBytes bounds a request's body. Reports of 25 rules, which is
	// what X-Ray takes, are about 5 KB.
	MaxRequestBytes = 1 << 20

	// maxInFlight bounds the requests being answered, and with them memory.
	maxInFlight = 64

	// upstreamTimeout bounds the wait for X-Ray. SDKs poll every 10 s.
	upstreamTimeout = 10 * time.Second
)

// Upstream sends a signed request, as awsclient.Client does. It must never
// send an unsigned one.
type Upstream interface {
	Post(ctx context.Context, path string, body []byte) (*awsclient.Response, error)
}

// Forwarder answers by asking X-Ray. Everything but the two operations is
// refused: whoever reaches the port would otherwise call every X-Ray API that
// the role allows.
type Forwarder struct {
	upstream func() (Upstream, error)
	answered func(operation string, status int, err error)
	inFlight chan struct{}
}

// NewForwarder returns a Forwarder. upstream returns where requests go, or why
// there is no such place yet; it must not block. answered is told of each
// answer, with the reason if it is no success; it may be nil.
func NewForwarder(upstream func() (Upstream, error), answered func(operation string, status int, err error)) *Forwarder {
	if answered == nil {
		answered = func(string, int, error) {}
	}
	return &Forwarder{upstream: upstream, answered: answered, inFlight: make(chan struct{}, maxInFlight)}
}

// ServeHTTP implements http.Handler.
func (f *Forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, reply := f.answer(w, r)
	if reply.retryAfter != "" {
		w.Header().Set("Retry-After", reply.retryAfter)
	}
	if reply.errorType != "" {
		w.Header().Set("X-Amzn-Errortype", reply.errorType)
	}
	if reply.requestID != "" {
		w.Header().Set("X-Amzn-Requestid", reply.requestID)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(reply.status)
	_, _ = w.Write(reply.body) // a client that has gone has nothing to be told
	f.answered(operation, reply.status, reply.err)
}

// reply is an answer to a client.
type reply struct {
	status     int
	body       []byte
	errorType  string
	requestID  string
	retryAfter string
	err        error // why the client does not have what it asked for
}

func (f *Forwarder) answer(w http.ResponseWriter, r *http.Request) (operation string, _ reply) {
	switch r.URL.Path {
	case "/" + GetSamplingRules, "/" + SamplingTargets:
		operation = r.URL.Path[1:]
	default:
		return Other, refuse(http.StatusForbidden, "AccessDeniedException",
			errors.New("this port answers POST /GetSamplingRules and POST /SamplingTargets, and nothing else"))
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return operation, refuse(http.StatusMethodNotAllowed, "InvalidRequestException", errors.New("use POST"))
	}
	select {
	case f.inFlight <- struct{}{}:
		defer func() { <-f.inFlight }()
	default:
		busy := refuse(http.StatusServiceUnavailable, "ServiceUnavailableException",
			fmt.Errorf("%d requests are being answered already", maxInFlight))
		busy.retryAfter = "1"
		return operation, busy
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequestBytes))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return operation, refuse(http.StatusRequestEntityTooLarge, "InvalidRequestException",
				fmt.Errorf("the request is over %d bytes", MaxRequestBytes))
		}
		return operation, refuse(http.StatusBadRequest, "InvalidRequestException", fmt.Errorf("read request: %w", err))
	}
	upstream, err := f.upstream()
	if err != nil {
		return operation, refuse(http.StatusServiceUnavailable, "ServiceUnavailableException", err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), upstreamTimeout)
	defer cancel()
	got, err := upstream.Post(ctx, r.URL.Path, body)
	if err != nil {
		return operation, refuse(http.StatusBadGateway, "BadGatewayException", fmt.Errorf("ask X-Ray: %w", err))
	}
	answer := reply{
		status:     got.Status,
		body:       got.Body,
		errorType:  got.Header.Get("X-Amzn-Errortype"),
		requestID:  got.Header.Get("X-Amzn-Requestid"),
		retryAfter: got.Header.Get("Retry-After"),
	}
	if failure := awsclient.Classify(got, nil); failure.Kind != awsclient.None {
		answer.err = failure
	}
	return operation, answer
}

// refuse answers in the form of an AWS error.
func refuse(status int, errorType string, err error) reply {
	body, _ := json.Marshal(struct{ Message string }{err.Error()}) // a string always marshals
	return reply{status: status, body: body, errorType: errorType, err: err}
}
