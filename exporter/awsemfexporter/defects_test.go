package awsemfexporter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/emf"
	"github.com/tailwater-otel/tailwater/internal/emf/emftest"
)

// What other exporters of the format get wrong: a test for each.

// A throttled request is sent again, not dropped.
func TestD1ThrottlingIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		f.logs.set(func(_ context.Context, n int, _ call) (string, error) {
			if n < 20 {
				return "", httpError{400, "ThrottlingException"}
			}
			return `{}`, nil
		})
		md := newMetrics()
		md.gauge("g", 1, time.Now())
		require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
		time.Sleep(time.Hour)
		require.NoError(t, f.Shutdown(context.Background()))
		assert.EqualValues(t, 1, f.sum(t, "events_sent"))
		assert.Zero(t, f.sum(t, "events_dropped"))
		assert.EqualValues(t, 20, f.sum(t, "requests", "outcome", "throttled"))
	})
}

// A reply without the deprecated nextSequenceToken is a success.
func TestD2ReplyWithoutTokenIsASuccess(t *testing.T) {
	for _, reply := range []string{`{}`, ``, `{"nextSequenceToken":null}`} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, nil).start(t)
			f.logs.set(func(context.Context, int, call) (string, error) { return reply, nil })
			md := newMetrics()
			md.gauge("g", 1, time.Now())
			require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
			time.Sleep(time.Hour)
			require.NoError(t, f.Shutdown(context.Background()))
			assert.Len(t, f.logs.requests(), 1, "%q", reply)
		})
	}
}

// Requests have up to 1 MiB.
func TestD3RequestsAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		md := newMetrics()
		for i := range 4000 {
			md.gauge("g", 1, time.Now(), "id", fmt.Sprintf("%04d%s", i, strings.Repeat("x", 900)))
		}
		require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
		require.NoError(t, f.Shutdown(context.Background()))
		total := 0
		for text := range f.logs.taken {
			total += len(text) + emf.EventOverhead
		}
		assert.Len(t, f.logs.taken, 4000)
		least := (total + emf.MaxRequest - 1) / emf.MaxRequest
		assert.LessOrEqual(t, len(f.logs.requests()), least+1)
	})
}

// A document is never cut: what is too large is split or left out whole.
func TestD4DocumentsAreNeverCut(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.ResourceToTelemetrySettings.Included = nil })
	now := time.Now() // of all points: they share a minute
	md := newMetrics()
	md.scope.Scope().Attributes().PutEmptySlice(setsAttribute).AppendEmpty().SetEmptySlice().AppendEmpty().SetStr("a")
	for i := range 200 {
		p := md.exponential(fmt.Sprint("h", i), "ms", delta, now, 5, 0, 0, ones(160), 5000)
		put(p.Attributes(), []string{"a", "1", "large", strings.Repeat("é", 300_000)})
	}
	documents := f.documents(t, md)
	seen := 0
	for _, d := range documents {
		seen += len(d.Metrics())
	}
	assert.Equal(t, 200, seen)
	assert.EqualValues(t, len(documents), f.sum(t, "events_made"))
	assert.EqualValues(t, 1, f.sum(t, "fields_dropped", "reason", "event_full"))
	assert.Equal(t, 1, f.log.FilterMessageSnippet("could not have everything").Len())
}

func ones(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i%7) + 1
	}
	return out
}

// An event has at most 100 metrics and a set at most 30 dimensions.
func TestD5LimitsOfTheFormat(t *testing.T) {
	f := newFixture(t, nil)
	now := time.Now() // of all points: they share a minute
	md := newMetrics()
	for i := range 150 {
		md.gauge(fmt.Sprint("g", i), 1, now, "a", "1")
	}
	var labels []string
	for i := range 35 {
		labels = append(labels, fmt.Sprint("l", i), "x")
	}
	md.gauge("wide", 1, now, labels...)
	documents := f.documents(t, md)
	require.Len(t, documents, 3)
	assert.Len(t, documents[0].Metrics(), 100)
	assert.Len(t, documents[1].Metrics(), 50)
	assert.Empty(t, documents[2].Metrics(), "with 35 labels it is a log")
	assert.EqualValues(t, 1, number(t, documents[2], "wide"))
	assert.EqualValues(t, 1, f.sum(t, "dimension_sets_dropped", "reason", "too_many_dimensions"))
	assert.Equal(t, "wide", f.log.FilterMessageSnippet("more than 30 dimensions").All()[0].ContextMap()["metric"])
}

