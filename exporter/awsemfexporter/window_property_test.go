package awsemfexporter

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/emf"
	"github.com/tailwater-otel/tailwater/internal/emf/emftest"
)

// joined is everything that documents say about a series in a minute.
type joined struct {
	events, count int
	sum           float64  // of distributions
	numbers       []string // sorted
}

func (f *fixture) joined(t testing.TB, events []event) map[string]joined {
	out := map[string]joined{}
	for _, e := range events {
		d, err := emftest.Check(e.message)
		require.NoError(t, err)
		for _, directive := range d.Directives {
			for _, m := range directive.Metrics {
				key := fmt.Sprint(e.timestamp/minuteMillis, " ", d.Root["id"], " ", m.Name, " ", m.Unit, " ", directive.Dimensions)
				j := out[key]
				j.events++
				switch v := d.Root[m.Name].(type) {
				case json.Number:
					j.numbers = append(j.numbers, v.String())
				case []any:
					require.LessOrEqual(t, len(v), emf.MaxValues)
					for _, n := range v {
						j.numbers = append(j.numbers, fmt.Sprint(n))
					}
				default:
					w := weighted(t, d, m.Name)
					require.LessOrEqual(t, len(w.Values), emf.MaxValues)
					j.count, j.sum = j.count+int(w.Count), j.sum+w.Sum
				}
				slices.Sort(j.numbers)
				out[key] = j
			}
		}
	}
	return out
}

// Points in any order, in any batches, give the same as all of them in one.
func TestAnyOrderAndSplit(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		now := time.Now()
		type put func(metricsBuilder)
		var points []put
		n, seconds, ids := 50+r.IntN(600), 4*60, 3
		if seed%5 == 0 { // more values than an array may have
			n, seconds, ids = 1500, 20, 1
		}
		for range n {
			at := now.Add(-time.Duration(r.IntN(seconds)) * time.Second).Truncate(time.Second)
			id, value := fmt.Sprint(r.IntN(ids)), float64(r.IntN(1000))
			since := pcommon.NewTimestampFromTime(at.Add(-time.Minute))
			name := []string{"", "x"}[r.IntN(2)]
			points = append(points, []put{
				func(md metricsBuilder) { md.gauge("gauge", value, at, "id", id) },
				func(md metricsBuilder) { md.gauge("mixed"+name, value, at, "id", id) },
				func(md metricsBuilder) {
					md.sum("mixed"+name, "", delta, value, at, "id", id).SetStartTimestamp(since)
				},
				func(md metricsBuilder) { md.sum("sum", "By", delta, value, at, "id", id).SetStartTimestamp(since) },
				func(md metricsBuilder) { md.sum("sum", "{x}", delta, value, at, "id", id).SetStartTimestamp(since) },
				func(md metricsBuilder) {
					p := md.histogram("h", "ms", delta, at, []float64{10, 20, value + 30}, []uint64{1, 2, 3, 4}, 1000+value)
					p.SetStartTimestamp(since)
					p.Attributes().PutStr("id", id)
				},
				func(md metricsBuilder) {
					p := md.exponential("e", "ms", delta, at, int32(r.IntN(3)), int32(value)%50, 1, ones(40), 5000)
					p.SetStartTimestamp(since)
					p.Attributes().PutStr("id", id)
				},
			}[r.IntN(7)])
		}
		one, many := newFixture(t, nil), newFixture(t, nil)
		all := newMetrics()
		for _, p := range points {
			p(all)
		}
		one.gather(t.Context(), all.Metrics)
		metrics := all.scope.Metrics()
		order := r.Perm(metrics.Len())
		for len(order) > 0 {
			n := min(1+r.IntN(60), len(order))
			part := newMetrics()
			for _, i := range order[:n] {
				metrics.At(i).CopyTo(part.scope.Metrics().AppendEmpty())
			}
			many.gather(t.Context(), part.Metrics)
			order = order[n:]
		}
		want, got := one.joined(t, one.all(t.Context())), many.joined(t, many.all(t.Context()))
		require.Len(t, got, len(want), "seed %d", seed)
		for key, w := range want {
			g := got[key]
			require.InDelta(t, w.sum, g.sum, 1e-6*(1+math.Abs(w.sum)), "seed %d: %s", seed, key)
			w.sum, g.sum = 0, 0
			require.Equal(t, w, g, "seed %d: %s", seed, key)
		}
	}
}

// What joined is valid, too.
func TestAnyMetricsJoined(t *testing.T) {
	for i, change := range configs {
		f := newFixture(t, change)
		if f.translator.window == nil {
			continue
		}
		for seed := range uint64(4) {
			for batch := range uint64(12) {
				g := generator{rand.New(rand.NewPCG(seed, batch)), time.Now()}
				f.gather(t.Context(), g.metrics())
			}
			requireValidEvents(t, f, f.all(t.Context()), fmt.Sprint("config ", i, ", seed ", seed))
			held, _ := f.translator.window.held()
			require.Equal(t, size{}, size{held.values - f.translator.window.taken.values, held.bytes - f.translator.window.taken.bytes})
		}
	}
}
