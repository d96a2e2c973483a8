package awsxrayexporter

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// Config is the configuration of the awsxray exporter.
type Config struct {
	// Requests to X-Ray in flight at most. 0 means 8. `sending_queue.num_consumers` overrides it.
	NumWorkers int `mapstructure:"num_workers"`
	// Where to send: host, host:port or URL. Empty means the endpoint of the region. Without a scheme https, and http on this machine.
	Endpoint string `mapstructure:"endpoint"`
	// Seconds that one request may take. 0 means 30. `timeout` overrides it.
	RequestTimeoutSeconds int `mapstructure:"request_timeout_seconds"`
	// Accepted and not used: `retry_on_failure` decides how long to try.
	MaxRetries int `mapstructure:"max_retries"`
	// Accept any certificate of the endpoint.
	NoVerifySSL bool `mapstructure:"no_verify_ssl"`
	// Proxy, as host:port or URL. Empty means HTTPS_PROXY and NO_PROXY of the environment.
	ProxyAddress string `mapstructure:"proxy_address"`
	// AWS region. Empty means AWS_REGION, AWS_DEFAULT_REGION, the shared config file, the endpoint's name, ECS or EC2 metadata, in this order.
	Region string `mapstructure:"region"`
	// Never ask ECS or EC2 metadata for the region or the telemetry's host name.
	LocalMode bool `mapstructure:"local_mode"`
	// ARN of the AWS resource that runs the collector, for `telemetry`.
	ResourceARN string `mapstructure:"resource_arn"`
	// IAM role to assume, for example of another account. Empty means none.
	RoleARN string `mapstructure:"role_arn"`
	// External ID that is sent with `role_arn`.
	ExternalID string `mapstructure:"external_id"`

	// Attributes that become annotations, which X-Ray indexes. Name resource attributes with the prefix `otel.resource.`.
	IndexedAttributes []string `mapstructure:"indexed_attributes"`
	// Make every attribute an annotation.
	IndexAllAttributes bool `mapstructure:"index_all_attributes"`
	// CloudWatch log groups of spans whose resource names none.
	LogGroupNames []string `mapstructure:"aws_log_groups"`
	// Counts that the X-Ray console's owners see about this sender.
	Telemetry TelemetryConfig `mapstructure:"telemetry"`

	// Time that one request may take. Default is `request_timeout_seconds`; 0 means no limit.
	Timeout time.Duration `mapstructure:"timeout"`
	// What waits for X-Ray, in memory or with `storage` on disk. The size is in bytes (32 MiB) unless `queue_size` comes without a `sizer`: then, as in other exporters, it counts requests.
	SendingQueue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	// How a request that failed is tried again. `max_elapsed_time` 0 means as long as the exporter runs.
	RetryOnFailure configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	// Documents a second at most, over all workers. 0 means no limit.
	MaxSegmentsPerSecond int `mapstructure:"max_segments_per_second"`
	// Folder for documents that X-Ray refuses for good, as JSON lines. Empty means that they are dropped.
	DeadLetterDirectory string `mapstructure:"dead_letter_directory"`
	// Bytes that the dead letters may take; the oldest file goes first. At least 1 MiB.
	DeadLetterMaxBytes int64 `mapstructure:"dead_letter_max_bytes"`
	// Time that a shutdown waits for documents to be delivered. A queue on disk keeps the rest. 0 means not to wait.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`

	// warnings are about keys that do nothing; the log tells them once.
	warnings []string
}

// TelemetryConfig says what PutTelemetryRecords reports.
type TelemetryConfig struct {
	// Report counts to X-Ray once a minute, as the X-Ray daemon does.
	Enabled bool `mapstructure:"enabled"`
	// Say in each report which host, instance and resource it is about.
	IncludeMetadata bool `mapstructure:"include_metadata"`
	// Accepted and not used: the exporter's own counts are complete.
	Contributors []component.ID `mapstructure:"contributors"`
	// Host name to report. Empty means AWS_HOSTNAME, then EC2 metadata.
	Hostname string `mapstructure:"hostname"`
	// Instance ID to report. Empty means AWS_INSTANCE_ID, then EC2 metadata.
	InstanceID string `mapstructure:"instance_id"`
	// ARN to report. Empty means `resource_arn`.
	ResourceARN string `mapstructure:"resource_arn"`
}

const (
	defaultWorkers        = 8
	defaultTimeoutSeconds = 30
	minDeadLetterBytes    = 1 << 20
)