// Cumulative histograms become increments.
func TestD6CumulativeHistogramsBecomeIncrements(t *testing.T) {
	f := newFixture(t, nil)
	start := time.Now().Add(-time.Hour)
	point := func(at time.Time, counts []uint64, sum float64, exponential []uint64, scale, offset int32) []*emftest.Document {
		md := newMetrics()
		md.histogram("h", "ms", cumulative, at, []float64{10, 20}, counts, sum).SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		md.exponential("e", "ms", cumulative, at, scale, offset, 1, exponential, sum).SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		return f.documents(t, md)
	}
	now := time.Now()
	assert.Empty(t, point(now, []uint64{1, 2, 3}, 100, []uint64{4, 0, 2}, 1, 3), "the base")
	assert.EqualValues(t, 2, f.sum(t, "points_dropped", "reason", "first_value"))

	d := point(now.Add(time.Second), []uint64{1, 5, 3}, 145, []uint64{4, 0, 3, 1}, 1, 3)[0]
	h := weighted(t, d, "h")
	assert.Equal(t, emf.Weighted{Values: []float64{15}, Counts: []uint64{3}, Min: 15, Max: 15, Sum: 45, Count: 3}, h)
	e := weighted(t, d, "e")
	assert.EqualValues(t, 2, e.Count)
	assert.EqualValues(t, 45, e.Sum)
	assert.Len(t, e.Values, 2)

	// The scale falls while the series goes on: 3..6 at scale 1 are 1..3 at scale 0.
	d = point(now.Add(2*time.Second), []uint64{1, 5, 4}, 150, []uint64{4, 3, 2}, 0, 1)[0]
	e = weighted(t, d, "e")
	assert.EqualValues(t, 1, e.Count)
	assert.EqualValues(t, 5, e.Sum)

	// Started again.
	d = point(now.Add(3*time.Second), []uint64{0, 1, 0}, 15, []uint64{1}, 1, 3)[0]
	assert.EqualValues(t, 1, weighted(t, d, "h").Count)
	assert.EqualValues(t, 2, weighted(t, d, "e").Count)
}

// Explicit buckets give percentiles, and an unknown minimum is not 0.
func TestD7BucketsGivePercentiles(t *testing.T) {
	f := newFixture(t, nil)
	md := newMetrics()
	md.histogram("h", "ms", delta, time.Now(), []float64{10, 20, 50}, []uint64{0, 5, 4, 1}, 300)
	w := weighted(t, f.documents(t, md)[0], "h")
	assert.EqualValues(t, 10, w.Count)
	assert.EqualValues(t, 300, w.Sum)
	require.Len(t, w.Values, 3)
	assert.Equal(t, []uint64{5, 4, 1}, w.Counts)
	for i, bounds := range [][2]float64{{10, 20}, {20, 50}, {50, 50 + 300}} {
		assert.GreaterOrEqual(t, w.Values[i], bounds[0])
		assert.LessOrEqual(t, w.Values[i], bounds[1])
	}
	assert.GreaterOrEqual(t, w.Min, 10.0)
	assert.GreaterOrEqual(t, w.Max, 50.0)
}

// Placeholders are filled in for each point.
func TestD8PlaceholdersOfEachPoint(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.LogGroupName, c.LogStreamName = "/pods/{PodName}", "{PodName}-{TaskId}" })
	md := newMetrics("aws.ecs.task.id", "t1")
	g := md.metric("g", "").SetEmptyGauge()
	for _, pod := range []string{"a", "b", ""} {
		p := g.DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		p.SetIntValue(1)
		if pod != "" {
			p.Attributes().PutStr("PodName", pod)
		}
	}
	events, _ := f.events(t.Context(), md.Metrics)
	var got []string
	for _, e := range events {
		got = append(got, e.group+" "+e.stream)
	}
	assert.Equal(t, []string{"/pods/a a-t1", "/pods/b b-t1", "/pods/undefined undefined-t1"}, got)
}

