//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/template"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// The archive is measured in another way than the other rows: its work comes
// in lumps, after the spans. So each run sends a fixed number of spans and
// counts the CPU time of the whole process, from its start to its end, less
// that of the same run into the nop exporter.

// archiveWay is how one of the sides stores spans.
type archiveWay struct {
	name      string
	side      string
	marshaler string // "" means nop
	zip       string
	// memory makes it a run about memory: a minute of 20,000 spans a second in
	// 8 partitions.
	memory bool
}

var archiveWays = []archiveWay{
	{name: "ours, nop", side: "ours"},
	{name: "peer, nop", side: "peer"},
	{name: "ours, parquet", side: "ours", marshaler: "parquet"},
	{name: "peer, otlp_json + gzip", side: "peer", marshaler: "otlp_json", zip: "gzip"},
	{name: "peer, otlp_proto + zstd", side: "peer", marshaler: "otlp_proto", zip: "zstd"},
	{name: "ours, memory", side: "ours", marshaler: "parquet", memory: true},
}

// What the archive must be and we aim for: µs a span, and bytes beside
// otlp_json + gzip.
const (
	archiveMustCPU, archiveAimCPU   = 6.0, 4.0
	archiveMustSize, archiveAimSize = 0.7, 0.5
	archiveMustMB                   = 256.0
)

// The load of a run about memory.
const (
	memoryRate       = 20_000
	memorySeconds    = 60
	memoryPartitions = 8
	// What Go gets: 256 MB less the pages of the binary. The distribution sets
	// it itself in a cgroup.
	memoryLimit = "160MiB"
)

const (
	archiveRow  = "archive" // its name for -rows
	archiveRate = 10_000    // spans a second
)

// withoutArchive takes the archive out of the names of -rows and says whether
// it was among them. No names mean all rows.
func withoutArchive(names string) (rows string, archive bool) {
	if names == "" {
		return "", true
	}
	list := strings.Split(names, ",")
	rest := slices.DeleteFunc(slices.Clone(list), func(n string) bool { return n == archiveRow })
	return strings.Join(rest, ","), len(rest) < len(list)
}

// archiveConfig gives both sides the same receiver and bucket. The peer makes
// an object of each request, so it gets the batch processor, as it comes; ours
// has the spool.
var archiveConfig = template.Must(template.New("").Parse(`
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:{{.Port}}
        max_recv_msg_size_mib: 16
{{- if .Batch}}
processors:
  batch:
{{- end}}
exporters:
{{- if not .Marshaler}}
  nop:
{{- else}}
  awss3:
    marshaler: {{.Marshaler}}
    s3uploader:
      region: us-east-1
      s3_bucket: bucket
      endpoint: {{.Endpoint}}
      s3_force_path_style: true
{{- if .Zip}}
      compression: {{.Zip}}
{{- end}}
{{- if .Spool}}
    parquet:
      spool_directory: {{.Spool}}
      late_limit: 0s
      max_file_age: 20s
{{- end}}
{{- end}}
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    traces:
      receivers: [otlp]
{{- if .Batch}}
      processors: [batch]
{{- end}}
      exporters: [{{if .Marshaler}}awss3{{else}}nop{{end}}]
`))

// archiveRun is what one run showed.
type archiveRun struct {
	way     archiveWay
	spans   int64   // sent
	stored  int64   // found in objects
	cpu     float64 // µs a span, of the whole process
	bytes   float64 // a span, of the objects
	objects int
	peakMB  float64
}

func (r archiveRun) String() string {
	return fmt.Sprintf("archive     %-23s %.2f µs/span whole process, %.1f B/span in %d objects, %d of %d spans, RSS %.0f MB",
		r.way.name, r.cpu, r.bytes, r.objects, r.stored, r.spans, r.peakMB)
}

