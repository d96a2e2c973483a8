package awss3receiver

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
	"github.com/tailwater-otel/tailwater/receiver/awss3receiver/internal/metadatatest"
)

func zipped(t testing.TB, text []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

func zstded(t testing.TB, text []byte) []byte {
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return z.EncodeAll(text, nil)
}

func counted(reasons map[string]int64, key string) []metricdata.DataPoint[int64] {
	var points []metricdata.DataPoint[int64]
	for reason, n := range reasons {
		points = append(points, metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String(key, reason))})
	}
	return points
}

// TestReplayOfFolder: all that exporters write comes back once, and nothing in
// the folder stops the replay.
func TestReplayOfFolder(t *testing.T) {
	m := archivetest.NewMixed(5, 1000)
	batches := []ptrace.Traces{m.Next(20), m.Next(20), m.Next(20), m.Next(20), m.Next(20)}
	proto := func(td ptrace.Traces) []byte {
		text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		return text
	}
	jsonText, err := (&ptrace.JSONMarshaler{}).MarshalTraces(batches[1])
	require.NoError(t, err)
	contrib := "year=2026/month=03/day=14/hour=09/minute=00/"
	parquet := parquetOf(t, archivetest.Rows(batches[0]), 100)
	root := writeFiles(t, map[string][]byte{
		hour + "a.parquet":                       parquet,
		contrib + "traces_1.json":                jsonText,
		contrib + "traces_2.binpb":               proto(batches[2]),
		contrib + "traces_3.binpb.gz":            zipped(t, proto(batches[3])),
		contrib + "traces_4.binpb.zst":           zstded(t, proto(batches[4])),
		hour + "b.parquet":                       parquet[:len(parquet)/2],
		hour + "d.parquet":                       append([]byte("PAR1"), append(make([]byte, 2000), parquet[2004:]...)...),
		hour + "c.parquet":                       bytes.Replace(parquet, []byte("tailwater.schema_version"), []byte("tailwater.schema_versioX"), 1),
		hour + "e.parquet":                       withFalseFooter(parquet),
		contrib + "traces_5.binpb":               []byte("\xff\xff\xff not protobuf"),
		contrib + "traces_6.json.gz":             zipped(t, jsonText)[:100],
		contrib + "traces_7.txt":                 []byte("body"),
		contrib + "traces_8.txt":                 []byte("body"),
		contrib + "metrics_1.binpb":              {},
		hour + ".hidden.parquet":                 parquet,
		hour + "_temporary/0.parquet":            parquet,
		".spool/segment.parquet":                 parquet,
		"dt=2026-03-14/hour=10/other.parquet":    parquet,
		"dt=2026-03-14/hour=08/other.parquet":    parquet,
		"year=2026/month=03/traces_other.binpb":  proto(batches[2]),
		"dt=2026-03-14/hour=09-old/traces.binpb": proto(batches[2]),
	})
	h := newHarness(t, config(func(c *Config) { c.Directory = root }), nil)
	h.replayAll(t)

	assertSame(t, archivetest.Rows(batches...), rows(t, h.spans.AllTraces()))
	metadatatest.AssertEqualReceiverAwss3ObjectsFailed(t, h.telemetry, counted(map[string]int64{
		reasonBadParquet: 4, reasonBadOTLP: 2, reasonUnknownSuffix: 2,
	}, "reason"), metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualReceiverAwss3Objects(t, h.telemetry, counted(map[string]int64{"read": 5}, "outcome"), metricdatatest.IgnoreTimestamp())
	done := h.logs.FilterMessage("The replay is done").All()
	if assert.Len(t, done, 1) {
		assert.EqualValues(t, h.spans.SpanCount(), done[0].ContextMap()["spans"])
		assert.EqualValues(t, 8, done[0].ContextMap()["objects failed"])
	}
	assert.Equal(t, 1, h.logs.FilterField(zap.String("reason", reasonUnknownSuffix)).Len(), "a suffix is logged once")
}

// withFalseFooter lets the first list in the footer, of the schema, claim two
// billion elements.
func withFalseFooter(parquet []byte) []byte {
	text := bytes.Clone(parquet)
	footer := text[len(text)-8-int(binary.LittleEndian.Uint32(text[len(text)-8:])):]
	copy(footer[bytes.IndexByte(footer, 0xfc)+1:], "\xff\xff\xff\xff\x07")
	return text
}

// TestReplayOfSignals: metrics and logs come back from OTLP objects.
func TestReplayOfSignals(t *testing.T) {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "checkout")
	metric := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("requests")
	metric.SetEmptySum().DataPoints().AppendEmpty().SetIntValue(7)
	metrics, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
	require.NoError(t, err)
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
	logs, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	root := writeFiles(t, map[string][]byte{
		hour + "metrics_1.json": metrics, hour + "logs_1.binpb": logs, hour + "traces_1.binpb": nil,
	})
	cfg := config(func(c *Config) { c.Directory = root })
	h := newHarness(t, cfg, nil)
	gotMetrics, gotLogs := &consumertest.MetricsSink{}, &consumertest.LogsSink{}
	for _, create := range []func() (component.Component, error){
		func() (component.Component, error) {
			return NewFactory().CreateMetrics(context.Background(), h.settings(), cfg, gotMetrics)
		},
		func() (component.Component, error) {
			return NewFactory().CreateLogs(context.Background(), h.settings(), cfg, gotLogs)
		},
	} {
		r, err := create()
		require.NoError(t, err)
		(&harness{s3Receiver: r.(*s3Receiver)}).replayAll(t)
		require.NoError(t, r.Shutdown(context.Background()))
	}
	rm.Resource().Attributes().PutBool(stamp, true)
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().PutBool(stamp, true)
	if assert.Len(t, gotMetrics.AllMetrics(), 1) && assert.Len(t, gotLogs.AllLogs(), 1) {
		assert.Equal(t, md, gotMetrics.AllMetrics()[0])
		assert.Equal(t, ld, gotLogs.AllLogs()[0])
	}
}