// A scope without a name has no label, whatever came before it.
func TestD9ScopesDoNotLeak(t *testing.T) {
	f := newFixture(t, nil)
	md := newMetrics()
	md.scope.Scope().SetName("lib")
	md.gauge("a", 1, time.Now())
	md.scope = md.ResourceMetrics().At(0).ScopeMetrics().AppendEmpty()
	md.gauge("b", 1, time.Now())
	documents := f.documents(t, md)
	require.Len(t, documents, 2)
	assert.Equal(t, [][]string{{"OTelLib"}}, documents[0].Directives[0].Dimensions)
	assert.Equal(t, [][]string{{}}, documents[1].Directives[0].Dimensions)
	assert.NotContains(t, documents[1].Root, "OTelLib")
}

// No unit is no Unit.
func TestD10NoEmptyUnit(t *testing.T) {
	f := newFixture(t, nil)
	md := newMetrics()
	for _, unit := range []string{"", "1", "{request}", "furlong"} {
		md.metric("g"+unit, unit).SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	}
	events, _ := f.events(t.Context(), md.Metrics)
	require.Len(t, events, 1)
	assert.NotContains(t, string(events[0].message), "Unit")
}

// Buckets beyond every number cost nothing else.
func TestD11HugeBuckets(t *testing.T) {
	f := newFixture(t, nil)
	now := time.Now() // of all points: they share a minute
	md := newMetrics()
	md.exponential("huge", "", delta, now, -20, 1, 0, []uint64{1, 1}, 1e300)
	md.exponential("tiny", "", delta, now, math.MinInt32, -5, 0, []uint64{1, 1}, 1)
	md.exponential("odd", "", delta, now, math.MaxInt32, math.MaxInt32, 3, []uint64{1, 1}, 5)
	md.gauge("other", 7, now)
	md.gauge("nan", math.NaN(), now)
	md.gauge("inf", math.Inf(-1), now)
	d := f.documents(t, md)
	require.Len(t, d, 1)
	assert.EqualValues(t, 7, number(t, d[0], "other"))
	assert.ElementsMatch(t, []string{"other", "tiny", "odd"}, d[0].Metrics())
	assert.EqualValues(t, 1, f.sum(t, "points_dropped", "reason", "out_of_range"), "a sum of 1e300")
	assert.EqualValues(t, 2, f.sum(t, "points_dropped", "reason", "not_finite"))
}

// A point outside of CloudWatch's time does not take others with it.
func TestD12OldAndNewPoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		md := newMetrics()
		now := time.Now()
		for i, age := range []time.Duration{0, 15 * 24 * time.Hour, 13 * 24 * time.Hour, -3 * time.Hour, -time.Hour, time.Minute, 30 * time.Hour} {
			md.gauge(fmt.Sprint("g", i), 1, now.Add(-age))
		}
		require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
		require.NoError(t, f.Shutdown(context.Background()))
		assert.Len(t, f.logs.taken, 5)
		assert.EqualValues(t, 1, f.sum(t, "points_dropped", "reason", "too_old"))
		assert.EqualValues(t, 1, f.sum(t, "points_dropped", "reason", "too_new"))
		assert.EqualValues(t, 5, f.sum(t, "events_sent"))
	})
}

// An increment that could not be sent is in the next one.
func TestD13IncrementsAreNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.SendingQueue = noQueue; c.RetryOnFailure.Enabled = false }).start(t)
		send := func(value float64) error {
			time.Sleep(time.Minute)
			md := newMetrics()
			md.sum("c", "", cumulative, value, time.Now())
			return f.ConsumeMetrics(t.Context(), md.Metrics)
		}
		require.NoError(t, send(10))
		require.NoError(t, send(15))
		f.logs.set(func(context.Context, int, call) (string, error) { return "", httpError{500, ""} })
		require.Error(t, send(25))
		f.logs.set(nil)
		require.NoError(t, send(26))
		require.NoError(t, f.Shutdown(context.Background()))
		var got []float64
		for _, text := range f.logs.messages() {
			d, err := emftest.Check([]byte(text))
			require.NoError(t, err)
			got = append(got, number(t, d, "c"))
		}
		assert.Equal(t, []float64{5, 11}, got)
	})
}

