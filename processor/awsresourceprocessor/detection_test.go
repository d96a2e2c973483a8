package awsresourceprocessor

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap/zaptest"

	"github.com/tailwater-otel/tailwater/internal/awsidentity"
	"github.com/tailwater-otel/tailwater/processor/awsresourceprocessor/internal/metadata"
	"github.com/tailwater-otel/tailwater/processor/awsresourceprocessor/internal/metadatatest"
)

// fakeSource answers after a delay; the first failures attempts fail.
type fakeSource struct {
	name, platform string
	claims         bool
	delay          time.Duration
	failures       int
	err            error // of the attempts after those that fail
	attrs          map[string]any
	attempts       atomic.Int64
}

var errLate = errors.New("not ready yet")

func (f *fakeSource) source() awsidentity.Source {
	return awsidentity.Source{
		Name:     f.name,
		Platform: f.platform,
		Claims:   func() bool { return f.claims },
		Detect: func(ctx context.Context) (pcommon.Map, error) {
			attempt := f.attempts.Add(1)
			timer := time.NewTimer(f.delay)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
				return pcommon.Map{}, ctx.Err()
			}
			if int(attempt) <= f.failures {
				return pcommon.Map{}, errLate
			}
			if f.err != nil {
				return pcommon.Map{}, f.err
			}
			attrs := pcommon.NewMap()
			_ = attrs.FromRaw(f.attrs)
			attrs.PutStr("cloud.provider", "aws")
			attrs.PutStr("cloud.platform", f.platform)
			return attrs, nil
		},
	}
}

// host records the status that is reported to it.
type host struct {
	component.Host
	statuses []componentstatus.Status
}

func (h *host) Report(event *componentstatus.Event) { h.statuses = append(h.statuses, event.Status()) }

func (d *detection) raw() map[string]any {
	id := d.identity.Load()
	if id == nil {
		return nil
	}
	return id.attrs.AsRaw()
}

func newFake(t *testing.T, sources ...*fakeSource) (*detection, *componenttest.Telemetry) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	builder, err := metadata.NewTelemetryBuilder(tel.NewTelemetrySettings())
	require.NoError(t, err)
	var list []awsidentity.Source
	for _, s := range sources {
		list = append(list, s.source())
	}
	return newDetection(createDefaultConfig().(*Config), list, zaptest.NewLogger(t), builder), tel
}

// The most specific platform gives the platform, and the others what it does
// not say.
func TestPrecedence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, tel := newFake(t,
			&fakeSource{name: "elastic_beanstalk", platform: "aws_elastic_beanstalk", err: awsidentity.ErrAbsent},
			&fakeSource{name: "eks", platform: "aws_eks", delay: 300 * time.Millisecond, attrs: map[string]any{"k8s.cluster.name": "prod", "cloud.region": "eu-west-1"}},
			&fakeSource{name: "ec2", platform: "aws_ec2", attrs: map[string]any{"host.id": "i-1", "cloud.region": "us-east-1"}},
		)
		begun := time.Now()
		d.start(t.Context(), componenttest.NewNopHost())
		require.Equal(t, 300*time.Millisecond, time.Since(begun))
		require.Equal(t, map[string]any{
			"cloud.provider": "aws", "cloud.platform": "aws_eks", "k8s.cluster.name": "prod", "cloud.region": "eu-west-1", "host.id": "i-1",
		}, d.raw())
		metadatatest.AssertEqualProcessorAwsResourceDetections(t, tel, []metricdata.DataPoint[int64]{
			detections(1, "elastic_beanstalk", "absent"), detections(1, "eks", "found"), detections(1, "ec2", "found"),
		}, metricdatatest.IgnoreTimestamp())
		d.shutdown()
	})
}

func detections(n int64, detector, outcome string) metricdata.DataPoint[int64] {
	return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(
		attribute.String("detector", detector), attribute.String("outcome", outcome))}
}

