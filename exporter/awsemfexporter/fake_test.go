package awsemfexporter

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tailwater-otel/tailwater/exporter/awsemfexporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/emf"
	"github.com/tailwater-otel/tailwater/internal/emf/emftest"
)

// call is a PutLogEvents request that a fake CloudWatch got.
type call struct {
	LogGroupName, LogStreamName string
	LogEvents                   []struct {
		Timestamp int64
		Message   string
	}
	zipped bool
	size   int // of the body
}

// answer decides about a request: it returns the reply's text, or fails the
// request as a whole.
type answer func(ctx context.Context, n int, c call) (string, error)

// httpError is an answer with an HTTP status.
type httpError struct {
	status int
	code   string
}

func (e httpError) Error() string { return e.code }

// errReplyLost is the error of an answer that takes the events and breaks the
// connection.
var errReplyLost = errors.New("connection reset by peer")

// fakeLogs is a CloudWatch Logs without a network, for tests with a virtual
// clock. It checks what it gets as CloudWatch does.
type fakeLogs struct {
	answer answer // nil takes everything
	strict bool   // groups and streams must exist
	create answer // of CreateLogGroup; nil creates

	mu      sync.Mutex
	calls   []call
	taken   map[string]int // how often each message was taken
	streams map[string]bool
	groups  map[string]map[string]any // the input that created each
	other   []string                  // operations that are not PutLogEvents
	busy    int
	peak    int
}

func failed(status int, code string) *awsclient.Response {
	text, _ := json.Marshal(map[string]string{"__type": code, "message": "as told"})
	return &awsclient.Response{Status: status, Header: http.Header{}, Body: text}
}

func (f *fakeLogs) Call(ctx context.Context, operation string, header http.Header, body []byte) (*awsclient.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if operation != putLogEvents {
		return f.manage(ctx, strings.TrimPrefix(operation, "Logs_20140328."), body)
	}
	c := call{size: len(body)}
	if header.Get("Content-Encoding") == "gzip" {
		c.zipped = true
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(r)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := json.Unmarshal(body, &c); err != nil {
		panic(err)
	}
	f.mu.Lock()
	n := len(f.calls)
	f.calls = append(f.calls, c)
	f.busy++
	f.peak = max(f.peak, f.busy)
	answer := f.answer
	f.mu.Unlock()

	text, err := `{"nextSequenceToken":"1"}`, error(nil)
	if answer != nil {
		text, err = answer(ctx, n, c)
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy--
	var status httpError
	switch {
	case errors.As(err, &status):
		return failed(status.status, status.code), nil
	case err != nil && !errors.Is(err, errReplyLost):
		return nil, err
	case f.strict && !f.streams[c.LogGroupName+" "+c.LogStreamName]:
		return failed(400, "ResourceNotFoundException"), nil
	}
	if invalid := c.invalid(); invalid != "" {
		return failed(400, "InvalidParameterException"), nil
	}
	if f.taken == nil {
		f.taken = map[string]int{}
	}
	for _, e := range c.LogEvents {
		f.taken[e.Message]++
	}
	if err != nil {
		return nil, err
	}
	return &awsclient.Response{Status: 200, Body: []byte(text)}, nil
}

// invalid returns why CloudWatch refuses the request as a whole.
func (c *call) invalid() string {
	size := 0
	for i, e := range c.LogEvents {
		size += len(e.Message) + emf.EventOverhead
		if i > 0 && e.Timestamp < c.LogEvents[i-1].Timestamp {
			return "not in order"
		}
	}
	switch n := len(c.LogEvents); {
	case n == 0 || n > emf.MaxRequestEvents:
		return "number of events"
	case size > emf.MaxRequest:
		return "size"
	case c.LogEvents[n-1].Timestamp-c.LogEvents[0].Timestamp > 24*3600*1000:
		return "more than 24 hours"
	}
	return ""
}

func (f *fakeLogs) manage(ctx context.Context, operation string, body []byte) (*awsclient.Response, error) {
	var input map[string]any
	if err := json.Unmarshal(body, &input); err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.other = append(f.other, operation)
	group, _ := input["logGroupName"].(string)
	switch operation {
	case "CreateLogGroup":
		if f.create != nil {
			var status httpError
			if _, err := f.create(ctx, len(f.other), call{LogGroupName: group}); errors.As(err, &status) {
				return failed(status.status, status.code), nil
			}
		}
		if f.groups[group] != nil {
			return failed(400, "ResourceAlreadyExistsException"), nil
		}
		if f.groups == nil {
			f.groups = map[string]map[string]any{}
		}
		f.groups[group] = input
	case "PutRetentionPolicy":
		f.groups[group]["retentionInDays"] = input["retentionInDays"]
	case "CreateLogStream":
		stream, _ := input["logStreamName"].(string)
		switch {
		case f.groups[group] == nil:
			return failed(400, "ResourceNotFoundException"), nil
		case f.streams[group+" "+stream]:
			return failed(400, "ResourceAlreadyExistsException"), nil
		case f.streams == nil:
			f.streams = map[string]bool{}
		}
		f.streams[group+" "+stream] = true
	default:
		return failed(400, "UnknownOperationException"), nil
	}
	return &awsclient.Response{Status: 200, Body: []byte(`{}`)}, nil
}

func (f *fakeLogs) Describe() string { return "a fake" }
func (f *fakeLogs) Close()           {}

func (f *fakeLogs) set(a answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = a
}

func (f *fakeLogs) requests() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// messages returns the documents that were taken, in the order of their arrival.
func (f *fakeLogs) messages() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[string]bool{}
	for _, c := range f.calls {
		for _, e := range c.LogEvents {
			if f.taken[e.Message] > 0 && !seen[e.Message] {
				seen[e.Message] = true
				out = append(out, e.Message)
			}
		}
	}
	return out
}

// fixture is an exporter with a fake CloudWatch, its metrics, log and status.
type fixture struct {
	*metricsExporter
	logs      *fakeLogs
	telemetry *componenttest.Telemetry
	log       *observer.ObservedLogs
	host      *host
}

type host struct {
	component.Host
	extensions map[component.ID]component.Component
	mu         sync.Mutex
	events     []componentstatus.Status
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *host) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e.Status())
}

