package awsxrayreceiver

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap/zapcore"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
	"github.com/tailwater-otel/tailwater/internal/udpsocket"
)

// work runs one worker over datagrams, without a socket, until all are done.
func (f *fixture) work(ctx context.Context, datagrams ...string) {
	f.enqueue(datagrams)
	f.queue.close()
	(&worker{r: f.xrayReceiver}).run(ctx)
}

func otlpTraces(t testing.TB, prefix string, names ...string) string {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, name := range names {
		spans.AppendEmpty().SetName(name)
	}
	var m ptrace.ProtoMarshaler
	raw, err := m.MarshalTraces(td)
	require.NoError(t, err)
	return header + prefix + base64.StdEncoding.EncodeToString(raw)
}

func otlpMetrics(t testing.TB, names ...string) string {
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for _, name := range names {
		m := metrics.AppendEmpty()
		m.SetName(name)
		m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	}
	var m pmetric.ProtoMarshaler
	raw, err := m.MarshalMetrics(md)
	require.NoError(t, err)
	return header + "M1" + base64.StdEncoding.EncodeToString(raw)
}

func TestRejectedByReason(t *testing.T) {
	for name, tc := range map[string]struct {
		datagram string
		reason   string
		log      string
	}{
		"empty":           {"", "missing_header", "Missing header or segment: "},
		"no header":       {document("a"), "missing_header", `Missing header or segment: {"name":"a"`},
		"no body":         {header, "missing_header", `Missing header or segment: {"format":"json","version":1}.`},
		"version 2":       {`{"format":"json","version":2}` + "\n{}", "invalid_header", `Invalid header: {"format":"json","version":2}`},
		"binary":          {"\x00\x01\n\x02", "invalid_header", "Invalid header: .."},
		"no JSON":         {header + "hello", "invalid_json", "Invalid segment: hello"},
		"no object":       {header + "[]", "invalid_json", "Invalid segment: []"},
		"cut":             {header + `{"name":"a`, "invalid_json", `Invalid segment: {"name":"a`},
		"empty object":    {header + "{}", "missing_name", "Invalid segment: {}"},
		"no id":           {header + `{"name":"a"}`, "missing_id", "Invalid segment: "},
		"bad id":          {header + `{"name":"a","id":"x"}`, "invalid_id", "Invalid segment: "},
		"no trace id":     {header + `{"name":"a","id":"a1b2c3d4e5f60718","start_time":1}`, "missing_trace_id", "Invalid segment: "},
		"no start":        {header + `{"name":"a","id":"a1b2c3d4e5f60718"}`, "missing_start_time", "Invalid segment: "},
		"deep":            {header + strings.Repeat(`{"a":`, 30_000), "too_deep", "Invalid segment: "},
		"OTLP no base64":  {header + "T1S!!!!", "invalid_otlp", "Invalid OTLP datagram: !!!!"},
		"OTLP no proto":   {header + "T1U////", "invalid_otlp", "Invalid OTLP datagram: ////"},
		"no metrics pipe": {header + "M1", "no_pipeline", "OTLP metrics refused, as the receiver is in no metrics pipeline"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, testConfig(nil), nil)
			f.work(t.Context(), tc.datagram)
			assert.Equal(t, map[string]int64{tc.reason: 1}, f.sum(t, "datagrams_rejected"))
			assert.Equal(t, map[string]int64{"": 1}, f.sum(t, "datagrams_received"))
			assert.Empty(t, f.sum(t, "documents_accepted"))
			assert.Zero(t, f.traces.SpanCount())
			require.Equal(t, 1, f.logs.Len())
			line := f.logs.All()[0]
			assert.Equal(t, zapcore.WarnLevel, line.Level)
			assert.True(t, strings.HasPrefix(line.Message, tc.log), line.Message)
			assert.LessOrEqual(t, len(line.Message), 400)
		})
	}
}