// Unmarshal fills in what other keys decide: the names of contrib's exporter
// and the standard ones of sending_queue and timeout mean the same things.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return err
	}
	if c.NumWorkers == 0 {
		c.NumWorkers = defaultWorkers
	}
	if c.RequestTimeoutSeconds == 0 {
		c.RequestTimeoutSeconds = defaultTimeoutSeconds
	}
	if !conf.IsSet("timeout") {
		c.Timeout = time.Duration(c.RequestTimeoutSeconds) * time.Second
	}
	if queue := c.SendingQueue.Get(); queue != nil {
		if !conf.IsSet("sending_queue::num_consumers") {
			queue.NumConsumers = c.NumWorkers
		}
		if conf.IsSet("sending_queue::queue_size") && !conf.IsSet("sending_queue::sizer") {
			queue.Sizer = exporterhelper.RequestSizerTypeRequests
		}
		// exporterhelper reads the sizes of a batch in the queue's unit if the
		// batch names none. Our defaults are numbers of documents.
		if batch := queue.Batch.Get(); batch != nil && !conf.IsSet("sending_queue::batch::sizer") &&
			!conf.IsSet("sending_queue::batch::min_size") && !conf.IsSet("sending_queue::batch::max_size") {
			batch.Sizer = exporterhelper.RequestSizerTypeItems
		}
	}
	c.warnings = nil
	if conf.IsSet("max_retries") {
		c.warnings = append(c.warnings, "max_retries has no effect: requests are retried as retry_on_failure says; remove the key")
	}
	if len(c.Telemetry.Contributors) > 0 {
		c.warnings = append(c.warnings, "telemetry.contributors has no effect: the exporter reports its own counts; remove the key")
	}
	return nil
}

// Validate refuses what cannot work.
func (c *Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.NumWorkers < 0 {
		add("num_workers: %d is negative; use 1 or more, or 0 for %d", c.NumWorkers, defaultWorkers)
	}
	if c.RequestTimeoutSeconds < 0 {
		add("request_timeout_seconds: %d is negative; use 1 or more, or 0 for %d", c.RequestTimeoutSeconds, defaultTimeoutSeconds)
	}
	if c.Timeout < 0 {
		add("timeout: %s is negative; use a duration, or 0 for no limit", c.Timeout)
	}
	if err := awsclient.ValidateEndpoint(c.Endpoint); err != nil {
		errs = append(errs, err)
	}
	if err := awsclient.ValidateProxy(c.ProxyAddress); err != nil {
		errs = append(errs, err)
	}
	if c.MaxSegmentsPerSecond < 0 {
		add("max_segments_per_second: %d is negative; use 1 or more, or 0 for no limit", c.MaxSegmentsPerSecond)
	}
	if queue := c.SendingQueue.Get(); queue != nil {
		least := map[exporterhelper.RequestSizerType]int64{
			exporterhelper.RequestSizerTypeBytes: maxPortionBytes,
			exporterhelper.RequestSizerTypeItems: maxDocuments,
		}[queue.Sizer]
		if queue.QueueSize < least {
			add("sending_queue.queue_size: %d %s is less than one request may have, %d", queue.QueueSize, queue.Sizer.String(), least)
		}
	}
	if c.DeadLetterDirectory != "" {
		if !filepath.IsAbs(c.DeadLetterDirectory) {
			add("dead_letter_directory: %q is not an absolute path", c.DeadLetterDirectory)
		}
		if c.DeadLetterMaxBytes < minDeadLetterBytes {
			add("dead_letter_max_bytes: %d is less than %d", c.DeadLetterMaxBytes, minDeadLetterBytes)
		}
	}
	if c.ShutdownTimeout < 0 {
		add("shutdown_timeout: %s is negative; use a duration, or 0 for not waiting", c.ShutdownTimeout)
	}
	return errors.Join(errs...)
}

// workers is how many requests may be in flight.
func (c *Config) workers() int {
	if queue := c.SendingQueue.Get(); queue != nil {
		return queue.NumConsumers
	}
	return c.NumWorkers
}

// answers tells whether the caller of the exporter waits for the result and
// learns of a failure. Otherwise the exporter has taken the data over.
func (c *Config) answers() bool {
	queue := c.SendingQueue.Get()
	return queue == nil || queue.WaitForResult
}

// persistent tells whether the queue survives the process.
func (c *Config) persistent() bool {
	queue := c.SendingQueue.Get()
	return queue != nil && queue.StorageID != nil
}
