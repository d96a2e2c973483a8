package awsclient

import (
	"bytes"
	"context"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// call is what a fake service saw.
type call struct {
	path   string
	header http.Header
	host   string
	body   string
}

type service struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

func newService(t *testing.T, answer http.HandlerFunc) *service {
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.calls = append(s.calls, call{r.URL.Path, r.Header.Clone(), r.Host, string(body)})
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) seen() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func newClient(t *testing.T, o Options) *Client {
	if o.Service == "" {
		o.Service = "xray"
	}
	c, err := New(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) }

func TestPostSigns(t *testing.T) {
	isolate(t)
	withKeys(t)
	t.Setenv("AWS_SESSION_TOKEN", "token")
	s := newService(t, ok)
	c := newClient(t, Options{Region: "eu-west-1", Endpoint: s.URL + "/base", UserAgent: "test/1"})
	assert.False(t, c.placeholder)

	response, err := c.Post(t.Context(), "/TraceSegments", []byte(`{"TraceSegmentDocuments":[]}`))
	require.NoError(t, err)
	assert.Equal(t, 200, response.Status)
	assert.Equal(t, `{}`, string(response.Body))
	assert.Equal(t, None, Classify(response, err).Kind)

	got := s.seen()[0]
	assert.Equal(t, "/base/TraceSegments", got.path)
	assert.Equal(t, `{"TraceSegmentDocuments":[]}`, got.body)
	assert.Equal(t, "test/1", got.header.Get("User-Agent"))
	assert.Equal(t, "application/json", got.header.Get("Content-Type"))
	assert.Equal(t, "token", got.header.Get("X-Amz-Security-Token"))
	assert.Regexp(t, `^\d{10}\.\d{9}$`, got.header.Get("X-Amzn-Xray-Timestamp"))
	assertSigned(t, got, aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"}, "eu-west-1")
}

func TestCallNamesTheOperation(t *testing.T) {
	isolate(t)
	withKeys(t)
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	t.Setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", s.URL)
	c := newClient(t, Options{Service: "logs", Region: "eu-west-1"})

	header := http.Header{"Content-Encoding": {"gzip"}}
	response, err := c.Call(t.Context(), "Logs_20140328.PutLogEvents", header, []byte("zipped"))
	require.NoError(t, err)
	assert.Contains(t, Classify(response, err).Message, "logs:PutLogEvents")

	got := s.seen()[0]
	assert.Equal(t, "/", got.path)
	assert.Equal(t, "zipped", got.body)
	assert.Equal(t, "Logs_20140328.PutLogEvents", got.header.Get("X-Amz-Target"))
	assert.Equal(t, "application/x-amz-json-1.1", got.header.Get("Content-Type"))
	assert.Equal(t, "gzip", got.header.Get("Content-Encoding"))
	assert.Regexp(t, `/eu-west-1/logs/aws4_request, SignedHeaders=content-encoding;content-length;content-type;host;x-amz-date;x-amz-target`,
		got.header.Get("Authorization"))
}

// assertSigned signs what arrived again, as the service does.
func assertSigned(t *testing.T, got call, credentials aws.Credentials, region string) {
	t.Helper()
	authorization := got.header.Get("Authorization")
	require.NotEmpty(t, authorization)
	at, err := time.Parse("20060102T150405Z", got.header.Get("X-Amz-Date"))
	require.NoError(t, err)
	again, err := http.NewRequest(http.MethodPost, "http://"+got.host+got.path, strings.NewReader(got.body))
	require.NoError(t, err)
	for _, name := range []string{"Content-Type", "X-Amzn-Xray-Timestamp"} {
		again.Header.Set(name, got.header.Get(name))
	}
	hash := sha256Hex([]byte(got.body))
	require.NoError(t, v4.NewSigner().SignHTTP(context.Background(), credentials, again, hash, "xray", region, at))
	assert.Equal(t, again.Header.Get("Authorization"), authorization)
}

func TestPlaceholderCredentials(t *testing.T) {
	t.Run("on this machine", func(t *testing.T) {
		isolate(t)
		s := newService(t, ok)
		c := newClient(t, Options{Endpoint: s.URL})
		assert.True(t, c.placeholder)
		assert.Contains(t, c.Describe(), "placeholder")
		_, err := c.Post(t.Context(), "/TraceSegments", nil)
		require.NoError(t, err)
		assert.Contains(t, s.seen()[0].header.Get("Authorization"), "Credential=tailwater-local/")
	})
	t.Run("never elsewhere", func(t *testing.T) {
		isolate(t)
		t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		c := newClient(t, Options{Region: "us-east-1", Endpoint: "http://xray.invalid"})
		assert.False(t, c.placeholder)
		_, err := c.Post(t.Context(), "/TraceSegments", nil)
		f := Classify(nil, err)
		assert.Equal(t, Denied, f.Kind)
		assert.Equal(t, CodeCredentials, f.Code)
	})
}

func TestRole(t *testing.T) {
	isolate(t)
	withKeys(t)
	var form string
	sts := newService(t, func(w http.ResponseWriter, r *http.Request) {
		type credentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }
		type result struct{ Credentials credentials }
		reply := struct {
			XMLName          xml.Name `xml:"AssumeRoleResponse"`
			AssumeRoleResult result
		}{AssumeRoleResult: result{credentials{"ROLEKEY", "rolesecret", "roletoken", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}}}
		w.Header().Set("Content-Type", "text/xml")
		_ = xml.NewEncoder(w).Encode(reply)
	})
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	s := newService(t, ok)
	c := newClient(t, Options{Region: "eu-west-1", Endpoint: s.URL, RoleARN: "arn:aws:iam::123456789012:role/r", ExternalID: "ext"})
	for range 3 {
		_, err := c.Post(t.Context(), "/TraceSegments", nil)
		require.NoError(t, err)
	}
	require.Len(t, sts.seen(), 1, "the role is assumed once")
	form = sts.seen()[0].body
	assert.Contains(t, form, "RoleSessionName=tailwater")
	assert.Contains(t, form, "ExternalId=ext")
	assertSigned(t, s.seen()[2], aws.Credentials{AccessKeyID: "ROLEKEY", SecretAccessKey: "rolesecret", SessionToken: "roletoken"}, "eu-west-1")
}

func TestDeniedNamesActionAndIdentity(t *testing.T) {
	isolate(t)
	withKeys(t)
	message := "Access denied"
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException:http://internal.amazon.com/coral/")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"Message":%q}`, message)
	})
	c := newClient(t, Options{Endpoint: s.URL, Region: "us-east-1"})
	f := Classify(c.Post(t.Context(), "/TraceSegments", nil))
	assert.Equal(t, Denied, f.Kind)
	assert.Equal(t, "AccessDeniedException", f.Code)
	assert.Contains(t, f.Error(), "xray:PutTraceSegments")
	assert.Contains(t, f.Error(), "access key AKIDEXAMPLE of EnvConfigCredentials")
	assert.NotContains(t, f.Error(), "secret")

	message = "User: arn:aws:sts::123456789012:assumed-role/r/s is not authorized to perform: xray:PutTraceSegments"
	f = Classify(c.Post(t.Context(), "/TraceSegments", nil))
	assert.Equal(t, message, f.Message)

	// A role that cannot be assumed is named as well.
	t.Setenv("AWS_ENDPOINT_URL_STS", s.URL)
	c = newClient(t, Options{Endpoint: s.URL, Region: "us-east-1", RoleARN: "arn:aws:iam::123456789012:role/r"})
	f = Classify(c.Post(t.Context(), "/TelemetryRecords", nil))
	assert.Equal(t, Denied, f.Kind)
	assert.Equal(t, CodeCredentials, f.Code)
	assert.Contains(t, f.Message, "arn:aws:iam::123456789012:role/r")
	assert.Contains(t, f.Message, "AssumeRole")
}