func (h *host) statuses() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events
}

func newFixture(t testing.TB, change func(*Config)) *fixture {
	cfg := createDefaultConfig().(*Config)
	cfg.Namespace = "Test"
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	f := &fixture{logs: &fakeLogs{}, telemetry: componenttest.NewTelemetry(), host: &host{Host: componenttest.NewNopHost()}}
	t.Cleanup(func() { _ = f.telemetry.Shutdown(context.Background()) })
	set := exportertest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type) // a queue on disk is found by it
	set.TelemetrySettings = f.telemetry.NewTelemetrySettings()
	core, log := observer.New(zapcore.DebugLevel)
	set.Logger, f.log = zap.New(core), log
	e, err := newMetricsExporter(set, cfg, func(context.Context, *Config, component.BuildInfo) (service, error) { return f.logs, nil })
	require.NoError(t, err)
	f.metricsExporter = e
	return f
}

func (f *fixture) start(t testing.TB) *fixture {
	require.NoError(t, f.Start(context.Background(), f.host))
	return f
}

// sum returns the value of one of the exporter's counters, for all attributes
// or the one given.
func (f *fixture) sum(t testing.TB, name string, want ...string) (n int64) {
	t.Helper()
	m, err := f.telemetry.GetMetric("otelcol_exporter_awsemf_" + name)
	if err != nil {
		return 0 // never counted
	}
	data, ok := m.Data.(metricdata.Sum[int64])
	require.True(t, ok, "%s is a %T", name, m.Data)
	for _, point := range data.DataPoints {
		if len(want) == 2 {
			if value, ok := point.Attributes.Value(attribute.Key(want[0])); !ok || value.AsString() != want[1] {
				continue
			}
		}
		n += point.Value
	}
	return n
}

// events makes events of a batch, at once also where points of a minute join.
func (f *fixture) events(ctx context.Context, md pmetric.Metrics) ([]event, []undo) {
	if f.translator.window == nil {
		return f.metricsExporter.events(ctx, md)
	}
	f.gather(ctx, md)
	return f.all(ctx), nil
}

// all makes events of everything that the window holds.
func (f *fixture) all(ctx context.Context) (events []event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.translator.window.closeAll()
	f.guard(ctx, 1, func() { events = f.make(ctx, f.translator.window.take(math.MaxInt)) })
	return events
}

// byBatch switches the joining of a minute's points off.
func byBatch(c *Config) { c.Aggregation = eachBatch }

// documents makes the events of a configuration and checks each.
func (f *fixture) documents(t testing.TB, md metricsBuilder) (out []*emftest.Document) {
	t.Helper()
	events, _ := f.events(context.Background(), md.Metrics)
	for _, e := range events {
		d, err := emftest.Check(e.message)
		require.NoError(t, err, "%s", e.message)
		out = append(out, d)
	}
	return out
}

// number returns the number that a document has for a metric.
func number(t testing.TB, d *emftest.Document, name string) float64 {
	t.Helper()
	n, ok := d.Root[name].(json.Number)
	require.True(t, ok, "%s is %v", name, d.Root[name])
	v, err := n.Float64()
	require.NoError(t, err)
	return v
}

func weighted(t testing.TB, d *emftest.Document, name string) emf.Weighted {
	t.Helper()
	w, err := emftest.ReadWeighted(d.Root[name])
	require.NoError(t, err)
	return w
}

var noQueue = configoptional.None[exporterhelper.QueueBatchConfig]()
