package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/demo/local"
)

// Waits end as soon as what they wait for is there. These bound them, with room
// for a busy machine.
const (
	startWait = 60 * time.Second
	stopWait  = 30 * time.Second
	wait      = 60 * time.Second
	tick      = 20 * time.Millisecond
)

// binary returns the collector under test.
func binary(t testing.TB) string {
	path := os.Getenv("TAILWATER_BIN")
	if path == "" {
		path = "../bin/tailwater"
	}
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	_, err = os.Stat(path)
	require.NoError(t, err, "no collector to test: run make build, or name one in TAILWATER_BIN")
	return path
}

// collector is the real binary, running.
type collector struct {
	*local.Collector
	t testing.TB
}

// setup is how to start one. Configs are YAML texts, each laid over those
// before it.
type setup struct {
	configs   []string
	addresses *local.Addresses // free ones if nil
	env       []string
	args      []string
}

// base returns the base configuration with texts laid over it.
func base(t testing.TB, texts ...string) []string {
	text, err := os.ReadFile("testdata/base.yaml")
	require.NoError(t, err)
	return append([]string{string(text)}, texts...)
}

func (s setup) options(t testing.TB) local.Options {
	if s.addresses == nil {
		free, err := local.Free()
		require.NoError(t, err)
		s.addresses = &free
	}
	o := local.Options{Binary: binary(t), Addresses: *s.addresses, Env: s.env, Args: s.args}
	dir := t.TempDir()
	for i, text := range s.configs {
		path := filepath.Join(dir, fmt.Sprintf("config-%d.yaml", i))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		o.Configs = append(o.Configs, path)
	}
	return o
}

// start starts the collector and waits until it is healthy. The test's end
// kills it if it still runs then.
func start(t testing.TB, s setup) *collector {
	return startWith(t, s.options(t))
}

func startWith(t testing.TB, o local.Options) *collector {
	if o.State == "" {
		o.State = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	running, err := local.Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, running.Kill())
		if t.Failed() {
			t.Logf("the collector's last words:\n%s", running.Log.Tail(40))
		}
	})
	return &collector{running, t}
}

// runToEnd starts a collector that is expected to end by itself, and returns
// how it did and what it said.
func runToEnd(t testing.TB, s setup) (said string, err error) {
	running, err := local.Launch(s.options(t))
	require.NoError(t, err)
	select {
	case <-running.Done():
	case <-time.After(startWait):
		require.NoError(t, running.Kill())
		t.Fatalf("the collector did not end; it said:\n%s", running.Log)
	}
	return running.Log.String(), running.Err()
}

// stop sends SIGTERM and requires a clean exit.
func (c *collector) stop() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	require.NoError(c.t, c.Stop(ctx))
	assert.Contains(c.t, c.Log.String(), "Shutdown complete")
}

// complaints returns the lines of the log above info, but for what is said
// about record_all at each start to those who have no tail sampler.
func (c *collector) complaints() []string {
	var found []string
	for _, line := range c.Log.Lines() {
		if strings.Contains(line, "SDKs are told to record every request") {
			continue
		}
		for _, mark := range []string{"\twarn\t", "\terror\t", "\tdpanic\t", "\tpanic\t", "\tfatal\t", "panic:", "goroutine "} {
			if strings.Contains(line, mark) {
				found = append(found, line)
				break
			}
		}
	}
	return found
}

// metric returns the sum of the collector's own series of that name whose
// labels contain all of the given NAME="value" pairs.
func (c *collector) metric(name string, labels ...string) float64 {
	reply, err := httpClient.Get("http://" + c.Addresses.Metrics + "/metrics")
	if !assert.NoError(c.t, err) {
		return -1
	}
	defer reply.Body.Close()
	sum := 0.0
	lines := bufio.NewScanner(reply.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		space := strings.LastIndexByte(lines.Text(), ' ')
		if space < 0 {
			continue
		}
		series, value := lines.Text()[:space], lines.Text()[space+1:]
		seriesName, seriesLabels, _ := strings.Cut(series, "{")
		if seriesName != "otelcol_"+name {
			continue
		}
		matches := true
		for _, label := range labels {
			matches = matches && strings.Contains(seriesLabels, label)
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil && matches {
			sum += n
		}
	}
	assert.NoError(c.t, lines.Err())
	return sum
}

// waitMetric waits until the metric has at least the value.
func (c *collector) waitMetric(atLeast int, name string, labels ...string) {
	c.t.Helper()
	require.EventuallyWithT(c.t, func(t *assert.CollectT) {
		assert.GreaterOrEqual(t, c.metric(name, labels...), float64(atLeast), name)
	}, wait, tick)
}

// httpClient keeps no connections, so that it leaves no goroutines behind.
var httpClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

// post sends a JSON body and returns the status and the reply.
func post(t testing.TB, url, body string) (int, string) {
	reply, err := httpClient.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	return reply.StatusCode, string(text)
}

// get returns a page that must be there.
func get(t testing.TB, url string) string {
	reply, err := httpClient.Get(url)
	require.NoError(t, err)
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, reply.StatusCode, url)
	return string(text)
}
