package awsemfexporter

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/emf/emftest"
)

// taken returns the documents that CloudWatch has, in the order of their arrival.
func (f *fixture) taken(t testing.TB) (out []*emftest.Document) {
	t.Helper()
	for _, text := range f.logs.messages() {
		d, err := emftest.Check([]byte(text))
		require.NoError(t, err, text)
		out = append(out, d)
	}
	return out
}

// Each series has one value a minute, however many batches it came in.
func TestOneValueAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		minute := time.Now().Truncate(time.Minute).Add(time.Minute)
		time.Sleep(time.Until(minute))
		started := pcommon.NewTimestampFromTime(minute)
		for i := range 12 {
			time.Sleep(4 * time.Second)
			md := newMetrics("service.name", "shop")
			md.sum("delta", "", delta, 2, time.Now())
			md.sum("cumulative", "", cumulative, float64(3*(i+1)), time.Now()).SetStartTimestamp(started)
			md.gauge("gauge", float64(i), time.Now())
			md.histogram("h", "ms", delta, time.Now(), []float64{10, 20}, []uint64{1, 2, 0}, 35)
			require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
		}
		time.Sleep(time.Until(minute.Add(time.Minute + 4*time.Second)))
		assert.Empty(t, f.logs.messages(), "points may still come")
		time.Sleep(2 * time.Second)
		documents := f.taken(t)
		require.Len(t, documents, 1)
		rest, h := documents[0], weighted(t, documents[0], "h")
		assert.EqualValues(t, 24, number(t, rest, "delta"))
		assert.EqualValues(t, 36, number(t, rest, "cumulative"))
		assert.Len(t, rest.Root["gauge"], 12)
		assert.EqualValues(t, 36, h.Count)
		assert.EqualValues(t, 12*35, h.Sum)
		assert.Equal(t, minute.Add(48*time.Second).UnixMilli(), rest.Timestamp, "of the last point")
		require.NoError(t, f.Shutdown(context.Background()))
		assert.EqualValues(t, 1, f.sum(t, "events_sent"))
	})
}

// Points of a minute that is over wait for others from when they came.
func TestMinuteThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.AggregationWait = 3 * time.Second }).start(t)
		at := time.Now().Truncate(time.Minute).Add(-time.Hour)
		send := func() {
			md := newMetrics()
			md.sum("c", "", delta, 1, at)
			require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
		}
		for range 3 {
			send()
			time.Sleep(900 * time.Millisecond)
		}
		assert.Empty(t, f.logs.messages())
		time.Sleep(time.Second)
		require.Len(t, f.taken(t), 1)
		send() // too late: another event, which CloudWatch adds
		time.Sleep(5 * time.Second)
		documents := f.taken(t)
		require.Len(t, documents, 2)
		assert.EqualValues(t, 3, number(t, documents[0], "c"))
		assert.EqualValues(t, 1, number(t, documents[1], "c"))
		require.NoError(t, f.Shutdown(context.Background()))
	})
}

// A sender whose clock is ahead does not have its points held until then.
func TestSenderAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		md := newMetrics()
		md.gauge("g", 1, time.Now().Add(time.Hour))
		require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
		time.Sleep(time.Minute + 6*time.Second)
		assert.Len(t, f.logs.messages(), 1)
		require.NoError(t, f.Shutdown(context.Background()))
	})
}

// What was counted until the very end of a minute belongs to it: a sender that
// flushes by the wall clock has its minute out some seconds later.
func TestCountedUntilTheEndOfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		end := time.Now().Truncate(time.Minute).Add(time.Minute)
		time.Sleep(time.Until(end))
		since := pcommon.NewTimestampFromTime(end.Add(-time.Minute))
		md := newMetrics()
		md.histogram("h", "ms", delta, end, []float64{10}, []uint64{2, 0}, 10).SetStartTimestamp(since)
		md.sum("c", "", delta, 4, end).SetStartTimestamp(since)
		md.sum("unknown", "", delta, 4, end)
		md.gauge("g", 1, end).SetStartTimestamp(since)
		p := md.sum("fine", "", delta, 4, end)
		p.SetStartTimestamp(since)
		p.Attributes().PutInt(resolutionAttribute, 1)
		require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
		time.Sleep(time.Second)
		got := map[string]int64{}
		note := func() {
			for _, d := range f.taken(t) {
				for _, name := range d.Metrics() {
					got[name] = d.Timestamp - end.UnixMilli()
				}
			}
		}
		note()
		assert.Equal(t, map[string]int64{"fine": 0}, got, "high resolution waits for nothing")
		time.Sleep(5 * time.Second)
		note()
		assert.Equal(t, map[string]int64{"fine": 0, "h": -1, "c": -1}, got)
		time.Sleep(time.Minute)
		note()
		assert.Equal(t, map[string]int64{"fine": 0, "h": -1, "c": -1, "g": 0, "unknown": 0}, got)
		require.NoError(t, f.Shutdown(context.Background()))
	})
}

// More than may be held is sent early, and nothing is lost.
func TestHeldIsBounded(t *testing.T) {
	for _, test := range []struct {
		reason string
		most   size
	}{{"values", size{50, 1 << 30}}, {"bytes", size{1 << 30, 50_000}}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, nil)
			w := f.translator.window
			w.most = test.most
			f.start(t)
			begun := time.Now()
			for i := range 100 {
				require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(i*10, 10).Metrics))
				f.mu.Lock()
				assert.False(t, w.openSize().over(w.most))
				f.mu.Unlock()
				synctest.Wait() // for the queue
			}
			assert.Less(t, time.Since(begun), time.Second)
			assert.Greater(t, f.sum(t, "events_early", "reason", test.reason), int64(800))
			require.NoError(t, f.Shutdown(context.Background()))
			f.logs.requireTaken(t, 1000, false)
			assert.Zero(t, f.sum(t, "events_dropped"))
		})
	}
}

