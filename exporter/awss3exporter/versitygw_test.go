package awss3exporter

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// versitygw starts a real S3 server over a folder, with the bucket "bucket",
// and returns its address and the folder of the bucket. `make versitygw`
// builds the server, and `make test` sets VERSITYGW, so that it must be there.
func versitygw(t *testing.T) (endpoint, bucket string) {
	t.Helper()
	binary := os.Getenv("VERSITYGW")
	if binary == "" {
		var err error
		binary, err = filepath.Abs(filepath.Join("..", "..", ".tools", "versitygw"))
		require.NoError(t, err)
		if _, err := os.Stat(binary); err != nil {
			t.Skipf("no S3 server to test against: run make versitygw (%v)", err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	dir := t.TempDir()
	root, meta := filepath.Join(dir, "root"), filepath.Join(dir, "meta")
	bucket = filepath.Join(root, "bucket")
	require.NoError(t, os.MkdirAll(bucket, 0o755))
	require.NoError(t, os.MkdirAll(meta, 0o755))
	cmd := exec.Command(binary, "--quiet", "--port", address, "--access", "key", "--secret", "secret", "posix", "--sidecar", meta, root)
	cmd.Env = []string{"HOME=" + dir}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	require.Eventually(t, func() bool {
		reply, err := client.Get("http://" + address)
		if err != nil {
			return false
		}
		return reply.Body.Close() == nil
	}, time.Minute, 20*time.Millisecond)
	return "http://" + address, bucket
}

func versityConfig(t *testing.T, endpoint string) *Config {
	cfg := archiveConfig(t)
	cfg.Parquet.SpoolDirectory = t.TempDir()
	cfg.Parquet.LateLimit = 0
	cfg.S3Uploader.Directory = ""
	cfg.S3Uploader.S3Bucket, cfg.S3Uploader.S3Prefix = "bucket", "spans"
	cfg.S3Uploader.Endpoint, cfg.S3Uploader.S3ForcePathStyle = endpoint, true
	cfg.S3Uploader.Tags = map[string]string{"team": "shop co/eu+1"}
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	require.NoError(t, cfg.Validate())
	return cfg
}

// A real S3 server gets the archive, and knows an object again that came twice.
func TestVersityGW(t *testing.T) {
	endpoint, bucket := versitygw(t)
	td := archivetest.NewMixed(1, 100).Next(500)
	cfg := versityConfig(t, endpoint)
	tel, set := testTelemetry(t)
	a, err := newArchive(t.Context(), set, cfg)
	require.NoError(t, err)
	var twice *repeated
	a.opened = func(ctx context.Context, c *Config, info component.BuildInfo) (store, error) {
		s, err := openStore(ctx, c, info)
		if err != nil {
			return nil, err
		}
		twice = &repeated{s3Store: s.(*s3Store)}
		return twice, nil
	}
	require.NoError(t, a.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, a.ConsumeTraces(t.Context(), td))
	require.NoError(t, a.Shutdown(t.Context()))
	require.Equal(t, []outcome{stored, present, conflict}, twice.outcomes)
	require.Equal(t, map[string]int64{"stored": 1}, reasons(t, tel, "objects", "outcome"))
	times, partitions := archived(t, filepath.Join(bucket, "spans"))
	require.Len(t, times, td.SpanCount())
	require.Len(t, partitions, 1)
	require.Equal(t, map[string]string{"team": "shop co/eu+1"}, twice.tags)
}

// The same for an object in parts.
func TestVersityGWParts(t *testing.T) {
	endpoint, bucket := versitygw(t)
	cfg := versityConfig(t, endpoint)
	cfg.S3Uploader.MultipartThreshold = minPart
	s, err := openStore(t.Context(), cfg, component.NewDefaultBuildInfo())
	require.NoError(t, err)
	defer s.close()
	data := bytes.Repeat([]byte("parquet "), 20<<17) // 20 MiB: three parts
	twice := &repeated{s3Store: s.(*s3Store)}
	_, err = twice.put(t.Context(), &object{bucket: "bucket", key: "large", size: int64(len(data)), body: data, about: aboutOf(map[string]string{"digest": "one"})})
	require.NoError(t, err)
	require.Equal(t, []outcome{stored, present, conflict}, twice.outcomes)
	there, err := os.ReadFile(filepath.Join(bucket, "large"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, there))
	require.Equal(t, map[string]string{"team": "shop co/eu+1"}, twice.tags)
}

// repeated puts each object twice, and then another one under its key.
type repeated struct {
	*s3Store
	outcomes []outcome
	tags     map[string]string
}

func (r *repeated) put(ctx context.Context, o *object) (outcome, error) {
	first, err := r.s3Store.put(ctx, o)
	r.outcomes = append(r.outcomes, first)
	if err != nil {
		return first, err
	}
	again, err := r.s3Store.put(ctx, o)
	if err != nil {
		return again, err
	}
	other := *o
	other.about = aboutOf(map[string]string{"digest": "another"})
	third, _ := r.s3Store.put(ctx, &other)
	r.outcomes = append(r.outcomes, again, third)
	tags, err := r.client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &o.bucket, Key: &o.key})
	if err != nil {
		return failed, err
	}
	r.tags = map[string]string{}
	for _, tag := range tags.TagSet {
		r.tags[*tag.Key] = *tag.Value
	}
	return first, nil
}

// OTLP objects of all kinds arrive at a real S3 server.
func TestVersityGWOTLP(t *testing.T) {
	endpoint, bucket := versitygw(t)
	for _, checksum := range []string{checksumSupported, checksumRequired} {
		cfg := versityConfig(t, endpoint)
		cfg.Marshaler = marshalerProto
		cfg.S3Uploader.Compression = "zstd"
		cfg.S3Uploader.Checksum = checksum
		cfg.S3Uploader.S3Prefix = checksum
		_, set := testTelemetry(t)
		x, err := newOTLPTraces(t.Context(), set, cfg)
		require.NoError(t, err)
		require.NoError(t, x.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, x.ConsumeTraces(t.Context(), tenants("a")))
		require.NoError(t, x.ConsumeTraces(t.Context(), tenants("a")))
		require.NoError(t, x.Shutdown(t.Context()))
		require.Len(t, filesIn(t, filepath.Join(bucket, checksum)), 2)
	}
}
