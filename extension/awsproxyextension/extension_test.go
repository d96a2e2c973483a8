package awsproxyextension

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tailwater-otel/tailwater/extension/awsproxyextension/internal/metadata"
	"github.com/tailwater-otel/tailwater/extension/awsproxyextension/internal/metadatatest"
	"github.com/tailwater-otel/tailwater/internal/samplingapi/samplingserver"
)

const (
	patience = 60 * time.Second
	soon     = 5 * time.Millisecond
)

func changed(change func(*samplingserver.Config)) *Config {
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(&cfg.Server)
	}
	return cfg
}

func TestConfig(t *testing.T) {
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	most := 500
	for name, want := range map[string]*Config{
		"": changed(nil),
		"contrib": changed(func(c *samplingserver.Config) {
			*c = samplingserver.Config{
				Endpoint: "0.0.0.0:1234", ProxyAddress: "https://proxy.example.com",
				TLS:    configtls.ClientConfig{Insecure: true, ServerName: "something"},
				Region: "us-west-1", RoleARN: "arn:aws:iam::123456789012:role/awesome_role",
				AWSEndpoint: "https://another.aws.endpoint.com", LocalMode: true, ServiceName: "es", Sampling: "forward",
			}
		}),
		"record_all": changed(func(c *samplingserver.Config) { c.Sampling, c.RecordAllMaxPerSecond = "record_all", &most }),
	} {
		t.Run(name, func(t *testing.T) {
			sub, err := all.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			got := createDefaultConfig()
			require.NoError(t, sub.Unmarshal(got))
			assert.Equal(t, want, got)
			assert.NoError(t, confmap.Validate(got))
		})
	}
}

func TestBadConfig(t *testing.T) {
	for want, change := range map[string]func(*samplingserver.Config){
		`endpoint is ""`:                       func(c *samplingserver.Config) { c.Endpoint = "" },
		`endpoint is "2000"`:                   func(c *samplingserver.Config) { c.Endpoint = "2000" },
		`sampling is "all"`:                    func(c *samplingserver.Config) { c.Sampling = "all" },
		"record_all_max_per_second is not set": func(c *samplingserver.Config) { c.Sampling = "record_all" },
	} {
		assert.ErrorContains(t, confmap.Validate(changed(change)), want)
	}
}

// statusHost records what a component reports.
type statusHost struct {
	component.Host
	mu  sync.Mutex
	all []componentstatus.Status
}

func (h *statusHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, e.Status())
}

func (h *statusHost) has(want componentstatus.Status) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all) > 0 && h.all[len(h.all)-1] == want
}

// TestExtension asks a running extension, while X-Ray comes, goes and returns.
func TestExtension(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	status := make(chan int, 1)
	xray := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Contains(t, r.Header.Get("Authorization"), "/eu-west-1/xray/aws4_request")
		w.WriteHeader(<-status)
		_, _ = io.WriteString(w, `{"SamplingRuleRecords":[]}`)
	}))
	defer xray.Close()
	tel := componenttest.NewTelemetry()
	defer func() { require.NoError(t, tel.Shutdown(context.Background())) }()
	ext, err := NewFactory().Create(t.Context(), metadatatest.NewSettings(tel), changed(func(c *samplingserver.Config) {
		c.Endpoint, c.AWSEndpoint, c.Region, c.LocalMode = "127.0.0.1:0", xray.URL, "eu-west-1", true
	}))
	require.NoError(t, err)
	host := &statusHost{Host: componenttest.NewNopHost()}
	require.NoError(t, ext.Start(t.Context(), host))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(path string) int {
		response, err := client.Post("http://"+ext.(*proxy).server.Addr().String()+path, "application/json", strings.NewReader(""))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	assert.Equal(t, http.StatusForbidden, ask("/TraceSegments"))
	status <- http.StatusInternalServerError
	// Until the region is there, which is at once, the answer is 503.
	require.Eventually(t, func() bool { return ask("/GetSamplingRules") == http.StatusInternalServerError }, patience, soon)
	assert.True(t, host.has(componentstatus.StatusRecoverableError))
	status <- http.StatusOK
	assert.Equal(t, http.StatusOK, ask("/GetSamplingRules"))
	assert.Equal(t, http.StatusOK, ask("/GetSamplingRules"))
	assert.True(t, host.has(componentstatus.StatusOK))
	metadatatest.AssertEqualExtensionAwsproxySamplingUpstreamRequests(t, tel, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("path", "GetSamplingRules"), attribute.String("outcome", "retryable"))},
		{Value: 1, Attributes: attribute.NewSet(attribute.String("path", "GetSamplingRules"), attribute.String("outcome", "ok"))},
	}, metricdatatest.IgnoreTimestamp())

	other, err := NewFactory().Create(t.Context(), metadatatest.NewSettings(tel), changed(func(c *samplingserver.Config) {
		c.Endpoint = ext.(*proxy).server.Addr().String()
	}))
	require.NoError(t, err)
	assert.ErrorContains(t, other.Start(t.Context(), host), "the key endpoint")
	require.NoError(t, other.Shutdown(t.Context()))
	require.NoError(t, ext.Shutdown(t.Context()))
	require.NoError(t, ext.Shutdown(t.Context()), "again")
}