func TestClockSkewIsCorrected(t *testing.T) {
	isolate(t)
	withKeys(t)
	ahead := 3 * time.Hour
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Add(ahead)
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err == nil && at.Sub(now).Abs() < 5*time.Minute {
			ok(w, r)
			return
		}
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		w.Header().Set("X-Amzn-Errortype", "InvalidSignatureException")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message":"Signature expired: 20261122T000000Z is now earlier than 20261122T030000Z"}`)
	})
	c := newClient(t, Options{Endpoint: s.URL, Region: "us-east-1"})
	for range 2 {
		response, err := c.Post(t.Context(), "/TraceSegments", nil)
		require.NoError(t, err)
		assert.Equal(t, 200, response.Status)
	}
	assert.Len(t, s.seen(), 3, "one correction serves later requests")

	// A service whose own clock says nothing new gets no second request.
	s2 := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "RequestTimeTooSkewed")
		w.WriteHeader(http.StatusForbidden)
	})
	c = newClient(t, Options{Endpoint: s2.URL, Region: "us-east-1"})
	f := Classify(c.Post(t.Context(), "/TraceSegments", nil))
	assert.Equal(t, Denied, f.Kind)
	assert.Len(t, s2.seen(), 1)
}

func TestExpiredCredentialsAreFetchedAgain(t *testing.T) {
	isolate(t)
	var n int
	creds := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		fmt.Fprintf(w, `{"AccessKeyId":"KEY%d","SecretAccessKey":"s","Token":"t","Expiration":%q}`, n, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	})
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", creds.URL+"/creds")
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "KEY1/") {
			w.Header().Set("X-Amzn-Errortype", "ExpiredTokenException")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		ok(w, r)
	})
	c := newClient(t, Options{Endpoint: s.URL, Region: "us-east-1"})
	response, err := c.Post(t.Context(), "/TraceSegments", nil)
	require.NoError(t, err)
	assert.Equal(t, 200, response.Status)
	assert.Len(t, s.seen(), 2)
}

