package xraylocalextension

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// minStoreBytes leaves room for at least one trace of the largest size.
const minStoreBytes = 4 << 20

// Config is the configuration of the xray_local extension.
type Config struct {
	// Endpoint is the host and port that the X-Ray API and the pages are
	// served on, over plain HTTP. Signatures are not checked, so whoever
	// reaches the port can read and write traces: keep it on loopback. There,
	// only requests that name a loopback host are answered.
	Endpoint string `mapstructure:"endpoint"`
	// Store bounds what is kept, in memory and on disk.
	Store StoreConfig `mapstructure:"store"`
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
	// Retention is how long a trace is kept after its last document. 0 keeps
	// traces as long as there is room.
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
	if c.Store.MaxBytes < minStoreBytes {
		return fmt.Errorf("store::max_bytes is %d, it must be at least %d", c.Store.MaxBytes, minStoreBytes)
	}
	if c.Store.Retention < 0 {
		return fmt.Errorf("store::retention is %v, it must be 0 or more", c.Store.Retention)
	}
	return nil
}
