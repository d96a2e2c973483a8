package awss3receiver

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the configuration of the awss3 receiver.
type Config struct {
	// First moment to replay, in UTC: RFC 3339, `YYYY-MM-DD HH:MM` or `YYYY-MM-DD`.
	StartTime string `mapstructure:"starttime"`

	// Moment to stop before, written like `starttime`.
	EndTime string `mapstructure:"endtime"`

	// Where objects are. Not with `directory`, except for the keys that say how they are named.
	S3Downloader S3DownloaderConfig `mapstructure:"s3downloader"`

	// Folder to read instead of S3, with the same names below it.
	Directory string `mapstructure:"directory"`

	// Traces to replay: 32 hexadecimal digits or X-Ray's `1-8-24`. Empty means all. Traces only.
	TraceIDs []string `mapstructure:"trace_ids"`

	// Values of `service.name` to replay. Empty means all.
	Services []string `mapstructure:"services"`

	// Spans (data points, log records) a second, at most. 0 means as fast as the pipeline takes them.
	RateLimit int `mapstructure:"rate_limit"`

	// File that says how far the replay is, so that a restart goes on there: at the row group, of objects that are not Parquet at the object. For metrics and logs `.metrics` and `.logs` are appended. Empty means to begin anew.
	Checkpoint string `mapstructure:"checkpoint"`

	// Encoding extensions that read objects with other suffixes.
	Encodings []EncodingConfig `mapstructure:"encodings"`

	// Refused: objects are found by time.
	SQS map[string]any `mapstructure:"sqs"`

	// Refused: the log and the metrics say how far the replay is.
	Notifications map[string]any `mapstructure:"notifications"`
}

// EncodingConfig says what reads objects with a suffix.
type EncodingConfig struct {
	// Extension that reads the objects.
	Extension component.ID `mapstructure:"extension"`

	// End of their names, without `.gz` and `.zst`.
	Suffix string `mapstructure:"suffix"`
}

// S3DownloaderConfig says where objects are and how they are named.
type S3DownloaderConfig struct {
	// AWS region of the bucket.
	Region string `mapstructure:"region"`

	// Bucket.
	S3Bucket string `mapstructure:"s3_bucket"`

	// First part of the keys: all of it that comes before the partition.
	S3Prefix string `mapstructure:"s3_prefix"`

	// Second part of the keys as contrib makes it: `minute` or `hour`.
	S3Partition string `mapstructure:"s3_partition"`

	// Second part of the keys, a time with strftime's letters. Without this and `s3_partition` both the archive's `dt=%Y-%m-%d/hour=%H` and contrib's `year=%Y/month=%m/day=%d/hour=%H/minute=%M` are looked for.
	S3PartitionFormat string `mapstructure:"s3_partition_format"`

	// Time zone of the partitions, such as Europe/Berlin, or Local.
	S3PartitionTimezone string `mapstructure:"s3_partition_timezone"`

	// Start of the objects' names.
	FilePrefix string `mapstructure:"file_prefix"`

	// Names of OTLP objects have the signal behind `file_prefix`, as in `traces_1.binpb`. Without it all objects are taken for the signal of the pipeline.
	FilePrefixIncludeTelemetryType bool `mapstructure:"file_prefix_include_telemetry_type"`

	// Where to ask: host, host:port or URL. Empty means S3 in the region.
	Endpoint string `mapstructure:"endpoint"`

	// Without effect: the region says the partition. Accepted because contrib accepts it.
	EndpointPartitionID string `mapstructure:"endpoint_partition_id"`

	// Put the bucket into the path instead of the host name, as many stores other than S3 need.
	S3ForcePathStyle bool `mapstructure:"s3_force_path_style"`

	// IAM role to assume. Empty means none.
	RoleARN string `mapstructure:"role_arn"`

	// External ID that is sent with `role_arn`.
	ExternalID string `mapstructure:"external_id"`
}

// Unmarshal also takes times without quotes, which YAML reads as times.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	texts := map[string]any{}
	for _, key := range []string{"starttime", "endtime"} {
		if t, ok := conf.Get(key).(time.Time); ok {
			texts[key] = t.Format(time.RFC3339Nano)
		}
	}
	if err := conf.Merge(confmap.NewFromStringMap(texts)); err != nil {
		return err
	}
	return conf.Unmarshal(c)
}
