package awsxrayreceiver

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/tailwater-otel/tailwater/internal/samplingapi/samplingserver"
)

// aReport is what an SDK reports.
const aReport = `{"SamplingStatisticsDocuments":[{"RuleName":"Default","ClientID":"d0b1c2e3f4a5968778695a4b","RequestCount":3,"SampledCount":1,"BorrowCount":1}]}`

// fakeXRay records requests and answers them.
type fakeXRay struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func newFakeXRay(t *testing.T) *fakeXRay {
	x := &fakeXRay{}
	x.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		x.mu.Lock()
		x.requests, x.bodies = append(x.requests, r), append(x.bodies, string(body))
		x.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/GetSamplingRules" {
			_, _ = io.WriteString(w, `{"NextToken":null,"SamplingRuleRecords":[{"SamplingRule":{"RuleName":"Default","FixedRate":0.05}}]}`)
			return
		}
		_, _ = io.WriteString(w, `{"LastRuleModification":1760700000.0,"SamplingTargetDocuments":[{"RuleName":"Default","FixedRate":0.05,"Interval":10}]}`)
	}))
	t.Cleanup(x.Close)
	return x
}

// noAWS makes sure that nothing of the machine's own AWS settings is used.
func noAWS(t *testing.T) {
	for _, key := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_XRAY", "ECS_ENABLE_CONTAINER_METADATA", "HTTPS_PROXY", "HTTP_PROXY"} {
		t.Setenv(key, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
}

func samplingConfig(change func(*samplingserver.Config)) *Config {
	return testConfig(func(c *Config) {
		c.ProxyServer.Endpoint = "127.0.0.1:0"
		c.ProxyServer.LocalMode = true
		if change != nil {
			change(&c.ProxyServer)
		}
	})
}

func (f *fixture) ask(t *testing.T, method, path, body string) (*http.Response, string) {
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+f.sampling.Addr().String()+path, strings.NewReader(body))
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(text)
}

func TestSamplingAPIAsksXRaySigned(t *testing.T) {
	noAWS(t)
	xray := newFakeXRay(t)
	f := started(t, samplingConfig(func(c *samplingserver.Config) {
		c.AWSEndpoint, c.Region = xray.URL, "eu-west-1"
	}), nil)
	require.Eventually(t, func() bool { return f.logs.FilterMessage("Sampling API asks X-Ray").Len() == 1 }, patience, soon)

	response, body := f.ask(t, http.MethodPost, "/GetSamplingRules", `{"NextToken":null}`)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.JSONEq(t, `{"NextToken":null,"SamplingRuleRecords":[{"SamplingRule":{"RuleName":"Default","FixedRate":0.05}}]}`, body)
	response, body = f.ask(t, http.MethodPost, "/SamplingTargets", aReport)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Contains(t, body, `"SamplingTargetDocuments":[{"RuleName":"Default","FixedRate":0.05,"Interval":10}]`)
	response, body = f.ask(t, http.MethodPost, "/TraceSegments", `{}`)
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
	assert.Contains(t, body, "nothing else")

	xray.mu.Lock()
	defer xray.mu.Unlock()
	require.Len(t, xray.requests, 2, "only the two paths go to X-Ray")
	assert.Equal(t, "{}", xray.bodies[0])
	assert.Contains(t, xray.bodies[1], `"RequestCount":3,"SampledCount":1,"BorrowCount":1`)
	for _, r := range xray.requests {
		authorization := r.Header.Get("Authorization")
		assert.True(t, strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), authorization)
		assert.Contains(t, authorization, "/eu-west-1/xray/aws4_request")
	}
	f.eventually(t, "sampling_requests", map[string]int64{"200 GetSamplingRules": 1, "200 SamplingTargets": 1, "403 other": 1})
	f.eventually(t, "sampling_upstream_requests", map[string]int64{"ok GetSamplingRules": 1, "ok SamplingTargets": 1})
	assert.Empty(t, f.host.statuses(), "nothing was wrong")
}

