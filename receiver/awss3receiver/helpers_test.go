package awss3receiver

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
	"github.com/tailwater-otel/tailwater/receiver/awss3receiver/internal/metadata"
)

// parquetOf writes rows to a file.
func parquetOf(t testing.TB, rows []archivetest.Row, groupRows int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := archive.NewWriter(&out, archive.Options{RowGroupRows: groupRows})
	require.NoError(t, archivetest.Write(w, rows, archivetest.Start))
	_, err := w.Close()
	require.NoError(t, err)
	return out.Bytes()
}

func writeFiles(t testing.TB, files map[string][]byte) string {
	t.Helper()
	root := t.TempDir()
	for key, text := range files {
		name := filepath.Join(root, filepath.FromSlash(key))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, text, 0o600))
	}
	return root
}

// hour is the partition of archivetest.Start.
const hour = "dt=2026-03-14/hour=09/"

func config(change func(*Config)) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.StartTime, cfg.EndTime = "2026-03-14 09:00", "2026-03-14 10:00"
	change(cfg)
	return cfg
}

// harness is a receiver under test.
type harness struct {
	*s3Receiver
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
	spans     *consumertest.TracesSink
}

func newHarness(t *testing.T, cfg *Config, next consumer.Traces) *harness {
	t.Helper()
	require.NoError(t, cfg.Validate())
	h := &harness{telemetry: componenttest.NewTelemetry(), spans: &consumertest.TracesSink{}}
	if next == nil {
		next = h.spans
	}
	set := h.settings()
	r, err := NewFactory().CreateTraces(context.Background(), set, cfg, next)
	require.NoError(t, err)
	h.s3Receiver = r.(*s3Receiver)
	t.Cleanup(func() {
		assert.NoError(t, h.Shutdown(context.Background()))
		assert.NoError(t, h.telemetry.Shutdown(context.Background()))
	})
	return h
}

func (h *harness) settings() receiver.Settings {
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = h.telemetry.NewTelemetrySettings()
	core, logs := observer.New(zap.InfoLevel)
	set.Logger, h.logs = zap.New(core), logs
	return set
}

// replayAll starts the receiver and waits until the replay is over.
func (h *harness) replayAll(t *testing.T) {
	t.Helper()
	require.NoError(t, h.Start(context.Background(), componenttest.NewNopHost()))
	h.running.Wait()
}

// rows returns what came, without the stamp, which each span must have.
func rows(t testing.TB, batches []ptrace.Traces) []archivetest.Row {
	t.Helper()
	all := archivetest.Rows(batches...)
	for _, r := range all {
		v, found := r.Span.Attributes().Get(stamp)
		assert.True(t, found && v.Bool(), "a span has no stamp")
		r.Span.Attributes().Remove(stamp)
	}
	return all
}

// otlp returns the bytes of each span, sorted.
func otlp(t testing.TB, rows []archivetest.Row) []string {
	t.Helper()
	var all []string
	for _, r := range rows {
		text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(r.Traces())
		require.NoError(t, err)
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

func assertSame(t testing.TB, want, got []archivetest.Row) {
	t.Helper()
	assert.True(t, slices.Equal(otlp(t, want), otlp(t, got)), "%d spans are wanted and %d came, or they differ", len(want), len(got))
}

// fakeS3 serves one bucket: lists of a page of two keys, ranges and If-Match.
type fakeS3 struct {
	mu      sync.Mutex
	objects map[string][]byte
	// fault may answer a request; it says whether it did.
	fault func(w http.ResponseWriter, r *http.Request, n int) bool
	n     int
}

func (s *fakeS3) start(t *testing.T) *Config {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	return config(func(c *Config) {
		c.S3Downloader.S3Bucket, c.S3Downloader.Endpoint, c.S3Downloader.S3ForcePathStyle = "archive", server.URL, true
		c.S3Downloader.S3PartitionFormat = archiveFormat
	})
}

func (s *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if s.fault != nil && s.fault(w, r, s.n) {
		return
	}
	if r.URL.Query().Has("list-type") {
		s.list(w, r)
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/archive/")
	text, found := s.objects[key]
	if !found {
		fail(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	if r.Header.Get("If-Match") != etagOf(text) {
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	w.Header().Set("ETag", etagOf(text))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

func etagOf(text []byte) string { return fmt.Sprintf(`"%d"`, len(text)) }

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>told to</Message></Error>", code)
}

func (s *fakeS3) list(w http.ResponseWriter, r *http.Request) {
	type content struct {
		Key  string
		Size int
		ETag string
	}
	var result struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []content
	}
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, r.URL.Query().Get("prefix")) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	from, _ := strconv.Atoi(r.URL.Query().Get("continuation-token"))
	to := min(from+2, len(keys))
	result.IsTruncated = to < len(keys)
	result.NextContinuationToken = strconv.Itoa(to)
	for _, key := range keys[from:to] {
		result.Contents = append(result.Contents, content{key, len(s.objects[key]), etagOf(s.objects[key])})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(result)
}