// TestBatches: one call of the pipeline takes what is queued, and a bad
// datagram between good ones costs only itself.
func TestBatches(t *testing.T) {
	f := newFixture(t, testConfig(nil), nil)
	f.work(t.Context(),
		header+document("a"), "rubbish", header+document("b"), header+"{}",
		otlpTraces(t, "T1S", "c", "d"), otlpTraces(t, "T1U", "e"), header+"T1S!", header+document("f"))
	assert.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1}, f.spanNames())
	assert.Len(t, f.traces.AllTraces(), 1)
	assert.Equal(t, map[string]int64{"": 3}, f.sum(t, "documents_accepted"))
	assert.Equal(t, map[string]int64{"spans": 1, "unsampled_spans": 1}, f.sum(t, "otlp_datagrams_accepted"))
	assert.Equal(t, map[string]int64{"missing_header": 1, "missing_name": 1, "invalid_otlp": 1}, f.sum(t, "datagrams_rejected"))
	accepted, err := f.tel.GetMetric("otelcol_receiver_accepted_spans")
	require.NoError(t, err)
	assert.NotNil(t, accepted)

	f = newFixture(t, testConfig(nil), nil)
	datagrams, names := numbered(3 * maxBatchDatagrams)
	f.work(t.Context(), datagrams...)
	assert.Equal(t, names, f.spanNames())
	assert.Len(t, f.traces.AllTraces(), 3)
}

func TestUnsampledSpansAreMarked(t *testing.T) {
	f := newFixture(t, testConfig(nil), nil)
	f.work(t.Context(), otlpTraces(t, "T1U", "a"))
	span := f.traces.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	assert.Equal(t, map[string]any{"aws.trace.flag.sampled": int64(0)}, span.Attributes().AsRaw())
}

func TestOTLPOff(t *testing.T) {
	f := newFixture(t, testConfig(func(c *Config) { c.OTLPDatagrams = false }), nil)
	f.work(t.Context(), otlpTraces(t, "T1S", "a"), otlpMetrics(t, "m"), header+document("b"))
	assert.Equal(t, map[string]int{"b": 1}, f.spanNames())
	assert.Equal(t, map[string]int64{"otlp_disabled": 2}, f.sum(t, "datagrams_rejected"))
}

func TestEmptyOTLPIsNotHandedOn(t *testing.T) {
	f := newFixture(t, testConfig(nil), nil)
	f.work(t.Context(), header+"T1S")
	assert.Empty(t, f.traces.AllTraces())
	assert.Equal(t, map[string]int64{"spans": 1}, f.sum(t, "otlp_datagrams_accepted"))
}

// TestStringsOfSpansOutliveTheBatch: spans share the datagram's memory, which
// nobody may use again.
func TestStringsOfSpansOutliveTheBatch(t *testing.T) {
	f := newFixture(t, testConfig(nil), nil)
	var datagrams []string
	for range 3 * maxBatchDatagrams {
		datagrams = append(datagrams, header+string(segmenttest.Mid()))
	}
	f.work(t.Context(), datagrams...)
	want := ptrace.NewTraces()
	s, err := segment.Decode(string(segmenttest.Mid()))
	require.NoError(t, err)
	segmentspan.ToSpans(s, want)
	for _, td := range f.traces.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			require.Equal(t, want.ResourceSpans().At(0).Resource().Attributes().AsRaw(), rs.Resource().Attributes().AsRaw())
			for i, span := range rs.ScopeSpans().At(0).Spans().All() {
				require.Equal(t, want.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(i).Attributes().AsRaw(), span.Attributes().AsRaw())
			}
		}
	}
}

// refusing fails as often as it has errors, and keeps what it takes. What it
// refuses it spoils, as a processor that changes data may have done.
type refusing struct {
	consumertest.TracesSink
	mu    sync.Mutex
	errs  []error
	calls int
}

func (c *refusing) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if len(c.errs) > 0 {
		err := c.errs[0]
		c.errs = c.errs[1:]
		if err != nil {
			td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
			return err
		}
	}
	return c.TracesSink.ConsumeTraces(ctx, td)
}

func spansNamed(names ...string) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, name := range names {
		spans.AppendEmpty().SetName(name)
	}
	return td
}