// The start waits no longer than start_timeout. What answers later is taken in
// while data flows. A platform that is known from the environment is the
// platform from the start, although EC2 answers first.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ecs := &fakeSource{name: "ecs", platform: "aws_ecs", claims: true, delay: 1500 * time.Millisecond, failures: 2,
			attrs: map[string]any{"aws.ecs.task.arn": "arn"}}
		d, tel := newFake(t, ecs, &fakeSource{name: "ec2", platform: "aws_ec2", attrs: map[string]any{"host.id": "i-1"}})
		h := &host{}
		begun := time.Now()
		d.start(t.Context(), h)
		require.Equal(t, time.Second, time.Since(begun))
		early := map[string]any{"cloud.provider": "aws", "cloud.platform": "aws_ecs", "host.id": "i-1"}
		require.Equal(t, early, d.raw())

		time.Sleep(time.Second) // the first attempt has failed
		synctest.Wait()
		require.Equal(t, early, d.raw())
		require.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, h.statuses)

		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, map[string]any{"cloud.provider": "aws", "cloud.platform": "aws_ecs", "host.id": "i-1", "aws.ecs.task.arn": "arn"}, d.raw())
		require.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, h.statuses)
		require.EqualValues(t, 3, ecs.attempts.Load())
		metadatatest.AssertEqualProcessorAwsResourceDetections(t, tel, []metricdata.DataPoint[int64]{
			detections(2, "ecs", "error"), detections(1, "ecs", "found"), detections(1, "ec2", "found"),
		}, metricdatatest.IgnoreTimestamp())
		d.shutdown()
	})
}

// Nothing found is no failure, and nothing is put into resources. A detector
// whose platform may not be there at all gives up.
func TestNothingFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ec2 := &fakeSource{name: "ec2", platform: "aws_ec2", failures: 1 << 20}
		d, _ := newFake(t, &fakeSource{name: "ecs", platform: "aws_ecs", err: awsidentity.ErrAbsent}, ec2)
		h := &host{}
		d.start(t.Context(), h)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Nil(t, d.raw())
		require.Empty(t, h.statuses)
		// After 0, 1, 3, 7, 15, 31 and 63 s; the next would be after retry_for.
		require.EqualValues(t, 7, ec2.attempts.Load())
		d.running.Wait() // it has given up
		d.shutdown()
	})
}

// One whose platform is known never gives up, and asks at least once a minute.
func TestClaimedNeverGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ecs := &fakeSource{name: "ecs", platform: "aws_ecs", claims: true, failures: 1 << 20}
		d, _ := newFake(t, ecs)
		d.start(t.Context(), componenttest.NewNopHost())
		time.Sleep(time.Hour)
		synctest.Wait()
		require.InDelta(t, 64, ecs.attempts.Load(), 3)
		d.shutdown()
	})
}

// A platform that looked sure and is not there is none.
func TestClaimWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := newFake(t, &fakeSource{name: "eks", platform: "aws_eks", claims: true, err: awsidentity.ErrAbsent})
		d.start(t.Context(), componenttest.NewNopHost())
		require.Nil(t, d.raw())
		d.shutdown()
	})
}

// The end of the collector does not wait for a metadata service.
func TestShutdownDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := newFake(t, &fakeSource{name: "ec2", platform: "aws_ec2", delay: time.Hour})
		d.cfg.Timeout = 24 * time.Hour
		d.start(t.Context(), componenttest.NewNopHost())
		begun := time.Now()
		d.shutdown()
		require.Zero(t, time.Since(begun))
	})
}

// A start that is broken off does not wait for the detectors.
func TestStartCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := newFake(t, &fakeSource{name: "ec2", platform: "aws_ec2", delay: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begun := time.Now()
		d.start(ctx, componenttest.NewNopHost())
		require.Zero(t, time.Since(begun))
		d.shutdown()
	})
}

// The processors of several pipelines start one after the other, and wait for
// one start_timeout together.
func TestStartWaitsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := newFake(t, &fakeSource{name: "ec2", platform: "aws_ec2", delay: time.Hour})
		d.cfg.Timeout = 24 * time.Hour
		begun := time.Now()
		for range 4 {
			d.start(t.Context(), componenttest.NewNopHost())
		}
		require.Equal(t, time.Second, time.Since(begun))
		d.shutdown()
	})
}
