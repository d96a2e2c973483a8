package awss3exporter

import (
	"context"
	"encoding/hex"
	"errors"

	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/tailwater-otel/tailwater/exporter/awss3exporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
	"github.com/tailwater-otel/tailwater/internal/spool"
)

// archiveConfig is that of an archive in a folder.
func archiveConfig(t testing.TB) *Config {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Marshaler = marshalerParquet
	cfg.S3Uploader.S3PartitionFormat = parquetPartitionFormat
	cfg.S3Uploader.Directory = t.TempDir()
	cfg.RetryOnFailure.InitialInterval = time.Millisecond
	cfg.RetryOnFailure.MaxInterval = time.Millisecond
	cfg.Parquet.ShutdownTimeout = time.Minute
	require.NoError(t, cfg.Validate())
	return cfg
}

// testTelemetry is the telemetry of one exporter.
func testTelemetry(t testing.TB) (*componenttest.Telemetry, exporter.Settings) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	return tel, set
}

func startArchive(t testing.TB, set exporter.Settings, cfg *Config) *archiver {
	t.Helper()
	a, err := newArchive(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context(), componenttest.NewNopHost()))
	return a
}

// span appends a span to traces. n becomes its id.
func appendSpan(td ptrace.Traces, n int, start time.Time) ptrace.Span {
	if td.ResourceSpans().Len() == 0 {
		td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.name", "checkout")
	}
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	span.SetName("GET /cart")
	span.SetTraceID(pcommon.TraceID{1, 15: byte(n)})
	span.SetSpanID(pcommon.SpanID{2, 4: byte(n >> 16), 5: byte(n >> 8), 6: byte(n), 7: 1})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Millisecond)))
	return span
}

func spansOf(ids []int, start time.Time) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, n := range ids {
		appendSpan(td, n, start)
	}
	return td
}

// parquetRow is what the tests read of a row.
type parquetRow struct {
	TraceID string `parquet:"trace_id"`
	SpanID  string `parquet:"span_id"`
	Start   int64  `parquet:"start_time_unix_nano"`
}

// key is what the file is sorted by.
func (r parquetRow) key(t testing.TB) archive.Key {
	t.Helper()
	k := archive.Key{Start: r.Start}
	_, err := hex.Decode(k.TraceID[:], []byte(r.TraceID))
	require.NoError(t, err)
	_, err = hex.Decode(k.SpanID[:], []byte(r.SpanID))
	require.NoError(t, err)
	return k
}

func readRows(t testing.TB, f io.ReaderAt) []parquetRow {
	t.Helper()
	r := parquet.NewGenericReader[parquetRow](f)
	defer r.Close()
	rows := make([]parquetRow, r.NumRows())
	n, err := r.Read(rows)
	require.True(t, err == nil || errors.Is(err, io.EOF), "%v", err)
	require.Equal(t, len(rows), n)
	return rows
}

// archived returns how often each span is in the files of a folder, and the
// spans by partition.
func archived(t testing.TB, dir string) (times map[string]int, partitions map[string]int) {
	t.Helper()
	times, partitions = map[string]int{}, map[string]int{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() && path != dir {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".parquet" {
			return nil
		}
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		var last archive.Key
		partition, err := filepath.Rel(dir, filepath.Dir(path))
		require.NoError(t, err)
		for _, row := range readRows(t, f) {
			key := row.key(t)
			require.LessOrEqual(t, last.Compare(key, archive.Window), 0, "%+v, then %+v", last, key)
			last = key
			times[row.SpanID]++
			partitions[filepath.ToSlash(partition)]++
		}
		return nil
	}))
	return times, partitions
}

func sumOf(t testing.TB, tel *componenttest.Telemetry, name string) (sum int64) {
	t.Helper()
	m, err := tel.GetMetric("otelcol_exporter_awss3_" + name)
	if err != nil {
		return 0
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		sum += p.Value
	}
	return sum
}

func reasons(t testing.TB, tel *componenttest.Telemetry, name, key string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	m, err := tel.GetMetric("otelcol_exporter_awss3_" + name)
	if err != nil {
		return out
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		v, _ := p.Attributes.Value(attribute.Key(key))
		out[v.AsString()] += p.Value
	}
	return out
}

