package awsxrayreceiver

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/config/confignet"

	"github.com/tailwater-otel/tailwater/internal/samplingapi/samplingserver"
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
	ProxyServer samplingserver.Config `mapstructure:"proxy_server"`
}

// Validate refuses settings that cannot work. It opens nothing.
func (c *Config) Validate() error {
	var errs []error
	if err := samplingserver.CheckHostPort("endpoint", c.Endpoint); err != nil {
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

// ignoredKeys lists the keys that are set and have no effect.
func (c *Config) ignoredKeys() []string {
	var keys []string
	if c.Dialer != (confignet.DialerConfig{}) {
		keys = append(keys, "dialer")
	}
	return append(keys, c.ProxyServer.IgnoredKeys("proxy_server::")...)
}
