package samplingserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/samplingapi"
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

// logEvery bounds the lines about a sampling API that does not work.
const logEvery = time.Minute

// Observer is told what happens, as a component's metrics and status need it.
// Its methods may be called at the same time.
type Observer interface {
	// Answered counts an answer to a client; stale says that X-Ray should have
	// been asked for it and did not answer.
	Answered(operation string, status int, stale bool)
	// Asked counts a request to X-Ray by what came of it: ok, or a kind of
	// awsclient.Failure.
	Asked(operation, outcome string)
	// Dropped counts statistics of clients that are lost.
	Dropped(reason string, documents int)
	// Trouble says that X-Ray cannot be asked, and Healthy that it can.
	Trouble(err error)
	Healthy()
	// Fatal says that clients are not served any more.
	Fatal(err error)
}

// Server answers the sampling API on TCP. What it needs from AWS it looks up
// while it runs: until it has a region, each request is answered with the
// reason why it has none.
type Server struct {
	cfg       Config
	logger    *zap.Logger
	userAgent string
	observer  Observer

	api      *samplingapi.API
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

// New returns a server. It opens nothing before Start.
func New(cfg Config, logger *zap.Logger, userAgent string, observer Observer) *Server {
	return &Server{cfg: cfg, logger: logger, userAgent: userAgent, observer: observer}
}

// Start listens, and serves until Shutdown.
func (s *Server) Start(ctx context.Context) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.cfg.Endpoint)
	if err != nil {
		return err
	}
	errorLog, err := zap.NewStdLogAt(s.logger, zap.DebugLevel) // what clients do wrong
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.listener = listener
	s.upstream.Store(&upstreamState{err: errResolving})
	options := samplingapi.Options{Upstream: s.current, Observer: s}
	if s.cfg.Sampling == RecordAll {
		options.RecordAll = &samplingapi.RecordAll{MaxPerSecond: *s.cfg.RecordAllMaxPerSecond}
		s.logger.Warn("SDKs are told to record every request; without a tail sampler (xray_tail_sampling) behind this, "+
			"all of it goes to X-Ray and is billed",
			zap.Int("record_all_max_per_second", options.RecordAll.MaxPerSecond))
	}
	s.api = samplingapi.New(options)
	s.server = &http.Server{
		Handler:           s.api,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog,
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.api.Start()
	s.running.Go(func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.observer.Fatal(err)
		}
	})
	s.running.Go(func() { s.resolve(background) })
	s.logger.Info("Sampling API is served", zap.Stringer("tcp", listener.Addr()))
	return nil
}

// Addr is where the server listens, once it was started.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// resolve finds region and credentials, for as long as it takes.
func (s *Server) resolve(ctx context.Context) {
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
			s.logger.Info("Sampling API asks X-Ray", zap.String("target", client.Describe()), zap.String("endpoint", client.URL()))
			s.observer.Healthy()
			return
		}
		if ctx.Err() != nil {
			return
		}
		s.logger.Error("Sampling API cannot ask X-Ray", zap.Error(err), zap.Duration("next_try_in", wait))
		s.observer.Trouble(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (s *Server) current() (samplingapi.Upstream, error) {
	state := s.upstream.Load()
	if state.err != nil {
		return nil, state.err
	}
	return state.client, nil
}

// Answered implements samplingapi.Observer.
func (s *Server) Answered(operation string, status int, stale bool, err error) {
	s.observer.Answered(operation, status, stale)
	if status >= 400 {
		s.log("Sampling request failed", zap.String("path", operation), zap.Int("status", status), zap.Error(err))
	}
}

// Asked implements samplingapi.Observer.
func (s *Server) Asked(operation string, failure awsclient.Failure) {
	if failure.Kind == awsclient.None {
		s.observer.Asked(operation, "ok")
		s.observer.Healthy()
		return
	}
	s.observer.Asked(operation, failure.Kind.String())
	if failure.Code == awsclient.CodeCanceled {
		return // by the shutdown
	}
	if failure.Kind != awsclient.Permanent || operation == samplingapi.GetSamplingRules {
		// What X-Ray refuses for good is what a client said, and no trouble with X-Ray.
		s.observer.Trouble(fmt.Errorf("ask X-Ray: %w", failure))
	}
	s.log("X-Ray did not answer the sampling API", zap.String("path", operation), zap.Error(failure))
}

// Dropped implements samplingapi.Observer.
func (s *Server) Dropped(reason string, documents int) { s.observer.Dropped(reason, documents) }

// log writes a line now and then.
func (s *Server) log(message string, fields ...zap.Field) {
	s.mu.Lock()
	now := time.Now()
	due := now.After(s.nextLog)
	if due {
		s.nextLog = now.Add(logEvery)
	}
	s.mu.Unlock()
	if due {
		s.logger.Warn(message, fields...)
	}
}

// Shutdown stops accepting, waits for requests in progress until ctx ends, and
// delivers the statistics that are left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	s.running.Wait()
	s.api.Shutdown(ctx)
	if state := s.upstream.Load(); state.client != nil {
		state.client.Close()
	}
	return err
}
