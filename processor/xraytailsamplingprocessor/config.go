package xraytailsamplingprocessor

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// Config is the configuration of the xray_tail_sampling processor.
type Config struct {
	// Where the sampling rules come from: exactly one of `xray`, `file` and `inline`.
	Rules RulesConfig `mapstructure:"rules"`

	// Traces that are dropped before anything else, such as health checks.
	Drop []DropConfig `mapstructure:"drop"`
	// Traces that are kept whatever the rules say. The first policy that keeps the trace names it; one that does not, because of its rate or its cap, leaves it to the next, and then to the rules.
	Keep []KeepConfig `mapstructure:"keep"`
	// A file with `drop` and `keep`, instead of both here.
	PoliciesFile configoptional.Optional[FileConfig] `mapstructure:"policies_file"`

	// Time after a trace's first span at which it is decided at the latest. 1 s to 1 h.
	DecisionWait time.Duration `mapstructure:"decision_wait"`
	// Time without a new span after which a trace is decided if its entry span has ended and no parent is missing. Up to `decision_wait`.
	DecisionIdle time.Duration `mapstructure:"decision_idle"`
	// What a parent that is not there means: `wait` takes it for a request that still runs, until `decision_wait`; `ignore` takes it for one that never comes, because a service of AWS sent it to X-Ray itself.
	MissingParent string `mapstructure:"missing_parent"`

	// Memory for traces that are not decided or not delivered yet.
	Buffer BufferConfig `mapstructure:"buffer"`
	// Decisions that are remembered for spans that come late.
	DecisionCache CacheConfig `mapstructure:"decision_cache"`

	// Forward every trace, with attributes that say what would have become of it.
	DryRun bool `mapstructure:"dry_run"`
	// Time that a shutdown takes at most to decide and forward what is pending; the rest is counted and lost.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
}

// RulesConfig is one source of rules.
type RulesConfig struct {
	// The X-Ray API, or what speaks it: rules and quotas are polled, statistics reported.
	XRay configoptional.Optional[XRayConfig] `mapstructure:"xray"`
	// An X-Ray SDK's sampling-rules.json, version 1 or 2. It is read again when it changes.
	File configoptional.Optional[FileConfig] `mapstructure:"file"`
	// Rules with the fields of the X-Ray API in snake_case. Without one named Default, X-Ray's own (1 a second and 5 %) comes last.
	Inline []RuleConfig `mapstructure:"inline"`
}

// XRayConfig says how the X-Ray API is reached.
type XRayConfig struct {
	// AWS region. Empty takes it from the environment, then from the metadata services unless `local_mode` is set.
	Region string `mapstructure:"region"`
	// URL of the API. Empty means the region's.
	Endpoint string `mapstructure:"endpoint"`
	// IAM role to assume. Empty means none.
	RoleARN string `mapstructure:"role_arn"`
	// External ID that is sent with `role_arn`.
	ExternalID string `mapstructure:"external_id"`
	// Proxy, as host:port or URL. Empty means HTTPS_PROXY and NO_PROXY of the environment.
	ProxyAddress string `mapstructure:"proxy_address"`
	// Accept any certificate of the endpoint.
	NoVerifySSL bool `mapstructure:"no_verify_ssl"`
	// Never ask ECS or EC2 metadata for the region.
	LocalMode bool `mapstructure:"local_mode"`
}

// FileConfig names a file.
type FileConfig struct {
	// Path of the file. Its content is looked at every 5 s; at most 1 MiB.
	Path string `mapstructure:"path"`
}

// RuleConfig is a sampling rule.
type RuleConfig struct {
	// Name, 1 to 32 characters. `Default` names the rule that comes last.
	RuleName string `mapstructure:"rule_name"`
	// 1 to 9999, lower first. 0 means 10000, which only the Default rule has.
	Priority int `mapstructure:"priority"`
	// Traces a second that are kept before the rate applies.
	ReservoirSize int `mapstructure:"reservoir_size"`
	// Share of the other traces that is kept, 0 to 1.
	FixedRate float64 `mapstructure:"fixed_rate"`
	// Pattern for the service's name. Like all patterns: `*` for any run, `?` for one character, empty means `*`.
	ServiceName string `mapstructure:"service_name"`
	// Pattern for the origin, such as AWS::ECS::Container.
	ServiceType string `mapstructure:"service_type"`
	// Pattern for the host of the HTTP request, without port.
	Host string `mapstructure:"host"`
	// Pattern for the HTTP method.
	HTTPMethod string `mapstructure:"http_method"`
	// Pattern for the path of the URL.
	URLPath string `mapstructure:"url_path"`
	// Pattern for the ARN of the AWS resource.
	ResourceARN string `mapstructure:"resource_arn"`
	// Patterns for attributes of the entry span or its resource, all of which must match. At most 5.
	Attributes map[string]string `mapstructure:"attributes"`
}

// DropConfig is a policy that drops traces.
type DropConfig struct {
	// Name, 1 to 32 characters, for metrics.
	Name string `mapstructure:"name"`
	// X-Ray filter expression. All that match are dropped.
	Filter string `mapstructure:"filter"`
}

// KeepConfig is a policy that keeps traces.
type KeepConfig struct {
	// Name, 1 to 32 characters. Kept spans carry it as `aws.xray.sampling_rule_name`.
	Name string `mapstructure:"name"`
	// X-Ray filter expression.
	Filter string `mapstructure:"filter"`
	// Share of the matching traces that is kept, by trace ID, above 0 up to 1. 0 means all.
	FixedRate float64 `mapstructure:"fixed_rate"`
	// Traces that this policy keeps in each second at most, in this process. 0 means no cap.
	MaxTracesPerSecond int `mapstructure:"max_traces_per_second"`
}

