package awsproxyextension

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/extension/awsproxyextension/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/samplingapi/samplingserver"
)

// proxy runs a sampling server, and turns what it does into metrics and status.
type proxy struct {
	cfg       *Config
	logger    *zap.Logger
	userAgent string
	telemetry *metadata.TelemetryBuilder
	server    *samplingserver.Server // nil unless started

	mu      sync.Mutex
	host    component.Host
	trouble bool // is what the host was told
	ended   bool // the host knows better now
}

func newExtension(cfg *Config, set extension.Settings) (*proxy, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &proxy{
		cfg:       cfg,
		logger:    set.Logger,
		userAgent: set.BuildInfo.Command + "/" + set.BuildInfo.Version,
		telemetry: telemetry,
	}, nil
}

// Start implements component.Component.
func (p *proxy) Start(ctx context.Context, host component.Host) error {
	p.host = host
	if keys := p.cfg.Server.IgnoredKeys(""); len(keys) > 0 {
		p.logger.Warn("Settings without effect; remove them", zap.Strings("keys", keys))
	}
	server := samplingserver.New(p.cfg.Server, p.logger, p.userAgent, p)
	if err := server.Start(ctx); err != nil {
		return fmt.Errorf("listen on tcp %s, the key endpoint (an awsxray receiver with proxy_server, an X-Ray daemon or "+
			"another collector may have it): %w", p.cfg.Server.Endpoint, err)
	}
	p.server = server
	return nil
}

// Shutdown implements component.Component. It may be called without Start, and again.
func (p *proxy) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	defer p.telemetry.Shutdown()
	if p.server == nil {
		return nil
	}
	server := p.server
	p.server = nil
	return server.Shutdown(ctx)
}

// Answered implements samplingserver.Observer.
func (p *proxy) Answered(operation string, status int, stale bool) {
	p.telemetry.ExtensionAwsproxySamplingRequests.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(
		attribute.String("path", operation), attribute.Int("http.response.status_code", status))))
	if stale {
		p.telemetry.ExtensionAwsproxySamplingStaleAnswers.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("path", operation))))
	}
}

// Asked implements samplingserver.Observer.
func (p *proxy) Asked(operation, outcome string) {
	p.telemetry.ExtensionAwsproxySamplingUpstreamRequests.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(
		attribute.String("path", operation), attribute.String("outcome", outcome))))
}

// Dropped implements samplingserver.Observer.
func (p *proxy) Dropped(reason string, documents int) {
	p.telemetry.ExtensionAwsproxySamplingStatisticsDropped.Add(context.Background(), int64(documents),
		metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason))))
}

// Trouble implements samplingserver.Observer.
func (p *proxy) Trouble(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.trouble && !p.ended {
		p.trouble = true
		componentstatus.ReportStatus(p.host, componentstatus.NewRecoverableErrorEvent(err))
	}
}

// Healthy implements samplingserver.Observer.
func (p *proxy) Healthy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trouble && !p.ended {
		p.trouble = false
		componentstatus.ReportStatus(p.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

// Fatal implements samplingserver.Observer.
func (p *proxy) Fatal(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	componentstatus.ReportStatus(p.host, componentstatus.NewFatalErrorEvent(err))
}