// The caller reuses the body as soon as Post returns, so the transport must be
// done with it then, also when the service answers before it has read it all.
func TestBodyIsFreeAfterPost(t *testing.T) {
	isolate(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer s.Close()
	c := newClient(t, Options{Endpoint: s.URL})
	body := make([]byte, 4<<20)
	for range 5 {
		f := Classify(c.Post(t.Context(), "/TraceSegments", body))
		assert.Contains(t, []Kind{Throttle, Retryable}, f.Kind) // the connection may break first
		clear(body)                                             // the race detector watches
	}
}

func TestReplyIsBounded(t *testing.T) {
	isolate(t)
	for _, chunked := range []bool{false, true} {
		s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
			if chunked {
				w.(http.Flusher).Flush()
			}
			_, _ = w.Write(bytes.Repeat([]byte("x"), 2000))
		})
		c := newClient(t, Options{Endpoint: s.URL, MaxReply: 1000})
		response, err := c.Post(t.Context(), "/TraceSegments", nil)
		assert.Nil(t, response)
		assert.ErrorIs(t, err, errReplyTooLarge)
		assert.Equal(t, CodeReplyTooLarge, Classify(response, err).Code)
	}
}

func TestTransportFailures(t *testing.T) {
	isolate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := listener.Addr().String()
	require.NoError(t, listener.Close())
	c := newClient(t, Options{Endpoint: closed})
	f := Classify(c.Post(t.Context(), "/", nil))
	assert.Equal(t, Failure{Kind: Retryable, Code: CodeConnectionRefused, Message: f.Message}, f)

	release := make(chan struct{})
	s := newService(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	c = newClient(t, Options{Endpoint: s.URL, Timeout: 50 * time.Millisecond})
	f = Classify(c.Post(t.Context(), "/", nil))
	assert.Equal(t, CodeTimeout, f.Code)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f = Classify(c.Post(ctx, "/", nil))
	assert.Equal(t, CodeCanceled, f.Code)

	f = Classify(nil, &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true})
	assert.Equal(t, CodeUnknownHost, f.Code)
	f = Classify(nil, errors.New("boom"))
	assert.Equal(t, Failure{Kind: Retryable, Code: CodeConnection, Message: "boom"}, f)
}

func TestCertificates(t *testing.T) {
	isolate(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	s.Config.ErrorLog = discardLog
	s.StartTLS()
	defer s.Close()
	c := newClient(t, Options{Endpoint: s.URL})
	assert.Equal(t, Retryable, Classify(c.Post(t.Context(), "/", nil)).Kind)
	c = newClient(t, Options{Endpoint: s.URL, NoVerifySSL: true})
	assert.Equal(t, None, Classify(c.Post(t.Context(), "/", nil)).Kind)

	bundle := filepath.Join(t.TempDir(), "ca.pem")
	t.Setenv("AWS_CA_BUNDLE", bundle)
	_, err := New(t.Context(), Options{Service: "xray", Endpoint: s.URL})
	require.ErrorContains(t, err, "AWS_CA_BUNDLE")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	require.NoError(t, os.WriteFile(bundle, text, 0o600))
	c = newClient(t, Options{Endpoint: s.URL})
	assert.Equal(t, None, Classify(c.Post(t.Context(), "/", nil)).Kind)
}

func TestProxyIsUsed(t *testing.T) {
	isolate(t)
	withKeys(t)
	proxy := newService(t, ok)
	c := newClient(t, Options{Endpoint: "http://xray.invalid", Region: "us-east-1", ProxyAddress: proxy.URL})
	response, err := c.Post(t.Context(), "/TraceSegments", nil)
	require.NoError(t, err)
	assert.Equal(t, 200, response.Status)
	assert.Equal(t, "xray.invalid", proxy.seen()[0].host)
}