// runArchive sends spans at a rate to one collector and looks at what it
// stored.
func runArchive(ctx context.Context, binary string, way archiveWay, rate int, spans int64) (r archiveRun, err error) {
	r.way = way
	bucket, err := startBucket()
	if err != nil {
		return r, err
	}
	defer bucket.close()
	p, err := freePorts()
	if err != nil {
		return r, err
	}
	spool := ""
	if way.marshaler == "parquet" {
		if spool, err = os.MkdirTemp("", "bench-spool"); err != nil {
			return r, err
		}
		defer os.RemoveAll(spool)
	}
	var config strings.Builder
	if err := archiveConfig.Execute(&config, map[string]any{
		"Port": p.otlp, "Batch": way.side == "peer" && way.marshaler != "", "Marshaler": way.marshaler, "Zip": way.zip,
		"Spool": spool, "Endpoint": bucket.url,
	}); err != nil {
		return r, err
	}
	var env []string
	if way.memory {
		env = []string{"GOMEMLIMIT=" + memoryLimit}
	}
	c, err := startCollector(ctx, binary, config.String(), env...)
	if err != nil {
		return r, err
	}
	partitions := 1
	if way.memory {
		rate, spans, partitions = memoryRate, memoryRate*memorySeconds, memoryPartitions
	}
	r.spans, err = sendMixed(ctx, p.otlp, rate, spans, partitions)
	if err == nil && spool != "" {
		err = emptied(ctx, spool)
	}
	if stopErr := c.stop(); err != nil || stopErr != nil {
		return r, errors.Join(err, stopErr, errors.New(c.log()))
	}
	state := c.cmd.ProcessState
	// In kB on Linux: the peak of the whole life, and so of the last files too.
	r.peakMB = megabytes(state.SysUsage().(*syscall.Rusage).Maxrss << 10)
	r.cpu = float64((state.UserTime() + state.SystemTime()).Nanoseconds()) / 1e3 / float64(r.spans)
	if way.marshaler == "" {
		r.stored = r.spans
		return r, nil
	}
	if r.stored, err = bucket.spans(); err != nil {
		return r, err
	}
	r.objects = len(bucket.objects)
	r.bytes = float64(bucket.size()) / float64(max(r.stored, 1))
	return r, nil
}

// emptied waits until a spool has delivered all logs.
func emptied(ctx context.Context, spool string) error {
	for range 1200 {
		left := 0
		for _, pattern := range []string{"*.open", "*.sealed"} {
			names, err := filepath.Glob(filepath.Join(spool, pattern))
			if err != nil {
				return err
			}
			left += len(names)
		}
		if left == 0 {
			return nil
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("the spool %s was not empty after 2 minutes", spool)
}

// tracesPerBatch of Mixed are in one request: some 600 spans.
const tracesPerBatch = 40

// sendMixed sends at least so many spans of realistic and mixed traffic, the
// same ones each time, and returns how many. With more than one partition each
// request is an hour older than the one before, in turn.
func sendMixed(ctx context.Context, port, rate int, spans int64, partitions int) (int64, error) {
	conn, err := grpc.NewClient(loopback(port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	client := ptraceotlp.NewGRPCClient(conn)
	mixed := archivetest.NewMixed(7, max(rate/15, 1))
	begin := time.Now()
	var sent int64
	request := 0
	for sent < spans {
		td := mixed.Next(tracesPerBatch)
		n := int64(td.SpanCount())
		shift(td, time.Duration(request%partitions)*time.Hour)
		request++
		due := begin.Add(time.Duration(float64(sent) / float64(rate) * float64(time.Second)))
		if err := wait(ctx, time.Until(due)); err != nil {
			return sent, err
		}
		if _, err := client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
			return sent, fmt.Errorf("send spans: %w", err)
		}
		sent += n
	}
	return sent, nil
}

// shift makes spans older.
func shift(td ptrace.Traces, by time.Duration) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				span.SetStartTimestamp(span.StartTimestamp() - pcommon.Timestamp(by))
				span.SetEndTimestamp(span.EndTimestamp() - pcommon.Timestamp(by))
			}
		}
	}
}

// bucket is a stand-in for S3 that keeps what is put.
type bucket struct {
	url    string
	server *http.Server
	served chan struct{}

	mu      sync.Mutex
	objects map[string][]byte
}