// TestSamplingAPIWithoutRegion: segments are received all the same, and
// everybody is told what is missing.
func TestSamplingAPIWithoutRegion(t *testing.T) {
	noAWS(t)
	f := started(t, samplingConfig(nil), nil)
	require.Eventually(t, func() bool { return len(f.host.statuses()) > 0 }, patience, soon)
	assert.Equal(t, componentstatus.StatusRecoverableError, f.host.statuses()[0])
	response, body := f.ask(t, http.MethodPost, "/GetSamplingRules", `{}`)
	assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	assert.Contains(t, body, "region")
	assert.Equal(t, 1, f.logs.FilterMessageSnippet("Sampling API cannot ask X-Ray").Len())
	f.send(t, header+document("a"))
	f.eventually(t, "documents_accepted", map[string]int64{"": 1})
}

// TestSamplingAPIWithXRayAway: the answer says what happened, and nothing goes
// out unsigned.
func TestSamplingAPIWithXRayAway(t *testing.T) {
	noAWS(t)
	away, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, away.Close())
	f := started(t, samplingConfig(func(c *samplingserver.Config) {
		c.AWSEndpoint, c.Region = "http://"+away.Addr().String(), "eu-west-1"
	}), nil)
	require.Eventually(t, func() bool { return f.logs.FilterMessage("Sampling API asks X-Ray").Len() == 1 }, patience, soon)
	for range 3 {
		response, body := f.ask(t, http.MethodPost, "/SamplingTargets", aReport)
		assert.Equal(t, http.StatusBadGateway, response.StatusCode)
		assert.Contains(t, body, "connection refused")
	}
	f.eventually(t, "sampling_requests", map[string]int64{"502 SamplingTargets": 3})
	assert.Equal(t, 1, f.logs.FilterMessage("X-Ray did not answer the sampling API").Len()+f.logs.FilterMessage("Sampling request failed").Len(), "one line a minute")
	f.eventually(t, "sampling_upstream_requests", map[string]int64{"retryable SamplingTargets": 1})
	assert.Equal(t, componentstatus.StatusRecoverableError, f.host.statuses()[0])
}

// TestRecordAll: SDKs are told to record everything, and there is a warning.
func TestRecordAll(t *testing.T) {
	noAWS(t)
	xray := newFakeXRay(t)
	noCap := 0
	f := started(t, samplingConfig(func(c *samplingserver.Config) {
		c.AWSEndpoint, c.Region = xray.URL, "eu-west-1"
		c.Sampling, c.RecordAllMaxPerSecond = samplingserver.RecordAll, &noCap
	}), nil)
	assert.Equal(t, 1, f.logs.FilterMessageSnippet("without a tail sampler").Len())
	require.Eventually(t, func() bool { return f.logs.FilterMessage("Sampling API asks X-Ray").Len() == 1 }, patience, soon)
	response, body := f.ask(t, http.MethodPost, "/GetSamplingRules", "")
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Contains(t, body, `"FixedRate":1`)
	response, body = f.ask(t, http.MethodPost, "/SamplingTargets", aReport)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Contains(t, body, `"FixedRate":1`)
	f.eventually(t, "sampling_upstream_requests", map[string]int64{"ok GetSamplingRules": 1})
}

// TestShutdownEndsOpenConnections: a client that says nothing does not hold it up.
func TestShutdownEndsOpenConnections(t *testing.T) {
	noAWS(t)
	f := newFixture(t, samplingConfig(nil), nil)
	f.cfg.ShutdownTimeout = 0
	require.NoError(t, f.Start(t.Context(), f.host))
	conn, err := net.Dial("tcp", f.sampling.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /GetSamplingRules HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
	require.NoError(t, err)
	_ = f.Shutdown(context.Background())
	_, err = io.Copy(io.Discard, conn)
	if err != nil {
		assert.ErrorContains(t, err, "reset")
	}
}
