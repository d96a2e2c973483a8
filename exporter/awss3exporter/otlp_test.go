package awss3exporter

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func otlpConfig() *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.S3Uploader.S3Bucket = "bucket"
	cfg.S3Uploader.S3BasePrefix = "base"
	cfg.S3Uploader.S3Prefix = "prefix"
	cfg.S3Uploader.S3PartitionFormat = "dt=%Y-%m-%d"
	cfg.RetryOnFailure.InitialInterval = time.Millisecond
	cfg.RetryOnFailure.MaxInterval = time.Millisecond
	return cfg
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// otlpTraces starts an exporter on a store.
func otlpTraces(t testing.TB, set exporter.Settings, cfg *Config, s store, h component.Host) exporter.Traces {
	t.Helper()
	e, err := newOTLP(set, cfg, traces)
	require.NoError(t, err)
	e.opened = openFake(s)
	x, err := xexporterhelper.NewTracesRequest(t.Context(), set, e.fromTraces, e.send, e.options()...)
	require.NoError(t, err)
	require.NoError(t, x.Start(t.Context(), h))
	return x
}

// tenants has a resource for each tenant, and one without.
func tenants(names ...string) ptrace.Traces {
	td := ptrace.NewTraces()
	for i, name := range names {
		rs := td.ResourceSpans().AppendEmpty()
		if name != "" {
			rs.Resource().Attributes().PutStr("tenant", name)
			rs.Resource().Attributes().PutStr("team", "of-"+name)
		}
		for range i + 1 {
			rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(name)
		}
	}
	return td
}

// Each resource goes where its attributes say, also with a batch in between.
func TestRouting(t *testing.T) {
	for _, by := range []ResourceAttrsToS3{{S3Bucket: "tenant"}, {S3Prefix: "team"}, {S3Bucket: "tenant", S3Prefix: "team"}} {
		for _, batch := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v batch %v", by, batch), func(t *testing.T) {
				cfg := otlpConfig()
				cfg.ResourceAttrsToS3 = by
				if batch {
					queue := exporterhelper.NewDefaultQueueConfig()
					queue.WaitForResult = false
					queue.Batch = configoptional.Some(exporterhelper.BatchConfig{FlushTimeout: time.Hour, MinSize: 1000, Sizer: exporterhelper.RequestSizerTypeItems})
					cfg.SendingQueue = configoptional.Some(queue)
				}
				_, set := testTelemetry(t)
				fake := &fakeStore{}
				x := otlpTraces(t, set, cfg, fake, componenttest.NewNopHost())
				td := tenants("a", "b", "", "a")
				require.NoError(t, x.ConsumeTraces(t.Context(), td))
				require.NoError(t, x.ConsumeTraces(t.Context(), td))
				require.NoError(t, x.Shutdown(t.Context()))
				require.Equal(t, 10, td.SpanCount(), "what came in is another's too")
				got := map[string]int{} // by folder and tenant
				day := "/dt=" + time.Now().UTC().Format("2006-01-02")
				for name, data := range fake.content {
					back, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(data)
					require.NoError(t, err)
					for _, rs := range back.ResourceSpans().All() {
						for _, ss := range rs.ScopeSpans().All() {
							for _, span := range ss.Spans().All() {
								got[strings.TrimSuffix(path.Dir(name), day)+" "+span.Name()]++
							}
						}
					}
				}
				want := map[string]int{}
				for tenant, spans := range map[string]int{"a": 10, "b": 4, "": 6} {
					bucket, prefix := "bucket", "prefix"
					if by.S3Bucket != "" && tenant != "" {
						bucket = tenant
					}
					if by.S3Prefix != "" && tenant != "" {
						prefix = "of-" + tenant
					}
					want[bucket+"/base/"+prefix+" "+tenant] = spans
				}
				require.Equal(t, want, got)
				if batch {
					require.Len(t, fake.content, 3)
				} else {
					require.Len(t, fake.content, 6)
				}
			})
		}
	}
}

// An object keeps its key over retries, and after a lost answer it is there once.
func TestKeysAreStable(t *testing.T) {
	cfg := otlpConfig()
	_, set := testTelemetry(t)
	fake := &fakeStore{
		fail: func(n int) error { return map[int]error{1: errors.New("not now")}[n] },
		lost: func(n int) error { return map[int]error{2: errors.New("answer lost")}[n] },
	}
	x := otlpTraces(t, set, cfg, fake, componenttest.NewNopHost())
	require.NoError(t, x.ConsumeTraces(t.Context(), tenants("a")))
	require.NoError(t, x.ConsumeTraces(t.Context(), tenants("a")))
	require.NoError(t, x.ConsumeTraces(t.Context(), ptrace.NewTraces()))
	empty := ptrace.NewTraces()
	empty.ResourceSpans().AppendEmpty()
	require.NoError(t, x.ConsumeTraces(t.Context(), empty))
	require.NoError(t, x.Shutdown(t.Context()))
	require.Equal(t, 4, fake.n)
	require.Len(t, fake.keys(), 2, "equal requests are two objects")
	for _, key := range fake.keys() {
		require.Regexp(t, `^bucket/base/prefix/dt=\d{4}-\d\d-\d\d/traces_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]+\.json$`, key)
	}
}

