package awss3receiver

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
	"github.com/tailwater-otel/tailwater/internal/s3test"
	"github.com/tailwater-otel/tailwater/receiver/awss3receiver/internal/metadatatest"
)

// watched is a real S3 server, and what is asked of it.
type watched struct {
	t      *testing.T
	client *s3.Client
	url    string
	folder string // of the bucket

	mu     sync.Mutex
	lists  int
	bytes  int                         // of objects
	before func(request *http.Request) // may be nil
}

func startWatched(t *testing.T) *watched {
	server := s3test.Start(t)
	s3test.Setenv(t)
	target, err := url.Parse(server.Endpoint)
	require.NoError(t, err)
	w := &watched{t: t, client: server.Client(t), folder: server.Folder}
	transport := &http.Transport{DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host // which is signed
		},
	}
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		before := w.before
		w.mu.Unlock()
		if before != nil {
			before(r)
		}
		count := &countingWriter{ResponseWriter: rw}
		proxy.ServeHTTP(count, r)
		w.mu.Lock()
		defer w.mu.Unlock()
		if r.URL.Query().Has("list-type") {
			w.lists++
		} else {
			w.bytes += count.n
		}
	}))
	t.Cleanup(front.Close)
	w.url = front.URL
	return w
}

// countingWriter counts the bytes of a body.
type countingWriter struct {
	http.ResponseWriter
	n int
}

func (w *countingWriter) Write(b []byte) (int, error) {
	w.n += len(b)
	return w.ResponseWriter.Write(b)
}

// sent returns how many bytes of objects were read, and how many pages of lists,
// since it was asked last.
func (w *watched) sent() (objects, lists int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	objects, lists = w.bytes, w.lists
	w.bytes, w.lists = 0, 0
	return objects, lists
}

func (w *watched) put(key string, text []byte) {
	_, err := w.client.PutObject(w.t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(s3test.Bucket), Key: aws.String("spans/" + key), Body: bytes.NewReader(text),
	})
	assert.NoError(w.t, err) // in the goroutine of a request too
}

func (w *watched) config(change func(*Config)) *Config {
	return config(func(c *Config) {
		c.S3Downloader.S3Bucket, c.S3Downloader.S3Prefix = s3test.Bucket, "spans"
		c.S3Downloader.Endpoint, c.S3Downloader.S3ForcePathStyle = w.url, true
		c.S3Downloader.S3PartitionFormat = archiveFormat
		change(c)
	})
}

func protoOf(t testing.TB, td ptrace.Traces) []byte {
	text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return text
}

// TestVersityGW: a real S3 server gives back what is asked for, once, from more
// objects than one page of a list has.
func TestVersityGW(t *testing.T) {
	w := startWatched(t)
	m := archivetest.NewMixed(21, 1000)
	batches := []ptrace.Traces{m.Next(60), m.Next(60)}
	w.put(hour+"a.parquet", parquetOf(t, archivetest.Rows(batches[0]), 200))
	w.put(hour+"traces_b.binpb.zst", zstded(t, protoOf(t, batches[1])))
	// A page has 1000 names. Between the two are those of another signal.
	folder := filepath.Join(w.folder, "spans", filepath.FromSlash(hour))
	for i := range 1010 {
		require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("metrics_%04d.binpb", i)), nil, 0o600))
	}
	w.put(strings.Replace(hour, "09", "10", 1)+"a.parquet", parquetOf(t, archivetest.Rows(m.Next(5)), 200))
	w.put(strings.Replace(hour, "09", "08", 1)+"traces_1.binpb", protoOf(t, m.Next(5)))

	h := newHarness(t, w.config(func(*Config) {}), nil)
	h.replayAll(t)
	assertSame(t, archivetest.Rows(batches...), rows(t, h.spans.AllTraces()))
	metadatatest.AssertEqualReceiverAwss3Objects(t, h.telemetry, counted(map[string]int64{"read": 2}, "outcome"), metricdatatest.IgnoreTimestamp())
	_, lists := w.sent()
	assert.Greater(t, lists, 1, "pages")
}

