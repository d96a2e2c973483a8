package awss3exporter

import (
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
)

func load(t testing.TB, keys map[string]any) (*Config, error) {
	cfg := createDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(keys).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfigErrors(t *testing.T) {
	parquet := func(keys map[string]any) map[string]any {
		all := map[string]any{"marshaler": "parquet", "s3uploader::s3_bucket": "b", "parquet::spool_directory": "/s"}
		for k, v := range keys {
			all[k] = v
		}
		return all
	}
	otlp := func(key string, value any) map[string]any {
		return map[string]any{"s3uploader::s3_bucket": "b", key: value}
	}
	for _, tt := range []struct {
		keys map[string]any
		want string
	}{
		{otlp("marshaler", "body"), "marshaler: body is not supported: use otlp_json"},
		{otlp("marshaler", "sumo_ic"), "marshaler: sumo_ic is not supported: use otlp_json"},
		{otlp("marshaler", "csv"), `marshaler: "csv" is not one of parquet, otlp_json, otlp_proto`},
		{map[string]any{}, "s3uploader: set s3_bucket, or endpoint, or directory"},
		{otlp("s3uploader::region", ""), "s3uploader.region: is empty"},
		{otlp("s3uploader::acl", "mine"), `s3uploader.acl: "mine" is not one of private`},
		{otlp("s3uploader::storage_class", "COLD"), `s3uploader.storage_class: "COLD" is not one of STANDARD`},
		{otlp("s3uploader::sse", "rot13"), `s3uploader.sse: "rot13" is not one of AES256, aws:kms`},
		{otlp("s3uploader::kms_key_id", "k"), "s3uploader.kms_key_id: needs sse"},
		{otlp("s3uploader::retry_mode", "often"), `s3uploader.retry_mode: "often" is not one of standard, adaptive, nop`},
		{otlp("s3uploader::compression", "lz4"), `s3uploader.compression: "lz4" is not one of gzip, zstd, none`},
		{otlp("s3uploader::unique_key_func_name", "uuidv4"), `s3uploader.unique_key_func_name: "uuidv4"`},
		{otlp("s3uploader::s3_partition_timezone", "Mars"), "s3uploader.s3_partition_timezone: unknown time zone Mars"},
		{otlp("s3uploader::endpoint", "ftp://x"), "s3uploader.endpoint: scheme"},
		{otlp("s3uploader::external_id", "x"), "s3uploader.external_id: needs role_arn"},
		{otlp("s3uploader::multipart_threshold", 1), "s3uploader.multipart_threshold: 1 is not between"},
		{otlp("s3uploader::checksum", "never"), `s3uploader.checksum: "never" is not one of when_supported, when_required`},
		{otlp("s3uploader::s3_partition_format", "../%Y"), "leaves the prefix"},
		{otlp("s3uploader::tags", map[string]any{"team": "a&b"}), `s3uploader.tags: "team": "a&b": a key has`},
		{otlp("encoding_file_extension", "a/b"), "encoding_file_extension"},
		{parquet(map[string]any{"sending_queue::enabled": true}), "sending_queue: has no place with marshaler parquet: the spool is the queue"},
		{parquet(map[string]any{"encoding": "otlp"}), "encoding: otlp and marshaler parquet exclude each other"},
		{parquet(map[string]any{"s3uploader::compression": "gzip"}), "s3uploader.compression"},
		{parquet(map[string]any{"resource_attrs_to_s3::s3_prefix": "a"}), "resource_attrs_to_s3: is not supported with marshaler parquet"},
		{parquet(map[string]any{"parquet::spool_directory": ""}), "parquet.spool_directory: is empty"},
		{parquet(map[string]any{"parquet::on_full": "wait"}), `parquet.on_full: "wait" is not one of drop, refuse`},
		{parquet(map[string]any{"parquet::max_spool_bytes": 1}), "parquet.max_spool_bytes: 1 is less than 4 times max_file_bytes"},
		{parquet(map[string]any{"parquet::max_file_bytes": 1}), "parquet.max_file_bytes: 1 is not between"},
		{parquet(map[string]any{"parquet::max_file_age": "0s"}), "parquet.max_file_age: 0s is less than 1s"},
		{parquet(map[string]any{"parquet::row_group_rows": 1}), "parquet.row_group_rows: 1 is not between"},
		{parquet(map[string]any{"parquet::max_partitions": 0}), "parquet.max_partitions: 0 is not between"},
		{parquet(map[string]any{"parquet::late_limit": "-1s"}), "parquet.late_limit: -1s is negative"},
	} {
		_, err := load(t, tt.keys)
		require.ErrorContains(t, err, tt.want, "%v", tt.keys)
	}
}

func TestConfigDefaults(t *testing.T) {
	cfg, err := load(t, map[string]any{"marshaler": "parquet", "s3uploader::directory": "/a"})
	require.NoError(t, err)
	require.Equal(t, parquetPartitionFormat, cfg.S3Uploader.S3PartitionFormat)
	require.Equal(t, filepath.Join("/a", ".spool"), cfg.spoolDirectory())
	cfg, err = load(t, map[string]any{"marshaler": "parquet", "s3uploader::directory": "/a", "s3uploader::s3_partition_format": "%Y"})
	require.NoError(t, err)
	require.Equal(t, "%Y", cfg.S3Uploader.S3PartitionFormat)
	cfg, err = load(t, map[string]any{"s3uploader::directory": "/a", "sending_queue::queue_size": 7})
	require.NoError(t, err)
	require.Equal(t, contribPartitionFormat, cfg.S3Uploader.S3PartitionFormat)
	require.Zero(t, cfg.RetryOnFailure.MaxElapsedTime)
	cfg, err = load(t, map[string]any{"s3uploader::directory": "/a"})
	require.NoError(t, err)
	require.Equal(t, 5*time.Minute, cfg.RetryOnFailure.MaxElapsedTime)
}

func TestParquetIsForTraces(t *testing.T) {
	cfg := archiveConfig(t)
	_, set := testTelemetry(t)
	_, err := NewFactory().CreateMetrics(t.Context(), set, cfg)
	require.ErrorContains(t, err, "marshaler: parquet is for traces")
	_, err = NewFactory().CreateLogs(t.Context(), set, cfg)
	require.ErrorContains(t, err, "marshaler: parquet is for traces")
}

func TestSpoolHasOneOwner(t *testing.T) {
	cfg := archiveConfig(t)
	_, set := testTelemetry(t)
	a := startArchive(t, set, cfg)
	_, set = testTelemetry(t)
	b, err := newArchive(t.Context(), set, cfg)
	require.NoError(t, err)
	require.ErrorContains(t, b.Start(t.Context(), componenttest.NewNopHost()), "in use by another process or exporter")
	require.NoError(t, b.Shutdown(t.Context()))
	require.NoError(t, a.Shutdown(t.Context()))
}

func TestPartitionEnd(t *testing.T) {
	at := time.Date(2026, 3, 14, 9, 26, 53, 589, time.UTC)
	for format, want := range map[string]string{
		"%Y/%m/%d/%H/%M/%S":    "2026-03-14T09:26:54Z",
		contribPartitionFormat: "2026-03-14T09:27:00Z",
		parquetPartitionFormat: "2026-03-14T10:00:00Z",
		"dt=%Y-%m-%d":          "2026-03-15T00:00:00Z",
		"%Y/%m":                "2026-04-01T00:00:00Z",
		"%Y":                   "2027-01-01T00:00:00Z",
		"all":                  "2027-01-01T00:00:00Z",
	} {
		u := S3UploaderConfig{S3PartitionFormat: format}
		p, err := u.partitions()
		require.NoError(t, err)
		require.Equal(t, want, p.end(at).UTC().Format(time.RFC3339), format)
		cached := p.cached()
		for range 2 {
			for _, t0 := range []time.Time{at, at.Add(time.Second), at.Add(time.Hour), at.AddDate(-80, 0, 0)} {
				require.Equal(t, p.of(t0), cached(t0))
			}
		}
	}
	u := S3UploaderConfig{S3PartitionFormat: "%H", S3PartitionTimezone: "Asia/Kathmandu"}
	p, err := u.partitions()
	require.NoError(t, err)
	require.Equal(t, "15", p.of(at))
}

// filesIn lists the files below a directory, with slashes.
func filesIn(t testing.TB, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, err := filepath.Rel(dir, path)
			require.NoError(t, err)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	return names
}
