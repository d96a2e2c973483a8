package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/demo/local"
	"github.com/tailwater-otel/tailwater/demo/run"
	"github.com/tailwater-otel/tailwater/demo/shop"
)

// rounds is how often each kind of request is sent.
const rounds = 4

// The demo's collector and shop: real SDKs, the real binary and configs/local.yaml.
// Every trace arrives whole, and the graph has the right nodes, edges and counts,
// for the AWS SDK for Go and for the one for JavaScript.
func TestShop(t *testing.T) {
	_, err := exec.LookPath("node")
	require.NoError(t, err, "the end-to-end tests need Node")
	addresses, err := local.Free()
	require.NoError(t, err)
	c := startWith(t, local.Options{Binary: binary(t), Configs: []string{"../configs/local.yaml"}, Addresses: addresses})

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var said sync.Map
	s, err := shop.Start(ctx, shop.Options{
		XRay: addresses.XRay, OTLPGRPC: addresses.OTLPGRPC, OTLPHTTP: addresses.OTLPHTTP, Dir: "../demo",
		OnLine: func(service, line string) { said.Store(service+": "+line, true) },
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		stopCtx, cancel := context.WithTimeout(context.Background(), stopWait)
		defer cancel()
		assert.NoError(t, s.Stop(stopCtx))
	})
	require.Empty(t, s.LeftOut)
	from := time.Now().Add(-time.Second)
	sent, err := s.SendAll(ctx, rounds)
	require.NoError(t, err)

	checkCtx, cancelCheck := context.WithTimeout(ctx, wait)
	defer cancelCheck()
	report, err := shop.NewReader("http://"+addresses.API).Check(checkCtx, sent, from)
	require.NoError(t, err)
	require.Empty(t, report.Misses)
	checkWithJavaScript(t, addresses.API, sent, from)
	checkPages(t, addresses.API, sent)
	checkMetrics(t, c, sent)

	c.stop()
	assert.Empty(t, c.complaints())
	said.Range(func(line, _ any) bool {
		assert.NotContains(t, strings.ToLower(line.(string)), "error", "a service complains")
		return true
	})
}

// checkMetrics reads what the metrics of every span say: each request entered
// at the front, and failed as its scenario says.
func checkMetrics(t *testing.T, c *collector, sent []shop.Sent) {
	cw := newCloud(t, c)
	front := map[string]string{"Environment": "generic:default", "Service": "frontend"}
	require.Eventually(t, func() bool {
		n, _ := cw.stat("Tailwater", "Latency", "SampleCount", front)
		return n >= float64(len(sent))
	}, wait, 200*time.Millisecond)
	faults, errors, throttles := 0.0, 0.0, 0.0
	for _, s := range sent {
		switch status := s.Scenario.Status; {
		case status >= 500:
			faults++
		case status == 429:
			errors++
			throttles++
		case status >= 400:
			errors++
		}
	}
	for name, want := range map[string]float64{"Fault": faults, "Error": errors, "Throttle": throttles} {
		n, _ := cw.stat("Tailwater", name, "SampleCount", front)
		assert.Equal(t, float64(len(sent)), n, name)
		sum, _ := cw.stat("Tailwater", name, "Sum", front)
		assert.Equal(t, want, sum, name)
	}
}

