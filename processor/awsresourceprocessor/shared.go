package awsresourceprocessor

import (
	"context"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/processor"

	"github.com/tailwater-otel/tailwater/internal/awsidentity"
	"github.com/tailwater-otel/tailwater/processor/awsresourceprocessor/internal/metadata"
)

// shared keeps one detection for each configured component. The Collector
// gives the processors of all pipelines that a component stands in the same
// Config. The entry goes when the last of them is shut down.
type shared struct {
	mu         sync.Mutex
	detections map[*Config]*detection
}

// stamper is the component in one pipeline.
type stamper struct {
	cfg    *Config
	found  *detection
	shared *shared
	once   sync.Once // of leaving
}

func (s *shared) newStamper(set processor.Settings, cfg *Config) (*stamper, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.detections[cfg]
	if d == nil {
		telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
		if err != nil {
			return nil, err
		}
		sources := awsidentity.Sources(awsidentity.Machine{}, awsidentity.Options{
			Scope:       awsidentity.Scope(cfg.Scope),
			ClusterName: cfg.ClusterName,
		})
		sources = slices.DeleteFunc(sources, func(source awsidentity.Source) bool {
			return !slices.Contains(cfg.Detectors, source.Name)
		})
		d = newDetection(cfg, sources, set.Logger, telemetry)
		s.detections[cfg] = d
	}
	d.users++
	return &stamper{cfg: cfg, found: d, shared: s}, nil
}

func (p *stamper) start(ctx context.Context, host component.Host) error {
	p.found.start(ctx, host)
	return nil
}

// shutdown may be called without start, and again.
func (p *stamper) shutdown(context.Context) error {
	p.once.Do(func() {
		p.shared.mu.Lock()
		p.found.users--
		last := p.found.users == 0
		if last {
			delete(p.shared.detections, p.cfg)
		}
		p.shared.mu.Unlock()
		if last {
			p.found.shutdown()
		}
	})
	return nil
}
