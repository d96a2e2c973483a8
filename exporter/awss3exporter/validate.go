package awss3exporter

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"go.opentelemetry.io/collector/config/configcompression"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// Limits of S3.
const (
	minPart = 5 << 20
	maxPut  = 5 << 30
)

// Validate refuses what cannot work.
func (c *Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	c.validateMarshaler(add)
	c.S3Uploader.validate(add)
	if c.Timeout < 0 {
		add("timeout: %s is negative; 0 means no limit", c.Timeout)
	}
	if c.archive() {
		c.validateParquet(add)
	}
	return errors.Join(errs...)
}

func (c *Config) validateMarshaler(add func(string, ...any)) {
	switch c.Marshaler {
	case marshalerParquet, marshalerJSON, marshalerProto:
	case "body":
		add("marshaler: body is not supported: use otlp_json, which keeps the body with all else of a record, or encoding with the text_encoding extension")
	case "sumo_ic":
		add("marshaler: sumo_ic is not supported: use otlp_json, or the sumologic exporter")
	default:
		add("marshaler: %q is not one of parquet, otlp_json, otlp_proto", c.Marshaler)
	}
	if c.Encoding != nil && c.Marshaler == marshalerParquet {
		add("encoding: %s and marshaler parquet exclude each other; remove one", c.Encoding)
	}
	if strings.ContainsAny(c.EncodingFileExtension, `/\`) {
		add("encoding_file_extension: %q has a slash", c.EncodingFileExtension)
	}
}

func (u *S3UploaderConfig) validate(add func(string, ...any)) {
	if u.Directory == "" {
		if u.Region == "" {
			add("s3uploader.region: is empty")
		}
		if u.S3Bucket == "" && u.Endpoint == "" {
			add("s3uploader: set s3_bucket, or endpoint, or directory")
		}
	}
	endpoint := u.Endpoint
	if err := awsclient.ValidateEndpoint(endpoint); err != nil {
		add("s3uploader.%w", err)
	}
	if u.ExternalID != "" && u.RoleARN == "" {
		add("s3uploader.external_id: needs role_arn")
	}
	oneOf(add, "acl", types.ObjectCannedACL(u.ACL), types.ObjectCannedACL("").Values(), true)
	oneOf(add, "storage_class", types.StorageClass(u.StorageClass), types.StorageClass("").Values(), false)
	oneOf(add, "sse", types.ServerSideEncryption(u.SSE), []types.ServerSideEncryption{types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse}, true)
	oneOf(add, "retry_mode", u.RetryMode, []string{"standard", "adaptive", "nop"}, false)
	oneOf(add, "unique_key_func_name", u.UniqueKeyFuncName, []string{"uuidv7"}, true)
	oneOf(add, "checksum", u.Checksum, []string{checksumSupported, checksumRequired}, false)
	if compression := u.Compression; compression.IsCompressed() {
		oneOf(add, "compression", compression, []configcompression.Type{"gzip", "zstd", "none"}, true)
	}
	if u.KMSKeyID != "" && !strings.HasPrefix(u.SSE, "aws:kms") {
		add("s3uploader.kms_key_id: needs sse aws:kms or aws:kms:dsse, not %q", u.SSE)
	}
	if len(u.Tags) > 10 {
		add("s3uploader.tags: %d tags; S3 takes 10", len(u.Tags))
	}
	for _, key := range slices.Sorted(maps.Keys(u.Tags)) {
		if key == "" || !awsclient.TagText(key, awsclient.MaxTagKey) || !awsclient.TagText(u.Tags[key], awsclient.MaxTagValue) {
			add("s3uploader.tags: %q: %q: a key has 1 to 128 characters and a value up to 256, of letters, digits, spaces and + - = . _ : / @", key, u.Tags[key])
		}
	}
	if u.RetryMaxAttempts < 0 {
		add("s3uploader.retry_max_attempts: %d is negative; 0 means no limit", u.RetryMaxAttempts)
	}
	if u.RetryMaxBackoff < 0 {
		add("s3uploader.retry_max_backoff: %s is negative", u.RetryMaxBackoff)
	}
	if u.MultipartThreshold < minPart || u.MultipartThreshold > maxPut {
		add("s3uploader.multipart_threshold: %d is not between %d and %d", u.MultipartThreshold, minPart, maxPut)
	}
	if _, err := u.partitions(); err != nil {
		add("s3uploader.%w", err)
	}
	for key, value := range map[string]string{"file_prefix": u.FilePrefix, "s3_prefix": u.S3Prefix, "s3_base_prefix": u.S3BasePrefix} {
		if u.Directory != "" && !filepath.IsLocal(filepath.Join("x", value)) {
			add("s3uploader.%s: %q leaves the directory", key, value)
		}
	}
}

func oneOf[T ~string](add func(string, ...any), key string, value T, allowed []T, empty bool) {
	if value == "" && empty || slices.Contains(allowed, value) {
		return
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	add("s3uploader.%s: %q is not one of %s", key, value, strings.Join(names, ", "))
}

func (c *Config) validateParquet(add func(string, ...any)) {
	p := &c.Parquet
	if c.SendingQueue.HasValue() {
		add("sending_queue: has no place with marshaler parquet: the spool is the queue; remove the key and see parquet.spool_directory and parquet.max_spool_bytes")
	}
	if c.ResourceAttrsToS3 != (ResourceAttrsToS3{}) {
		add("resource_attrs_to_s3: is not supported with marshaler parquet: use an exporter for each bucket behind the routing connector, or a condition on the column")
	}
	if c.S3Uploader.Compression.IsCompressed() {
		add("s3uploader.compression: %q: Parquet is compressed inside already; remove the key", c.S3Uploader.Compression)
	}
	if c.S3Uploader.Directory == "" && c.S3Uploader.S3Bucket == "" {
		add("s3uploader.s3_bucket: is empty; set it, or directory")
	}
	if c.spoolDirectory() == "" {
		add("parquet.spool_directory: is empty; name a folder on a disk that outlives the process, such as /var/lib/tailwater/spool")
	}
	if p.OnFull != onFullDrop && p.OnFull != onFullRefuse {
		add("parquet.on_full: %q is not one of %s, %s", p.OnFull, onFullDrop, onFullRefuse)
	}
	if p.MaxFileBytes < 1<<20 || p.MaxFileBytes > 1<<30 {
		add("parquet.max_file_bytes: %d is not between %d and %d", p.MaxFileBytes, 1<<20, 1<<30)
	}
	if p.MaxSpoolBytes < 4*p.MaxFileBytes {
		add("parquet.max_spool_bytes: %d is less than 4 times max_file_bytes (%d)", p.MaxSpoolBytes, 4*p.MaxFileBytes)
	}
	if p.MaxFileAge < time.Second {
		add("parquet.max_file_age: %s is less than 1s", p.MaxFileAge)
	}
	if p.RowGroupRows < 1000 || p.RowGroupRows > 10_000_000 {
		add("parquet.row_group_rows: %d is not between 1000 and 10000000", p.RowGroupRows)
	}
	if p.MaxPartitions < 1 || p.MaxPartitions > 1000 {
		add("parquet.max_partitions: %d is not between 1 and 1000", p.MaxPartitions)
	}
	for key, d := range map[string]time.Duration{"late_limit": p.LateLimit, "future_limit": p.FutureLimit, "shutdown_timeout": p.ShutdownTimeout} {
		if d < 0 {
			add("parquet.%s: %s is negative", key, d)
		}
	}
}

// spoolDirectory returns where the spool is, or "" if no key says.
func (c *Config) spoolDirectory() string {
	switch {
	case c.Parquet.SpoolDirectory != "":
		return c.Parquet.SpoolDirectory
	case c.S3Uploader.Directory != "":
		// Readers of Hive layouts pass over names with a leading point.
		return filepath.Join(c.S3Uploader.Directory, ".spool")
	}
	return ""
}