// What a queue on disk holds goes to the same key after a restart, in its own
// partition.
func TestKeysOutliveTheProcess(t *testing.T) {
	storage := component.MustNewIDWithName("file_storage", "queue")
	factory := filestorage.NewFactory()
	disk := factory.CreateDefaultConfig().(*filestorage.Config)
	disk.Directory = t.TempDir()
	cfg := otlpConfig()
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.StorageID = &storage
	cfg.SendingQueue = configoptional.Some(queue)
	cfg.RetryOnFailure.MaxElapsedTime = 0
	fake := &fakeStore{}
	for run := range 2 {
		extension, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), disk)
		require.NoError(t, err)
		require.NoError(t, extension.Start(t.Context(), componenttest.NewNopHost()))
		_, set := testTelemetry(t)
		set.ID = component.MustNewID("awss3") // the queue's name on disk
		tried := make(chan struct{}, 1000)
		if run == 0 { // everything arrives and no answer does
			fake.lost = func(int) error { tried <- struct{}{}; return errors.New("answer lost") }
			fake.fail = func(n int) error {
				if n > 1 {
					return errors.New("no answer")
				}
				return nil
			}
		} else {
			fake.lost = nil
			fake.fail = func(int) error { tried <- struct{}{}; return nil }
		}
		x := otlpTraces(t, set, cfg, fake, host{storage: extension})
		if run == 0 {
			require.NoError(t, x.ConsumeTraces(t.Context(), tenants("a")))
		}
		<-tried
		require.NoError(t, x.Shutdown(t.Context()))
		require.NoError(t, extension.Shutdown(t.Context()))
		require.Len(t, fake.keys(), 1)
		if run == 1 {
			require.Greater(t, fake.n, 1)
		}
	}
}

func TestFormats(t *testing.T) {
	td := tenants("a", "b")
	for _, marshaler := range []string{marshalerJSON, marshalerProto} {
		for _, compression := range []configcompression.Type{"", "none", "gzip", "zstd"} {
			t.Run(marshaler+" "+string(compression), func(t *testing.T) {
				cfg := otlpConfig()
				cfg.Marshaler = marshaler
				cfg.S3Uploader.Compression = compression
				require.NoError(t, cfg.Validate())
				_, set := testTelemetry(t)
				fake := &fakeStore{}
				x := otlpTraces(t, set, cfg, fake, componenttest.NewNopHost())
				require.NoError(t, x.ConsumeTraces(t.Context(), td))
				require.NoError(t, x.Shutdown(t.Context()))
				name := fake.keys()[0]
				data := fake.content[name]
				switch compression {
				case "gzip":
					r, err := gzip.NewReader(bytes.NewReader(data))
					require.NoError(t, err)
					data, err = io.ReadAll(r)
					require.NoError(t, err)
					name = strings.TrimSuffix(name, ".gz")
				case "zstd":
					r, err := zstd.NewReader(bytes.NewReader(data))
					require.NoError(t, err)
					data, err = io.ReadAll(r)
					r.Close()
					require.NoError(t, err)
					name = strings.TrimSuffix(name, ".zst")
				}
				back, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(data)
				if marshaler == marshalerProto {
					back, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
					require.Equal(t, ".binpb", path.Ext(name))
				} else {
					require.Equal(t, ".json", path.Ext(name))
				}
				require.NoError(t, err)
				require.Equal(t, td, back)
			})
		}
	}
}

// textEncoding is an encoding extension for traces alone.
type textEncoding struct {
	component.StartFunc
	component.ShutdownFunc
	err error
}

func (e textEncoding) MarshalTraces(td ptrace.Traces) ([]byte, error) {
	return fmt.Appendf(nil, "%d spans", td.SpanCount()), e.err
}

