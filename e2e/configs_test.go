package e2e

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// metricsSink takes metrics over OTLP/HTTP and remembers their names.
type metricsSink struct {
	*httptest.Server
	mu    sync.Mutex
	names map[string]map[string]bool // and the attributes of their points
}

func newMetricsSink(t testing.TB) *metricsSink {
	s := &metricsSink{names: map[string]map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.take))
	t.Cleanup(s.Close)
	return s
}

func (s *metricsSink) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := pmetricotlp.NewExportRequest()
	if err != nil || request.UnmarshalProto(body) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rm := range request.Metrics().ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				labels := s.names[m.Name()]
				if labels == nil {
					labels = map[string]bool{}
					s.names[m.Name()] = labels
				}
				var points pmetric.NumberDataPointSlice
				switch m.Type() {
				case pmetric.MetricTypeGauge:
					points = m.Gauge().DataPoints()
				case pmetric.MetricTypeSum:
					points = m.Sum().DataPoints()
				default:
					continue
				}
				for _, p := range points.All() {
					for key := range p.Attributes().All() {
						labels[key] = true
					}
				}
			}
		}
	}
}

func (s *metricsSink) labels(name string) ([]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	labels, ok := s.names[name]
	return slices.Sorted(maps.Keys(labels)), ok
}

// sample reads a file of configs/.
func sample(t testing.TB, name string) string {
	text, err := os.ReadFile(filepath.Join("../configs", name))
	require.NoError(t, err)
	return string(text)
}

// moved puts what listens to the addresses of the test.
const moved = `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "${env:TAILWATER_OTLP_GRPC_ENDPOINT}"}
extensions:
  health_check: {http: {endpoint: "${env:TAILWATER_HEALTH_ENDPOINT}"}}
service:
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: "${env:TAILWATER_METRICS_HOST}", port: "${env:TAILWATER_METRICS_PORT}"}}}
`

const movedAgent = `
receivers:
  awsxray:
    endpoint: ${env:TAILWATER_XRAY_ENDPOINT}
    proxy_server: {endpoint: "${env:TAILWATER_XRAY_ENDPOINT}", aws_endpoint: "${env:FAKE_XRAY}"}
  otlp:
    protocols:
      http: {endpoint: "${env:TAILWATER_OTLP_HTTP_ENDPOINT}"}
  host_metrics: {collection_interval: 1s}
exporters:
  otlp_http/sink: {endpoint: "${env:SINK}", compression: none}
service:
  pipelines:
    metrics/host: {exporters: [otlp_http/sink]}
`

const movedGateway = `
processors:
  xray_tail_sampling:
    rules: {xray: {endpoint: "${env:FAKE_XRAY}", local_mode: true}}
    decision_idle: 1s
exporters:
  awsxray: {endpoint: "${env:FAKE_XRAY}", local_mode: true}
  awsemf: {output_destination: stdout}
  awss3/archive: {s3uploader: {directory: "${env:TAILWATER_STATE}/archive"}}
`

// configs/agent.yaml and configs/gateway.yaml as they are, but for addresses:
// a segment of an X-Ray SDK and a span of an OpenTelemetry SDK go through both
// to X-Ray and into the archive, and the host's metrics have the names that the
// CloudWatch agent gives them.
func TestAgentAndGatewayConfigs(t *testing.T) {
	t.Parallel()
	xray, sink := newFakeXRay(t), newMetricsSink(t)
	xray.open()
	env := func(more ...string) []string {
		return append(append(xray.env(), more...), "SINK="+sink.URL, "TAILWATER_BUCKET=none", "AWS_REGION=us-east-1",
			"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_EC2_METADATA_DISABLED=true", "TAILWATER_STATE="+t.TempDir())
	}
	gate := []string{"--feature-gates=+extension.healthcheck.useComponentStatus"}
	gatewayEnv := env()
	gateway := start(t, setup{configs: []string{sample(t, "gateway.yaml"), moved, movedGateway}, env: gatewayEnv, args: gate})
	host, port, err := net.SplitHostPort(gateway.Addresses.OTLPGRPC)
	require.NoError(t, err)
	agent := start(t, setup{
		configs: []string{sample(t, "agent.yaml"), moved, movedAgent},
		env:     env("TAILWATER_GATEWAYS="+host, "TAILWATER_GATEWAY_PORT="+port), args: gate,
	})

	document, ids := newSegment()
	document = strings.Replace(document, "{", `{"fault":true,`, 1) // the rules keep few of the others
	newUDPSender(t, agent).send(header + document)
	traces, spans := newTrace()
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				s.Attributes().PutInt("http.response.status_code", 503)
			}
		}
	}
	newOTLPSender(t, agent).send(traces)
	xray.waitFor(append(ids, spans...))

	for name, labels := range map[string][]string{
		"cpu_usage_idle":    {"cpu"},
		"cpu_usage_user":    {"cpu"},
		"mem_used_percent":  {},
		"net_bytes_recv":    {"interface"},
		"net_bytes_sent":    {"interface"},
		"processes_total":   {},
		"processes_running": {},
	} {
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			have, ok := sink.labels(name)
			assert.True(t, ok, name)
			assert.ElementsMatch(t, labels, have, name)
		}, wait, tick)
	}
	sink.mu.Lock()
	for name := range sink.names {
		assert.False(t, strings.HasPrefix(name, "system."), name)
	}
	sink.mu.Unlock()

	agent.stop()
	gateway.stop()
	state, _ := strings.CutPrefix(gatewayEnv[len(gatewayEnv)-1], "TAILWATER_STATE=")
	var archived []string
	require.NoError(t, filepath.WalkDir(filepath.Join(state, "archive"), func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".parquet") {
			archived = append(archived, path)
		}
		return err
	}))
	require.NotEmpty(t, archived)
}