// checkWithJavaScript reads the same through @aws-sdk/client-xray.
func checkWithJavaScript(t *testing.T, api string, sent []shop.Sent, from time.Time) {
	args := []string{"read.js", "http://" + api, seconds(from), seconds(time.Now().Add(time.Second))}
	for _, s := range sent {
		args = append(args, s.TraceID)
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = "node"
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	require.NoError(t, err, "%s\nif packages are missing, run npm ci in e2e/node", &stderr)
	var found struct {
		Summaries []struct {
			ID                              string
			HasFault, HasError, HasThrottle bool
			IsPartial                       bool
			HTTP                            struct {
				HTTPStatus int
				HTTPMethod string
			}
			ServiceIDs []struct{ Name string } `json:"ServiceIds"`
		}
		Traces []struct {
			ID        string
			Documents []struct {
				Name     string
				Inferred bool
			}
		}
		Services []service
	}
	require.NoError(t, json.Unmarshal(output, &found))
	require.Len(t, found.Summaries, len(sent))
	require.Len(t, found.Traces, len(sent))
	assert.Equal(t, shop.WantGraph(sent), graphOf(t, found.Services))

	scenarios := map[string]shop.Scenario{}
	for _, s := range sent {
		scenarios[s.TraceID] = s.Scenario
	}
	for _, summary := range found.Summaries {
		s, ok := scenarios[summary.ID]
		require.True(t, ok, "a trace that nobody sent: %s", summary.ID)
		assert.Equal(t, s.Status, summary.HTTP.HTTPStatus, s.Name)
		assert.Equal(t, s.Method, summary.HTTP.HTTPMethod, s.Name)
		assert.False(t, summary.IsPartial, s.Name)
		root := s.Visits[0].Outcome
		assert.Equal(t, root == shop.Fault, summary.HasFault, s.Name)
		assert.Equal(t, root == shop.Error || root == shop.Throttle, summary.HasError, s.Name)
		assert.Equal(t, root == shop.Throttle, summary.HasThrottle, s.Name)
	}
	for _, trace := range found.Traces {
		s := scenarios[trace.ID]
		var want, got []string
		for _, v := range s.Visits {
			want = append(want, v.Service)
		}
		for _, document := range trace.Documents {
			if !document.Inferred {
				got = append(got, document.Name)
			}
		}
		assert.ElementsMatch(t, want, got, s.Name)
	}
}

// checkPages looks at what a person sees: the graph with all that the shop
// consists of, and a page for a trace with the services in it.
func checkPages(t *testing.T, api string, sent []shop.Sent) {
	page := get(t, "http://"+api+"/")
	for name := range shop.WantGraph(sent).Nodes {
		assert.Contains(t, page, ">"+name+"<", "the first page")
	}
	for _, s := range sent[:len(sent)/rounds] {
		page := get(t, "http://"+api+"/traces/"+s.TraceID)
		for _, v := range s.Scenario.Visits {
			assert.Contains(t, page, v.Service, "the page of a trace")
		}
	}
}

// service is a node of the graph as the AWS SDK for JavaScript gives it.
type service struct {
	ReferenceID       int `json:"ReferenceId"`
	Name, Type        string
	Root              bool
	SummaryStatistics statistics
	Edges             []struct {
		ReferenceID       int `json:"ReferenceId"`
		SummaryStatistics statistics
	}
}

type statistics struct {
	OkCount, TotalCount int64
	ErrorStatistics     struct{ ThrottleCount, OtherCount int64 }
	FaultStatistics     struct{ TotalCount int64 }
}

func (s statistics) counts() shop.Counts {
	return shop.Counts{
		Total: s.TotalCount, OK: s.OkCount, Error: s.ErrorStatistics.OtherCount,
		Throttle: s.ErrorStatistics.ThrottleCount, Fault: s.FaultStatistics.TotalCount,
	}
}

func graphOf(t *testing.T, services []service) shop.Graph {
	g := shop.Graph{Nodes: map[string]shop.Counts{}, Edges: map[[2]string]shop.Counts{}, Roots: map[string]bool{}}
	names := map[int]string{}
	for _, s := range services {
		if s.Type != "client" {
			names[s.ReferenceID] = s.Name
			assert.NotContains(t, g.Nodes, s.Name)
			g.Nodes[s.Name] = s.SummaryStatistics.counts()
			if s.Root {
				g.Roots[s.Name] = true
			}
		}
	}
	for _, s := range services {
		if s.Type == "client" {
			continue
		}
		for _, e := range s.Edges {
			g.Edges[[2]string{s.Name, names[e.ReferenceID]}] = e.SummaryStatistics.counts()
		}
	}
	return g
}

func seconds(at time.Time) string {
	return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)
}

// The demo's command starts all of it, checks it and stops; also without Node.
func TestDemo(t *testing.T) {
	args := []string{"-bin", binary(t), "-config", "../configs/local.yaml", "-dir", "../demo", "-free-ports"}
	t.Run("check", func(t *testing.T) {
		var stdout, stderr bytes.Buffer
		code := run.Main(t.Context(), append(args, "-check", "1"), &stdout, &stderr)
		require.Zero(t, code, "%s\n%s", &stdout, &stderr)
		assert.Contains(t, stdout.String(), "ok: 13 requests of 13 kinds")
		assert.NotContains(t, stdout.String(), "collector |")
	})
	t.Run("without Node", func(t *testing.T) {
		t.Setenv("PATH", "")
		var stdout, stderr bytes.Buffer
		code := run.Main(t.Context(), append(args, "-check", "2"), &stdout, &stderr)
		require.Zero(t, code, "%s\n%s", &stdout, &stderr)
		assert.Contains(t, stdout.String(), "there is no node on the PATH")
		assert.Contains(t, stdout.String(), "ok: 16 requests of 8 kinds")
	})
	t.Run("until Ctrl-C", func(t *testing.T) {
		t.Setenv("PATH", "")
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		var stderr bytes.Buffer
		stdout := &interruptAt{text: "requests sent", interrupt: interrupt}
		code := run.Main(ctx, append(args, "-once"), stdout, &stderr)
		require.Zero(t, code, "%s\n%s", stdout, &stderr)
		assert.Contains(t, stdout.String(), "Service graph and traces   http://127.0.0.1:")
	})
}

// interruptAt is a writer that calls interrupt once its text was written to it.
type interruptAt struct {
	bytes.Buffer
	text      string
	interrupt func()
}

func (w *interruptAt) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(w.text)) {
		defer w.interrupt()
	}
	return w.Buffer.Write(p)
}
