package xraytailsamplingprocessor

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"

	"github.com/tailwater-otel/tailwater/processor/xraytailsamplingprocessor/internal/metadata"
)

// sink is the next component. It fails as long as fail or refuse says so. What it takes
// it keeps, or hands to took.
type sink struct {
	took   func(ptrace.Traces)
	refuse func(ptrace.Traces) error
	mu     sync.Mutex
	got    []ptrace.Traces
	fail   func() error
	spans  int
}

func (s *sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return err
		}
	}
	if s.refuse != nil {
		if err := s.refuse(td); err != nil {
			return err
		}
	}
	s.spans += td.SpanCount()
	if s.took != nil {
		s.took(td)
		return nil
	}
	s.got = append(s.got, td)
	return nil
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spans
}

// all returns every span by name.
func (s *sink) all() map[string]ptrace.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	spans := map[string]ptrace.Span{}
	for _, td := range s.got {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					spans[span.Name()] = span
				}
			}
		}
	}
	return spans
}

// nothing keeps nothing by rule.
var nothing = RuleConfig{RuleName: "Default"}

type harness struct {
	*tailSampler
	sink *sink
	tel  *componenttest.Telemetry
}

// start starts a processor with the default configuration, changed.
func start(t testing.TB, change func(*Config)) *harness {
	t.Helper()
	h := prepare(t, change)
	require.NoError(t, h.Start(context.Background(), componenttest.NewNopHost()))
	return h
}

func prepare(t testing.TB, change func(*Config)) *harness {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Rules.Inline = []RuleConfig{nothing}
	cfg.Buffer.MaxBytes = 64 << 20
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	tel := componenttest.NewTelemetry()
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	h := &harness{sink: &sink{}, tel: tel}
	var err error
	h.tailSampler, err = newTailSampler(set, cfg, h.sink)
	require.NoError(t, err)
	return h
}

func (h *harness) stopped(t testing.TB) {
	t.Helper()
	require.NoError(t, h.Shutdown(context.Background()))
	require.Zero(t, h.budget.Used())
	require.NoError(t, h.tel.Shutdown(context.Background()))
}

// sum adds up a counter's values whose attributes include these.
func (h *harness) sum(t testing.TB, name string, attributes ...string) int64 {
	t.Helper()
	return sumOf(t, h.tel, name, attributes...)
}

// s describes a span of a test.
type s struct {
	service, name string
	id, parent    byte
	kind          ptrace.SpanKind
	start, end    time.Duration // after the trace began
	status        int64
	failed, open  bool
	attributes    map[string]any
	state         string
}

func traceID(n uint64) pcommon.TraceID {
	id := pcommon.TraceID{0: 1}
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// batch makes spans of one trace, which began at base.
func batch(id pcommon.TraceID, base time.Time, spans ...s) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, d := range spans {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", d.service)
		span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID(id)
		span.SetName(d.name)
		span.SetSpanID(pcommon.SpanID{7: d.id})
		span.SetParentSpanID(pcommon.SpanID{7: d.parent})
		span.SetKind(d.kind)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(base.Add(d.start)))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(base.Add(d.end)))
		if d.status != 0 {
			span.Attributes().PutInt("http.response.status_code", d.status)
		}
		if d.failed {
			span.Status().SetCode(ptrace.StatusCodeError)
		}
		if d.open {
			span.Attributes().PutBool(attributeInProgress, true)
		}
		for key, value := range d.attributes {
			_ = span.Attributes().PutEmpty(key).FromRaw(value)
		}
		span.TraceState().FromRaw(d.state)
	}
	return td
}

const (
	server = ptrace.SpanKindServer
	client = ptrace.SpanKindClient
)

func (h *harness) send(t testing.TB, td ptrace.Traces) {
	t.Helper()
	require.NoError(t, h.ConsumeTraces(context.Background(), td))
}

var errBusy = errors.New("busy")

func attributeKey(name string) attribute.Key { return attribute.Key(name) }
