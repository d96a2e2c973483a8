package xraylocalextension

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// minStoreBytes leaves room for at least one trace of the largest size, and for
// the log events of one request.
const minStoreBytes = 4 << 20

// Config is the configuration of the xray_local extension.
type Config struct {
	// Endpoint is the host and port that the X-Ray API, the APIs of CloudWatch
	// and CloudWatch Logs and the pages are served on, over plain HTTP.
	// Signatures are not checked, so whoever reaches the port can read and write
	// all of it: keep it on loopback. There, only requests that name a loopback
	// host are answered.
	Endpoint string `mapstructure:"endpoint"`
	// Store bounds what is kept, in memory and on disk.
	Store StoreConfig `mapstructure:"store"`
	// DefaultRule is what the sampling rule named Default begins with. Like all
	// rules it is changed through the API; one that `store.directory` kept stays
	// as it was.
	DefaultRule RuleConfig `mapstructure:"default_rule"`
}

// RuleConfig says how much a sampling rule keeps.
type RuleConfig struct {
	// ReservoirSize is how many requests a second all clients together keep
	// before the rate applies, 0 or more.
	ReservoirSize int `mapstructure:"reservoir_size"`
	// FixedRate is the share of the other requests that is kept, 0 to 1.
	FixedRate float64 `mapstructure:"fixed_rate"`
}

// StoreConfig bounds the store.
type StoreConfig struct {
	// Directory is a folder, made if there is none, that keeps traces and
	// sampling rules, so that they are there again after a restart. One process
	// at a time may use it. Empty keeps them in memory only.
	Directory string `mapstructure:"directory"`
	// MaxBytes is the memory that traces may take, in bytes; at least 4 MiB.
	// The trace that was quiet for longest leaves first.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// LogMaxBytes is the memory that log groups and log events may take, in
	// bytes; at least 4 MiB. The events that came first leave first.
	LogMaxBytes int64 `mapstructure:"log_max_bytes"`
	// MetricMaxBytes is the memory that metrics may take, in bytes; at least
	// 4 MiB. The data points that came first leave first.
	MetricMaxBytes int64 `mapstructure:"metric_max_bytes"`
	// Retention is how long a trace is kept after its last document, and a log
	// event or a data point after its arrival. 0 keeps them as long as there is
	// room.
	Retention time.Duration `mapstructure:"retention"`
}

// Validate says what is wrong with the configuration.
func (c *Config) Validate() error {
	_, port, err := net.SplitHostPort(c.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint is %q, it must be host:port: %w", c.Endpoint, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("endpoint is %q, its port must be a number from 0 to 65535", c.Endpoint)
	}
	for _, bound := range []struct {
		key   string
		bytes int64
	}{{"max_bytes", c.Store.MaxBytes}, {"log_max_bytes", c.Store.LogMaxBytes}, {"metric_max_bytes", c.Store.MetricMaxBytes}} {
		if bound.bytes < minStoreBytes {
			return fmt.Errorf("store::%s is %d, it must be at least %d", bound.key, bound.bytes, minStoreBytes)
		}
	}
	if c.Store.Retention < 0 {
		return fmt.Errorf("store::retention is %v, it must be 0 or more", c.Store.Retention)
	}
	rule := samplingrule.Default()
	c.DefaultRule.apply(&rule)
	if err := rule.Validate(); err != nil {
		return fmt.Errorf("default_rule: %w", err)
	}
	return nil
}

func (c *RuleConfig) apply(r *samplingrule.Rule) {
	r.ReservoirSize, r.FixedRate = c.ReservoirSize, c.FixedRate
}
