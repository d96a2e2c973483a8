package xraymetricsconnector

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/connector/xraymetricsconnector/internal/metadata"
)

// sink is the next component. It fails as long as fail says so.
type sink struct {
	mu   sync.Mutex
	got  []pmetric.Metrics
	fail func(pmetric.Metrics) error
}

func (s *sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeMetrics(_ context.Context, md pmetric.Metrics) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(md); err != nil {
			return err
		}
	}
	s.got = append(s.got, md)
	return nil
}

// harness is a connector with what is around it.
type harness struct {
	*metricsConnector
	sink      sink
	telemetry *componenttest.Telemetry
}

// prepare makes a connector that is not started.
func prepare(t testing.TB, change func(*Config)) *harness {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	h := &harness{telemetry: componenttest.NewTelemetry()}
	set := connectortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = h.telemetry.NewTelemetrySettings()
	c, err := newConnector(connector.Settings(set), cfg, &h.sink)
	require.NoError(t, err)
	h.metricsConnector = c
	t.Cleanup(func() {
		require.NoError(t, c.Shutdown(context.Background()))
		require.NoError(t, h.telemetry.Shutdown(context.Background()))
	})
	return h
}

// begin makes a connector and starts it.
func begin(t testing.TB, change func(*Config)) *harness {
	h := prepare(t, change)
	require.NoError(t, h.Start(context.Background(), componenttest.NewNopHost()))
	return h
}

func (h *harness) send(t testing.TB, td ptrace.Traces) {
	t.Helper()
	require.NoError(t, h.ConsumeTraces(context.Background(), td))
}

// flushNow flushes a connector that is not started, and returns what came.
func (h *harness) flushNow(t testing.TB) report {
	t.Helper()
	h.sink.got = nil
	h.flush(context.Background(), time.Now())
	return h.sink.report(t)
}

// spec is a span as tests write it.
type spec struct {
	name       string
	kind       ptrace.SpanKind
	child      bool
	took       time.Duration
	status     ptrace.StatusCode
	state      string
	open       bool
	attributes map[string]any
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// traces makes a batch of spans of one service.
func traces(resource map[string]any, specs ...spec) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	_ = rs.Resource().Attributes().FromRaw(resource)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i, s := range specs {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, 15: byte(i + 1)})
		span.SetSpanID(pcommon.SpanID{2, 7: byte(i + 1)})
		if s.child {
			span.SetParentSpanID(pcommon.SpanID{3})
		}
		span.SetName(s.name)
		span.SetKind(s.kind)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		if !s.open {
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(s.took)))
		}
		span.Status().SetCode(s.status)
		span.TraceState().FromRaw(s.state)
		_ = span.Attributes().FromRaw(s.attributes)
	}
	return td
}

// point is one data point, whatever it is of.
type point struct {
	count    uint64
	sum      float64
	min, max float64
	example  string // the field and the last byte of the trace id
	exp      pmetric.ExponentialHistogramDataPoint
}

// report is points by metric and the dimensions that they have.
type report map[string]map[string]point

// label writes the dimensions of a point in the order of their names.
func label(m pcommon.Map) string {
	text := ""
	all := m.AsRaw()
	for _, k := range slices.Sorted(maps.Keys(all)) {
		text += k + "=" + all[k].(string) + " "
	}
	return text
}

func (s *sink) report(t testing.TB) report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := report{}
	put := func(name string, attributes pcommon.Map, exemplars pmetric.ExemplarSlice, p point) {
		for _, e := range exemplars.All() {
			field, _ := e.FilteredAttributes().Get(fieldAttribute)
			id := e.TraceID()
			p.example += field.Str() + string('0'+rune(id[15]))
		}
		if r[name] == nil {
			r[name] = map[string]point{}
		}
		key := label(attributes)
		if _, twice := r[name][key]; twice {
			t.Errorf("%s has the series %s twice", name, key)
		}
		r[name][key] = p
	}
	for _, md := range s.got {
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					switch m.Type() {
					case pmetric.MetricTypeExponentialHistogram:
						for _, p := range m.ExponentialHistogram().DataPoints().All() {
							put(m.Name(), p.Attributes(), p.Exemplars(), point{p.Count(), p.Sum(), p.Min(), p.Max(), "", p})
						}
					case pmetric.MetricTypeHistogram:
						for _, p := range m.Histogram().DataPoints().All() {
							put(m.Name(), p.Attributes(), p.Exemplars(), point{p.Count(), p.Sum(), p.Min(), p.Max(), "", pmetric.ExponentialHistogramDataPoint{}})
						}
					case pmetric.MetricTypeSum:
						for _, p := range m.Sum().DataPoints().All() {
							put(m.Name(), p.Attributes(), p.Exemplars(), point{sum: float64(p.IntValue())})
						}
					}
				}
			}
		}
	}
	return r
}

var _ component.Component = (*harness)(nil)

const (
	internal = ptrace.SpanKindInternal
	server   = ptrace.SpanKindServer
	client   = ptrace.SpanKindClient
	producer = ptrace.SpanKindProducer
	consumed = ptrace.SpanKindConsumer
)
