package awsxrayreceiver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/tailwater-otel/tailwater/internal/udpsocket"
)

// Limits of the settings.
const (
	maxSockets      = 64
	minQueueBytes   = 1 << 20
	maxReceiveBytes = 1 << 30
)

// Config holds the settings of the awsxray receiver.
type Config struct {
	// The host:port on which segments are received over UDP. X-Ray SDKs send to
	// 127.0.0.1:2000 unless AWS_XRAY_DAEMON_ADDRESS says otherwise.
	Endpoint string `mapstructure:"endpoint"`

	// Must be `udp`: no X-Ray SDK sends segments in another way.
	Transport string `mapstructure:"transport"`

	// Without effect, as the receiver dials nothing; accepted because the
	// contrib receiver accepts it.
	Dialer confignet.DialerConfig `mapstructure:"dialer"`

	// Bytes of the kernel's receive buffer to ask for, for each socket. The
	// kernel may grant less; the log says how much, and how to raise it. 0 keeps
	// the system's default. At most 1 GiB.
	ReceiveBufferBytes int `mapstructure:"receive_buffer_bytes"`

	// UDP sockets, each with a reader of its own, 1 to 64. More than 1 needs
	// Linux (SO_REUSEPORT), and then a second process on the same port is no
	// error any more: it silently takes a share.
	Sockets int `mapstructure:"sockets"`

	// Bytes of datagrams that may wait to be decoded, each counted with 64 bytes
	// of overhead. When that is full the oldest is dropped and counted. At least
	// 1 MiB.
	QueueBytes int `mapstructure:"queue_bytes"`

	// Take the OTLP that ADOT for AWS Lambda sends to the same
	// port: spans of sampled and of unsampled traces, and metrics if the
	// receiver is in a metrics pipeline too.
	OTLPDatagrams bool `mapstructure:"otlp_datagrams"`

	// Time that a shutdown goes on delivering what was received; what is left is
	// counted and lost. 0 means not to wait.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`

	// The sampling API for X-Ray SDKs, on TCP.
	ProxyServer ProxyConfig `mapstructure:"proxy_server"`
}

// ProxyConfig holds the settings of the sampling API: SDKs ask it for sampling
// rules and targets, and it asks X-Ray, with a signature.
type ProxyConfig struct {
	// The host:port on which SDKs are answered over TCP. Empty turns the
	// sampling API off. Whoever reaches it can read the sampling
	// rules and report statistics, but nothing else.
	Endpoint string `mapstructure:"endpoint"`

	// Without effect; accepted because the contrib receiver accepts it.
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
}

// Validate refuses settings that cannot work. It opens nothing.
func (c *Config) Validate() error {
	var errs []error
	if err := checkHostPort("endpoint", c.Endpoint); err != nil {
		errs = append(errs, err)
	}
	if c.Transport != "udp" {
		errs = append(errs, fmt.Errorf("transport is %q; X-Ray SDKs send segments over udp only", c.Transport))
	}
	if c.ReceiveBufferBytes < 0 || c.ReceiveBufferBytes > maxReceiveBytes {
		errs = append(errs, fmt.Errorf("receive_buffer_bytes is %d; it must be 0 to %d", c.ReceiveBufferBytes, maxReceiveBytes))
	}
	if c.Sockets < 1 || c.Sockets > maxSockets {
		errs = append(errs, fmt.Errorf("sockets is %d; it must be 1 to %d", c.Sockets, maxSockets))
	} else if c.Sockets > 1 && !udpsocket.ReusePortSupported {
		errs = append(errs, fmt.Errorf("sockets is %d; this system supports only 1", c.Sockets))
	}
	if c.QueueBytes < minQueueBytes {
		errs = append(errs, fmt.Errorf("queue_bytes is %d; it must be at least %d", c.QueueBytes, minQueueBytes))
	}
	if c.ShutdownTimeout < 0 {
		errs = append(errs, fmt.Errorf("shutdown_timeout is %s; it must not be negative", c.ShutdownTimeout))
	}
	return errors.Join(errs...)
}

// Validate refuses settings that cannot work. It opens nothing.
func (c *ProxyConfig) Validate() error {
	var errs []error
	if c.Endpoint == "" {
		return nil
	}
	if err := checkHostPort("endpoint", c.Endpoint); err != nil {
		errs = append(errs, err)
	}
	if c.ProxyAddress != "" {
		if u, err := url.Parse(c.ProxyAddress); err != nil || u.Host == "" {
			errs = append(errs, fmt.Errorf("proxy_address is %q; it must be a URL such as http://proxy.example.com:3128", c.ProxyAddress))
		}
	}
	return errors.Join(errs...)
}

func checkHostPort(key, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s is %q; it must be host:port with a port of 0 to 65535", key, value)
	}
	return nil
}

// ignoredKeys lists the keys that are set and have no effect.
func (c *Config) ignoredKeys() []string {
	var keys []string
	if c.Dialer != (confignet.DialerConfig{}) {
		keys = append(keys, "dialer")
	}
	if c.ProxyServer.Dialer != (confignet.DialerConfig{}) {
		keys = append(keys, "proxy_server::dialer")
	}
	tls := c.ProxyServer.TLS
	if tls.ServerName != "" {
		keys = append(keys, "proxy_server::tls::server_name_override")
	}
	if tls.CAFile != "" || tls.CAPem != "" {
		keys = append(keys, "proxy_server::tls::ca_file and ca_pem")
	}
	if tls.CertFile != "" || tls.CertPem != "" {
		keys = append(keys, "proxy_server::tls::cert_file and cert_pem")
	}
	return keys
}
