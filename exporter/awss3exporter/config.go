package awss3exporter

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// Config is the configuration of the awss3 exporter.
type Config struct {
	// Where objects go and how.
	S3Uploader S3UploaderConfig `mapstructure:"s3uploader"`
	// What an object holds: `parquet` (traces), `otlp_json` or `otlp_proto`. contrib's `body` and `sumo_ic` are refused.
	Marshaler string `mapstructure:"marshaler"`
	// Encoding extension that makes the objects instead of `marshaler`.
	Encoding *component.ID `mapstructure:"encoding"`
	// End of the names of objects that `encoding` makes, without the point.
	EncodingFileExtension string `mapstructure:"encoding_file_extension"`
	// Resource attributes that choose bucket and prefix. Each request is split by them. Not with `parquet`.
	ResourceAttrsToS3 ResourceAttrsToS3 `mapstructure:"resource_attrs_to_s3"`
	// The archive, for `marshaler: parquet`.
	Parquet ParquetConfig `mapstructure:"parquet"`

	// Time that one attempt to store an object may take, and with `parquet` a second more for each 256 KiB. 0 means no limit.
	Timeout time.Duration `mapstructure:"timeout"`
	// What waits for S3. Not with `parquet`: there the spool is the queue.
	SendingQueue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	// How what failed is tried again. `max_elapsed_time` 0 means for ever, which is the default with `sending_queue` and always so with `parquet`.
	RetryOnFailure configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	// warnings are about keys that do nothing; the log tells them once.
	warnings []string
}

// S3UploaderConfig says where objects go.
type S3UploaderConfig struct {
	// AWS region of the bucket.
	Region string `mapstructure:"region"`
	// Bucket.
	S3Bucket string `mapstructure:"s3_bucket"`
	// First part of all keys, which `resource_attrs_to_s3` does not replace.
	S3BasePrefix string `mapstructure:"s3_base_prefix"`
	// Second part of all keys.
	S3Prefix string `mapstructure:"s3_prefix"`
	// Third part of keys, made of a time with strftime's letters: with `parquet` the span's start, else when the request came. With `parquet` the default is `dt=%Y-%m-%d/hour=%H`.
	S3PartitionFormat string `mapstructure:"s3_partition_format"`
	// Time zone of `s3_partition_format`, such as Europe/Berlin.
	S3PartitionTimezone string `mapstructure:"s3_partition_timezone"`
	// Start of the names of objects.
	FilePrefix string `mapstructure:"file_prefix"`
	// Folder to write to instead of S3. No other key but those of names is used then.
	Directory string `mapstructure:"directory"`
	// Where to send: host, host:port or URL. Empty means S3 in the region.
	Endpoint string `mapstructure:"endpoint"`
	// IAM role to assume. Empty means none.
	RoleARN string `mapstructure:"role_arn"`
	// External ID that is sent with `role_arn`.
	ExternalID string `mapstructure:"external_id"`
	// Put the bucket into the path instead of the host name, as many stores other than S3 need.
	S3ForcePathStyle bool `mapstructure:"s3_force_path_style"`
	// Speak HTTP instead of HTTPS with an `endpoint` that names no scheme, and with S3.
	DisableSSL bool `mapstructure:"disable_ssl"`
	// Canned ACL. Buckets with ACLs disabled, the default of S3, refuse most.
	ACL string `mapstructure:"acl"`
	// Storage class. Athena cannot read GLACIER and DEEP_ARCHIVE.
	StorageClass string `mapstructure:"storage_class"`
	// Compression of OTLP objects: `gzip`, `zstd` or `none`. Parquet is always compressed inside.
	Compression configcompression.Type `mapstructure:"compression"`
	// How the AWS SDK tries a request again: `standard`, `adaptive` or `nop` (not at all).
	RetryMode string `mapstructure:"retry_mode"`
	// Attempts of the AWS SDK, after which `retry_on_failure` goes on. 0 means that the SDK never gives up.
	RetryMaxAttempts int `mapstructure:"retry_max_attempts"`
	// Longest wait between two attempts of the AWS SDK.
	RetryMaxBackoff time.Duration `mapstructure:"retry_max_backoff"`
	// Accepted: names are always unique and made with UUID version 7, or with `parquet` of the spool's own numbers.
	UniqueKeyFuncName string `mapstructure:"unique_key_func_name"`
	// Encryption: `AES256`, `aws:kms` or `aws:kms:dsse`. Empty leaves it to the bucket.
	SSE string `mapstructure:"sse"`
	// KMS key for `sse: aws:kms`. Empty means the key that AWS manages.
	KMSKeyID string `mapstructure:"kms_key_id"`
	// Use the bucket's key with `aws:kms`, which saves calls to KMS.
	BucketKeyEnabled bool `mapstructure:"bucket_key_enabled"`
	// Tags of objects. The role needs s3:PutObjectTagging.
	Tags map[string]string `mapstructure:"tags"`
	// When to send checksums: `when_supported`, or `when_required` for stores that refuse them.
	Checksum string `mapstructure:"checksum"`
	// Size in bytes from which an object is sent in parts. At least 5 MiB.
	MultipartThreshold int64 `mapstructure:"multipart_threshold"`
}