func startBucket() (*bucket, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &bucket{url: "http://" + l.Addr().String(), served: make(chan struct{}), objects: map[string][]byte{}}
	b.server = &http.Server{Handler: http.HandlerFunc(b.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(b.served)
		_ = b.server.Serve(l) // ends with Close
	}()
	return b, nil
}

func (b *bucket) close() {
	_ = b.server.Close()
	<-b.served
}

func (b *bucket) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPut || len(r.URL.Query()) > 1 || r.URL.Query().Has("uploadId") {
		http.Error(w, "only PutObject", http.StatusBadRequest)
		return
	}
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		http.Error(w, "no chunks", http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[r.URL.Path] = body
	w.Header().Set("ETag", `"x"`)
}

func (b *bucket) size() (n int64) {
	for _, data := range b.objects {
		n += int64(len(data))
	}
	return n
}

// spans counts the spans in all objects.
func (b *bucket) spans() (total int64, err error) {
	for name, data := range b.objects {
		n, err := spansIn(name, data)
		if err != nil {
			return total, fmt.Errorf("read %s: %w", name, err)
		}
		total += n
	}
	return total, nil
}

func spansIn(name string, data []byte) (int64, error) {
	switch path.Ext(name) {
	case ".parquet":
		f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return 0, err
		}
		return f.NumRows(), nil
	case ".gz":
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return 0, err
		}
		if data, err = io.ReadAll(r); err != nil {
			return 0, err
		}
	case ".zst":
		r, err := zstd.NewReader(bytes.NewReader(data))
		if err != nil {
			return 0, err
		}
		defer r.Close()
		if data, err = io.ReadAll(r); err != nil {
			return 0, err
		}
	}
	var td ptrace.Traces
	var err error
	if strings.Contains(name, ".json") {
		td, err = (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(data)
	} else {
		td, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
	}
	if err != nil {
		return 0, err
	}
	return int64(td.SpanCount()), nil
}

// reportArchive makes the table of the archive and says whether ours is within
// what it must be.
func reportArchive(runs []archiveRun) (ok bool, table string) {
	var b strings.Builder
	b.WriteString("| archive of mixed spans | µs a span, beyond nop | B a span | bytes beside otlp_json + gzip | spans lost | RSS MB |\n")
	b.WriteString("|---|---|---|---|---|---|\n")
	of := func(name string, value func(archiveRun) float64) (values []float64) {
		for _, r := range runs {
			if r.way.name == name {
				values = append(values, value(r))
			}
		}
		slices.Sort(values)
		return values
	}
	cpu := func(r archiveRun) float64 { return r.cpu }
	size := func(r archiveRun) float64 { return r.bytes }
	ok = true
	for _, way := range archiveWays {
		mine, nop := of(way.name, cpu), of(way.side+", nop", cpu)
		if way.marshaler == "" || len(mine) == 0 || len(nop) == 0 {
			continue
		}
		beyond := median(mine) - median(nop)
		bytes := median(of(way.name, size))
		beside := 0.0
		if base := of("peer, otlp_json + gzip", size); len(base) > 0 {
			beside = bytes / median(base)
		}
		lost := slices.Max(of(way.name, func(r archiveRun) float64 { return float64(r.spans - r.stored) }))
		peak := slices.Max(of(way.name, func(r archiveRun) float64 { return r.peakMB }))
		fmt.Fprintf(&b, "| %s | %.2f | %.1f | %.2f | %.0f | %.0f |\n", way.name, beyond, bytes, beside, lost, peak)
		if way.memory {
			ok = ok && lost == 0 && peak <= archiveMustMB
		} else if way.side == "ours" {
			ok = ok && beyond <= archiveMustCPU && lost == 0 && (beside == 0 || beside <= archiveMustSize)
		}
	}
	fmt.Fprintf(&b, "\nMust be ≤ %g µs and ≤ %g of the bytes; the aim is %g µs and %g. Memory (%d spans/s for %d s in %d partitions) must be ≤ %g MB.\n",
		archiveMustCPU, archiveMustSize, archiveAimCPU, archiveAimSize, memoryRate, memorySeconds, memoryPartitions, archiveMustMB)
	return ok, b.String()
}
