package awsclient

import (
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var discardLog = log.New(io.Discard, "", 0)

func TestClassify(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		header string
		body   string
		want   Failure
	}{
		{"200", 200, "", `{}`, Failure{}},
		{"429", 429, "ThrottledException", `{"Message":"Rate exceeded"}`, Failure{Throttle, 429, "ThrottledException", "Rate exceeded", 0}},
		{"429 without anything", 429, "", ``, Failure{Throttle, 429, "HTTP429", "Too Many Requests", 0}},
		{"throttled with 400", 400, "", `{"__type":"com.amazon.coral.availability#ThrottlingException","message":"slow"}`, Failure{Throttle, 400, "ThrottlingException", "slow", 0}},
		{"aborted with 400", 400, "", `{"__type":"OperationAbortedException","message":"again"}`, Failure{Retryable, 400, "OperationAbortedException", "again", 0}},
		{"unavailable with 400", 400, "", `{"__type":"ServiceUnavailableException"}`, Failure{Retryable, 400, "ServiceUnavailableException", `{"__type":"ServiceUnavailableException"}`, 0}},
		{"408", 408, "", ``, Failure{Retryable, 408, "HTTP408", "Request Timeout", 0}},
		{"500", 500, "InternalServerException", `{"message":"x"}`, Failure{Retryable, 500, "InternalServerException", "x", 0}},
		{"503 page", 503, "", "<html>\n\x01down</html>", Failure{Retryable, 503, "HTTP503", "<html>  down</html>", 0}},
		{"400", 400, "InvalidRequestException:", `{"Message":"Exceeding maximum segment count: 50"}`, Failure{Permanent, 400, "InvalidRequestException", "Exceeding maximum segment count: 50", 0}},
		{"404", 404, "UnknownOperationException", ``, Failure{Permanent, 404, "UnknownOperationException", "Not Found", 0}},
		{"413", 413, "", ``, Failure{Permanent, 413, "HTTP413", "Request Entity Too Large", 0}},
		{"redirect", 302, "", ``, Failure{Permanent, 302, "HTTP302", "Found", 0}},
		{"denied with 400", 400, "", `{"code":"UnrecognizedClientException","message":"The security token included in the request is invalid."}`,
			Failure{Denied, 400, "UnrecognizedClientException", "The security token included in the request is invalid. (needs the IAM action xray:PutTraceSegments; asked with role arn:r)", 0}},
		{"proxy wants a password", 407, "", ``, Failure{Denied, 407, "HTTP407", "Proxy Authentication Required (needs the IAM action xray:PutTraceSegments; asked with role arn:r)", 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &Response{Status: test.status, Header: http.Header{}, Body: []byte(test.body), action: "xray:PutTraceSegments", identity: "role arn:r"}
			if test.header != "" {
				r.Header.Set("X-Amzn-Errortype", test.header)
			}
			assert.Equal(t, test.want, Classify(r, nil))
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	assert.Equal(t, 1500*time.Millisecond, retryAfter("1.5", now))
	assert.Equal(t, 10*time.Second, retryAfter("Sun, 22 Nov 2026 06:00:10 GMT", now))
	assert.Zero(t, retryAfter("Sun, 22 Nov 2026 05:00:10 GMT", now))
	assert.Zero(t, retryAfter("-3", now))
	assert.Zero(t, retryAfter("1e300", now))
	assert.Zero(t, retryAfter("soon", now))
}

func TestPrintableIsBounded(t *testing.T) {
	got := printable([]byte(strings.Repeat("é", 1000)))
	assert.LessOrEqual(t, len(got), 310)
	assert.Equal(t, "a b", printable([]byte("a\nb\x00")))
}

// What a service answers with is not ours: nothing in it may upset Classify.
func FuzzClassify(f *testing.F) {
	f.Add(429, "ThrottledException", []byte(`{"Message":"Rate exceeded"}`))
	f.Add(400, "a#b:c", []byte(`[]`))
	f.Add(503, "", []byte("\xff\x00<html>"))
	f.Fuzz(func(t *testing.T, status int, header string, body []byte) {
		r := &Response{Status: status, Header: http.Header{"X-Amzn-Errortype": {header}, "Retry-After": {header}}, Body: body}
		got := Classify(r, nil)
		if got.Kind == None && (status < 200 || status > 299) {
			t.Fatalf("status %d taken for success", status)
		}
		if len(got.Error()) > 2000 {
			t.Fatalf("message of %d bytes", len(got.Error()))
		}
	})
}