// BufferConfig bounds memory.
type BufferConfig struct {
	// Bytes of all pending traces and of those that wait to be sent. When it is full, the oldest are decided early. 0 means a quarter of the process's memory limit, or 256 MiB where it has none.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// Bytes at which a single trace is decided, and passed through or dropped from then on. 4 KiB to 1 GiB; half of `max_bytes` where that is less.
	MaxTraceBytes int64 `mapstructure:"max_trace_bytes"`
}

// CacheConfig bounds what is remembered of decided traces.
type CacheConfig struct {
	// Kept traces that are remembered, about 60 bytes each. The longest unused goes first.
	SampledCacheSize int `mapstructure:"sampled_cache_size"`
	// Dropped traces that are remembered, about 60 bytes each. The longest unused goes first.
	NonSampledCacheSize int `mapstructure:"non_sampled_cache_size"`
}

// The values of missing_parent.
const (
	missingWait   = "wait"
	missingIgnore = "ignore"
)

// Validate returns everything that is wrong with the configuration.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	errs = append(errs, c.Rules.validate())
	if c.PoliciesFile.HasValue() {
		if len(c.Keep)+len(c.Drop) > 0 && !c.defaultPolicies() {
			bad("policies_file and keep or drop are both set, allowed is one of them")
		}
		if c.PoliciesFile.Get().Path == "" {
			bad("policies_file::path is empty")
		}
	} else if _, err := compilePolicies(c.Drop, c.Keep); err != nil {
		errs = append(errs, err)
	}
	if c.DecisionWait < time.Second || c.DecisionWait > time.Hour {
		bad("decision_wait is %v, allowed is 1s to 1h", c.DecisionWait)
	}
	if c.DecisionIdle <= 0 || c.DecisionIdle > c.DecisionWait {
		bad("decision_idle is %v, allowed is more than 0 up to decision_wait (%v)", c.DecisionIdle, c.DecisionWait)
	}
	if c.MissingParent != missingWait && c.MissingParent != missingIgnore {
		bad("missing_parent is %q, allowed are %q and %q", c.MissingParent, missingWait, missingIgnore)
	}
	if c.Buffer.MaxBytes != 0 && c.Buffer.MaxBytes < minBufferBytes {
		bad("buffer::max_bytes is %d, allowed is 0 or at least %d", c.Buffer.MaxBytes, minBufferBytes)
	}
	if n := c.Buffer.MaxTraceBytes; n < minTraceBytes || n > maxTraceBytes {
		bad("buffer::max_trace_bytes is %d, allowed is %d to %d", n, minTraceBytes, maxTraceBytes)
	}
	for _, size := range []struct {
		key   string
		value int
	}{
		{"sampled_cache_size", c.DecisionCache.SampledCacheSize},
		{"non_sampled_cache_size", c.DecisionCache.NonSampledCacheSize},
	} {
		if size.value < 1 || size.value > maxCacheSize {
			bad("decision_cache::%s is %d, allowed is 1 to %d", size.key, size.value, maxCacheSize)
		}
	}
	if c.ShutdownTimeout < 0 {
		bad("shutdown_timeout is %v, allowed is 0 or more", c.ShutdownTimeout)
	}
	return errors.Join(errs...)
}

const (
	minBufferBytes = 1 << 20
	minTraceBytes  = 1 << 12
	maxTraceBytes  = 1 << 30 // a trace's facts are addressed with 32 bits
	maxCacheSize   = 50_000_000
)

// defaultPolicies says that keep and drop are what createDefaultConfig made.
func (c *Config) defaultPolicies() bool {
	d := createDefaultConfig().(*Config)
	if len(c.Drop) > 0 || len(c.Keep) != len(d.Keep) {
		return false
	}
	for i := range c.Keep {
		if c.Keep[i] != d.Keep[i] {
			return false
		}
	}
	return true
}

func (c *RulesConfig) validate() error {
	sources := 0
	for _, set := range []bool{c.XRay.HasValue(), c.File.HasValue(), len(c.Inline) > 0} {
		if set {
			sources++
		}
	}
	if sources != 1 {
		return fmt.Errorf("rules has %d sources, needed is exactly one of xray, file and inline", sources)
	}
	if c.File.HasValue() && c.File.Get().Path == "" {
		return errors.New("rules::file::path is empty")
	}
	if len(c.Inline) > 0 {
		if _, err := samplingrule.NewSet(c.rules(), false); err != nil {
			return fmt.Errorf("rules::inline: %w", err)
		}
	}
	return nil
}

// rules are the inline rules.
func (c *RulesConfig) rules() []samplingrule.Rule {
	rules := make([]samplingrule.Rule, len(c.Inline))
	for i, r := range c.Inline {
		if r.Priority == 0 && r.RuleName == samplingrule.DefaultName {
			r.Priority = samplingrule.Default().Priority
		}
		rules[i] = samplingrule.Rule{
			Name: r.RuleName, Priority: r.Priority, ReservoirSize: r.ReservoirSize, FixedRate: r.FixedRate,
			ServiceName: r.ServiceName, ServiceType: r.ServiceType, Host: r.Host, HTTPMethod: r.HTTPMethod,
			URLPath: r.URLPath, ResourceARN: r.ResourceARN, Attributes: r.Attributes,
		}
	}
	return rules
}