func TestRetry(t *testing.T) {
	refused := errors.New("data refused due to high memory usage")
	forever := make([]error, 10_000)
	for i := range forever {
		forever[i] = refused
	}
	for name, tc := range map[string]struct {
		errs     []error
		want     map[string]int
		dropped  map[string]int64
		accepted map[string]int64
		calls    int // 0: not compared
	}{
		"refused once":    {[]error{refused}, map[string]int{"a": 1, "b": 1}, map[string]int64{}, map[string]int64{"": 2}, 2},
		"refused 8 times": {forever[:8], map[string]int{"a": 1, "b": 1}, map[string]int64{}, map[string]int64{"": 2}, 9},
		"refused forever": {forever, map[string]int{}, map[string]int64{"consumer": 2}, map[string]int64{}, 0},
		"refused for good": {
			[]error{consumererror.NewPermanent(refused)}, map[string]int{},
			map[string]int64{"consumer": 2}, map[string]int64{}, 1,
		},
		"taken in part": {
			[]error{consumererror.NewTraces(refused, spansNamed("b")), refused},
			map[string]int{"b": 1}, map[string]int64{}, map[string]int64{"": 2}, 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := &refusing{errs: tc.errs}
				f := newFixture(t, testConfig(nil), next)
				f.traces = &next.TracesSink
				f.work(t.Context(), header+document("a"), "rubbish", header+document("b"))
				assert.Equal(t, tc.want, f.spanNames())
				assert.Equal(t, tc.dropped, f.sum(t, "datagrams_dropped"))
				assert.Equal(t, tc.accepted, f.sum(t, "documents_accepted"))
				assert.Equal(t, map[string]int64{"missing_header": 1}, f.sum(t, "datagrams_rejected"), "a retry counts nothing twice")
				if tc.calls > 0 {
					assert.Equal(t, tc.calls, next.calls)
				} else {
					assert.Less(t, next.calls, 100)
				}
			})
		})
	}
}

func TestRetryEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := consumertest.NewErr(errors.New("refused"))
		f := newFixture(t, testConfig(nil), next)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		f.work(ctx, header+document("a"))
		assert.Equal(t, map[string]int64{"shutdown": 1}, f.sum(t, "datagrams_dropped"))
	})
}

func TestPanicCostsOneDatagram(t *testing.T) {
	f := newFixture(t, testConfig(nil), nil)
	f.toSpans = func(s *segment.Segment, td ptrace.Traces) {
		segmentspan.ToSpans(s, td)
		if strings.HasPrefix(s.Name, "bad") {
			panic("half done")
		}
	}
	f.work(t.Context(), header+document("a"), header+document("bad1"), header+document("b"), "rubbish",
		header+document("bad2"), header+document("c"))
	assert.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, f.spanNames(), "neither lost nor doubled")
	assert.Equal(t, map[string]int64{"panic": 2, "missing_header": 1}, f.sum(t, "datagrams_rejected"))
	assert.Equal(t, map[string]int64{"": 3}, f.sum(t, "documents_accepted"))
	panics := f.logs.FilterMessageSnippet("Panic").All()
	require.Len(t, panics, 2)
	assert.Contains(t, panics[0].ContextMap()["stack"], "decodeSegment")
}

// TestMetricsPipeline: one receiver serves a traces and a metrics pipeline.
func TestMetricsPipeline(t *testing.T) {
	set, tel, logs := testSettings(t)
	factory := NewFactory()
	cfg := testConfig(nil)
	f := &fixture{tel: tel, logs: logs, traces: new(consumertest.TracesSink)}
	metrics := new(consumertest.MetricsSink)
	attempts := 0
	next, err := consumer.NewMetrics(func(ctx context.Context, md pmetric.Metrics) error {
		if attempts++; attempts == 1 {
			return errors.New("not now")
		}
		return metrics.ConsumeMetrics(ctx, md)
	})
	require.NoError(t, err)
	m, err := factory.CreateMetrics(t.Context(), set, cfg, next)
	require.NoError(t, err)
	tr, err := factory.CreateTraces(t.Context(), set, cfg, f.traces)
	require.NoError(t, err)
	require.Same(t, m, tr)
	f.xrayReceiver = tr.(*xrayReceiver)

	f.work(t.Context(), otlpMetrics(t, "m1", "m2"), header+document("a"), otlpMetrics(t, "m3"))
	assert.Equal(t, 3, metrics.DataPointCount())
	assert.Equal(t, map[string]int{"a": 1}, f.spanNames())
	assert.Equal(t, map[string]int64{"metrics": 2}, f.sum(t, "otlp_datagrams_accepted"))
	require.NoError(t, m.Shutdown(t.Context()))
	again, err := factory.CreateTraces(t.Context(), set, cfg, f.traces)
	require.NoError(t, err)
	assert.NotSame(t, tr, again, "a receiver that was shut down is not used again")
	require.NoError(t, again.Shutdown(t.Context()))
}

