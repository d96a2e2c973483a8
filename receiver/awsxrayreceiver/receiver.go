package awsxrayreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/samplingapi/samplingserver"
	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
	"github.com/tailwater-otel/tailwater/internal/udpsocket"
	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver/internal/metadata"
)

// maxWorkers bounds the goroutines that decode; there are no more than CPUs.
const maxWorkers = 8

// refusedLogEvery bounds the lines about a pipeline that refuses data.
const refusedLogEvery = 10 * time.Second

// xrayReceiver moves datagrams through three stages:
//
//	socket ─▶ reader ─▶ queue ─▶ workers ─▶ next consumer
//
// A reader copies and queues, nothing else. Workers decode what is queued and
// hand it on in batches; they are the only ones that wait for the pipeline.
type xrayReceiver struct {
	cfg       *Config
	logger    *zap.Logger
	id        component.ID
	telemetry *metadata.TelemetryBuilder
	counters  *counters
	badInput  badInputLog
	userAgent string

	toSpans func(*segment.Segment, ptrace.Traces) // replaced by tests

	nextTraces  consumer.Traces  // nil if in no traces pipeline
	nextMetrics consumer.Metrics // nil if in no metrics pipeline
	obsTraces   *receiverhelper.ObsReport
	obsMetrics  *receiverhelper.ObsReport

	forget func() // removes the receiver from its factory's instances

	startOnce sync.Once
	startErr  error
	stopOnce  sync.Once
	stopErr   error

	queue    *queue
	readers  []*reader
	sampling *samplingserver.Server
	reading  sync.WaitGroup
	working  sync.WaitGroup
	cancel   context.CancelFunc // ends what waits for the pipeline

	status status

	mu      sync.Mutex
	nextLog time.Time
}

func newReceiver(cfg *Config, set receiver.Settings) (*xrayReceiver, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	obs := func() (*receiverhelper.ObsReport, error) {
		return receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
			ReceiverID:             set.ID,
			Transport:              "udp",
			LongLivedCtx:           true,
			ReceiverCreateSettings: set,
		})
	}
	obsTraces, err := obs()
	if err != nil {
		return nil, err
	}
	return &xrayReceiver{
		cfg:        cfg,
		logger:     set.Logger,
		id:         set.ID,
		telemetry:  telemetry,
		counters:   newCounters(telemetry),
		badInput:   badInputLog{logger: set.Logger},
		userAgent:  set.BuildInfo.Command + "/" + set.BuildInfo.Version,
		toSpans:    segmentspan.ToSpans,
		forget:     func() {},
		obsTraces:  obsTraces,
		obsMetrics: obsTraces,
		queue:      newQueue(cfg.QueueBytes),
	}, nil
}

// Start implements component.Component. It is called once for each pipeline.
func (r *xrayReceiver) Start(ctx context.Context, host component.Host) error {
	r.status.addHost(host)
	r.startOnce.Do(func() { r.startErr = r.start(ctx) })
	return r.startErr
}

func (r *xrayReceiver) start(ctx context.Context) error {
	if keys := r.cfg.ignoredKeys(); len(keys) > 0 {
		r.logger.Warn("Settings without effect; remove them", zap.Strings("keys", keys))
	}
	if err := r.listen(ctx); err != nil {
		return err
	}
	if r.cfg.ProxyServer.Endpoint != "" {
		r.sampling = samplingserver.New(r.cfg.ProxyServer, r.logger, r.userAgent, samplingObserver{r.telemetry, &r.status})
		if err := r.sampling.Start(ctx); err != nil {
			r.sampling = nil
			r.closeSockets()
			r.readers = nil
			return listenError("tcp", r.cfg.ProxyServer.Endpoint, "proxy_server::endpoint", err)
		}
	}
	if err := r.telemetry.RegisterReceiverAwsxrayQueueSizeCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(r.queue.size()))
		// Every collection thus has the kernel's drops to the last one, even
		// when nothing has arrived since.
		for _, rd := range r.readers {
			rd.countDrops()
		}
		return nil
	}); err != nil {
		r.logger.Warn("Queue size is not measured", zap.Error(err))
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	for range min(runtime.GOMAXPROCS(0), maxWorkers) {
		w := &worker{r: r}
		r.working.Go(func() { w.run(working) })
	}
	for _, rd := range r.readers {
		r.reading.Go(rd.run)
	}
	return nil
}

// listen binds the sockets and says what the kernel granted.
func (r *xrayReceiver) listen(ctx context.Context) error {
	address := r.cfg.Endpoint
	for range r.cfg.Sockets {
		socket, err := udpsocket.Listen(ctx, udpsocket.Options{
			Address:       address,
			ReceiveBuffer: r.cfg.ReceiveBufferBytes,
			ReusePort:     r.cfg.Sockets > 1,
		})
		if err != nil {
			r.closeSockets()
			r.readers = nil
			return listenError("udp", address, "endpoint", err)
		}
		address = socket.LocalAddr().String() // with the port, if it was 0
		r.readers = append(r.readers, &reader{r: r, socket: socket})
	}
	r.logListening(address, r.readers[0].socket.ReceiveBuffer())
	return nil
}