func TestEncoding(t *testing.T) {
	id := component.MustNewIDWithName("text", "short")
	cfg := otlpConfig()
	cfg.Encoding, cfg.EncodingFileExtension = &id, "txt"
	tel, set := testTelemetry(t)
	fake := &fakeStore{}
	x := otlpTraces(t, set, cfg, fake, host{id: textEncoding{}})
	require.NoError(t, x.ConsumeTraces(t.Context(), tenants("a", "b")))
	require.NoError(t, x.Shutdown(t.Context()))
	require.Equal(t, "3 spans", string(fake.content[fake.keys()[0]]))
	require.Equal(t, ".txt", path.Ext(fake.keys()[0]))

	e, err := newOTLP(set, cfg, logs)
	require.NoError(t, err)
	require.ErrorContains(t, e.start(t.Context(), host{id: textEncoding{}}), "text/short cannot write logs")
	require.ErrorContains(t, e.start(t.Context(), host{}), "no extension text/short")

	x = otlpTraces(t, set, cfg, fake, host{id: textEncoding{err: errors.New("no letters")}})
	err = x.ConsumeTraces(t.Context(), tenants("a", "b"))
	require.ErrorContains(t, err, "no letters")
	require.True(t, consumererror.IsPermanent(err))
	require.NoError(t, x.Shutdown(t.Context()))
	require.Equal(t, map[string]int64{"marshal": 3}, reasons(t, tel, "items_dropped", "reason"))
}

// What can never be stored is given up and counted, and the rest of its
// request goes through.
func TestRefused(t *testing.T) {
	f := newFakeS3(t)
	cfg := otlpConfig()
	f.configure(t, cfg)
	cfg.ResourceAttrsToS3.S3Bucket = "tenant"
	n := 0
	f.set(func(_ int, r *http.Request) fault {
		switch {
		case strings.HasPrefix(r.URL.Path, "/a/"):
			return fault{status: http.StatusBadRequest, code: "InvalidArgument"}
		case strings.HasPrefix(r.URL.Path, "/b/"):
			if n++; n < 3 {
				return fault{status: http.StatusForbidden, code: "AccessDenied"}
			}
		}
		return fault{}
	})
	tel, set := testTelemetry(t)
	x, err := newOTLPTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, x.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, x.ConsumeTraces(t.Context(), tenants("a", "b", "c")))
	require.NoError(t, x.Shutdown(t.Context()))
	require.Len(t, f.keys(), 2)
	require.Equal(t, map[string]int64{"refused": 1}, reasons(t, tel, "items_dropped", "reason"))
	require.Equal(t, map[string]int64{"refused": 1, "denied": 2, "stored": 2}, reasons(t, tel, "objects", "outcome"))
}

func TestMetricsAndLogs(t *testing.T) {
	cfg := otlpConfig()
	cfg.Marshaler = marshalerProto
	cfg.ResourceAttrsToS3.S3Prefix = "tenant"
	cfg.S3Uploader.Directory = t.TempDir()
	_, set := testTelemetry(t)
	m, err := newOTLPMetrics(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, m.Start(t.Context(), componenttest.NewNopHost()))
	_, set = testTelemetry(t)
	l, err := newOTLPLogs(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, l.Start(t.Context(), componenttest.NewNopHost()))
	md, ld := pmetric.NewMetrics(), plog.NewLogs()
	for _, tenant := range []string{"a", "b"} {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("tenant", tenant)
		rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("tenant", tenant)
		rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
	}
	require.NoError(t, m.ConsumeMetrics(t.Context(), md))
	require.NoError(t, m.ConsumeMetrics(t.Context(), pmetric.NewMetrics()))
	require.NoError(t, l.ConsumeLogs(t.Context(), ld))
	require.NoError(t, l.ConsumeLogs(t.Context(), plog.NewLogs()))
	require.NoError(t, m.Shutdown(t.Context()))
	require.NoError(t, l.Shutdown(t.Context()))
	var metricFiles, logFiles []string
	for _, name := range filesIn(t, cfg.S3Uploader.Directory) {
		require.True(t, strings.HasPrefix(name, "base/a/dt=") || strings.HasPrefix(name, "base/b/dt="), name)
		if strings.HasPrefix(path.Base(name), "metrics_") {
			metricFiles = append(metricFiles, name)
		} else if strings.HasPrefix(path.Base(name), "logs_") {
			logFiles = append(logFiles, name)
		}
	}
	require.Len(t, metricFiles, 2)
	require.Len(t, logFiles, 2)
}

func FuzzOTLP(f *testing.F) {
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(tenants("a", "b"))
	require.NoError(f, err)
	f.Add(data)
	f.Fuzz(func(t *testing.T, in []byte) {
		// What pdata reads, we read, with the same records.
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(in)
		var out []byte
		var o *origin
		records := 0
		ours := visit(in, func(at *origin, record []byte) error {
			o = at
			out = o.appendData(out, record)
			records++
			_ = dataPoints(record)
			return nil
		})
		if err != nil {
			return
		}
		require.NoError(t, ours)
		require.Equal(t, td.SpanCount(), records)
		back, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(out)
		require.NoError(t, err)
		require.Equal(t, records, back.SpanCount())
	})
}
