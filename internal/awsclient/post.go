package awsclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Response is a reply that was read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	// action and identity are what a refusal is explained with.
	action   string
	identity string
}

// credentialsError says that there was nothing to sign with.
type credentialsError struct{ err error }

func (e credentialsError) Error() string { return "get AWS credentials: " + e.err.Error() }
func (e credentialsError) Unwrap() error { return e.err }

var errReplyTooLarge = errors.New("reply is too large")

// Post signs body and sends it to path. A reply of any status is a Response;
// an error means that there was no complete reply, or that signing failed.
// It never sends an unsigned request. Body may be reused once Post returned.
//
// A refusal because of this machine's clock or of credentials that have just
// expired is mended and the request sent once more.
func (c *Client) Post(ctx context.Context, path string, body []byte) (*Response, error) {
	return c.send(ctx, message{path: path, contentType: "application/json", body: body})
}

// Call sends an operation of a service that speaks awsJson1.1, such as
// "Logs_20140328.PutLogEvents". header has further headers; they are signed as
// well. For the rest see Post.
func (c *Client) Call(ctx context.Context, operation string, header http.Header, body []byte) (*Response, error) {
	return c.send(ctx, message{path: "/", operation: operation, contentType: "application/x-amz-json-1.1", header: header, body: body})
}

// message is a request that can be sent again.
type message struct {
	path        string
	operation   string // of awsJson1.1, else empty
	contentType string
	header      http.Header
	body        []byte
	hash        string
}

func (c *Client) send(ctx context.Context, m message) (*Response, error) {
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	m.hash = sha256Hex(m.body)
	response, err := c.post(ctx, &m)
	if err == nil && c.mend(response) {
		response, err = c.post(ctx, &m)
	}
	return response, err
}

func sha256Hex(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func (c *Client) post(ctx context.Context, m *message) (*Response, error) {
	credentials, err := c.credentials.Retrieve(ctx)
	if err != nil {
		if c.roleARN != "" {
			err = fmt.Errorf("assume role %s: %w", c.roleARN, err)
		}
		return nil, credentialsError{err}
	}
	var readers sync.WaitGroup // of body
	target := *c.base
	target.Path += m.path
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), newPayload(m.body, &readers))
	if err != nil {
		return nil, err
	}
	request.ContentLength = int64(len(m.body))
	request.GetBody = func() (io.ReadCloser, error) { return newPayload(m.body, &readers), nil }
	for name, values := range m.header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", m.contentType)
	if m.operation != "" {
		request.Header.Set("X-Amz-Target", m.operation)
	}
	if c.userAgent != "" {
		request.Header.Set("User-Agent", c.userAgent)
	}
	now := time.Now().Add(time.Duration(c.skew.Load()))
	if c.service == "xray" {
		// The time of sending by the sender's clock, as the daemon reports it.
		request.Header.Set("X-Amzn-Xray-Timestamp", strconv.FormatFloat(float64(now.UnixNano())/1e9, 'f', 9, 64))
	}
	if err := c.signer.SignHTTP(ctx, credentials, request, m.hash, c.service, c.region, now.UTC()); err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}

	reply, err := c.transport.RoundTrip(request)
	if err != nil {
		readers.Wait() // the transport closes the body even then, perhaps a little later
		return nil, err
	}
	text, err := readReply(reply, c.maxReply)
	reply.Body.Close()
	readers.Wait()
	if err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	return &Response{
		Status:   reply.StatusCode,
		Header:   reply.Header,
		Body:     text,
		action:   c.action(m),
		identity: c.identity(credentials),
	}, nil
}

// payload is a request body that tells when the transport is done with it: a
// server may answer before it has read everything, and then the transport is
// still reading the caller's buffer when the reply is there.
type payload struct {
	*bytes.Reader
	close func()
}

func newPayload(body []byte, readers *sync.WaitGroup) *payload {
	readers.Add(1)
	return &payload{Reader: bytes.NewReader(body), close: sync.OnceFunc(readers.Done)}
}

func (p *payload) Close() error {
	p.close()
	return nil
}

func readReply(reply *http.Response, limit int) ([]byte, error) {
	if reply.ContentLength > int64(limit) {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", errReplyTooLarge, reply.ContentLength, limit)
	}
	if n := reply.ContentLength; n >= 0 {
		text := make([]byte, n)
		_, err := io.ReadFull(reply.Body, text)
		return text, err
	}
	text, err := io.ReadAll(io.LimitReader(reply.Body, int64(limit)+1))
	if err == nil && len(text) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", errReplyTooLarge, limit)
	}
	return text, err
}

// mend corrects what made the service refuse, and reports whether trying
// again at once makes sense.
func (c *Client) mend(r *Response) bool {
	if r.Status != http.StatusForbidden && r.Status != http.StatusBadRequest && r.Status != http.StatusUnauthorized {
		return false
	}
	code, message := errorOf(r)
	switch {
	case isClockError(code, message):
		return c.correctClock(r.Header.Get("Date"), time.Now())
	case code == "ExpiredToken", code == "ExpiredTokenException":
		c.credentials.Invalidate()
		return true
	}
	return false
}

// correctClock takes the service's clock for the right one. It returns false
// if that changes nothing.
func (c *Client) correctClock(date string, now time.Time) bool {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return false
	}
	skew := theirs.Sub(now)
	old := time.Duration(c.skew.Swap(int64(skew)))
	return (skew - old).Abs() > 10*time.Second
}

// actions name the IAM action behind a path where it is not the path itself.
var actions = map[string]string{
	"/TraceSegments":    "PutTraceSegments",
	"/TelemetryRecords": "PutTelemetryRecords",
	"/SamplingTargets":  "GetSamplingTargets",
	"/Traces":           "BatchGetTraces",
	"/TraceSummaries":   "GetTraceSummaries",
	"/ServiceGraph":     "GetServiceGraph",
	"/TraceGraph":       "GetTraceGraph",
	"/v1/traces":        "PutSpans",
}

func (c *Client) action(m *message) string {
	if _, name, ok := strings.Cut(m.operation, "."); ok {
		return c.service + ":" + name
	}
	if name, ok := actions[m.path]; ok {
		return c.service + ":" + name
	}
	if len(m.path) > 1 {
		return c.service + ":" + m.path[1:]
	}
	return c.service + ":*"
}

func (c *Client) identity(credentials aws.Credentials) string {
	if c.roleARN != "" {
		return "role " + c.roleARN
	}
	return "access key " + credentials.AccessKeyID + " of " + credentials.Source
}