// logListening says what the kernel granted, and how to get the rest.
func (r *xrayReceiver) logListening(address string, granted int) {
	fields := []zap.Field{zap.String("udp", address), zap.Int("sockets", len(r.readers)), zap.Int("receive_buffer_bytes", granted)}
	if granted == 0 || granted >= r.cfg.ReceiveBufferBytes {
		r.logger.Info("Segments are received", fields...)
		return
	}
	fields = append(fields, zap.Int("asked_for", r.cfg.ReceiveBufferBytes))
	if udpsocket.ReceiveBufferHint != "" {
		fields = append(fields, zap.String("raise_it_with", fmt.Sprint(udpsocket.ReceiveBufferHint, r.cfg.ReceiveBufferBytes)))
	}
	r.logger.Warn("Segments are received with a smaller buffer than asked for; the kernel drops what it cannot hold", fields...)
}

func (r *xrayReceiver) closeSockets() {
	for _, rd := range r.readers {
		_ = rd.socket.Close()
	}
}

// listenError explains why an address could not be had.
func listenError(network, address, key string, err error) error {
	if !udpsocket.AddressTaken(err) {
		return fmt.Errorf("listen on %s %s: %w", network, address, err)
	}
	_, port, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		port = address
	}
	return fmt.Errorf("%s port %s is taken, most likely by an X-Ray daemon or another collector on this machine: "+
		"stop it, or set %s to another port and AWS_XRAY_DAEMON_ADDRESS in the applications: listen on %s: %w",
		network, port, key, address, err)
}

// Shutdown implements component.Component. Within shutdown_timeout it empties
// the sockets, then the queue, and lets the workers hand on what they hold;
// what is left is counted. It may be called without Start, and again.
func (r *xrayReceiver) Shutdown(ctx context.Context) error {
	r.stopOnce.Do(func() { r.stopErr = r.shutdown(ctx) })
	return r.stopErr
}

func (r *xrayReceiver) shutdown(ctx context.Context) error {
	defer r.telemetry.Shutdown()
	defer r.forget()
	r.status.end()
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ShutdownTimeout)
	defer cancel()

	var errs []error
	for _, rd := range r.readers {
		if err := rd.socket.Interrupt(); err != nil {
			errs = append(errs, fmt.Errorf("stop reading udp: %w", err))
			_ = rd.socket.Close()
		}
	}
	r.reading.Wait()
	r.closeSockets()
	if r.cancel != nil {
		r.queue.close()
		defer r.cancel()
		if err := r.finishWork(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	if r.sampling != nil {
		if err := r.sampling.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop the sampling API: %w", err))
		}
	}
	return errors.Join(errs...)
}

// abandonGrace is how long workers have to return once they were told to give up.
const abandonGrace = time.Second

// finishWork waits for the workers, and makes them give up when ctx ends.
func (r *xrayReceiver) finishWork(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		r.working.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	left := r.queue.discard()
	r.counters.dropped(reasonShutdown, int64(left))
	r.cancel()
	r.logger.Warn("Shutdown timeout; queued datagrams are lost", zap.Int("datagrams", left), zap.Duration("shutdown_timeout", r.cfg.ShutdownTimeout))
	select {
	case <-done:
		return nil
	case <-time.After(abandonGrace):
		return errors.New("the pipeline still holds a batch and does not return")
	}
}

// reject counts a datagram that holds nothing usable, and now and then logs it.
func (r *xrayReceiver) reject(reason, words, text string, err error) {
	r.counters.rejected(reason, 1)
	r.badInput.rejected(time.Now(), words, text, err)
}

// enqueue gives datagrams to the workers.
func (r *xrayReceiver) enqueue(datagrams []string) {
	r.counters.received(int64(len(datagrams)))
	if dropped := r.queue.push(datagrams); dropped > 0 {
		r.counters.dropped(reasonQueueFull, int64(dropped))
		r.status.loss(troubleQueue, errQueueFull)
		if r.mayLog() {
			r.logger.Warn("Segment buffer is full. Dropping oldest segment document.", zap.Int("queue_bytes", r.cfg.QueueBytes))
		}
	}
}

func (r *xrayReceiver) logRefused(err error) {
	if r.mayLog() {
		r.logger.Warn("The pipeline refuses data for now; it is tried again while the queue fills", zap.Error(err))
	}
}

func (r *xrayReceiver) logLost(err error) {
	r.status.loss(troublePipeline, err)
	if r.mayLog() {
		r.logger.Error("The pipeline refused data for good; it is lost", zap.Error(err))
	}
}

func (r *xrayReceiver) mayLog() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Before(r.nextLog) {
		return false
	}
	r.nextLog = now.Add(refusedLogEvery)
	return true
}
