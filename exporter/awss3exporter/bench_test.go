//go:build unix

package awss3exporter

import (
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// BenchmarkArchive is the whole way of spans into a folder, realistic ones and
// nearly identical ones.
func BenchmarkArchive(b *testing.B) {
	mixed := archivetest.NewMixed(3, 700)
	var batches []ptrace.Traces
	for spans := 0; spans < 100_000; {
		td := mixed.Next(40)
		spans += td.SpanCount()
		batches = append(batches, td)
	}
	b.Run("mixed", func(b *testing.B) { benchmarkArchive(b, batches) })
	b.Run("uniform", func(b *testing.B) { benchmarkArchive(b, archivetest.Uniform(1000)) })
}

func benchmarkArchive(b *testing.B, batches []ptrace.Traces) {
	cfg := archiveConfig(b)
	cfg.Parquet.LateLimit = 0
	spans := 0
	for _, td := range batches {
		spans += td.SpanCount()
	}
	b.ReportAllocs()
	n := 0
	var before, after syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	for b.Loop() {
		_, set := testTelemetry(b)
		a := startArchive(b, set, cfg)
		for _, td := range batches {
			require.NoError(b, a.ConsumeTraces(b.Context(), td))
		}
		b.ReportMetric(float64(a.spool.State().Bytes)/float64(spans), "logB/span")
		require.NoError(b, a.Shutdown(b.Context()))
		n++
	}
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/float64(n*spans), "cpu-ns/span")
	b.ReportMetric(float64(folderSize(b, cfg.S3Uploader.Directory))/float64(n*spans), "B/span")
}

func folderSize(t testing.TB, dir string) (size int64) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".parquet" && !strings.Contains(path, ".spool") {
			info, err := d.Info()
			require.NoError(t, err)
			size += info.Size()
		}
		return err
	}))
	return size
}
