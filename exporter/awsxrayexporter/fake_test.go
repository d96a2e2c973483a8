package awsxrayexporter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

// documents makes n documents, each of a trace of its own, with ids from first on.
func documents(first, n int) []segment.Part {
	parts := make([]segment.Part, n)
	for i := range parts {
		parts[i] = document(first+i, first+i)
	}
	return parts
}

func document(trace, id int) segment.Part {
	var p segment.Part
	p.ID[0], p.ID[1], p.ID[6], p.ID[7] = 0xa0, byte(id>>16), byte(id>>8), byte(id)
	p.TraceID[0], p.TraceID[13], p.TraceID[14], p.TraceID[15] = 0x68, byte(trace>>16), byte(trace>>8), byte(trace)
	p.JSON = fmt.Appendf(nil, `{"name":"shop","id":"%s","trace_id":"%s","start_time":1760797120.5,"end_time":1760797121}`, p.ID, p.TraceID)
	return p
}

// call is a request that a fake X-Ray got.
type call struct {
	ids []string // of its documents
}

// answer decides about a request. It returns the entries of
// UnprocessedTraceSegments, or fails the request as a whole.
type answer func(ctx context.Context, n int, c call) ([]unprocessed, error)

// httpError is an answer with an HTTP status.
type httpError struct {
	status int
	code   string
}

func (e httpError) Error() string { return e.code }

// errReplyLost is the error of an answer that takes the documents and breaks
// the connection.
var errReplyLost = errors.New("connection reset by peer")

// fakeXRay is an X-Ray without a network, for tests with a virtual clock.
type fakeXRay struct {
	mu      sync.Mutex
	answer  answer // nil takes everything
	calls   []call
	taken   map[string]int // how often each id was taken
	records []json.RawMessage
	busy    int
	peak    int
}

func (f *fakeXRay) Post(ctx context.Context, path string, body []byte) (*awsclient.Response, error) {
	if path == "/TelemetryRecords" {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.records = append(f.records, append(json.RawMessage(nil), body...))
		return &awsclient.Response{Status: 200, Body: []byte(`{}`)}, nil
	}
	var request struct{ TraceSegmentDocuments []string }
	if err := json.Unmarshal(body, &request); err != nil {
		panic(err)
	}
	var c call
	for _, text := range request.TraceSegmentDocuments {
		var doc struct{ ID string }
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			panic(err)
		}
		c.ids = append(c.ids, doc.ID)
	}
	f.mu.Lock()
	n := len(f.calls)
	f.calls = append(f.calls, c)
	f.busy++
	f.peak = max(f.peak, f.busy)
	answer := f.answer
	f.mu.Unlock()

	var list []unprocessed
	var err error
	if answer != nil {
		list, err = answer(ctx, n, c)
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy--
	var status httpError
	switch {
	case errors.As(err, &status):
		return &awsclient.Response{Status: status.status, Header: http.Header{"X-Amzn-Errortype": {status.code}}, Body: []byte(`{"message":"as told"}`)}, nil
	case err != nil && !errors.Is(err, errReplyLost):
		return nil, err
	}
	refused := map[string]bool{}
	for _, u := range list {
		refused[u.ID] = true
	}
	if f.taken == nil {
		f.taken = map[string]int{}
	}
	for _, id := range c.ids {
		if !refused[id] {
			f.taken[id]++
		}
	}
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return &awsclient.Response{Status: 200, Body: []byte(`{"UnprocessedTraceSegments":[]}`)}, nil
	}
	text, _ := json.Marshal(map[string]any{"UnprocessedTraceSegments": list})
	return &awsclient.Response{Status: 200, Body: text}, nil
}

func (f *fakeXRay) Instance(context.Context) (string, string) { return "host-1", "i-1" }
func (f *fakeXRay) Describe() string                          { return "a fake" }
func (f *fakeXRay) Region() string                            { return "eu-west-1" }
func (f *fakeXRay) Close()                                    {}

func (f *fakeXRay) set(a answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = a
}

// requests returns the requests so far, and reports the telemetry records.
func (f *fakeXRay) requests() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *fakeXRay) reports() []json.RawMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.records
}

// mostAtOnce returns how many requests were answered at the same time.
func (f *fakeXRay) mostAtOnce() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peak
}

// requireTaken checks that X-Ray has exactly these documents, each once.
func (f *fakeXRay) requireTaken(t testing.TB, want []segment.Part) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	once := map[string]int{}
	for _, p := range want {
		once[p.ID.String()] = 1
	}
	got := f.taken
	if got == nil {
		got = map[string]int{}
	}
	require.Equal(t, once, got)
}

// fixture is an exporter with a fake X-Ray, its metrics, log and status.
type fixture struct {
	*tracesExporter
	xray      *fakeXRay
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
	if change != nil {
		change(cfg)
	}
	f := &fixture{xray: &fakeXRay{}, telemetry: componenttest.NewTelemetry(), host: &host{Host: componenttest.NewNopHost()}}
	t.Cleanup(func() { _ = f.telemetry.Shutdown(context.Background()) })
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = f.telemetry.NewTelemetrySettings()
	core, log := observer.New(zapcore.DebugLevel)
	set.Logger, f.log = zap.New(core), log
	e, err := newTracesExporter(set, cfg, func(context.Context, *Config, component.BuildInfo) (service, error) { return f.xray, nil })
	require.NoError(t, err)
	f.tracesExporter = e
	return f
}

func (f *fixture) start(t testing.TB) *fixture {
	require.NoError(t, f.Start(context.Background(), f.host))
	return f
}

// sum returns the value of one of the exporter's counters, for all attributes
// or the one given.
func (f *fixture) sum(t testing.TB, name string, attribute ...string) int64 {
	t.Helper()
	return sumOf(t, f.telemetry, name, attribute...)
}

var noQueue = configoptional.None[exporterhelper.QueueBatchConfig]()