// Each span is filed under its own start, and those beyond a limit under the
// time they came.
func TestPartitions(t *testing.T) {
	cfg := archiveConfig(t)
	cfg.Parquet.MaxPartitions = 4
	cfg.Parquet.LateLimit, cfg.Parquet.FutureLimit = 48*time.Hour, 30*time.Hour
	tel, set := testTelemetry(t)
	a := startArchive(t, set, cfg)
	now := time.Now()
	partition := func(d time.Duration) string { return now.Add(d).UTC().Format("dt=2006-01-02/hour=15") }
	td := ptrace.NewTraces()
	n := 0
	want := map[string]int{}
	add := func(count int, d time.Duration, where string) {
		for range count {
			appendSpan(td, n, now.Add(d))
			n++
		}
		want[where] += count
	}
	here := partition(0)
	add(10, 0, here)
	add(5, -3*time.Hour, partition(-3*time.Hour))
	add(4, -26*time.Hour, partition(-26*time.Hour))
	add(3, 25*time.Hour, partition(25*time.Hour))
	add(1, -4*time.Hour, here)  // its partition is the fifth
	add(2, -49*time.Hour, here) // late
	add(1, 31*time.Hour, here)  // future
	appendSpan(td, n, time.Unix(0, 0))
	want[here]++
	n++
	require.NoError(t, a.ConsumeTraces(t.Context(), td))
	require.NoError(t, a.ConsumeTraces(t.Context(), spansOf([]int{0}, now))) // sent again
	require.NoError(t, a.ConsumeTraces(t.Context(), ptrace.NewTraces()))
	require.NoError(t, a.Shutdown(t.Context()))
	times, partitions := archived(t, cfg.S3Uploader.Directory)
	require.Equal(t, want, partitions)
	require.Len(t, times, n)
	require.Equal(t, int64(n+1), sumOf(t, tel, "spans_spooled"))
	require.Equal(t, int64(n), sumOf(t, tel, "spans_archived"))
	require.Equal(t, int64(1), sumOf(t, tel, "spans_duplicate"))
	require.Equal(t, map[string]int64{"late": 3, "future": 1, "partitions": 1}, reasons(t, tel, "spans_diverted", "reason"))
	require.Equal(t, map[string]int64{"stored": 4}, reasons(t, tel, "objects", "outcome"))
}

// TestPartitionsOfSeconds: partitions that are shorter than what rows are sorted
// by get one file each too.
func TestPartitionsOfSeconds(t *testing.T) {
	cfg := archiveConfig(t)
	cfg.S3Uploader.S3PartitionFormat = "%Y%m%d%H%M%S"
	tel, set := testTelemetry(t)
	a := startArchive(t, set, cfg)
	td := ptrace.NewTraces()
	first := time.Now().Add(-time.Minute).Truncate(10 * time.Second)
	for n := range 60 {
		appendSpan(td, n, first.Add(time.Duration(n%4)*time.Second))
	}
	require.NoError(t, a.ConsumeTraces(t.Context(), td))
	require.NoError(t, a.Shutdown(t.Context()))
	require.Equal(t, int64(60), sumOf(t, tel, "spans_archived"))
	require.Equal(t, map[string]int64{"stored": 4}, reasons(t, tel, "objects", "outcome"))
}

func TestReplayedSpansAreNotArchivedAgain(t *testing.T) {
	cfg := archiveConfig(t)
	tel, set := testTelemetry(t)
	a := startArchive(t, set, cfg)
	td := spansOf([]int{1, 2, 3}, time.Now())
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).Attributes().PutBool("archive.replayed", true)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(2).Attributes().PutBool("archive.replayed", false)
	whole := spansOf([]int{4, 5}, time.Now())
	whole.ResourceSpans().At(0).Resource().Attributes().PutBool("archive.replayed", true)
	require.NoError(t, a.ConsumeTraces(t.Context(), td))
	require.NoError(t, a.ConsumeTraces(t.Context(), whole))
	require.Equal(t, 3, td.SpanCount(), "what came in is another's too")
	require.NoError(t, a.Shutdown(t.Context()))
	times, _ := archived(t, cfg.S3Uploader.Directory)
	require.Len(t, times, 2)
	require.Equal(t, map[string]int64{"replayed": 3}, reasons(t, tel, "spans_skipped", "reason"))
}

// A log that does not fit into memory gives the files of one that does.
func TestRunsGiveTheSameFiles(t *testing.T) {
	cfg := archiveConfig(t)
	cfg.Parquet.LateLimit = 0
	dir := t.TempDir()
	s, _, err := spool.Open(spool.Options{Directory: dir})
	require.NoError(t, err)
	_, set := testTelemetry(t)
	a, err := newArchive(t.Context(), set, cfg)
	require.NoError(t, err)
	a.spool = s
	mixed := archivetest.NewMixed(1, 100)
	spans := 0
	for range 20 {
		td := mixed.Next(40)
		spans += td.SpanCount()
		require.NoError(t, a.push(t.Context(), td))
	}
	a.spool = nil
	s.Close()
	built := &recorder{build: a.build}
	require.NoError(t, s.Deliver(t.Context(), built))
	require.NoError(t, s.Unlock())
	require.NoError(t, a.Shutdown(t.Context()))
	require.Len(t, built.outputs, 3)
	require.NotEmpty(t, built.outputs[0])
	var rows int64
	for _, o := range built.outputs[0] {
		rows += o.Rows
	}
	require.Equal(t, int64(spans), rows)
	require.Equal(t, built.outputs[0], built.outputs[1])
	require.Equal(t, built.outputs[0], built.outputs[2])
	require.Equal(t, []int{0, 0, 0}, built.left)
}