// roomFor makes a queue that holds some events.
func roomFor(events int64) func(*Config) {
	return func(c *Config) {
		queue := c.SendingQueue.Get()
		queue.Sizer, queue.QueueSize = exporterhelper.RequestSizerTypeItems, events
	}
}

// away is a CloudWatch that cannot be reached, and takes its time to say so.
func away(context.Context, int, call) (string, error) {
	time.Sleep(25 * time.Second)
	return "", httpError{503, ""}
}

// While the queue has no room the window keeps what is due. Increments are
// neither lost nor there twice.
func TestWindowWaitsForTheQueue(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"full":  func(*Config) {},
		"waits": func(c *Config) { c.SendingQueue.Get().BlockOnOverflow = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, func(c *Config) {
					roomFor(40)(c)
					c.RetainInitialValueOfDeltaMetric = true
					change(c)
				}).start(t)
				f.logs.set(away)
				send := func(value float64) {
					md := newMetrics()
					for j := range 10 {
						md.sum("c", "", cumulative, value, time.Now(), "id", fmt.Sprint(j))
					}
					begun := time.Now()
					require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
					require.Zero(t, time.Since(begun), "it does not wait")
				}
				for i := range 12 { // minutes, of which the queue holds 4
					send(float64(2*i + 1))
					time.Sleep(30 * time.Second)
					send(float64(2*i + 2))
					time.Sleep(30 * time.Second)
				}
				f.mu.Lock()
				held, since := f.translator.window.held()
				f.mu.Unlock()
				assert.Greater(t, held.values, 50)
				assert.Greater(t, time.Since(since), 5*time.Minute)
				assert.Zero(t, f.sum(t, "events_dropped"))
				f.logs.set(nil)
				time.Sleep(5 * time.Minute)
				require.NoError(t, f.Shutdown(context.Background()))
				total := map[any]float64{}
				for _, d := range f.taken(t) {
					total[d.Root["id"]] += number(t, d, "c")
				}
				assert.Len(t, total, 10)
				for id, sum := range total {
					assert.EqualValues(t, 24, sum, id)
				}
				assert.Equal(t, f.sum(t, "events_made"), f.sum(t, "events_sent"))
			})
		})
	}
}

// If the window is full, too, the oldest is dropped and counted.
func TestWindowIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, roomFor(40))
		f.translator.window.most.values = 100
		f.start(t)
		f.logs.set(away)
		n := 0
		for range 15 {
			md := newMetrics()
			for range 20 {
				md.sum("c", "", delta, 1, time.Now(), "id", fmt.Sprint(n))
				n++
			}
			require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
			time.Sleep(time.Minute)
			f.mu.Lock()
			assert.False(t, f.translator.window.size.over(f.translator.window.most))
			f.mu.Unlock()
		}
		assert.Positive(t, f.sum(t, "events_dropped", "reason", "queue_full"))
		assert.Contains(t, f.host.statuses(), componentstatus.StatusRecoverableError)
		f.logs.set(nil)
		time.Sleep(5 * time.Minute)
		require.NoError(t, f.Shutdown(context.Background()))
		dropped := f.sum(t, "events_dropped", "reason", "queue_full")
		assert.EqualValues(t, n, f.sum(t, "events_made"))
		assert.EqualValues(t, n, f.sum(t, "events_sent")+dropped)
		assert.Equal(t, n-int(dropped), len(f.logs.taken))
	})
}

// A shutdown hands everything to the queue, also if that takes a while.
func TestShutdownEmptiesTheWindow(t *testing.T) {
	fill := func(t *testing.T, f *fixture) {
		for i := range 3 {
			require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(20*i, 20).Metrics))
		}
	}
	small := roomFor(20)
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, small).start(t)
		f.logs.set(func(context.Context, int, call) (string, error) { time.Sleep(100 * time.Millisecond); return `{}`, nil })
		fill(t, f)
		require.NoError(t, f.Shutdown(context.Background()))
		f.logs.requireTaken(t, 60, false)
		require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(100, 1).Metrics), "too late")
		assert.EqualValues(t, 1, f.sum(t, "events_dropped", "reason", "shutdown"))
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, small).start(t)
		f.logs.set(func(context.Context, int, call) (string, error) { return "", httpError{503, ""} })
		fill(t, f)
		begun := time.Now()
		require.NoError(t, f.Shutdown(context.Background()))
		assert.Equal(t, f.cfg.ShutdownTimeout, time.Since(begun))
		assert.EqualValues(t, 60, f.sum(t, "events_dropped", "reason", "shutdown"))
		assert.EqualValues(t, 60, f.sum(t, "events_made"))
	})
}

// Many callers and the flusher at once, with minutes that are over and a window
// that is often full.
func TestManyCallersJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.AggregationWait = 10 * time.Millisecond })
		f.translator.window.most.values = 40
		f.start(t)
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() {
				for j := range 100 {
					md := newMetrics()
					md.sum("c", "", delta, 1, time.Now().Add(-time.Duration(j%7)*time.Minute), "id", fmt.Sprint(j%30))
					assert.NoError(t, f.ConsumeMetrics(context.Background(), md.Metrics))
					time.Sleep(time.Duration(i) * time.Millisecond)
				}
			})
		}
		group.Wait()
		require.NoError(t, f.Shutdown(context.Background()))
		total := 0.0
		for text, times := range f.logs.taken {
			d, err := emftest.Check([]byte(text))
			require.NoError(t, err)
			total += number(t, d, "c") * float64(times)
		}
		assert.EqualValues(t, 1000, total)
	})
}
