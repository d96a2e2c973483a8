package xraytest_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter"
	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter/internal/xraytest"
)

func TestMain(m *testing.M) {
	// bbolt, below file_storage, starts no goroutine that outlives its file.
	goleak.VerifyTestMain(m)
}

// isolate keeps the AWS settings of whoever runs the tests out of them.
func isolate(t testing.TB) {
	for _, key := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_XRAY"} {
		t.Setenv(key, "")
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
}

type host struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// newExporter makes an exporter from YAML-like settings, with short backoffs.
func newExporter(t testing.TB, endpoint string, settings map[string]any) exporter.Traces {
	isolate(t)
	all := map[string]any{
		"endpoint":         endpoint,
		"retry_on_failure": map[string]any{"initial_interval": "10ms", "max_interval": "20ms"},
	}
	maps.Copy(all, settings)
	factory := awsxrayexporter.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(all).Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	set := exportertest.NewNopSettings(factory.Type())
	set.ID = component.NewID(factory.Type()) // a queue on disk belongs to an id
	e, err := factory.CreateTraces(context.Background(), set, cfg)
	require.NoError(t, err)
	return e
}

func start(t testing.TB, e exporter.Traces, h component.Host) {
	require.NoError(t, e.Start(context.Background(), h))
}

// spans makes one server span for each id, each a trace and so a document of its own.
func spans(from, n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	list := rs.ScopeSpans().AppendEmpty().Spans()
	for i := from; i < from+n; i++ {
		s := list.AppendEmpty()
		var trace [16]byte
		binary.BigEndian.PutUint32(trace[:], 0x68f3a1c0)
		binary.BigEndian.PutUint64(trace[8:], uint64(i+1))
		s.SetTraceID(trace)
		s.SetSpanID(spanID(i))
		s.SetName("GET /")
		s.SetKind(ptrace.SpanKindServer)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Unix(1760797120, 0)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Unix(1760797121, 0)))
		s.Attributes().PutStr("http.request.method", "GET")
	}
	return td
}

func spanID(i int) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], 0xa000000000000000|uint64(i+1))
	return id
}

func ids(from, n int) map[string]int {
	out := map[string]int{}
	for i := from; i < from+n; i++ {
		out[spanID(i).String()] = 1
	}
	return out
}

func always(b xraytest.Behaviour) xraytest.Script {
	return func(int) xraytest.Behaviour { return b }
}

// firstFew misbehaves for n requests.
func firstFew(n int, b xraytest.Behaviour) xraytest.Script {
	return func(i int) xraytest.Behaviour {
		if i < n {
			return b
		}
		return xraytest.Accept
	}
}

func arrives(t testing.TB, e *xraytest.Endpoint, want map[string]int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(e.Taken()) >= len(want) }, time.Minute, 10*time.Millisecond)
}

// The faults of real connections: what comes over HTTP arrives, once unless
// the reply was lost.
func TestFaultsOverHTTP(t *testing.T) {
	for _, test := range []struct {
		name   string
		script xraytest.Script
		again  bool
	}{
		{"none", nil, false},
		{"500", firstFew(20, xraytest.Fail(500, "InternalServerException")), false},
		{"429", firstFew(20, xraytest.Fail(429, "ThrottledException")), false},
		// A slow machine may miss the short timeout also when nothing hangs.
		{"hang", firstFew(8, xraytest.Hang), true},
		{"hang up", firstFew(20, xraytest.HangUp), false},
		{"garbage", firstFew(20, xraytest.Say("<html>hotel Wi-Fi</html>")), false},
		{"huge reply", firstFew(8, xraytest.Say(strings.Repeat("x", 2<<20))), false},
		{"partial rejection", firstFew(20, xraytest.Refuse(func(id string) string {
			if strings.HasSuffix(id, "7") {
				return "ThrottledException"
			}
			return ""
		})), false},
		{"lost reply", firstFew(5, xraytest.LoseReply), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			endpoint := xraytest.Start(test.script)
			defer endpoint.Close()
			settings := map[string]any{}
			if test.name == "hang" {
				settings["timeout"] = "500ms"
			}
			e := newExporter(t, endpoint.URL, settings)
			start(t, e, componenttest.NewNopHost())
			for i := range 10 {
				require.NoError(t, e.ConsumeTraces(t.Context(), spans(i*100, 100)))
			}
			arrives(t, endpoint, ids(0, 1000))
			require.NoError(t, e.Shutdown(context.Background()))
			if !test.again {
				assert.Equal(t, ids(0, 1000), endpoint.Taken())
			} else {
				assert.Len(t, endpoint.Taken(), 1000)
			}
		})
	}
}

func TestConnectionRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	e := newExporter(t, address, nil)
	start(t, e, componenttest.NewNopHost())
	require.NoError(t, e.ConsumeTraces(t.Context(), spans(0, 200)))

	listener, err = net.Listen("tcp", address)
	require.NoError(t, err)
	endpoint := xraytest.Start(nil)
	defer endpoint.Close()
	server := http.Server{Handler: endpoint.Config.Handler}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	arrives(t, endpoint, ids(0, 200))
	require.NoError(t, e.Shutdown(context.Background()))
	assert.Equal(t, ids(0, 200), endpoint.Taken())
}

