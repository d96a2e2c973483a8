// Package xraydaemonprovider turns the settings of the AWS X-Ray daemon into a
// collector configuration: xraydaemon:/etc/amazon/xray/cfg.yaml.
package xraydaemonprovider

import (
	"context"
	"fmt"
	"io"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/memorylimit"
	"github.com/tailwater-otel/tailwater/internal/xraydaemon"
)

// Scheme is that of the provider's URIs.
const Scheme = "xraydaemon"

// NewFactory returns the factory of the provider. After the scheme comes the
// path of a cfg.yaml, version 1 or 2; without one the provider reads the file
// that the daemon would, /etc/amazon/xray/cfg.yaml or cfg.yaml here, and takes
// the daemon's defaults if there is none.
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(set confmap.ProviderSettings) confmap.Provider {
		return &provider{logger: set.Logger, load: fromFile}
	})
}

// FactoryOf returns the factory of a provider that has its settings already,
// from a command line. The rest of its URI must be empty.
func FactoryOf(s xraydaemon.Settings) confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(set confmap.ProviderSettings) confmap.Provider {
		return &provider{logger: set.Logger, load: func(path string) (xraydaemon.Settings, error) {
			if path != "" {
				return xraydaemon.Settings{}, fmt.Errorf("the settings are known, and %q names others", path)
			}
			return s, nil
		}}
	})
}

type provider struct {
	logger *zap.Logger
	load   func(path string) (xraydaemon.Settings, error)
}

func fromFile(path string) (xraydaemon.Settings, error) {
	var args []string
	if path != "" {
		args = []string{"--config", path}
	}
	in, err := xraydaemon.Load(args, io.Discard)
	return in.Settings, err
}

// Scheme implements confmap.Provider.
func (*provider) Scheme() string { return Scheme }

// Retrieve implements confmap.Provider. It does not watch the file.
func (p *provider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	path, ok := strings.CutPrefix(uri, Scheme+":")
	if !ok {
		return nil, fmt.Errorf("URI %q is not of the scheme %s", uri, Scheme)
	}
	s, err := p.load(path)
	if err != nil {
		return nil, err
	}
	for _, warning := range s.Warnings {
		p.logger.Warn(warning)
	}
	megabytes, err := BufferMB(s)
	if err != nil {
		return nil, err
	}
	return confmap.NewRetrieved(CollectorConfig(s, megabytes))
}

// Shutdown implements confmap.Provider.
func (*provider) Shutdown(context.Context) error { return nil }

// BufferMB returns the MiB of memory for documents that wait, on this machine.
func BufferMB(s xraydaemon.Settings) (int, error) {
	var host uint64
	if s.TotalBufferSizeMB <= 0 {
		var err error
		if host, err = xraydaemon.HostMemory(); err != nil {
			return 0, err
		}
	}
	return s.BufferMB(host, memorylimit.OfCgroup())
}
