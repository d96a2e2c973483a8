package awsxrayreceiver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/samplingapi"
	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver/internal/metadata"
)

// Bounds of the HTTP server. Clients are SDKs on the same machine or in the
// same pod, with requests of a few kilobytes.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// Waits between tries to find the region and credentials.
const (
	firstResolveWait = time.Second
	maxResolveWait   = time.Minute
)

// upstreamLogEvery bounds the lines about a sampling API that does not work.
const upstreamLogEvery = time.Minute

// samplingServer answers the sampling API on TCP. UDP does not wait for it: a
// machine without a region still receives segments, and each request is
// answered with the reason until there is one.
type samplingServer struct {
	cfg       ProxyConfig
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	userAgent string
	status    *status

	listener net.Listener
	server   *http.Server
	upstream atomic.Pointer[upstreamState]
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	nextLog time.Time
}

type upstreamState struct {
	client *awsclient.Client
	err    error
}

var errResolving = errors.New("region and credentials are still being looked up")

// start listens and serves until shutdown.
func (s *samplingServer) start(ctx context.Context) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.cfg.Endpoint)
	if err != nil {
		return listenError("tcp", s.cfg.Endpoint, "proxy_server::endpoint", err)
	}
	s.listener = listener
	s.upstream.Store(&upstreamState{err: errResolving})
	errorLog, err := zap.NewStdLogAt(s.logger, zap.DebugLevel) // what clients do wrong
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.server = &http.Server{
		Handler:           samplingapi.NewForwarder(s.current, s.answered),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog,
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.running.Go(func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.status.fatal(err)
		}
	})
	s.running.Go(func() { s.resolve(background) })
	s.logger.Info("Sampling API is served", zap.Stringer("tcp", listener.Addr()))
	return nil
}

// resolve finds region and credentials, for as long as it takes.
func (s *samplingServer) resolve(ctx context.Context) {
	service := s.cfg.ServiceName
	if service == "" {
		service = "xray"
	}
	for wait := firstResolveWait; ; wait = min(2*wait, maxResolveWait) {
		client, err := awsclient.New(ctx, awsclient.Options{
			Service:      service,
			Region:       s.cfg.Region,
			Endpoint:     s.cfg.AWSEndpoint,
			RoleARN:      s.cfg.RoleARN,
			ProxyAddress: s.cfg.ProxyAddress,
			NoVerifySSL:  s.cfg.TLS.Insecure || s.cfg.TLS.InsecureSkipVerify,
			LocalMode:    s.cfg.LocalMode,
			UserAgent:    s.userAgent,
		})
		s.upstream.Store(&upstreamState{client: client, err: err})
		if err == nil {
			s.logger.Info("Sampling API asks X-Ray", zap.String("target", client.Describe()))
			s.status.clear(troubleSampling)
			return
		}
		if ctx.Err() != nil {
			return
		}
		s.logger.Error("Sampling API cannot ask X-Ray; SDKs fall back to their local rules, segments are received all the same",
			zap.Error(err), zap.Duration("next_try_in", wait))
		s.status.trouble(troubleSampling, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (s *samplingServer) current() (samplingapi.Upstream, error) {
	state := s.upstream.Load()
	if state.err != nil {
		return nil, state.err
	}
	return state.client, nil
}

func (s *samplingServer) answered(operation string, status int, err error) {
	s.telemetry.ReceiverAwsxraySamplingRequests.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(
		attribute.String("path", operation), attribute.Int("http.response.status_code", status))))
	if status < 400 {
		return
	}
	s.mu.Lock()
	now := time.Now()
	log := now.After(s.nextLog)
	if log {
		s.nextLog = now.Add(upstreamLogEvery)
	}
	s.mu.Unlock()
	if log {
		s.logger.Warn("Sampling request failed", zap.String("path", operation), zap.Int("status", status), zap.Error(err))
	}
}

// shutdown stops accepting and waits for requests in progress until ctx ends.
func (s *samplingServer) shutdown(ctx context.Context) error {
	s.cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	s.running.Wait()
	if state := s.upstream.Load(); state.client != nil {
		state.client.Close()
	}
	return err
}