// TestVersityGWFindTrace: of a bucket, the ends of the files are read and the row
// groups whose bloom filter admits the trace.
func TestVersityGWFindTrace(t *testing.T) {
	w := startWatched(t)
	all := archivetest.MixedRows(22, 30_000)
	third := len(all) / 3
	total, largest := 0, 0
	for i, part := range [][]archivetest.Row{all[:third], all[third : 2*third], all[2*third:]} {
		text := parquetOf(t, part, 1000)
		w.put(hour+string("abc"[i])+".parquet", text)
		total, largest = total+len(text), max(largest, len(text)/(len(part)/1000))
	}
	wanted := all[len(all)/2].Span.TraceID()
	var want []archivetest.Row
	for _, r := range all {
		if r.Span.TraceID() == wanted {
			want = append(want, r)
		}
	}
	find := func(id string) *harness {
		h := newHarness(t, w.config(func(c *Config) { c.TraceIDs = []string{id} }), nil)
		h.replayAll(t)
		return h
	}
	h := find(wanted.String())
	assertSame(t, want, rows(t, h.spans.AllTraces()))
	// Three ends, and for two row groups at most (a trace may go over their
	// border) a column and the group; one more for a false yes of a filter.
	most := 3*tailBytes + 4*largest
	read, _ := w.sent()
	assert.LessOrEqual(t, read, most, "of %d bytes", total)
	assert.Greater(t, total, 2*most, "the test needs larger files")
	assert.Positive(t, read)

	h = find("00000000000000000000000000000001")
	assert.Zero(t, h.spans.SpanCount())
	read, _ = w.sent()
	assert.LessOrEqual(t, read, 3*tailBytes+largest, "an unknown trace is found out by the filters")
}

// TestVersityGWCheckpoint: a replay that is ended goes on at its row group, or at
// its document, and nothing comes twice.
func TestVersityGWCheckpoint(t *testing.T) {
	w := startWatched(t)
	all := archivetest.MixedRows(23, 800)
	half := len(all) / 2
	document := archivetest.NewMixed(99, 100).Next(5)
	w.put(hour+"a.parquet", parquetOf(t, all[:half], 120))
	w.put(hour+"b.parquet", parquetOf(t, all[half:], 120))
	w.put(hour+"traces_document.binpb", protoOf(t, document))
	want := append(archivetest.Rows(document), all...)
	for _, batches := range []int{0, 1, 5, 7} {
		cfg := w.config(func(c *Config) { c.Checkpoint = filepath.Join(t.TempDir(), "checkpoint.json") })
		next := &stopAfter{n: batches}
		h := newHarness(t, cfg, next)
		stopped := make(chan struct{})
		next.stop = func() { h.cancel(); close(stopped) }
		require.NoError(t, h.Start(context.Background(), componenttest.NewNopHost()))
		<-stopped
		h.running.Wait()
		again := newHarness(t, cfg, nil)
		again.replayAll(t)
		assertSame(t, want, rows(t, append(next.AllTraces(), again.spans.AllTraces()...)))
		after := newHarness(t, cfg, nil)
		after.replayAll(t)
		assert.Zero(t, after.spans.SpanCount(), "a replay that is done begins anew")
	}
}

// TestVersityGWReplaced: an object that another one takes the place of after it
// was listed is counted, not read half from each.
func TestVersityGWReplaced(t *testing.T) {
	w := startWatched(t)
	all := archivetest.MixedRows(24, 600)
	half := len(all) / 2
	first, second := parquetOf(t, all[:half], 100), parquetOf(t, all[half:], 100)
	w.put(hour+"a.parquet", first)
	w.put(hour+"b.parquet", second)
	var once sync.Once
	w.before = func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/a.parquet") {
			once.Do(func() {
				w.put(hour+"a.parquet", bytes.Replace(first, []byte("tailwater.rows"), []byte("tailwater.rowX"), 1))
			})
		}
	}
	h := newHarness(t, w.config(func(*Config) {}), nil)
	h.replayAll(t)
	assertSame(t, all[half:], rows(t, h.spans.AllTraces()))
	metadatatest.AssertEqualReceiverAwss3ObjectsFailed(t, h.telemetry, counted(map[string]int64{reasonChanged: 1}, "reason"), metricdatatest.IgnoreTimestamp())
}
