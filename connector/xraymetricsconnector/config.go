package xraymetricsconnector

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config is the configuration of the xray_metrics connector.
type Config struct {
	// CloudWatch namespace of the metrics, 1 to 255 of the characters A-Z a-z 0-9 . _ - / # : and space.
	Namespace string `mapstructure:"namespace"`
	// Put the metrics of services into the namespace `ApplicationSignals` and the log group `/aws/application-signals/data`, instead of `namespace` and the exporter's log group. Those of `groups` stay in `namespace`.
	ApplicationSignals bool `mapstructure:"application_signals"`
	// Time between two flushes, 1 s to 1 h. They fall on whole multiples of it by the wall clock.
	MetricsFlushInterval time.Duration `mapstructure:"metrics_flush_interval"`
	// Sets of dimensions; those with a `Remote…` key are of calls, the others of requests. Without a set for calls or for requests, these are not counted. Sets whose keys a series lacks are skipped by the exporter.
	DimensionSets [][]string `mapstructure:"dimension_sets"`
	// X-Ray groups: traces that are counted as a whole, by filter expressions. Without any, no trace is held.
	Groups []GroupConfig `mapstructure:"groups"`
	// Time after a trace's first span at which it is counted in groups at the latest. 1 s to 1 h.
	DecisionWait time.Duration `mapstructure:"decision_wait"`
	// Time without a new span after which a trace is counted in groups if its entry span has ended and no parent is missing. Up to `decision_wait`.
	DecisionIdle time.Duration `mapstructure:"decision_idle"`
	// What a parent that is not there means to groups: `wait` takes it for a request that still runs, until `decision_wait`; `ignore` takes it for one that never comes.
	MissingParent string `mapstructure:"missing_parent"`
	// Memory for the summaries of traces that are not counted in groups yet.
	Buffer BufferConfig `mapstructure:"buffer"`
	// Bounds of the number of series.
	Cardinality CardinalityConfig `mapstructure:"cardinality"`
	// Latencies.
	Histogram HistogramConfig `mapstructure:"histogram"`
	// Time that a shutdown takes at most for the last flush; what is not delivered then is counted and lost.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
}

// GroupConfig is a group of traces.
type GroupConfig struct {
	// Name, 1 to 32 letters, digits and dashes: the dimension `GroupName`.
	Name string `mapstructure:"name"`
	// X-Ray filter expression.
	Filter string `mapstructure:"filter"`
}

// BufferConfig bounds memory.
type BufferConfig struct {
	// Bytes of all summaries. When it is full, the oldest traces are counted early. 0 means an eighth of the process's memory limit, or 128 MiB where it has none.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// Bytes of a summary at which its trace is counted, and further spans of it are left out. 4 KiB to 1 GiB; half of `max_bytes` where that is less.
	MaxTraceBytes int64 `mapstructure:"max_trace_bytes"`
}

// CardinalityConfig bounds the number of series.
type CardinalityConfig struct {
	// Sets of operation, remote service and remote operation that a service has of its own: those with most traffic. The others are one: `AllOtherOperations`, and for each remote service `AllOtherRemoteOperations`. 1 to 10000.
	PerService int `mapstructure:"per_service"`
	// Services, each in one environment. Those that come when there are so many are one: `AllOtherServices`. 1 to 100000.
	Services int `mapstructure:"services"`
	// Sets of all services, at about 1 KiB each when they have traffic. Those that come when there are so many are rolled up. 1 to 10000000.
	Series int `mapstructure:"series"`
}

// HistogramConfig says how exact latencies are.
type HistogramConfig struct {
	// Buckets of an exponential histogram, 8 to 1024. The middle of one of 160 is within 2.2 % of every value in it while the slowest request takes up to 900 times as long as the fastest, and within 4.4 % up to 800,000 times.
	MaxSize int32 `mapstructure:"max_size"`
}

// The limits of the configuration.
const (
	maxNamespace  = 255
	minInterval   = time.Second
	maxInterval   = time.Hour
	maxPerService = 10_000
	maxServices   = 100_000
	maxSeries     = 10_000_000
	minBuckets    = 8
	maxBuckets    = 1024
	maxSets       = 50
	maxGroups     = 100

	minBufferBytes = 1 << 20
	minTraceBytes  = 1 << 12
	maxTraceBytes  = 1 << 30 // a trace's facts are addressed with 32 bits
)

// The values of missing_parent.
const (
	missingWait   = "wait"
	missingIgnore = "ignore"
)

// Validate returns everything that is wrong with the configuration.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !validNamespace(c.Namespace) {
		bad("namespace is %q, allowed are 1 to %d of the characters A-Z a-z 0-9 . _ - / # : and space, not all of them spaces", c.Namespace, maxNamespace)
	}
	if c.MetricsFlushInterval < minInterval || c.MetricsFlushInterval > maxInterval {
		bad("metrics_flush_interval is %v, allowed is %v to %v", c.MetricsFlushInterval, minInterval, maxInterval)
	}
	if n := len(c.DimensionSets); n < 1 || n > maxSets {
		bad("dimension_sets has %d sets, allowed are 1 to %d", n, maxSets)
	}
	for i, set := range c.DimensionSets {
		if len(set) == 0 {
			bad("dimension_sets::%d is empty", i)
		}
		for j, key := range set {
			if !slices.Contains(dimensionNames[:], key) {
				bad("dimension_sets::%d has %q, allowed are %q", i, key, dimensionNames)
			}
			if slices.Contains(set[:j], key) {
				bad("dimension_sets::%d has %q twice", i, key)
			}
		}
	}
	if len(c.Groups) > maxGroups {
		bad("groups has %d groups, allowed are %d", len(c.Groups), maxGroups)
	}
	_, _, wrong := compileGroups(c.Groups)
	errs = append(errs, wrong...)
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
	for _, limit := range []struct {
		key              string
		value, low, high int
	}{
		{"cardinality::per_service", c.Cardinality.PerService, 1, maxPerService},
		{"cardinality::services", c.Cardinality.Services, 1, maxServices},
		{"cardinality::series", c.Cardinality.Series, 1, maxSeries},
		{"histogram::max_size", int(c.Histogram.MaxSize), minBuckets, maxBuckets},
	} {
		if limit.value < limit.low || limit.value > limit.high {
			bad("%s is %d, allowed is %d to %d", limit.key, limit.value, limit.low, limit.high)
		}
	}
	if c.ShutdownTimeout < 0 {
		bad("shutdown_timeout is %v, allowed is 0 or more", c.ShutdownTimeout)
	}
	return errors.Join(errs...)
}

func validNamespace(name string) bool {
	if len(name) > maxNamespace {
		return false
	}
	blank := true
	for i := range len(name) {
		switch c := name[i]; {
		case c == ' ':
			continue
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == '-', c == '/', c == '#', c == ':':
		default:
			return false
		}
		blank = false
	}
	return !blank
}
