package awsemfexporter

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
)

// isolate keeps the AWS settings of whoever runs the tests out of them.
func isolate(t testing.TB) {
	for _, key := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"} {
		t.Setenv(key, "")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
}

// serve puts a fake CloudWatch behind HTTP. before may answer in its place.
func serve(t testing.TB, fake *fakeLogs, before func(w http.ResponseWriter, r *http.Request) bool) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || before != nil && before(w, r) {
			return
		}
		response, err := fake.Call(r.Context(), r.Header.Get("X-Amz-Target"), r.Header, body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), response.Header)
		w.WriteHeader(response.Status)
		_, _ = io.Copy(w, bytes.NewReader(response.Body))
	}))
	t.Cleanup(server.Close)
	return server
}

// overHTTP makes an exporter that sends to a server, with short backoffs.
func overHTTP(t testing.TB, url string, change func(*Config)) *fixture {
	isolate(t)
	f := newFixture(t, func(c *Config) {
		c.Endpoint, c.Region = url, "eu-west-1"
		c.RetryOnFailure.InitialInterval, c.RetryOnFailure.MaxInterval = 10*time.Millisecond, 50*time.Millisecond
		if change != nil {
			change(c)
		}
	})
	f.connect = connect
	return f
}

// The whole way over HTTP: a clock that is an hour off is mended, a missing
// group made, connections that break are tried again.
func TestOverHTTP(t *testing.T) {
	fake := &fakeLogs{strict: true}
	var broken atomic.Int32
	serverTime := func() time.Time { return time.Now().Add(time.Hour) }
	server := serve(t, fake, func(w http.ResponseWriter, r *http.Request) bool {
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		assert.NoError(t, err)
		assert.Regexp(t, `Credential=AKIDEXAMPLE/\d+/eu-west-1/logs/aws4_request`, r.Header.Get("Authorization"))
		assert.Equal(t, "application/x-amz-json-1.1", r.Header.Get("Content-Type"))
		switch {
		case serverTime().Sub(at).Abs() > 5*time.Minute:
			w.Header().Set("Date", serverTime().UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"InvalidSignatureException","message":"Signature expired: it is too old"}`)
			return true
		case broken.Add(1)%5 == 0:
			panic(http.ErrAbortHandler)
		}
		return false
	})
	f := overHTTP(t, server.URL, nil).start(t)
	for i := range 20 {
		require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(i*10, 10).Metrics))
	}
	require.NoError(t, f.Shutdown(context.Background()))
	fake.requireTaken(t, 200, true)
	assert.EqualValues(t, 200, f.sum(t, "events_sent"))
}

// storageHost is a host with a file_storage extension on a folder.
func storageHost(t *testing.T, dir string) (*host, func()) {
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"directory": dir}).Unmarshal(cfg))
	set := extensiontest.NewNopSettings(factory.Type())
	id := component.MustNewID("file_storage")
	set.ID = id
	storage, err := factory.Create(context.Background(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, storage.Start(context.Background(), componenttest.NewNopHost()))
	h := &host{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{id: storage}}
	return h, func() { require.NoError(t, storage.Shutdown(context.Background())) }
}

func onDisk(c *Config) {
	byBatch(c)
	id := component.MustNewID("file_storage")
	c.SendingQueue.Get().StorageID = &id
}

// A queue on disk keeps what CloudWatch does not take before the shutdown, and
// what the window holds then, and the next start delivers it.
func TestQueueOnDiskAcrossShutdown(t *testing.T) {
	for name, test := range map[string]struct {
		configure func(*Config)
		underWay  bool // events are in the queue and on their way at the shutdown
	}{
		"queue":  {onDisk, true},
		"window": {func(c *Config) { onDisk(c); c.Aggregation = eachMinute }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fake := &fakeLogs{}
			fake.set(func(context.Context, int, call) (string, error) { return "", httpError{500, ""} })
			server := serve(t, fake, nil)

			f := overHTTP(t, server.URL, test.configure)
			var stop func()
			f.host, stop = storageHost(t, dir)
			f.start(t)
			for i := range 10 {
				require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(i*7, 7).Metrics))
			}
			if test.underWay {
				require.Eventually(t, func() bool { return len(fake.requests()) > 10 }, time.Minute, 5*time.Millisecond)
			}
			require.NoError(t, f.Shutdown(context.Background()))
			stop()
			fake.requireTaken(t, 0, false)
			assert.Zero(t, f.sum(t, "events_dropped"))

			fake.set(nil)
			f = overHTTP(t, server.URL, test.configure)
			f.host, stop = storageHost(t, dir)
			f.start(t)
			require.Eventually(t, func() bool { return len(fake.messages()) == 70 }, time.Minute, 5*time.Millisecond)
			require.NoError(t, f.Shutdown(context.Background()))
			stop()
			fake.requireTaken(t, 70, false)
		})
	}
}

// What a queue on disk holds at the moment of a kill -9 is what its folder
// holds. A copy of the folder taken while requests hang stands for the kill.
func TestQueueOnDiskAcrossKill(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	release := make(chan struct{})
	hanging, fake := &fakeLogs{}, &fakeLogs{}
	hanging.set(func(ctx context.Context, _ int, _ call) (string, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return "", httpError{503, ""}
	})
	f := overHTTP(t, serve(t, hanging, nil).URL, func(c *Config) { onDisk(c); c.ShutdownTimeout = 0 })
	var stop func()
	f.host, stop = storageHost(t, dir)
	f.start(t)
	for i := range 10 {
		require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(i*7, 7).Metrics))
	}
	require.Eventually(t, func() bool { return len(hanging.requests()) > 0 }, time.Minute, 5*time.Millisecond)
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	close(release)
	require.NoError(t, f.Shutdown(context.Background()))
	stop()

	f = overHTTP(t, serve(t, fake, nil).URL, onDisk)
	f.host, stop = storageHost(t, copied)
	f.start(t)
	require.Eventually(t, func() bool { return len(fake.messages()) == 70 }, time.Minute, 5*time.Millisecond)
	require.NoError(t, f.Shutdown(context.Background()))
	stop()
	fake.requireTaken(t, 70, false)
}
