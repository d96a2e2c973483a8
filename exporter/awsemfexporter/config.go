package awsemfexporter

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/emf"
)

// Config is the configuration of the awsemf exporter.
type Config struct {
	// Requests to CloudWatch Logs in flight at most. 0 means 8. `sending_queue.num_consumers` overrides it.
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
	// Never ask ECS or EC2 metadata for the region.
	LocalMode bool `mapstructure:"local_mode"`
	// Accepted and not used: CloudWatch Logs does not ask who sends.
	ResourceARN string `mapstructure:"resource_arn"`
	// IAM role to assume, for example of another account. Empty means none.
	RoleARN string `mapstructure:"role_arn"`
	// External ID that is sent with `role_arn`.
	ExternalID string `mapstructure:"external_id"`

	// Log group, with placeholders. Empty means `/metrics/<namespace>`. The scope attribute `aws.emf.log_group_name` overrides it.
	LogGroupName string `mapstructure:"log_group_name"`
	// Log stream, with placeholders. Empty means a name with the host (or pod) and the instance of this collector, which no other has.
	LogStreamName string `mapstructure:"log_stream_name"`
	// Namespace of the metrics. Empty means the resource's `service.namespace/service.name`, or one of them, or `default`. The scope attribute `aws.emf.namespace` overrides it.
	Namespace string `mapstructure:"namespace"`
	// Days that events are kept in log groups that the exporter creates. 0 means for ever.
	LogRetention int32 `mapstructure:"log_retention"`
	// Tags of log groups that the exporter creates, at most 50.
	Tags map[string]string `mapstructure:"tags"`
	// Class of log groups that the exporter creates. CloudWatch extracts metrics in `STANDARD` only.
	LogGroupClass string `mapstructure:"log_group_class"`
	// ARN of the KMS key that encrypts log groups that the exporter creates. Empty means CloudWatch's own.
	KMSKeyID string `mapstructure:"kms_key_id"`

	// Dimension sets beside the one with all labels: `NoDimensionRollup`, `SingleDimensionRollupOnly` (one set a label) or `ZeroAndSingleDimensionRollup` (those and one without dimensions). Each set is billed as another metric.
	DimensionRollupOption string `mapstructure:"dimension_rollup_option"`
	// Resource attributes that become labels.
	ResourceToTelemetrySettings ResourceToTelemetry `mapstructure:"resource_to_telemetry_conversion"`
	// Rules that say which metrics have which dimension sets. With rules, a metric that no rule matches is logged and makes no metric.
	MetricDeclarations []*MetricDeclaration `mapstructure:"metric_declarations"`
	// Units to set or replace.
	MetricDescriptors []MetricDescriptor `mapstructure:"metric_descriptors"`
	// Labels whose value is JSON and becomes an object in the event. They are no dimensions unless a rule names them.
	ParseJSONEncodedAttributeValues []string `mapstructure:"parse_json_encoded_attr_values"`
	// Send the first value of a cumulative series that began before this process, which otherwise is only the base of the next.
	RetainInitialValueOfDeltaMetric bool `mapstructure:"retain_initial_value_of_delta_metric"`
	// Write a summary as `<name>_sum`, `<name>_count` and one value for each quantile, with the label `quantile`, instead of a distribution.
	DetailedMetrics bool `mapstructure:"detailed_metrics"`
	// Add the label `kubernetes`, a JSON object, to the metrics of pods and containers, as Container Insights has it.
	EKSFargateContainerInsightsEnabled bool `mapstructure:"eks_fargate_container_insights_enabled"`
	// Version of the format: `1`, or `0` for events without `_aws`.
	Version string `mapstructure:"version"`
	// What joins to one value of a series: `minute`, all points of a minute, or `batch`, those that come together. Without a queue, or with `wait_for_result`, it is always `batch`.
	Aggregation string `mapstructure:"aggregation"`
	// How long after its end a minute still waits for points, or, if it is over when its first point comes, after that. From 0 to 5m.
	AggregationWait time.Duration `mapstructure:"aggregation_wait"`
	// Cumulative series whose last value is remembered. The points of more are dropped.
	MaxCumulativeSeries int `mapstructure:"max_cumulative_series"`

	// Where events go: `cloudwatch`, `stdout` or `agent` (the EMF socket of a CloudWatch agent).
	OutputDestination string `mapstructure:"output_destination"`
	// Address of the agent's socket, `tcp://host:port` or `udp://host:port`. Empty means AWS_EMF_AGENT_ENDPOINT, then `tcp://127.0.0.1:25888`.
	AgentEndpoint string `mapstructure:"agent_endpoint"`
	// Compression of requests: `gzip` or `none`.
	Compression string `mapstructure:"compression"`
	// Size of an event at most, from 16384 to 1048550. Regions in China may take 262118.
	MaxEventBytes int `mapstructure:"max_event_bytes"`

	// Time that one request may take. Default is `request_timeout_seconds`; 0 means no limit.
	Timeout time.Duration `mapstructure:"timeout"`
	// What waits for CloudWatch, in memory or with `storage` on disk. The size is in bytes (32 MiB) unless `queue_size` comes without a `sizer`: then, as in other exporters, it counts requests.
	SendingQueue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	// How a request that failed is tried again. `max_elapsed_time` 0 means as long as the exporter runs.
	RetryOnFailure configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Time that a shutdown waits for events to be delivered. A queue on disk keeps the rest. 0 means not to wait.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`

	// warnings are about keys that do nothing; the log tells them once.
	warnings []string
}

// MetricDescriptor sets the unit of a metric.
type MetricDescriptor struct {
	// Name of the metric.
	MetricName string `mapstructure:"metric_name"`
	// One of CloudWatch's units.
	Unit string `mapstructure:"unit"`
	// Replace the metric's own unit, if it has one.
	Overwrite bool `mapstructure:"overwrite"`
}

// ResourceToTelemetry says which attributes of the resource become labels.
type ResourceToTelemetry struct {
	// Keys that become labels, with the wildcards `*` and `?`.
	Included []string `mapstructure:"included"`
	// Keys that do not, whatever `included` says. Without `included`, all others do.
	Excluded []string `mapstructure:"excluded"`
	// Older form of `included: ["*"]`.
	Enabled bool `mapstructure:"enabled"`
	// With `enabled`, leave out `service.name`, `service.instance.id` and `service.namespace`.
	ExcludeServiceAttributes bool `mapstructure:"exclude_service_attributes"`
}

const (
	defaultWorkers        = 8
	defaultTimeoutSeconds = 30
	minEventBytes         = 16 << 10

	noRollup     = "NoDimensionRollup"
	singleRollup = "SingleDimensionRollupOnly"
	zeroRollup   = "ZeroAndSingleDimensionRollup"

	eachMinute = "minute"
	eachBatch  = "batch"
	// maxAggregationWait is enough for senders that send each minute, and five times over.
	maxAggregationWait = 5 * time.Minute

	toCloudWatch = "cloudwatch"
	toStdout     = "stdout"
	toAgent      = "agent"
)

// retentions are the days that PutRetentionPolicy takes.
var retentions = []int32{0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

var logGroupClasses = []string{"STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"}

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
		// batch names none. Our defaults are bytes.
		if batch := queue.Batch.Get(); batch != nil && !conf.IsSet("sending_queue::batch::sizer") &&
			!conf.IsSet("sending_queue::batch::min_size") && !conf.IsSet("sending_queue::batch::max_size") {
			batch.Sizer = exporterhelper.RequestSizerTypeBytes
		}
	}
	c.warnings = nil
	if conf.IsSet("max_retries") {
		c.warnings = append(c.warnings, "max_retries has no effect: requests are retried as retry_on_failure says; remove the key")
	}
	if c.ResourceARN != "" {
		c.warnings = append(c.warnings, "resource_arn has no effect: CloudWatch Logs does not ask who sends; remove the key")
	}
	if conf.IsSet("aggregation") && c.Aggregation == eachMinute && c.answers() {
		c.warnings = append(c.warnings, "aggregation: minute has no effect without a sending_queue or with its wait_for_result, because the sender waits for the result: points are joined by batch")
	}
	return nil
}

// Validate refuses what cannot work.
func (c *Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, n := range []struct {
		key   string
		value int
		most  string
	}{
		{"num_workers", c.NumWorkers, "8"},
		{"request_timeout_seconds", c.RequestTimeoutSeconds, "30"},
	} {
		if n.value < 0 {
			add("%s: %d is negative; use 1 or more, or 0 for %s", n.key, n.value, n.most)
		}
	}
	if c.Timeout < 0 {
		add("timeout: %s is negative; use a duration, or 0 for no limit", c.Timeout)
	}
	if c.ShutdownTimeout < 0 {
		add("shutdown_timeout: %s is negative; use a duration, or 0 for not waiting", c.ShutdownTimeout)
	}
	if c.AggregationWait < 0 || c.AggregationWait > maxAggregationWait {
		add("aggregation_wait: %s is not from 0 to %s", c.AggregationWait, maxAggregationWait)
	}
	if c.MaxCumulativeSeries < 1 {
		add("max_cumulative_series: %d is less than 1", c.MaxCumulativeSeries)
	}
	if c.MaxEventBytes < minEventBytes || c.MaxEventBytes > emf.MaxMessage {
		add("max_event_bytes: %d is not from %d to %d", c.MaxEventBytes, minEventBytes, emf.MaxMessage)
	}
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			add("%s: %q is none of %q", key, value, allowed)
		}
	}
	oneOf("dimension_rollup_option", c.DimensionRollupOption, noRollup, singleRollup, zeroRollup)
	oneOf("aggregation", c.Aggregation, eachMinute, eachBatch)
	oneOf("output_destination", c.OutputDestination, toCloudWatch, toStdout, toAgent)
	oneOf("compression", c.Compression, "gzip", "none")
	oneOf("version", c.Version, "1", "0")
	oneOf("log_group_class", c.LogGroupClass, logGroupClasses...)
	if !slices.Contains(retentions, c.LogRetention) {
		add("log_retention: %d days is none of %d (0 means for ever)", c.LogRetention, retentions)
	}
	if _, _, err := agentAddress(c.AgentEndpoint); c.AgentEndpoint != "" && err != nil {
		errs = append(errs, err)
	}
	if queue := c.SendingQueue.Get(); queue != nil && queue.Sizer == exporterhelper.RequestSizerTypeBytes && queue.QueueSize < maxChunkBytes {
		add("sending_queue.queue_size: %d bytes is less than one request may have, %d", queue.QueueSize, maxChunkBytes)
	}
	errs = append(errs, awsclient.ValidateEndpoint(c.Endpoint), awsclient.ValidateProxy(c.ProxyAddress),
		validateTags(c.Tags), c.ResourceToTelemetrySettings.validate())
	_, _, err := compileDeclarations(c.MetricDeclarations)
	return errors.Join(append(errs, err)...)
}

// allWarnings returns what the log says once at start.
func (c *Config) allWarnings() []string {
	all := slices.Clone(c.warnings)
	_, skipped, _ := compileDeclarations(c.MetricDeclarations)
	all = append(all, skipped...)
	for i, d := range c.MetricDescriptors {
		if d.MetricName != "" && !emf.ValidUnit(d.Unit) {
			all = append(all, fmt.Sprintf("metric_descriptors[%d] has no effect: unit %q is none of CloudWatch's", i, d.Unit))
		}
	}
	if c.OutputDestination == toCloudWatch && c.LogGroupClass != "STANDARD" {
		all = append(all, "log_group_class "+c.LogGroupClass+": CloudWatch extracts metrics only from log groups of the class STANDARD")
	}
	if c.ResourceToTelemetrySettings.Enabled || c.ResourceToTelemetrySettings.ExcludeServiceAttributes {
		all = append(all, "resource_to_telemetry_conversion: enabled and exclude_service_attributes are the older form of included and excluded")
	}
	return all
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

// joins tells whether points are joined across batches. What waits cannot be
// answered for.
func (c *Config) joins() bool { return c.Aggregation == eachMinute && !c.answers() }

// persistent tells whether the queue survives the process.
func (c *Config) persistent() bool {
	queue := c.SendingQueue.Get()
	return queue != nil && queue.StorageID != nil
}
