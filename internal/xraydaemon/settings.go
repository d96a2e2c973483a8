// Package xraydaemon reads the command line and the configuration file of the
// AWS X-Ray daemon (version 3.6.6): the same flags, keys, defaults and errors.
package xraydaemon

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
)

// DaemonVersion is the release of the X-Ray daemon whose flags and keys these are.
const DaemonVersion = "3.6.6"

// Settings are what the daemon can be told, by its flags and its file.
type Settings struct {
	// TotalBufferSizeMB is the memory for documents that wait, in MiB. 0 or
	// less means 1 % of the machine's; see BufferMB.
	TotalBufferSizeMB int
	// Concurrency is how many requests to X-Ray are in flight at most.
	Concurrency int
	// Endpoint of X-Ray, as a URL or a host. Empty means that of the region.
	Endpoint string
	// Region of X-Ray. Empty means AWS_REGION, then ECS and EC2 metadata.
	Region string
	// UDPAddress is the host:port for segments, TCPAddress that of the sampling API.
	UDPAddress, TCPAddress string
	// LogPath is the file to log to. Empty means standard output.
	LogPath string
	// LogLevel is one of LogLevels.
	LogLevel string
	// LogRotation begins a new file after 50 MB and keeps one old one.
	LogRotation bool
	// LocalMode asks no metadata service.
	LocalMode bool
	// ResourceARN is what the telemetry says that the daemon runs on.
	ResourceARN string
	// RoleARN is a role to assume. Empty means none.
	RoleARN string
	// NoVerifySSL accepts any certificate of X-Ray.
	NoVerifySSL bool
	// ProxyAddress is a proxy, as a URL or host:port. Empty means HTTPS_PROXY.
	ProxyAddress string

	// HealthAddress and MetricsAddress are host:port of a health check and of
	// the program's own metrics for Prometheus. The daemon has neither: empty
	// means that nothing listens.
	HealthAddress, MetricsAddress string

	// Warnings say what in the file has no effect.
	Warnings []string
}

// LogLevels from most to least verbose. prod is info, dev is all there is.
var LogLevels = []string{"dev", "debug", "info", "warn", "error", "prod"}

// Defaults returns the daemon's settings without flags and without a file.
func Defaults() Settings {
	return Settings{
		Concurrency: 8,
		UDPAddress:  "127.0.0.1:2000",
		TCPAddress:  "127.0.0.1:2000",
		LogLevel:    "prod",
		LogRotation: true,
	}
}

// check refuses settings that cannot work, each named by its key and flag.
func (s *Settings) check() error {
	var errs []error
	if s.Concurrency < 1 {
		errs = append(errs, fmt.Errorf("key Concurrency is %d; it must be 1 or more", s.Concurrency))
	}
	for _, a := range []struct {
		name, value string
		optional    bool
	}{
		{"Socket.UDPAddress (--bind)", s.UDPAddress, false},
		{"Socket.TCPAddress (--bind-tcp)", s.TCPAddress, false},
		{"--health-address", s.HealthAddress, true},
		{"--metrics-address", s.MetricsAddress, true},
	} {
		if a.optional && a.value == "" {
			continue
		}
		if _, _, err := SplitAddress(a.value); err != nil {
			errs = append(errs, fmt.Errorf("%s is %q; it must be host:port with a port of 0 to 65535", a.name, a.value))
		}
	}
	if !slices.Contains(LogLevels, s.LogLevel) {
		// The daemon runs with such a level, so it is no reason not to.
		s.Warnings = append(s.Warnings, fmt.Sprintf("Log level %q is none of %v. Using prod.", s.LogLevel, LogLevels))
		s.LogLevel = "prod"
	}
	return errors.Join(errs...)
}

// SplitAddress takes host:port apart.
func SplitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, int(n), err
}

// minBufferMB is the least memory that the daemon starts with.
const minBufferMB = 3

// ErrBufferMemory says that documents would have too little memory.
const ErrBufferMemory = daemonError("Not enough Buffers Memory Allocated. Min Buffers Memory required: 3 MB.")

// BufferMB returns the MiB of memory for documents that wait: what is set, or
// 1 % of the machine's memory. That share is never more than a quarter of the
// cgroup's limit, because what the machine has is not what a container may use.
// host is the machine's memory in bytes, limit that of the cgroup, 0 if none.
func (s Settings) BufferMB(host, limit uint64) (int, error) {
	n := s.TotalBufferSizeMB
	if n <= 0 {
		share := host / 100
		if limit > 0 {
			share = min(share, max(limit/4, minBufferMB<<20))
		}
		n = int(min(share>>20, math.MaxInt32))
	}
	if n < minBufferMB {
		return 0, ErrBufferMemory
	}
	return n, nil
}