// A set with an empty dimension does not apply.
func TestD14NoEmptyDimensions(t *testing.T) {
	f := newFixture(t, nil)
	md := newMetrics()
	md.gauge("g", 1, time.Now(), "a", "1", "b", "", "c", " \t")
	d := f.documents(t, md)[0]
	assert.Equal(t, [][]string{{"a"}}, d.Directives[0].Dimensions)

	declared := newFixture(t, func(c *Config) {
		c.MetricDeclarations = []*MetricDeclaration{{Dimensions: [][]string{{"a", "b"}, {"a"}}, MetricNameSelectors: []string{"."}}}
	})
	assert.Equal(t, [][]string{{"a"}}, declared.documents(t, md)[0].Directives[0].Dimensions)
}

// Many callers at once: nothing is lost, nothing is twice, requests are in order.
func TestD15ConcurrentCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.LogStreamName = "{PodName}" }).start(t)
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				for j := range 50 {
					md := newMetrics("PodName", fmt.Sprint("pod", j%3))
					md.gauge("g", 1, time.Now().Add(time.Duration(j-i)*time.Second), "id", fmt.Sprint(i, "/", j))
					assert.NoError(t, f.ConsumeMetrics(context.Background(), md.Metrics))
				}
			})
		}
		group.Wait()
		require.NoError(t, f.Shutdown(context.Background()))
		assert.Len(t, f.logs.taken, 1000)
		for text, n := range f.logs.taken {
			assert.Equal(t, 1, n, text)
		}
		assert.Zero(t, f.sum(t, "requests", "outcome", "refused"))
	})
}

// Series that became equal are joined.
func TestD16EqualSeriesAreJoined(t *testing.T) {
	f := newFixture(t, nil)
	now := time.Now().Truncate(time.Minute)
	md := newMetrics()
	md.sum("sum", "", delta, 2, now, "a", "1")
	md.sum("sum", "", delta, 3, now.Add(time.Second), "a", "1")
	md.gauge("gauge", 7, now, "a", "1")
	md.gauge("gauge", 9, now, "a", "1")
	md.histogram("h", "ms", delta, now, []float64{10}, []uint64{2, 0}, 10)
	md.histogram("h", "ms", delta, now, []float64{10}, []uint64{3, 1}, 40)
	documents := f.documents(t, md)
	require.Len(t, documents, 2)
	assert.EqualValues(t, 5, number(t, documents[0], "sum"))
	assert.Equal(t, []any{json.Number("7"), json.Number("9")}, documents[0].Root["gauge"])
	assert.Equal(t, now.Add(time.Second).UnixMilli(), documents[0].Timestamp)
	w := weighted(t, documents[1], "h")
	assert.EqualValues(t, 6, w.Count)
	assert.EqualValues(t, 50, w.Sum)
}

// A label with the name of a metric keeps its value.
func TestD17LabelNamedLikeAMetric(t *testing.T) {
	f := newFixture(t, nil)
	now := time.Now() // of all points: they share a minute
	md := newMetrics()
	md.gauge("state", 3, now, "state", "open", "a", "1")
	md.gauge("other", 4, now, "state", "open", "a", "1")
	documents := f.documents(t, md)
	require.Len(t, documents, 2)
	assert.EqualValues(t, 3, number(t, documents[0], "state"))
	assert.Equal(t, "open", documents[0].Root["state_label"])
	assert.Equal(t, [][]string{{"a", "state_label"}}, documents[0].Directives[0].Dimensions)
	assert.Equal(t, "open", documents[1].Root["state"], "other metrics keep the label's name")
}

// A slow CloudWatch at start costs no data: the time limit is on each request,
// and a missing group is made meanwhile.
func TestD18SlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		f.logs.strict = true
		began := time.Now()
		f.logs.set(func(ctx context.Context, _ int, _ call) (string, error) {
			if time.Since(began) > 10*time.Minute {
				return `{}`, nil
			}
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(45 * time.Second):
				return "", errors.New("too late")
			}
		})
		md := newMetrics()
		md.gauge("g", 1, time.Now())
		require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
		time.Sleep(time.Hour)
		require.NoError(t, f.Shutdown(context.Background()))
		assert.EqualValues(t, 1, f.sum(t, "events_sent"))
		assert.Zero(t, f.sum(t, "events_dropped"))
		assert.Equal(t, []string{"CreateLogStream", "CreateLogGroup", "CreateLogStream"}, f.logs.other)
	})
}