// TestFilters: what is not asked for is left out of OTLP objects too.
func TestFilters(t *testing.T) {
	m := archivetest.NewMixed(6, 1000)
	first, second := m.Next(30), m.Next(30)
	text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(second)
	require.NoError(t, err)
	root := writeFiles(t, map[string][]byte{
		hour + "a.parquet":      parquetOf(t, archivetest.Rows(first), 50),
		hour + "traces_1.binpb": text,
	})
	all := archivetest.Rows(first, second)
	for name, change := range map[string]func(*Config){
		"services": func(c *Config) { c.Services = []string{"payment", "cart"} },
		"traces": func(c *Config) {
			c.TraceIDs = []string{all[3].Span.TraceID().String(), all[len(all)-1].Span.TraceID().String()}
		},
		"traces of services": func(c *Config) {
			c.TraceIDs, c.Services = []string{all[3].Span.TraceID().String()}, []string{"frontend"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(func(c *Config) { c.Directory = root; change(c) })
			ids, err := cfg.traceIDs()
			require.NoError(t, err)
			var want []archivetest.Row
			for _, r := range all {
				service, _ := r.Resource.Attributes().Get("service.name")
				_, trace := ids[r.Span.TraceID()]
				if (trace || len(ids) == 0) && (len(cfg.Services) == 0 || strings.Contains(strings.Join(cfg.Services, " "), service.AsString())) {
					want = append(want, r)
				}
			}
			h := newHarness(t, cfg, nil)
			h.replayAll(t)
			require.NotEmpty(t, want)
			assertSame(t, want, rows(t, h.spans.AllTraces()))
		})
	}
}