func TestHeaders(t *testing.T) {
	endpoint := xraytest.Start(nil)
	defer endpoint.Close()
	t.Setenv("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE")
	e := newExporter(t, endpoint.URL, nil)
	start(t, e, componenttest.NewNopHost())
	require.NoError(t, e.ConsumeTraces(t.Context(), spans(0, 1)))
	require.NoError(t, e.Shutdown(context.Background()))
	header := endpoint.Header()
	assert.Regexp(t, `^\S+/\S* exec-env/AWS_ECS_FARGATE OS/\w+-\w+$`, header.Get("User-Agent"))
	assert.Regexp(t, `^\d{10}\.\d{9}$`, header.Get("X-Amzn-Xray-Timestamp"))
	assert.NotEmpty(t, header.Get("X-Amz-Date"))
	document := endpoint.Documents()[spanID(0).String()]
	assert.Contains(t, document, `"name":"shop"`)
}

// With wait_for_result the caller gets the result, over the queue.
func TestWaitForResult(t *testing.T) {
	endpoint := xraytest.Start(firstFew(3, xraytest.Fail(503, "")))
	defer endpoint.Close()
	e := newExporter(t, endpoint.URL, map[string]any{"sending_queue": map[string]any{"wait_for_result": true}})
	start(t, e, componenttest.NewNopHost())
	require.NoError(t, e.ConsumeTraces(t.Context(), spans(0, 120)))
	assert.Equal(t, ids(0, 120), endpoint.Taken())

	endpoint.Follow(always(xraytest.Fail(503, "")))
	before := endpoint.Requests()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- e.ConsumeTraces(ctx, spans(500, 10)) }()
	require.Eventually(t, func() bool { return endpoint.Requests() > before+2 }, time.Minute, 10*time.Millisecond)
	cancel()
	require.Error(t, <-result)
	require.NoError(t, e.Shutdown(context.Background()))
}

// storageHost has a file_storage extension on a folder.
func storageHost(t *testing.T, dir string) (host, func()) {
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"directory": dir}).Unmarshal(cfg))
	set := extensiontest.NewNopSettings(factory.Type())
	id := component.MustNewID("file_storage")
	set.ID = id
	storage, err := factory.Create(context.Background(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, storage.Start(context.Background(), componenttest.NewNopHost()))
	h := host{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{id: storage}}
	return h, func() { require.NoError(t, storage.Shutdown(context.Background())) }
}

// A queue on disk keeps what X-Ray does not take before the shutdown, and the
// next start delivers it.
func TestQueueOnDiskAcrossShutdown(t *testing.T) {
	dir := t.TempDir()
	var away atomic.Bool
	away.Store(true)
	endpoint := xraytest.Start(func(n int) xraytest.Behaviour {
		if away.Load() {
			return xraytest.Fail(500, "")
		}
		return xraytest.Accept
	})
	defer endpoint.Close()
	settings := map[string]any{"sending_queue": map[string]any{"storage": "file_storage"}}

	h, stop := storageHost(t, dir)
	e := newExporter(t, endpoint.URL, settings)
	start(t, e, h)
	for i := range 10 {
		require.NoError(t, e.ConsumeTraces(t.Context(), spans(i*70, 70)))
	}
	require.Eventually(t, func() bool { return endpoint.Requests() > 10 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, e.Shutdown(context.Background()))
	stop()
	assert.Empty(t, endpoint.Taken())

	away.Store(false)
	h, stop = storageHost(t, dir)
	e = newExporter(t, endpoint.URL, settings)
	start(t, e, h)
	arrives(t, endpoint, ids(0, 700))
	require.NoError(t, e.Shutdown(context.Background()))
	stop()
	assert.Equal(t, ids(0, 700), endpoint.Taken())
}

// What a queue on disk holds at the moment of a kill -9 is what its folder
// holds. A copy of the folder taken while requests hang stands for the kill.
func TestQueueOnDiskAcrossKill(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	release := make(chan struct{})
	endpoint := xraytest.Start(always(func(w http.ResponseWriter, r *http.Request, documents []string) bool {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return xraytest.HangUp(w, r, documents)
	}))
	defer endpoint.Close()
	settings := map[string]any{"sending_queue": map[string]any{"storage": "file_storage"}, "shutdown_timeout": "100ms"}

	h, stop := storageHost(t, dir)
	e := newExporter(t, endpoint.URL, settings)
	start(t, e, h)
	for i := range 30 {
		require.NoError(t, e.ConsumeTraces(t.Context(), spans(i*40, 40)))
	}
	require.Eventually(t, func() bool { return endpoint.Requests() == 8 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	require.NoError(t, e.Shutdown(context.Background()))
	stop()
	close(release)

	endpoint.Follow(nil)
	h, stop = storageHost(t, copied)
	e = newExporter(t, endpoint.URL, settings)
	start(t, e, h)
	arrives(t, endpoint, ids(0, 1200))
	require.NoError(t, e.Shutdown(context.Background()))
	stop()
	assert.ElementsMatch(t, slices.Collect(maps.Keys(ids(0, 1200))), slices.Collect(maps.Keys(endpoint.Taken())))
}

func TestEncodedSpansOfOneTraceShareADocument(t *testing.T) {
	endpoint := xraytest.Start(nil)
	defer endpoint.Close()
	e := newExporter(t, endpoint.URL, nil)
	start(t, e, componenttest.NewNopHost())
	td := spans(0, 1)
	list := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	child := list.AppendEmpty()
	child.SetTraceID(list.At(0).TraceID())
	child.SetSpanID(spanID(1))
	child.SetParentSpanID(spanID(0))
	child.SetName("query")
	child.SetStartTimestamp(list.At(0).StartTimestamp())
	child.SetEndTimestamp(list.At(0).EndTimestamp())
	require.NoError(t, e.ConsumeTraces(t.Context(), td))
	require.NoError(t, e.Shutdown(context.Background()))
	documents := endpoint.Documents()
	require.Len(t, documents, 1)
	assert.Contains(t, documents[spanID(0).String()], fmt.Sprintf(`"id":"%s"`, spanID(1)))
}
