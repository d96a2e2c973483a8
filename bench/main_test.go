//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// TestMain is the test's fake collector when it is started like a collector.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "--config" {
		if err := fakeCollector(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// fakeCollector puts every datagram into a request of its own.
func fakeCollector(configPath string) error {
	config, err := os.ReadFile(configPath)
	if err != nil {
		return err
	}
	find := func(pattern string) string { return string(regexp.MustCompile(pattern).FindSubmatch(config)[1]) }
	listen, target := find(`awsxray:\n +endpoint: (\S+)`), find(`aws_endpoint: (\S+)`)

	metrics, err := net.Listen("tcp", "127.0.0.1:"+find(`port: (\d+)`))
	if err != nil {
		return err
	}
	go http.Serve(metrics, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "fake_dropped_total{reason=\"test\"} 3\n")
	}))
	addr, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		return err
	}
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() { <-stop; conn.Close() }()
	fmt.Fprintln(os.Stderr, readyLine)
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil
		}
		_, document, _ := bytes.Cut(buf[:n], []byte("\n"))
		body, err := json.Marshal(map[string][]string{"TraceSegmentDocuments": {string(document)}})
		if err != nil {
			return err
		}
		resp, err := http.Post(target+"/TraceSegments", "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		resp.Body.Close()
	}
}

func TestRunAgainstFakeCollector(t *testing.T) {
	out := filepath.Join(t.TempDir(), "runs.json")
	var stdout, stderr strings.Builder
	err := run(t.Context(), []string{
		"-ours", os.Args[0], "-peer", os.Args[0], "-rows", "mid-2000", "-rounds", "1",
		"-warm-up", "0s", "-window", "500ms", "-out", out,
	}, &stdout, &stderr)
	http.DefaultClient.CloseIdleConnections()
	// How fast the fake is says nothing.
	if !errors.Is(err, errOverBudget) {
		require.NoError(t, err, stderr.String())
	}
	assert.Contains(t, stdout.String(), "| mid-2000 | 2.9 KB segment with 5 subsegments | 2000 |")

	b, err := os.ReadFile(out)
	require.NoError(t, err)
	var runs []result
	require.NoError(t, json.Unmarshal(b, &runs))
	require.Len(t, runs, 2)
	for i, side := range []string{"ours", "peer"} {
		r := runs[i]
		assert.Equal(t, side, r.Side)
		assert.Positive(t, r.Sent)
		assert.Less(t, r.Lost, float64(r.Sent))
		assert.Zero(t, r.Surplus)
		assert.GreaterOrEqual(t, r.CPU, 0.0)
		assert.Positive(t, r.PeakMB)
		assert.Equal(t, 1.0, r.Documents)
		assert.Equal(t, 1.0, r.Requests)
		assert.Equal(t, map[string]float64{"fake_dropped_total test": 3}, r.OwnLosses)
	}
}

func TestRunStopsAtACollectorThatDoesNotStart(t *testing.T) {
	err := run(t.Context(), []string{"-ours", "/bin/false", "-peer", "", "-rows", "mid-2000"}, io.Discard, io.Discard)
	require.ErrorContains(t, err, "start /bin/false")
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want string // in the error
	}{
		{name: "defaults"},
		{name: "quick", args: []string{"-quick"}},
		{name: "unknown row", args: []string{"-rows", "huge"}, want: `-rows names "huge", allowed are mid-2000, `},
		{name: "no rounds", args: []string{"-rounds", "0"}, want: "-rounds is 0, allowed are 1 to 50"},
		{name: "window", args: []string{"-window", "1h"}, want: "-window is 1h0m0s"},
		{name: "argument", args: []string{"x"}, want: `unexpected argument "x"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.args, io.Discard)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestSelectRows(t *testing.T) {
	quick, err := selectRows("", true)
	require.NoError(t, err)
	assert.Equal(t, []string{"mid-2000", "small-4000", "large-200", "loss-16000", "loss-30000", "otlp-10000", "tail-10000", "metrics-10000", "emf-10000"}, rowNames(quick))
	named, err := selectRows("otlp-10000,mid-4000", true)
	require.NoError(t, err)
	assert.Equal(t, []string{"mid-4000", "otlp-10000"}, rowNames(named))
}

// The documents are what the budget speaks of.
func TestDocuments(t *testing.T) {
	for _, tt := range []struct {
		name          string
		load          load
		bytes, within int
		entities      int
	}{
		{"small", smallSegments, 685, 100, 1},
		{"mid", midSegments, 2900, 300, 6},
		{"large", largeSegments, 19000, 1500, 41},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := tt.load.document()
			assert.InDelta(t, tt.bytes, len(doc), float64(tt.within))
			s, err := segment.Decode(string(doc))
			require.NoError(t, err)
			assert.Equal(t, tt.entities, entities(s))
		})
	}
}

func entities(s *segment.Segment) int {
	n := 1
	for _, sub := range s.Subsegments {
		n += entities(sub)
	}
	return n
}
