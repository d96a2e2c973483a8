//go:build linux

package main

import (
	"strings"
	"text/template"
	"time"
)

// collectorConfig is the configuration of both sides. They differ in one
// thing: contrib's exporter has no queue and makes one request for each batch
// that it is handed, so the peer gets the batch processor as ADOT ships it.
var collectorConfig = template.Must(template.New("").Parse(`
receivers:
{{- if .OTLP}}
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:{{.Ports.OTLP}}
{{- else}}
  awsxray:
    endpoint: 127.0.0.1:{{.Ports.XRay}}
    transport: udp
    proxy_server:
      endpoint: 127.0.0.1:{{.Ports.XRay}}
      region: us-east-1
      local_mode: true
      aws_endpoint: {{.Endpoint}}
{{- end}}
{{- if .Batch}}
processors:
  batch:
    timeout: 1s
    send_batch_size: {{.Batch}}
{{- else if eq .Tail "xray_tail_sampling"}}
processors:
  xray_tail_sampling:
    rules:
      inline: [{rule_name: Default, fixed_rate: {{.Keep}}}]
    decision_idle: {{.Hold}}
{{- else if .Tail}}
processors:
  tail_sampling:
    decision_wait: {{.Hold}}
    policies:
      - {name: faults, type: status_code, status_code: {status_codes: [ERROR]}}
      - {name: slow, type: latency, latency: {threshold_ms: 3000}}
      - {name: others, type: probabilistic, probabilistic: {sampling_percentage: {{.Percent}}}}
{{- end}}
{{- if eq .Connector "xray_metrics"}}
connectors:
  xray_metrics:
    metrics_flush_interval: {{.Flush}}
{{- else if .Connector}}
connectors:
  spanmetrics:
    metrics_flush_interval: {{.Flush}}
    aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA
    histogram: {exponential: {}}
{{- end}}
exporters:
{{- if .Nop}}
  nop:
{{- else if eq .Signal "metrics"}}
  awsemf:
    endpoint: {{.Endpoint}}
    region: us-east-1
    local_mode: true
    namespace: {{.Namespace}}
    log_group_name: bench
    log_stream_name: bench
    dimension_rollup_option: NoDimensionRollup
{{- if .Ours}}
    aggregation: batch
{{- end}}
{{- else}}
  awsxray:
    endpoint: {{.Endpoint}}
    region: us-east-1
    local_mode: true
    num_workers: {{.Workers}}
{{- end}}
extensions:
  pprof:
    endpoint: 127.0.0.1:{{.Ports.Pprof}}
service:
  extensions: [pprof]
  telemetry:
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: 127.0.0.1
                port: {{.Ports.Metrics}}
  pipelines:
    {{.Signal}}:
      receivers: [{{if .OTLP}}otlp{{else}}awsxray{{end}}]
{{- if .Batch}}
      processors: [batch]
{{- else if .Tail}}
      processors: [{{.Tail}}]
{{- end}}
      exporters: [{{if .Connector}}{{.Connector}}{{else if .Nop}}nop{{else if eq .Signal "metrics"}}awsemf{{else}}awsxray{{end}}]
{{- if .Connector}}
    metrics:
      receivers: [{{.Connector}}]
      exporters: [nop]
{{- end}}
`))

// emfNamespace is where all metrics are.
const emfNamespace = "bench"

// renderConfig returns the YAML for one run.
func renderConfig(sideName string, r row, p pipeline, ports ports, endpoint string) (string, error) {
	type portNumbers struct{ XRay, OTLP, Metrics, Pprof int }
	tail := ""
	if p == toTail {
		// Both with a policy for what failed and one for what was slow, and a
		// share of the others.
		tail = map[string]string{"ours": "xray_tail_sampling", "peer": "tail_sampling"}[sideName]
	}
	connector := ""
	if p == toMetrics {
		// Both send deltas with exponential histograms, which CloudWatch needs.
		connector = map[string]string{"ours": "xray_metrics", "peer": "spanmetrics"}[sideName]
	}
	signal := "traces"
	if r.load == otlpPoints {
		signal = "metrics"
	}
	batch := 0
	if sideName == "peer" && p.delivers() {
		batch = map[pipeline]int{toXRay: 50, toEMF: 8192}[p]
	}
	var b strings.Builder
	err := collectorConfig.Execute(&b, struct {
		Ours          bool
		Ports         portNumbers
		OTLP, Nop     bool
		Signal        string
		Batch         int // items in a batch of the batch processor; 0 means no such processor
		Workers       int
		Endpoint      string
		Tail          string // the processor; empty means none
		Keep, Percent float64
		Hold          time.Duration
		Connector     string // of metrics; empty means none
		Namespace     string
		Flush         time.Duration
	}{
		Ours:     sideName == "ours",
		Ports:    portNumbers{ports.xray, ports.otlp, ports.metrics, ports.pprof},
		OTLP:     !r.load.datagrams(),
		Nop:      !p.delivers(),
		Signal:   signal,
		Batch:    batch,
		Workers:  r.workers,
		Endpoint: endpoint,
		Tail:     tail,
		Keep:     r.keep,
		Percent:  100 * r.keep,
		Hold:     hold,

		Connector: connector, Flush: flush, Namespace: emfNamespace,
	})
	return b.String(), err
}
