// Package samplingserver serves the sampling API on TCP: the part that the
// awsxray receiver and the awsproxy extension share.
package samplingserver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configtls"
)

// The values of Config.Sampling.
const (
	Forward   = "forward"
	RecordAll = "record_all"
)

// Config holds the settings of the sampling API: SDKs ask it for sampling
// rules and targets, and it asks X-Ray, with a signature.
type Config struct {
	// The host:port on which SDKs are answered over TCP. Empty turns the
	// sampling API off. Whoever reaches it can read the sampling
	// rules and report statistics, but nothing else.
	Endpoint string `mapstructure:"endpoint"`

	// Without effect; accepted because contrib accepts it.
	Dialer confignet.DialerConfig `mapstructure:"dialer"`

	// URL of the HTTP proxy on the way to AWS. Empty takes it from the
	// environment (HTTPS_PROXY).
	ProxyAddress string `mapstructure:"proxy_address"`

	// The connection to AWS. Only `insecure` and `insecure_skip_verify` have an
	// effect: either accepts any certificate.
	TLS configtls.ClientConfig `mapstructure:"tls"`

	// AWS region to ask. Empty takes it from the environment, then from the ECS
	// and EC2 metadata services unless `local_mode` is set.
	Region string `mapstructure:"region"`

	// IAM role to assume through STS. Empty uses the
	// credentials of the environment as they are.
	RoleARN string `mapstructure:"role_arn"`

	// URL of the X-Ray API. Empty takes the one of the region.
	AWSEndpoint string `mapstructure:"aws_endpoint"`

	// Ask no metadata service.
	LocalMode bool `mapstructure:"local_mode"`

	// Service that requests are signed for. Empty means `xray`.
	ServiceName string `mapstructure:"service_name"`

	// What SDKs are told. `forward`: what X-Ray says. `record_all`: X-Ray's
	// rules, but to record every request, so that a tail sampler behind this
	// decides; without one, all of it goes to X-Ray and is billed.
	Sampling string `mapstructure:"sampling"`

	// Requests a second that all SDKs together record, 0 to 1000000000; 0 means
	// no cap. Must be set with `sampling: record_all`, and only then.
	RecordAllMaxPerSecond *int `mapstructure:"record_all_max_per_second"`
}

// maxRecordAll bounds record_all_max_per_second to what SDKs take as a quota.
const maxRecordAll = 1_000_000_000

// Validate refuses settings that cannot work. It opens nothing.
func (c *Config) Validate() error {
	if c.Endpoint == "" {
		return nil
	}
	var errs []error
	if err := CheckHostPort("endpoint", c.Endpoint); err != nil {
		errs = append(errs, err)
	}
	if c.ProxyAddress != "" {
		if u, err := url.Parse(c.ProxyAddress); err != nil || u.Host == "" {
			errs = append(errs, fmt.Errorf("proxy_address is %q; it must be a URL such as http://proxy.example.com:3128", c.ProxyAddress))
		}
	}
	most := c.RecordAllMaxPerSecond
	switch {
	case c.Sampling != Forward && c.Sampling != RecordAll:
		errs = append(errs, fmt.Errorf("sampling is %q; it must be %q or %q", c.Sampling, Forward, RecordAll))
	case c.Sampling == RecordAll && most == nil:
		errs = append(errs, fmt.Errorf("record_all_max_per_second is not set; with sampling: %s it must be 0 (no cap) to %d", RecordAll, maxRecordAll))
	case c.Sampling == RecordAll && (*most < 0 || *most > maxRecordAll):
		errs = append(errs, fmt.Errorf("record_all_max_per_second is %d; it must be 0 (no cap) to %d", *most, maxRecordAll))
	case c.Sampling == Forward && most != nil:
		errs = append(errs, fmt.Errorf("record_all_max_per_second is %d; it is only for sampling: %s", *most, RecordAll))
	}
	return errors.Join(errs...)
}

// CheckHostPort says what is wrong with the value of a key that must be host:port.
func CheckHostPort(key, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s is %q; it must be host:port with a port of 0 to 65535", key, value)
	}
	return nil
}

// IgnoredKeys lists the keys that are set and have no effect, each after prefix.
func (c *Config) IgnoredKeys(prefix string) []string {
	var keys []string
	if c.Dialer != (confignet.DialerConfig{}) {
		keys = append(keys, prefix+"dialer")
	}
	if c.TLS.ServerName != "" {
		keys = append(keys, prefix+"tls::server_name_override")
	}
	if c.TLS.CAFile != "" || c.TLS.CAPem != "" {
		keys = append(keys, prefix+"tls::ca_file and ca_pem")
	}
	if c.TLS.CertFile != "" || c.TLS.CertPem != "" {
		keys = append(keys, prefix+"tls::cert_file and cert_pem")
	}
	return keys
}
