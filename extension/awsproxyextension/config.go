package awsproxyextension

import (
	"errors"

	"github.com/tailwater-otel/tailwater/internal/samplingapi/samplingserver"
)

// Config holds the settings of the awsproxy extension.
type Config struct {
	// The sampling API.
	Server samplingserver.Config `mapstructure:",squash"`
}

// Validate refuses settings that cannot work. It opens nothing.
func (c *Config) Validate() error {
	if c.Server.Endpoint == "" {
		return errors.New(`endpoint is ""; the extension does nothing else than to serve on it, so it must be host:port`)
	}
	return nil // the rest is refused by Server's own Validate
}
