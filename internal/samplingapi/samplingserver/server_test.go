package samplingserver

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 60 * time.Second
	soon     = 5 * time.Millisecond
)

func valid(change func(*Config)) *Config {
	cfg := &Config{Endpoint: "127.0.0.1:0", Sampling: Forward, LocalMode: true}
	if change != nil {
		change(cfg)
	}
	return cfg
}

func number(n int) *int { return &n }

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  *Config
		want string
	}{
		"forward":      {valid(nil), ""},
		"off":          {&Config{Sampling: "whatever"}, ""},
		"all":          {valid(func(c *Config) { c.Sampling, c.RecordAllMaxPerSecond = RecordAll, number(0) }), ""},
		"capped":       {valid(func(c *Config) { c.Sampling, c.RecordAllMaxPerSecond = RecordAll, number(100) }), ""},
		"proxy":        {valid(func(c *Config) { c.ProxyAddress = "http://proxy.example.com:3128" }), ""},
		"endpoint":     {valid(func(c *Config) { c.Endpoint = "2000" }), `endpoint is "2000"; it must be host:port with a port of 0 to 65535`},
		"bad proxy":    {valid(func(c *Config) { c.ProxyAddress = "proxy" }), `proxy_address is "proxy"; it must be a URL`},
		"sampling":     {valid(func(c *Config) { c.Sampling = "all" }), `sampling is "all"; it must be "forward" or "record_all"`},
		"no cap given": {valid(func(c *Config) { c.Sampling = RecordAll }), `record_all_max_per_second is not set; with sampling: record_all it must be 0 (no cap) to 1000000000`},
		"negative cap": {valid(func(c *Config) { c.Sampling, c.RecordAllMaxPerSecond = RecordAll, number(-1) }), `record_all_max_per_second is -1; it must be 0 (no cap)`},
		"forward cap":  {valid(func(c *Config) { c.RecordAllMaxPerSecond = number(5) }), `record_all_max_per_second is 5; it is only for sampling: record_all`},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.cfg.Validate()
			if tc.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestIgnoredKeys(t *testing.T) {
	assert.Empty(t, valid(nil).IgnoredKeys(""))
	cfg := valid(func(c *Config) {
		c.Dialer = confignet.DialerConfig{Timeout: time.Second}
		c.TLS = configtls.ClientConfig{ServerName: "a", Config: configtls.Config{CAFile: "a", CertFile: "b"}}
	})
	assert.Equal(t, []string{"x::dialer", "x::tls::server_name_override", "x::tls::ca_file and ca_pem", "x::tls::cert_file and cert_pem"}, cfg.IgnoredKeys("x::"))
}

// events records what an Observer is told.
type events struct {
	mu  sync.Mutex
	all []string
}

func (e *events) add(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, s)
}

func (e *events) has(s string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.all {
		if strings.HasPrefix(a, s) {
			return true
		}
	}
	return false
}

func (e *events) Answered(operation string, status int, stale bool) {
	e.add("answered " + operation + " " + http.StatusText(status))
}
func (e *events) Asked(operation, outcome string) { e.add("asked " + operation + " " + outcome) }
func (e *events) Dropped(reason string, _ int)    { e.add("dropped " + reason) }
func (e *events) Trouble(err error)               { e.add("trouble " + err.Error()) }
func (e *events) Healthy()                        { e.add("healthy") }
func (e *events) Fatal(err error)                 { e.add("fatal " + err.Error()) }

func started(t *testing.T, cfg *Config) (*Server, *events) {
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	e := &events{}
	s := New(*cfg, zap.NewNop(), "test/1", e)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s, e
}

func post(t *testing.T, s *Server, path, body string) (int, string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Post("http://"+s.Addr().String()+path, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

// TestOutage: trouble shows while X-Ray does not answer, and ends.
func TestOutage(t *testing.T) {
	status := make(chan int, 10)
	xray := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(<-status)
		_, _ = io.WriteString(w, `{"SamplingRuleRecords":[]}`)
	}))
	defer xray.Close()
	s, e := started(t, valid(func(c *Config) { c.AWSEndpoint, c.Region = xray.URL, "eu-west-1" }))
	require.Eventually(t, func() bool { return e.has("healthy") }, patience, soon)
	status <- 500
	code, _ := post(t, s, "/GetSamplingRules", "{}")
	assert.Equal(t, 500, code)
	assert.True(t, e.has("trouble ask X-Ray: HTTP 500"), e.all)
	assert.True(t, e.has("asked GetSamplingRules retryable"), e.all)
	status <- 200
	code, body := post(t, s, "/GetSamplingRules", "{}")
	assert.Equal(t, 200, code)
	assert.JSONEq(t, `{"NextToken":null,"SamplingRuleRecords":[]}`, body)
	assert.True(t, e.has("asked GetSamplingRules ok"), e.all)
}

// TestServerFailureIsReported: a listener that dies is fatal, not silent.
func TestServerFailureIsReported(t *testing.T) {
	s, e := started(t, valid(func(c *Config) { c.Region = "eu-west-1" }))
	require.NoError(t, s.listener.Close())
	require.Eventually(t, func() bool { return e.has("fatal") }, patience, soon)
}

func TestPortIsTaken(t *testing.T) {
	s, _ := started(t, valid(func(c *Config) { c.Region = "eu-west-1" }))
	other := New(*valid(func(c *Config) { c.Endpoint = s.Addr().String() }), zap.NewNop(), "test/1", &events{})
	assert.ErrorContains(t, other.Start(t.Context()), "address already in use")
}
