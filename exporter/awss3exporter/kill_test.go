package awss3exporter

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/tailwater-otel/tailwater/exporter/awss3exporter/internal/metadata"
)

// killedEnv makes the test binary the process that TestKill kills: the spool
// directory and the address of S3.
const killedEnv = "TAILWATER_AWSS3_TEST_KILLED"

var kills = flag.Int("kills", 10, "how often TestKill kills")

func killedConfig(spoolDir, endpoint string) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Marshaler = marshalerParquet
	cfg.S3Uploader.S3PartitionFormat = parquetPartitionFormat
	cfg.S3Uploader.S3Bucket = "bucket"
	cfg.S3Uploader.Endpoint = endpoint
	cfg.S3Uploader.S3ForcePathStyle = true
	cfg.S3Uploader.RetryMode = "nop"
	cfg.RetryOnFailure.InitialInterval = time.Millisecond
	cfg.RetryOnFailure.MaxInterval = time.Millisecond
	cfg.Parquet.SpoolDirectory = spoolDir
	cfg.Parquet.MaxFileBytes = 4000
	cfg.Parquet.ShutdownTimeout = time.Minute
	return cfg
}

func init() {
	where := os.Getenv(killedEnv)
	if where == "" {
		return
	}
	dir, endpoint, _ := strings.Cut(where, " ")
	if err := runKilled(dir, endpoint); err != nil {
		fmt.Println("error", err)
	}
	os.Exit(0)
}

// runKilled archives spans until it is killed, and prints the span ids of each
// request that was accepted.
func runKilled(dir, endpoint string) error {
	a, err := newArchive(context.Background(), exportertest.NewNopSettings(metadata.Type), killedConfig(dir, endpoint))
	if err != nil {
		return err
	}
	if err := a.Start(context.Background(), componenttest.NewNopHost()); err != nil {
		return err
	}
	fmt.Println("started")
	now := time.Now()
	for n := 0; ; n++ {
		for a.spool.State().Segments > 1 { // so that kills hit delivery as often as appending
			time.Sleep(100 * time.Microsecond)
		}
		// Every other span belongs to another partition than the rest.
		td := spansOf([]int{rand.IntN(1 << 24)}, now)
		span := appendSpan(td, rand.IntN(1<<24), now.Add(-time.Hour*time.Duration(n%2)))
		first := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		unique := func(id [8]byte) [8]byte {
			for i := range id {
				id[i] = byte(rand.Uint32())
			}
			return id
		}
		first.SetSpanID(unique(first.SpanID()))
		span.SetSpanID(unique(span.SpanID()))
		if err := a.ConsumeTraces(context.Background(), td); err != nil {
			return err
		}
		fmt.Println(first.SpanID(), span.SpanID())
	}
}

// The process is killed at any point of its work, while S3 loses requests and
// replies. Every span that it accepted is in exactly one object in the end.
// internal/spool does the same 200 times, without Parquet and S3.
func TestKill(t *testing.T) {
	times := *kills
	f := newFakeS3(t)
	f.set(func(n int, r *http.Request) fault {
		return map[int]fault{1: {lost: true}, 3: {status: 503, code: "SlowDown"}, 5: {half: true}}[n%7]
	})
	dir := t.TempDir()
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	var accepted []string
	for range times {
		accepted = append(accepted, killOnce(t, dir+" "+f.URL)...)
	}
	f.set(nil)
	_, set := testTelemetry(t)
	a := startArchive(t, set, killedConfig(dir, f.URL))
	require.NoError(t, a.Shutdown(t.Context()))

	rows := f.rows(t)
	for _, id := range accepted {
		require.Equal(t, 1, rows[id], id)
	}
	for id, n := range rows {
		require.Equal(t, 1, n, id)
	}
	require.Greater(t, len(accepted), times)
	require.Greater(t, len(f.keys()), times/2)
	require.Zero(t, f.overwritten)
	t.Logf("%d spans accepted, %d in %d objects", len(accepted), len(rows), len(f.keys()))
}

// killOnce starts the process, kills it after a random number of lines of its
// output and a random time, and returns what it accepted.
func killOnce(t *testing.T, where string) (ids []string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killedEnv+"="+where)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	r := bufio.NewReader(out)
	after := rand.IntN(20)
	for n := 0; ; n++ {
		line, err := r.ReadString('\n')
		if err != nil { // a line that is cut off was not accepted
			break
		}
		if strings.HasPrefix(line, "error") {
			t.Error(line)
		}
		if n > 0 {
			ids = append(ids, strings.Fields(line)...)
		}
		if n == after {
			time.AfterFunc(rand.N(5*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait()
	return ids
}