// ResourceAttrsToS3 names resource attributes whose values choose where data goes.
type ResourceAttrsToS3 struct {
	// Attribute whose value is the bucket. Without it, `s3uploader.s3_bucket`.
	S3Bucket string `mapstructure:"s3_bucket"`
	// Attribute whose value is the prefix. Without it, `s3uploader.s3_prefix`.
	S3Prefix string `mapstructure:"s3_prefix"`
}

// ParquetConfig is the archive.
type ParquetConfig struct {
	// Folder for what is not in S3 yet, of this exporter alone. Empty means `.spool` in `s3uploader.directory`; with S3 it must be set.
	SpoolDirectory string `mapstructure:"spool_directory"`
	// Bytes that the spool may take, files being built included. At least 4 times `max_file_bytes`.
	MaxSpoolBytes int64 `mapstructure:"max_spool_bytes"`
	// What happens when the spool is full: `drop` new spans, or `refuse` them with an error that makes the sender try again. Refuse only where nothing else gets the same spans.
	OnFull string `mapstructure:"on_full"`
	// Bytes of the spool's log at which files are made of it. The Parquet is about half of that.
	MaxFileBytes int64 `mapstructure:"max_file_bytes"`
	// Age at which files are made at the latest. They are also made a minute after a partition has ended.
	MaxFileAge time.Duration `mapstructure:"max_file_age"`
	// Rows in a row group.
	RowGroupRows int `mapstructure:"row_group_rows"`
	// Files that one log may become. Spans of the smallest partitions beyond that go to the partition of the time they came.
	MaxPartitions int `mapstructure:"max_partitions"`
	// Spans that started longer than this before they came go to the partition of the time they came. 0 means no limit.
	LateLimit time.Duration `mapstructure:"late_limit"`
	// The same for spans that start later than they came.
	FutureLimit time.Duration `mapstructure:"future_limit"`
	// Time that a shutdown waits until what is in the spool is stored. The rest waits on disk for the next start. 0 means not to wait.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
}

// Values of Config.Marshaler, ParquetConfig.OnFull and S3UploaderConfig.Checksum.
const (
	marshalerParquet = "parquet"
	marshalerJSON    = "otlp_json"
	marshalerProto   = "otlp_proto"

	onFullDrop   = "drop"
	onFullRefuse = "refuse"

	checksumSupported = "when_supported"
	checksumRequired  = "when_required"
)

const (
	contribPartitionFormat = "year=%Y/month=%m/day=%d/hour=%H/minute=%M"
	parquetPartitionFormat = "dt=%Y-%m-%d/hour=%H"
)

// Unmarshal fills in defaults that follow from other keys.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return err
	}
	c.warnings = nil
	if !c.archive() {
		if c.SendingQueue.HasValue() && !conf.IsSet("retry_on_failure::max_elapsed_time") {
			c.RetryOnFailure.MaxElapsedTime = 0
		}
		return nil
	}
	if !conf.IsSet("s3uploader::s3_partition_format") {
		c.S3Uploader.S3PartitionFormat = parquetPartitionFormat
	}
	for _, key := range []string{"retry_on_failure::enabled", "retry_on_failure::max_elapsed_time", "s3uploader::unique_key_func_name"} {
		if conf.IsSet(key) {
			c.warnings = append(c.warnings, key+" has no effect with marshaler parquet: the spool keeps spans until they are stored; remove the key")
		}
	}
	return nil
}

// archive tells whether spans go through the spool into Parquet.
func (c *Config) archive() bool { return c.Encoding == nil && c.Marshaler == marshalerParquet }
