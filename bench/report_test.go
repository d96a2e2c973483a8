//go:build linux

package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func TestRenderConfig(t *testing.T) {
	p := ports{xray: 20001, otlp: 20002, metrics: 20003, pprof: 20004}
	for _, tt := range []struct {
		file, side string
		row        row
		pipeline   pipeline
	}{
		{"ours-segments.yaml", "ours", row{load: midSegments, workers: 8}, toXRay},
		{"peer-segments.yaml", "peer", row{load: midSegments, workers: 8}, toXRay},
		{"peer-otlp.yaml", "peer", row{load: otlpSpans, workers: 8}, toXRay},
		{"peer-otlp-nop.yaml", "peer", row{load: otlpSpans, workers: 8}, toNop},
		{"ours-tail.yaml", "ours", row{load: otlpSpans, tail: true, keep: 0.05}, toTail},
		{"peer-tail.yaml", "peer", row{load: otlpSpans, tail: true, keep: 0.05}, toTail},
		{"ours-metrics.yaml", "ours", row{load: otlpSpans, metrics: true}, toMetrics},
		{"peer-metrics.yaml", "peer", row{load: otlpSpans, metrics: true}, toMetrics},
		{"ours-emf.yaml", "ours", row{load: otlpPoints, emf: true}, toEMF},
		{"peer-emf.yaml", "peer", row{load: otlpPoints, emf: true}, toEMF},
		{"peer-points-nop.yaml", "peer", row{load: otlpPoints, emf: true}, toNop},
	} {
		t.Run(tt.file, func(t *testing.T) {
			got, err := renderConfig(tt.side, tt.row, tt.pipeline, p, "http://127.0.0.1:20005")
			require.NoError(t, err)
			golden(t, tt.file, got)
		})
	}
}

func TestReport(t *testing.T) {
	rows := []row{
		{name: "cheap", item: "segment", rate: 1000, must: 80, aim: 40},
		{name: "dear", item: "segment", rate: 1000, must: 80, aim: 40},
		{name: "starved", item: "segment", rate: 1000, must: 80, aim: 40},
		{name: "loss", item: "segment", rate: 1000},
		{name: "hope", item: "segment", rate: 2000, oursOnly: true, noVerdict: true},
		{name: "span", item: "span", rate: 1000, must: 8, aim: 4, beyondNop: true},
	}
	run := func(name, side string, round int, p pipeline, rate, cpu, lost float64) result {
		return result{Row: name, Side: side, Round: round, Pipeline: p, Rate: rate, CPU: cpu, Sent: 2000, Lost: lost, PeakMB: 50, IdleMB: 10}
	}
	ok, table := report(rows, []result{
		run("cheap", "ours", 1, toXRay, 1000, 50, 0), run("cheap", "peer", 1, toXRay, 1000, 300, 0),
		run("cheap", "ours", 2, toXRay, 1000, 90, 0), run("cheap", "peer", 2, toXRay, 1000, 310, 0),
		run("cheap", "ours", 3, toXRay, 1000, 60, 0), run("cheap", "peer", 3, toXRay, 1000, 290, 0),
		run("dear", "ours", 1, toXRay, 1000, 81, 0),
		run("starved", "ours", 1, toXRay, 500, 50, 0),
		run("span", "ours", 2, toNop, 500, 3, 0), run("span", "ours", 2, toXRay, 1000, 90, 0),
		run("loss", "ours", 1, toXRay, 1000, 50, 0), run("loss", "peer", 1, toXRay, 1000, 50, 500),
		run("hope", "ours", 1, toXRay, 2000, 50, 20),
		run("span", "ours", 1, toNop, 1000, 3, 0), run("span", "ours", 1, toXRay, 1000, 9, 0),
		run("span", "peer", 1, toNop, 1000, 3, 0), run("span", "peer", 1, toXRay, 1000, 27, 0),
	})
	assert.False(t, ok, "one row is over its budget")
	golden(t, "report.md", table)

	ok, _ = report(rows[:1], []result{run("cheap", "ours", 1, toXRay, 1000, 50, 0)})
	assert.True(t, ok)
	ok, _ = report(rows[:1], []result{run("cheap", "ours", 1, toXRay, 1000, 50, 0), run("cheap", "ours", 2, toXRay, 500, 90, 0)})
	assert.True(t, ok, "a starved round does not count")
	ok, _ = report(rows[:1], []result{run("cheap", "ours", 1, toXRay, 500, 50, 0)})
	assert.False(t, ok, "a row that was not measured does not pass")
	ok, _ = report(rows[:1], []result{run("cheap", "ours", 1, toXRay, 1000, 50, 1)})
	assert.False(t, ok, "a loss fails any row")
}