// recorder builds each segment with runs of several sizes.
type recorder struct {
	build   *builder
	outputs [][]spool.Output
	left    []int
}

func (r *recorder) Build(ctx context.Context, g *spool.Segment, create, temporary func(string) (spool.File, error)) (outputs []spool.Output, damage spool.Damage, err error) {
	for _, bytes := range []int{runBytes, 1 << 20, 20_000} {
		r.build.runBytes = bytes
		var done built
		outputs, damage, done, err = r.build.build(ctx, g, create, temporary)
		if err != nil {
			return nil, damage, err
		}
		r.outputs = append(r.outputs, slices.Clone(outputs))
		r.left = append(r.left, int(done.unreadable))
	}
	return outputs, damage, nil
}

func (r *recorder) Put(context.Context, string, spool.Output) error        { return nil }
func (r *recorder) Retry(err error)                                        { panic(err) }
func (r *recorder) Delivered(*spool.Segment, []spool.Output, spool.Damage) {}
func (r *recorder) Abandoned(_ *spool.Segment, err error)                  { panic(err) }
func (r *recorder) Quarantined(spool.Output, error)                        {}

// What has no spans in a log costs itself and nothing else.
func TestUnreadable(t *testing.T) {
	cfg := archiveConfig(t)
	tel, set := testTelemetry(t)
	a := startArchive(t, set, cfg)
	require.NoError(t, a.ConsumeTraces(t.Context(), spansOf([]int{1}, time.Now())))
	require.NoError(t, a.spool.Append([]byte{0xff, 0xff}, 2, codecNone))
	require.NoError(t, a.spool.Append([]byte{0xff, 0xff}, 3, codecS2))
	require.NoError(t, a.spool.Append([]byte{}, 4, 77))
	rows, err := archive.NewEncoder().AppendRows(nil, spansOf([]int{3, 4}, time.Now()))
	require.NoError(t, err)
	require.NoError(t, a.spool.Append(s2.Encode(nil, rows[:len(rows)-1]), 2, codecRowS2))
	require.NoError(t, a.ConsumeTraces(t.Context(), spansOf([]int{2}, time.Now())))
	require.NoError(t, a.Shutdown(t.Context()))
	times, _ := archived(t, cfg.S3Uploader.Directory)
	require.Equal(t, 1, times["0200000000000101"], maps.Clone(times))
	require.Equal(t, 1, times["0200000000000201"])
	require.Equal(t, 1, times["0200000000000301"], "the record's first span can be read")
	require.Equal(t, int64(2+3+4+1), reasons(t, tel, "spans_dropped", "reason")["unreadable"])
	kept, err := filepath.Glob(filepath.Join(cfg.spoolDirectory(), "quarantine", "*.sealed"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
}

// TestOldLog: a log of version 1, which has OTLP, gives the rows that it gave
// the program that wrote it.
func TestOldLog(t *testing.T) {
	cfg := archiveConfig(t)
	require.NoError(t, os.CopyFS(cfg.spoolDirectory(), os.DirFS(filepath.Join("testdata", "spool-v1"))))
	_, set := testTelemetry(t)
	a := startArchive(t, set, cfg)
	require.NoError(t, a.Shutdown(t.Context()))
	name := filepath.Join(cfg.S3Uploader.Directory, "dt=2026-11-25", "hour=22", "traces_3b34d18e-521e-45f6-be45-16d934d5d04e-1-1-3-0.parquet")
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(t, err)
	f, err := archive.Open(file, info.Size())
	require.NoError(t, err)
	require.Equal(t, int64(39), f.Rows)
	require.Equal(t, "bbc22196d5d1a9288fbc67602d41fed0ca077743ae89353c8ad24ed760da7d03", hex.EncodeToString(f.Digest[:]))
}

// TestErrorInEncoder: spans that no row can be made of, because of an error in
// the program, are kept as OTLP, and the next ones are not worse for it.
func TestErrorInEncoder(t *testing.T) {
	p := &packer{}
	td := archivetest.NewMixed(9, 100).Next(3)
	for _, codec := range []uint8{codecS2, codecRowS2} {
		payload, got, err := p.encode(td)
		require.NoError(t, err)
		require.Equal(t, codec, got)
		rows, err := decode(&spool.Frame{Codec: got, Payload: payload}, nil)
		require.NoError(t, err)
		want, err := archive.NewEncoder().AppendRows(nil, td)
		require.NoError(t, err)
		require.Equal(t, want, rows)
	}
}

// An error of the program while files are made puts the log aside.
func TestPanicInBuild(t *testing.T) {
	cfg := archiveConfig(t)
	tel, set := testTelemetry(t)
	a := startArchive(t, set, cfg)
	broken := *a.build
	broken.config = nil
	a.build = &broken
	require.NoError(t, a.ConsumeTraces(t.Context(), spansOf([]int{1, 2, 3}, time.Now())))
	require.NoError(t, a.Shutdown(t.Context()))
	require.Equal(t, int64(3), sumOf(t, tel, "spans_quarantined"))
	kept, err := filepath.Glob(filepath.Join(cfg.spoolDirectory(), "quarantine", "*.sealed"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
}

func TestFullSpool(t *testing.T) {
	for _, mode := range []string{onFullDrop, onFullRefuse} {
		t.Run(mode, func(t *testing.T) {
			cfg := archiveConfig(t)
			cfg.Parquet.OnFull = mode
			cfg.Parquet.MaxFileBytes, cfg.Parquet.MaxSpoolBytes = 1<<20, 4<<20
			tel, set := testTelemetry(t)
			a, err := newArchive(t.Context(), set, cfg)
			require.NoError(t, err)
			a.opened = openFake(&fakeStore{fail: func(int) error { return errors.New("no answer") }})
			require.NoError(t, a.Start(t.Context(), componenttest.NewNopHost()))
			mixed := archivetest.NewMixed(2, 100)
			var refusal error
			taken, total := 0, 0
			for range 200 {
				td := mixed.Next(100)
				total += td.SpanCount()
				if err := a.ConsumeTraces(t.Context(), td); err != nil {
					refusal = err
				}
			}
			taken = int(sumOf(t, tel, "spans_spooled"))
			lost := total - taken
			require.Positive(t, lost)
			if mode == onFullDrop {
				require.NoError(t, refusal)
				require.Equal(t, map[string]int64{"spool_full": int64(lost)}, reasons(t, tel, "spans_dropped", "reason"))
			} else {
				require.ErrorIs(t, refusal, spool.ErrFull)
				require.Equal(t, map[string]int64{"spool_full": int64(lost)}, reasons(t, tel, "spans_refused", "reason"))
			}
			require.LessOrEqual(t, a.spool.State().Bytes, cfg.Parquet.MaxSpoolBytes)
			a.abandon()
			require.NoError(t, a.Shutdown(t.Context()))
		})
	}
}

func TestShutdownTwiceAndUnstarted(t *testing.T) {
	_, set := testTelemetry(t)
	a, err := newArchive(t.Context(), set, archiveConfig(t))
	require.NoError(t, err)
	require.NoError(t, a.Shutdown(t.Context()))
	require.NoError(t, a.Shutdown(t.Context()))
}

// openFake opens a store that is there already.
func openFake(s store) func(context.Context, *Config, component.BuildInfo) (store, error) {
	return func(context.Context, *Config, component.BuildInfo) (store, error) { return s, nil }
}

// fakeStore keeps objects in memory.
type fakeStore struct {
	mu      sync.Mutex
	fail    func(n int) error // of the n-th put, before it; nil for none
	lost    func(n int) error // of the n-th put, after it
	n       int
	objects map[string]*object
	content map[string][]byte
}

func (f *fakeStore) describe() string { return "a fake" }
func (f *fakeStore) close()           {}

func (f *fakeStore) put(_ context.Context, o *object) (outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.fail != nil {
		if err := f.fail(f.n); err != nil {
			return failed, err
		}
	}
	c, err := o.open()
	if err != nil {
		return failed, err
	}
	defer c.Close()
	data, err := io.ReadAll(c)
	if err != nil {
		return failed, err
	}
	if f.objects == nil {
		f.objects, f.content = map[string]*object{}, map[string][]byte{}
	}
	name := o.bucket + "/" + o.key
	if have := f.objects[name]; have != nil {
		return o.compare(have.about)
	}
	f.objects[name], f.content[name] = o, data
	if f.lost != nil {
		if err := f.lost(f.n); err != nil {
			return failed, err
		}
	}
	return stored, nil
}

func (f *fakeStore) keys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.objects))
}
