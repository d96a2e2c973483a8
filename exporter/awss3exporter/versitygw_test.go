package awss3exporter

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
	"github.com/tailwater-otel/tailwater/internal/s3test"
)

func versityConfig(t *testing.T, server *s3test.Server) *Config {
	cfg := archiveConfig(t)
	cfg.Parquet.SpoolDirectory = t.TempDir()
	cfg.Parquet.LateLimit = 0
	cfg.S3Uploader.Directory = ""
	cfg.S3Uploader.S3Bucket, cfg.S3Uploader.S3Prefix = s3test.Bucket, "spans"
	cfg.S3Uploader.Endpoint, cfg.S3Uploader.S3ForcePathStyle = server.Endpoint, true
	cfg.S3Uploader.Tags = map[string]string{"team": "shop co/eu+1"}
	s3test.Setenv(t)
	require.NoError(t, cfg.Validate())
	return cfg
}

// A real S3 server gets the archive, and knows an object again that came twice.
func TestVersityGW(t *testing.T) {
	server := s3test.Start(t)
	td := archivetest.NewMixed(1, 100).Next(500)
	cfg := versityConfig(t, server)
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
	times, partitions := archived(t, filepath.Join(server.Folder, "spans"))
	require.Len(t, times, td.SpanCount())
	require.Len(t, partitions, 1)
	require.Equal(t, map[string]string{"team": "shop co/eu+1"}, twice.tags)
}

// The same for an object in parts.
func TestVersityGWParts(t *testing.T) {
	server := s3test.Start(t)
	cfg := versityConfig(t, server)
	cfg.S3Uploader.MultipartThreshold = minPart
	s, err := openStore(t.Context(), cfg, component.NewDefaultBuildInfo())
	require.NoError(t, err)
	defer s.close()
	data := bytes.Repeat([]byte("parquet "), 20<<17) // 20 MiB: three parts
	twice := &repeated{s3Store: s.(*s3Store)}
	_, err = twice.put(t.Context(), &object{bucket: s3test.Bucket, key: "large", size: int64(len(data)), body: data, about: aboutOf(map[string]string{"digest": "one"})})
	require.NoError(t, err)
	require.Equal(t, []outcome{stored, present, conflict}, twice.outcomes)
	there, err := os.ReadFile(filepath.Join(server.Folder, "large"))
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
	server := s3test.Start(t)
	for _, checksum := range []string{checksumSupported, checksumRequired} {
		cfg := versityConfig(t, server)
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
		require.Len(t, filesIn(t, filepath.Join(server.Folder, checksum)), 2)
	}
}