func TestReportMemory(t *testing.T) {
	r := row{name: "tail", item: "span", rate: 1000, must: 2, aim: 1, beyondNop: true, tail: true, mustBytes: 600, aimBytes: 350}
	run := func(side string, round int, p pipeline, cpu float64, heap int64) result {
		return result{Row: "tail", Side: side, Round: round, Pipeline: p, Rate: 1000, CPU: cpu, Sent: 2000, PeakMB: 50, IdleMB: 10, Heap: heap, Pending: 5000}
	}
	runs := []result{
		run("ours", 1, toNop, 3, 10e6), run("ours", 1, toTail, 4, 12e6), run("peer", 1, toNop, 3, 10e6), run("peer", 1, toTail, 5, 19e6),
		run("ours", 2, toNop, 3, 11e6), run("ours", 2, toTail, 4, 13.5e6),
	}
	ok, table := report([]row{r}, runs)
	assert.True(t, ok)
	golden(t, "report-memory.md", table)

	r.mustBytes = 400
	ok, _ = report([]row{r}, runs)
	assert.False(t, ok, "more memory than it must be")
	ok, _ = report([]row{r}, nil)
	assert.False(t, ok, "a row that was not measured does not pass")
}

func TestPending(t *testing.T) {
	assert.Equal(t, 50_000.0, pending(130_000, 13*time.Second))
	assert.Equal(t, 40_000.0, pending(40_000, 4*time.Second), "nothing was decided yet")
}

func TestParseHeap(t *testing.T) {
	n, err := parseHeap(strings.NewReader("heap profile: 1: 2 [3: 4] @ heap/512\n\n# runtime.MemStats\n# Alloc = 5\n# HeapAlloc = 678\n# HeapSys = 9\n"))
	require.NoError(t, err)
	assert.EqualValues(t, 678, n)
	_, err = parseHeap(strings.NewReader("404"))
	require.Error(t, err)
}

func TestCPUTime(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	require.NoError(t, err)
	assert.Positive(t, before)
	var after time.Duration
	for n := 0; after <= before; n++ {
		after, err = cpuTime(os.Getpid())
		require.NoError(t, err)
		require.Less(t, n, 1_000_000, "the clock does not move")
	}
	_, err = cpuTime(1 << 23) // above the largest pid of Linux
	require.Error(t, err)
}

func TestParseStatus(t *testing.T) {
	m, err := parseStatus([]byte("Name:\tx\nVmHWM:\t   40960 kB\nRssAnon:\t    6144 kB\nRssFile:\t 1 kB\n"))
	require.NoError(t, err)
	assert.Equal(t, memory{Peak: 40 << 20, Anonymous: 6 << 20}, m)
	_, err = parseStatus([]byte("VmHWM:\tmuch\n"))
	require.Error(t, err)
}

func TestParseDrops(t *testing.T) {
	table := `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0100007F:4E21 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1234 2 0000000000000000 42
  101: 0100007F:C001 0100007F:4E21 01 00000000:00000000 00:00000000 00000000     0        0 1235 2 0000000000000000 7
  102: 0100007F:4E22 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1236 2 0000000000000000 9
`
	n, err := parseDrops([]byte(table), 0x4e21)
	require.NoError(t, err)
	assert.Equal(t, int64(42), n)
}

func TestParseLoss(t *testing.T) {
	for _, tt := range []struct {
		line, name string
		value      float64
	}{
		{line: "# TYPE otelcol_receiver_refused_spans_total counter"},
		{line: `otelcol_receiver_accepted_spans_total{receiver="awsxray"} 5`},
		{line: `otelcol_receiver_refused_spans_total{receiver="awsxray"} 0`},
		{line: `otelcol_receiver_refused_spans_total{receiver="awsxray"} 5`, name: "otelcol_receiver_refused_spans_total", value: 5},
		{line: `x_dropped_total{reason="queue_full",receiver="awsxray"} 7`, name: "x_dropped_total queue_full", value: 7},
		{line: `x_dropped_total 2`, name: "x_dropped_total", value: 2},
	} {
		name, v, ok := parseLoss(tt.line)
		assert.Equal(t, tt.name, name)
		assert.Equal(t, tt.value, v)
		assert.Equal(t, tt.name != "", ok)
	}
}
