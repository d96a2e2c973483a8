package xraylocalextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/api"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/disk"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metadata"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/page"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
)

// What a client may take its time with. The largest request is 8 MiB on
// loopback.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// localXRay is the extension: stores and a server over them.
type localXRay struct {
	cfg      *Config
	settings component.TelemetrySettings

	telemetry *metadata.TelemetryBuilder
	folder    *disk.Folder // nil: memory only
	listener  net.Listener
	server    *http.Server
	serving   sync.WaitGroup
}

func newExtension(cfg *Config, settings component.TelemetrySettings) *localXRay {
	return &localXRay{cfg: cfg, settings: settings}
}

// Start opens the port and serves.
func (x *localXRay) Start(ctx context.Context, host component.Host) error {
	telemetry, err := metadata.NewTelemetryBuilder(x.settings)
	if err != nil {
		return err
	}
	st := &store.Store{
		MaxBytes:  x.cfg.Store.MaxBytes,
		Retention: x.cfg.Store.Retention,
		Evicted: func(reason store.Eviction, traces int) {
			telemetry.ExtensionXrayLocalTracesEvicted.Add(context.Background(), int64(traces),
				metric.WithAttributes(attribute.String("reason", string(reason))))
		},
	}
	observer := &observer{telemetry: telemetry}
	cw := newCloudWatch(x.cfg.Store, observer)
	err = errors.Join(
		cw.register(telemetry),
		telemetry.RegisterExtensionXrayLocalStoreSizeCallback(func(_ context.Context, o metric.Int64Observer) error {
			bytes, _ := st.Size(time.Now())
			o.Observe(bytes)
			return nil
		}),
		telemetry.RegisterExtensionXrayLocalStoreTracesCallback(func(_ context.Context, o metric.Int64Observer) error {
			_, traces := st.Size(time.Now())
			o.Observe(int64(traces))
			return nil
		}))
	if err != nil {
		telemetry.Shutdown()
		return err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", x.cfg.Endpoint)
	if err != nil {
		telemetry.Shutdown()
		return fmt.Errorf("serve the X-Ray API on %s: %w", x.cfg.Endpoint, err)
	}
	xray := api.New(st, observer, time.Now)
	if err := xray.SetDefaultRule(x.cfg.DefaultRule.apply); err != nil {
		telemetry.Shutdown()
		return errors.Join(fmt.Errorf("default_rule: %w", err), listener.Close())
	}
	if x.folder, err = x.restore(st, xray.Sampling(), telemetry); err != nil {
		telemetry.Shutdown()
		return errors.Join(err, listener.Close())
	}
	pages := page.New(st, cw.logs, cw.metrics, time.Now)
	x.telemetry, x.listener = telemetry, listener
	x.server = &http.Server{
		Handler:           newRouter(xray, cw, pages, observer, isLoopback(listener.Addr())),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          zap.NewStdLog(x.settings.Logger),
	}
	x.serving.Go(func() {
		if err := x.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(
				fmt.Errorf("serve the X-Ray API on %s: %w", x.cfg.Endpoint, err)))
		}
	})
	x.settings.Logger.Info("X-Ray on this machine: API and pages",
		zap.String("url", "http://"+listener.Addr().String()+"/"))
	if !isLoopback(listener.Addr()) {
		x.settings.Logger.Warn("The X-Ray API is open to whoever reaches this port: it checks no signatures",
			zap.String("endpoint", x.cfg.Endpoint))
	}
	return nil
}

// Shutdown lets requests finish until ctx ends, then cuts them off.
func (x *localXRay) Shutdown(ctx context.Context) error {
	if x.server == nil {
		return nil
	}
	err := x.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, x.server.Close())
	}
	x.serving.Wait()
	if x.folder != nil {
		err = errors.Join(err, x.folder.Close())
	}
	x.telemetry.Shutdown()
	x.server = nil
	return err
}

// observer counts what the API and the pages do.
type observer struct{ telemetry *metadata.TelemetryBuilder }

func (o *observer) Request(operation string, status int) {
	o.telemetry.ExtensionXrayLocalRequests.Add(context.Background(), 1, metric.WithAttributes(
		attribute.String("operation", operation), attribute.Int("http.response.status_code", status)))
}

func (o *observer) Accepted(documents int) {
	if documents > 0 {
		o.telemetry.ExtensionXrayLocalDocumentsAccepted.Add(context.Background(), int64(documents))
	}
}

func (o *observer) Rejected(code string, documents int) {
	o.telemetry.ExtensionXrayLocalDocumentsRejected.Add(context.Background(), int64(documents),
		metric.WithAttributes(attribute.String("code", code)))
}

func (o *observer) Telemetry(records int) {
	o.telemetry.ExtensionXrayLocalTelemetryRecords.Add(context.Background(), int64(records))
}