// TestStoreFaults: troubles that pass are waited for, those of one object are
// counted, and nothing is replayed twice.
func TestStoreFaults(t *testing.T) {
	all := archivetest.MixedRows(9, 2000)
	half := len(all) / 2
	first, second := parquetOf(t, all[:half], 250), parquetOf(t, all[half:], 250)
	reset := func(w http.ResponseWriter) bool { panic(http.ErrAbortHandler) }
	for name, tc := range map[string]struct {
		fault  func(w http.ResponseWriter, r *http.Request, n int) bool
		failed string // the reason for which the second object fails
	}{
		"slow down": {fault: func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n%3 != 0 {
				fail(w, http.StatusServiceUnavailable, "SlowDown")
			}
			return n%3 != 0
		}},
		"internal error": {fault: func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n%2 == 0 {
				fail(w, http.StatusInternalServerError, "InternalError")
			}
			return n%2 == 0
		}},
		"reset": {fault: func(w http.ResponseWriter, _ *http.Request, n int) bool { return n%2 == 0 && reset(w) }},
		"body cut": {fault: func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n%2 == 0 && strings.HasSuffix(r.URL.Path, ".parquet") {
				w.Header().Set("Content-Length", "100000")
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(make([]byte, 5000))
				return reset(w)
			}
			return false
		}},
		"denied": {fault: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			denied := strings.HasSuffix(r.URL.Path, "b.parquet")
			if denied {
				fail(w, http.StatusForbidden, "AccessDenied")
			}
			return denied
		}, failed: reasonDenied},
		"gone": {fault: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			gone := strings.HasSuffix(r.URL.Path, "b.parquet")
			if gone {
				fail(w, http.StatusNotFound, "NoSuchKey")
			}
			return gone
		}, failed: reasonChanged},
		"replaced": {fault: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			replaced := strings.HasSuffix(r.URL.Path, "b.parquet")
			if replaced {
				fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
			}
			return replaced
		}, failed: reasonChanged},
	} {
		t.Run(name, func(t *testing.T) {
			s := &fakeS3{objects: map[string][]byte{hour + "a.parquet": first, hour + "b.parquet": second}, fault: tc.fault}
			h := newHarness(t, s.start(t), nil)
			h.s3Receiver.open = func(ctx context.Context) (store, error) {
				opened, err := h.openStore(ctx)
				if err == nil {
					opened.(*bucket).wait = func(ctx context.Context, _ int) error { return ctx.Err() }
				}
				return opened, err
			}
			h.replayAll(t)
			want := all
			if tc.failed != "" {
				want = all[:half]
				metadatatest.AssertEqualReceiverAwss3ObjectsFailed(t, h.telemetry,
					counted(map[string]int64{tc.failed: 1}, "reason"), metricdatatest.IgnoreTimestamp())
			}
			assertSame(t, want, rows(t, h.spans.AllTraces()))
			assert.Equal(t, 1, h.logs.FilterMessage("The replay is done").Len())
		})
	}
}

// TestListingDenied: without a list there is no replay, and it is not done.
func TestListingDenied(t *testing.T) {
	s := &fakeS3{fault: func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		fail(w, http.StatusNotFound, "NoSuchBucket")
		return true
	}}
	cfg := s.start(t)
	cfg.Checkpoint = filepath.Join(t.TempDir(), "checkpoint.json")
	h := newHarness(t, cfg, nil)
	h.replayAll(t)
	assert.Equal(t, 1, h.logs.FilterMessageSnippet("cannot be listed").Len())
	assert.NoFileExists(t, cfg.Checkpoint)
}

// stopAfter takes n batches and then ends the replay.
type stopAfter struct {
	consumertest.TracesSink
	n    int
	stop func()
}

func (s *stopAfter) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *stopAfter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	if len(s.AllTraces()) == s.n {
		s.stop()
		return errors.New("not now")
	}
	return s.TracesSink.ConsumeTraces(ctx, td)
}

// TestCheckpoint: a replay that is ended at any batch goes on at its row group.
func TestCheckpoint(t *testing.T) {
	all := archivetest.MixedRows(10, 800)
	half := len(all) / 2
	text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(archivetest.NewMixed(99, 100).Next(5))
	require.NoError(t, err)
	document, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(text)
	require.NoError(t, err)
	root := writeFiles(t, map[string][]byte{
		hour + "a.parquet":             parquetOf(t, all[:half], 120),
		hour + "b.parquet":             parquetOf(t, all[half:], 120),
		hour + "traces_document.binpb": text,
	})
	want := append(archivetest.Rows(document), all...)
	for batches := range 9 {
		cfg := config(func(c *Config) { c.Directory, c.Checkpoint = root, filepath.Join(t.TempDir(), "checkpoint.json") })
		next := &stopAfter{n: batches}
		h := newHarness(t, cfg, next)
		stopped := make(chan struct{})
		next.stop = func() { h.cancel(); close(stopped) }
		require.NoError(t, h.Start(context.Background(), componenttest.NewNopHost()))
		<-stopped
		h.running.Wait()
		require.Zero(t, h.logs.FilterMessage("The replay is done").Len())

		again := newHarness(t, cfg, nil)
		again.replayAll(t)
		// One batch is one row group or the document here, so none comes twice.
		assertSame(t, want, rows(t, append(next.AllTraces(), again.spans.AllTraces()...)))

		after := newHarness(t, cfg, nil)
		after.replayAll(t)
		assert.Zero(t, after.spans.SpanCount(), "a replay that is done begins anew")

		other := *cfg
		other.Services = []string{"cart"}
		require.ErrorContains(t, newHarness(t, &other, nil).Start(context.Background(), componenttest.NewNopHost()), "other settings")
	}
}

func TestCheckpointOfSomethingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint.json")
	for _, text := range []string{"", "no json", `{"version":2}`} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := openCheckpoint(path, "r")
		require.ErrorContains(t, err, "checkpoint: "+path)
	}
}

// reluctant refuses each batch a few times.
type reluctant struct {
	consumertest.TracesSink
	refusals  int
	permanent bool
	calls     int
}

func (r *reluctant) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (r *reluctant) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	r.calls++
	if r.permanent {
		return consumererror.NewPermanent(errors.New("no"))
	}
	if r.calls%(r.refusals+1) != 0 {
		return errors.New("busy")
	}
	return r.TracesSink.ConsumeTraces(ctx, td)
}

// documents writes a folder of OTLP objects: in a bubble of synctest, nothing
// may use the pools of the zstd library.
func documents(t *testing.T) (root string, all []archivetest.Row) {
	m := archivetest.NewMixed(12, 1000)
	files := map[string][]byte{}
	var batches []ptrace.Traces
	for i := range 8 {
		td := m.Next(15)
		text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		files[fmt.Sprintf("%straces_%d.binpb", hour, i)] = text
		batches = append(batches, td)
	}
	return writeFiles(t, files), archivetest.Rows(batches...)
}

// TestBackPressure: what the pipeline refuses for now is offered until it takes
// it; what it refuses for good is counted.
func TestBackPressure(t *testing.T) {
	root, all := documents(t)
	synctest.Test(t, func(t *testing.T) {
		next := &reluctant{refusals: 12}
		h := newHarness(t, config(func(c *Config) { c.Directory = root }), next)
		h.replayAll(t)
		assertSame(t, all, rows(t, next.AllTraces()))
	})
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, config(func(c *Config) { c.Directory = root }), &reluctant{permanent: true})
		h.replayAll(t)
		metadatatest.AssertEqualReceiverAwss3ItemsLost(t, h.telemetry,
			counted(map[string]int64{"consumer": int64(len(all))}, "reason"), metricdatatest.IgnoreTimestamp())
	})
}

// TestRateLimit: all but the last batch take their time before the last passes.
func TestRateLimit(t *testing.T) {
	root, all := documents(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, config(func(c *Config) { c.Directory, c.RateLimit = root, 100 }), nil)
		began := time.Now()
		h.replayAll(t)
		took := time.Since(began)
		batches := h.spans.AllTraces()
		last := batches[len(batches)-1].SpanCount()
		assert.InDelta(t, float64(len(all)-last)/100, took.Seconds(), 0.001)
		assertSame(t, all, rows(t, batches))
	})
}

// decoder is an encoding extension that makes one span named by the object.
type decoder struct {
	component.StartFunc
	component.ShutdownFunc
}

func (decoder) UnmarshalTraces(text []byte) (ptrace.Traces, error) {
	if len(text) == 0 {
		panic("nothing")
	}
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(string(text))
	return td, nil
}

type hostWith map[component.ID]component.Component

func (h hostWith) GetExtensions() map[component.ID]component.Component { return h }

func TestEncodings(t *testing.T) {
	root := writeFiles(t, map[string][]byte{
		hour + "traces_1.own.gz": zipped(t, []byte("first")), hour + "traces_2.own": []byte("second"), hour + "traces_3.own": {},
	})
	id := component.MustNewID("own")
	cfg := config(func(c *Config) {
		c.Directory, c.Encodings = root, []EncodingConfig{{Extension: id, Suffix: ".own"}}
	})
	h := newHarness(t, cfg, nil)
	require.NoError(t, h.Start(context.Background(), hostWith{id: decoder{}}))
	h.running.Wait()
	var names []string
	for _, r := range rows(t, h.spans.AllTraces()) {
		names = append(names, r.Span.Name())
	}
	assert.ElementsMatch(t, []string{"first", "second"}, names)
	metadatatest.AssertEqualReceiverAwss3ObjectsFailed(t, h.telemetry,
		counted(map[string]int64{reasonBadEncoding: 1}, "reason"), metricdatatest.IgnoreTimestamp())

	err := newHarness(t, cfg, nil).Start(context.Background(), hostWith{})
	require.ErrorContains(t, err, "encodings::0::extension: there is no extension own")
	err = newHarness(t, cfg, nil).Start(context.Background(), hostWith{id: struct {
		component.StartFunc
		component.ShutdownFunc
	}{}})
	require.ErrorContains(t, err, "encodings::0::extension: own cannot read traces")
}