func TestOnlyMetricsPipeline(t *testing.T) {
	set, tel, logs := testSettings(t)
	metrics := new(consumertest.MetricsSink)
	m, err := NewFactory().CreateMetrics(t.Context(), set, testConfig(nil), metrics)
	require.NoError(t, err)
	f := &fixture{xrayReceiver: m.(*xrayReceiver), tel: tel, logs: logs}
	f.work(t.Context(), header+document("a"), otlpTraces(t, "T1S", "b"), otlpMetrics(t, "m"))
	assert.Equal(t, 1, metrics.DataPointCount())
	assert.Equal(t, map[string]int64{"no_pipeline": 2}, f.sum(t, "datagrams_rejected"))
}

// FuzzReceive gives the worker whatever arrives: each datagram ends up in
// exactly one counter, and never as a panic.
func FuzzReceive(f *testing.F) {
	for _, doc := range [][]byte{segmenttest.Small(), segmenttest.Mid()} {
		f.Add(header + string(doc))
	}
	f.Add(otlpTraces(f, "T1S", "a"))
	f.Add(otlpTraces(f, "T1U", "a", "b"))
	f.Add(otlpMetrics(f, "m"))
	f.Add(document("a"))
	set, tel, logs := testSettings(f)
	factory, cfg := NewFactory(), testConfig(nil)
	c, err := factory.CreateTraces(f.Context(), set, cfg, consumertest.NewNop())
	require.NoError(f, err)
	_, err = factory.CreateMetrics(f.Context(), set, cfg, consumertest.NewNop())
	require.NoError(f, err)
	fix := &fixture{xrayReceiver: c.(*xrayReceiver), tel: tel}
	w := &worker{r: fix.xrayReceiver}
	var last int64
	f.Fuzz(func(t *testing.T, datagram string) {
		if len(datagram) > udpsocket.MaxDatagramBytes {
			t.Skip("cannot arrive")
		}
		w.datagrams = append(w.datagrams[:0], datagram)
		w.handle(t.Context())
		var total int64
		for _, metric := range []string{"documents_accepted", "otlp_datagrams_accepted", "datagrams_rejected"} {
			for reason, n := range fix.sum(t, metric) {
				if reason == reasonPanic && metric == "datagrams_rejected" {
					t.Fatalf("panic: %v", logs.FilterMessageSnippet("Panic").All())
				}
				total += n
			}
		}
		if total != last+1 {
			t.Fatalf("%d datagrams were counted, not 1", total-last)
		}
		last = total
	})
}

// BenchmarkWorker is decoding and handing on, without the network.
func BenchmarkWorker(b *testing.B) {
	for name, doc := range map[string][]byte{"small": segmenttest.Small(), "mid": segmenttest.Mid(), "large": segmenttest.Large()} {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b, testConfig(nil), consumertest.NewNop())
			w := &worker{r: f.xrayReceiver}
			datagram := header + string(doc)
			b.SetBytes(int64(len(datagram)))
			b.ReportAllocs()
			for n := 0; n < b.N; n += 16 {
				w.datagrams = w.datagrams[:0]
				for range 16 {
					w.datagrams = append(w.datagrams, strings.Clone(datagram))
				}
				w.handle(b.Context())
			}
		})
	}
}
