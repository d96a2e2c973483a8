//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

// The archive is measured in another way than the other rows: its work comes
// in lumps, after the spans. So each run sends a fixed number of spans and
// counts the CPU time of the whole process, from its start to its end, less
// that of the same run into the nop exporter.

// archiveWay is how one of the sides stores spans.
type archiveWay struct {
	load      archiveLoad
	name      string
	side      string
	marshaler string // "" means nop
	zip       string
}

// archiveLoad is what is sent.
type archiveLoad string

const (
	// uniformSpans are those of the other OTLP rows, nearly identical. The times
	// of the budget were measured with them.
	uniformSpans archiveLoad = "uniform"
	// mixedSpans are realistic.
	mixedSpans archiveLoad = "mixed"
	// partitionedSpans are about memory: a minute of 20,000 mixed spans a second
	// in 8 partitions.
	partitionedSpans archiveLoad = "partitioned"
)

// The names of the ways, as the report has them.
const (
	parquetWay = "ours, parquet"
	jsonWay    = "peer, otlp_json + gzip"
	protoWay   = "peer, otlp_proto + zstd"
)

var archiveWays = []archiveWay{
	{load: uniformSpans, name: "ours, nop", side: "ours"},
	{load: uniformSpans, name: "peer, nop", side: "peer"},
	{load: uniformSpans, name: parquetWay, side: "ours", marshaler: "parquet"},
	{load: uniformSpans, name: jsonWay, side: "peer", marshaler: "otlp_json", zip: "gzip"},
	{load: mixedSpans, name: "ours, nop", side: "ours"},
	{load: mixedSpans, name: "peer, nop", side: "peer"},
	{load: mixedSpans, name: parquetWay, side: "ours", marshaler: "parquet"},
	{load: mixedSpans, name: jsonWay, side: "peer", marshaler: "otlp_json", zip: "gzip"},
	{load: mixedSpans, name: protoWay, side: "peer", marshaler: "otlp_proto", zip: "zstd"},
	{load: partitionedSpans, name: parquetWay, side: "ours", marshaler: "parquet"},
}

// The load of a run about memory.
const (
	memoryRate       = 20_000
	memorySeconds    = 60
	memoryPartitions = 8
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
{{- if .Profile}}
extensions:
  pprof:
    endpoint: 127.0.0.1:{{.PprofPort}}
    save_to_file: {{.Profile}}
{{- end}}
service:
{{- if .Profile}}
  extensions: [pprof]
{{- end}}
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
	rate    float64 // spans a second that were really sent, as a share of what was asked for
	spans   int64   // sent
	stored  int64   // found in objects
	cpu     float64 // µs a span, of the whole process
	bytes   float64 // a span, of the objects
	objects int
	peakMB  float64
}

func (r archiveRun) String() string {
	return fmt.Sprintf("archive     %-11s %-23s %.2f µs/span whole process, %.1f B/span in %d objects, %d of %d spans, RSS %.0f MB",
		r.way.load, r.way.name, r.cpu, r.bytes, r.objects, r.stored, r.spans, r.peakMB)
}

// runArchive sends spans at a rate to one collector and looks at what it
// stored. profile is the file for a CPU profile, if not empty.
func runArchive(ctx context.Context, binary string, way archiveWay, rate int, spans int64, profile string) (r archiveRun, err error) {
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
		"Spool": spool, "Endpoint": bucket.url, "Profile": profile, "PprofPort": p.pprof,
	}); err != nil {
		return r, err
	}
	c, err := startCollector(ctx, binary, config.String())
	if err != nil {
		return r, err
	}
	begin := time.Now()
	switch way.load {
	case uniformSpans:
		r.spans, err = sendUniform(ctx, p, rate, spans)
	case mixedSpans:
		r.spans, err = sendMixed(ctx, p.otlp, rate, spans, 1)
	case partitionedSpans:
		rate = memoryRate
		r.spans, err = sendMixed(ctx, p.otlp, rate, memoryRate*memorySeconds, memoryPartitions)
	}
	r.rate = float64(r.spans) / time.Since(begin).Seconds() / float64(rate)
	if err == nil && spool != "" {
		err = emptied(ctx, spool)
	}
	// Not from wait4, whose peak has this process's memory at the start in it. All
	// files are written by now, but the peer's last.
	memory, memoryErr := processMemory(c.cmd.Process.Pid)
	if err == nil {
		err = memoryErr
	}
	r.peakMB = megabytes(memory.Peak)
	if stopErr := c.stop(); err != nil || stopErr != nil {
		return r, errors.Join(err, stopErr, errors.New(c.log()))
	}
	state := c.cmd.ProcessState
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
