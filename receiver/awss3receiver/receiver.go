package awss3receiver

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/receiver/awss3receiver/internal/metadata"
)

// s3Receiver replays the objects of one signal, once.
type s3Receiver struct {
	cfg       *Config
	set       receiver.Settings
	signal    signal
	telemetry *metadata.TelemetryBuilder
	count     *counters

	open    func(ctx context.Context) (store, error) // replaced by tests
	running sync.WaitGroup
	cancel  context.CancelFunc
	ended   sync.Once
}

func newReceiver(cfg *Config, set receiver.Settings, s signal) (*s3Receiver, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	transport := "s3"
	if cfg.Directory != "" {
		transport = "file"
	}
	s.obs.signal = s.name
	s.obs.report, err = receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             set.ID,
		Transport:              transport,
		LongLivedCtx:           true,
		ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	r := &s3Receiver{cfg: cfg, set: set, signal: s, telemetry: telemetry, count: &counters{telemetry}}
	r.open = r.openStore
	return r, nil
}

func (r *s3Receiver) openStore(ctx context.Context) (store, error) {
	if r.cfg.Directory != "" {
		return &folder{root: r.cfg.Directory}, nil
	}
	return openBucket(ctx, &r.cfg.S3Downloader, r.set.BuildInfo, func(f awsclient.Failure) {
		r.count.storeFailed(f)
		r.set.Logger.Warn("A request to S3 failed and is tried again", zap.Error(f))
	})
}

// Start implements component.Component. It begins the replay and returns.
func (r *s3Receiver) Start(ctx context.Context, host component.Host) error {
	if r.cfg.S3Downloader.EndpointPartitionID != "" && r.cfg.S3Downloader.EndpointPartitionID != defaultPartitionID {
		r.set.Logger.Warn("s3downloader::endpoint_partition_id has no effect: the region says the partition; remove the key")
	}
	replay, err := r.newReplay(ctx, host)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.running.Go(func() {
		replay.run(running)
		if b, ok := replay.store.(*bucket); ok {
			b.sdk.Close()
		}
	})
	return nil
}

func (r *s3Receiver) newReplay(ctx context.Context, host component.Host) (*replay, error) {
	start, end, err := r.cfg.span()
	if err != nil {
		return nil, err
	}
	layouts, err := r.cfg.S3Downloader.layouts()
	if err != nil {
		return nil, err
	}
	ids, err := r.cfg.traceIDs()
	if err != nil {
		return nil, err
	}
	if err := r.signal.findDecoders(r.cfg.Encodings, host); err != nil {
		return nil, err
	}
	path := r.cfg.Checkpoint
	if path != "" && r.signal.name != signalTraces {
		path += "." + r.signal.name
	}
	checkpoint, err := openCheckpoint(path, r.cfg.fingerprint(r.signal.name))
	if err != nil {
		return nil, err
	}
	services := make(map[string]struct{}, len(r.cfg.Services))
	for _, name := range r.cfg.Services {
		services[name] = struct{}{}
	}
	s, err := r.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("s3downloader: %w", err)
	}
	return &replay{
		cfg:        r.cfg,
		start:      start,
		end:        end,
		layouts:    layouts,
		query:      archive.Query{From: start.UnixNano(), To: end.UnixNano(), TraceIDs: ids, Services: services},
		signal:     r.signal,
		store:      s,
		host:       host,
		logger:     r.set.Logger,
		count:      r.count,
		pace:       pace{perSecond: r.cfg.RateLimit},
		checkpoint: checkpoint,
		unknown:    map[string]struct{}{},
	}, nil
}

// Shutdown implements component.Component. The replay ends where it is; its
// checkpoint, if there is one, says where to go on. It may be called without
// Start, and again.
func (r *s3Receiver) Shutdown(context.Context) error {
	r.ended.Do(func() {
		if r.cancel != nil {
			r.cancel()
		}
		r.running.Wait()
		r.telemetry.Shutdown()
	})
	return nil
}
