package awsxrayexporter

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// How the X-Ray daemon reports: once a minute, 10 records a request, and up to
// 30 minutes are kept while requests fail.
const (
	recordInterval    = time.Minute
	recordsPerRequest = 10
	recordsKept       = 30
	// recordTimeout bounds the last report at shutdown.
	recordTimeout = 2 * time.Second
)

// recorder counts what the next record reports. The zero value is ready.
type recorder struct {
	received, sent, spilled, rejected atomic.Int64

	timeouts, connectionsRefused, http4xx, http5xx, unknownHosts, others atomic.Int64
}

// failure counts a request to X-Ray that failed.
func (r *recorder) failure(f awsclient.Failure) {
	switch {
	case f.Kind == awsclient.None:
	case f.Status >= 500:
		r.http5xx.Add(1)
	case f.Status >= 400:
		r.http4xx.Add(1)
	case f.Code == awsclient.CodeTimeout:
		r.timeouts.Add(1)
	case f.Code == awsclient.CodeConnectionRefused:
		r.connectionsRefused.Add(1)
	case f.Code == awsclient.CodeUnknownHost:
		r.unknownHosts.Add(1)
	default:
		r.others.Add(1)
	}
}

// record is one minute's counts as X-Ray takes them.
type record struct {
	Timestamp               float64
	SegmentsReceivedCount   int64
	SegmentsSentCount       int64
	SegmentsSpilloverCount  int64
	SegmentsRejectedCount   int64
	BackendConnectionErrors connectionErrors
}

type connectionErrors struct {
	TimeoutCount           int64
	ConnectionRefusedCount int64
	HTTPCode4XXCount       int64
	HTTPCode5XXCount       int64
	UnknownHostCount       int64
	OtherCount             int64
}

// rotate returns the counts since the last call. It is false if there are none.
func (r *recorder) rotate(now time.Time) (record, bool) {
	out := record{
		SegmentsReceivedCount:  r.received.Swap(0),
		SegmentsSentCount:      r.sent.Swap(0),
		SegmentsSpilloverCount: r.spilled.Swap(0),
		SegmentsRejectedCount:  r.rejected.Swap(0),
		BackendConnectionErrors: connectionErrors{
			TimeoutCount:           r.timeouts.Swap(0),
			ConnectionRefusedCount: r.connectionsRefused.Swap(0),
			HTTPCode4XXCount:       r.http4xx.Swap(0),
			HTTPCode5XXCount:       r.http5xx.Swap(0),
			UnknownHostCount:       r.unknownHosts.Swap(0),
			OtherCount:             r.others.Swap(0),
		},
	}
	if out == (record{}) {
		return record{}, false
	}
	out.Timestamp = float64(now.UnixMilli()) / 1e3
	return out, true
}

// reporter sends records to X-Ray. Run owns all of it.
type reporter struct {
	client   poster
	recorder *recorder
	logger   *zap.Logger
	about    about
	waiting  []record // oldest first
}

// about says who reports. Unknown members are sent as empty strings, as the
// daemon does.
type about struct {
	EC2InstanceId string //nolint // X-Ray spells it so
	Hostname      string
	ResourceARN   string
}

// newAbout collects what cfg allows to say. ask tells the host name and the
// instance id of EC2 metadata; it is called only if something is missing.
func newAbout(cfg *Config, ask func() (host, instance string)) about {
	t := cfg.Telemetry
	if !t.IncludeMetadata {
		return about{}
	}
	a := about{
		EC2InstanceId: first(t.InstanceID, os.Getenv("AWS_INSTANCE_ID")),
		Hostname:      first(t.Hostname, os.Getenv("AWS_HOSTNAME")),
		ResourceARN:   first(t.ResourceARN, cfg.ResourceARN),
	}
	if a.EC2InstanceId == "" || a.Hostname == "" {
		host, instance := ask()
		a.Hostname, a.EC2InstanceId = first(a.Hostname, host), first(a.EC2InstanceId, instance)
	}
	a.EC2InstanceId, a.Hostname, a.ResourceARN = clip(a.EC2InstanceId, 20), clip(a.Hostname, 255), clip(a.ResourceARN, 500)
	return a
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// run reports until ctx ends, and then once more.
func (r *reporter) run(ctx context.Context) {
	for {
		// Up to 6 seconds of jitter keep a fleet that started together apart.
		timer := time.NewTimer(recordInterval + rand.N(recordInterval/10))
		select {
		case <-timer.C:
			r.report(ctx)
		case <-ctx.Done():
			timer.Stop()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
			defer cancel()
			r.report(last)
			return
		}
	}
}

func (r *reporter) report(ctx context.Context) {
	if next, ok := r.recorder.rotate(time.Now()); ok {
		r.waiting = append(r.waiting, next)
		if extra := len(r.waiting) - recordsKept; extra > 0 {
			r.waiting = r.waiting[extra:]
		}
	}
	for len(r.waiting) > 0 {
		n := min(len(r.waiting), recordsPerRequest)
		body, err := json.Marshal(struct {
			about
			TelemetryRecords []record
		}{r.about, r.waiting[:n]})
		if err != nil {
			r.logger.Error("Cannot write telemetry records", zap.Error(err))
			return
		}
		f := awsclient.Classify(r.client.Post(ctx, "/TelemetryRecords", body))
		switch f.Kind {
		case awsclient.None:
		case awsclient.Permanent:
			r.logger.Warn("X-Ray refuses telemetry records; they are dropped", zap.Error(f))
		default:
			r.recorder.failure(f)
			r.logger.Debug("Telemetry records wait for the next minute", zap.Error(f))
			return
		}
		r.waiting = r.waiting[n:]
	}
}
