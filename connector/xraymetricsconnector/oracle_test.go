package xraymetricsconnector

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// total is what the oracle counts: each span by itself.
type total struct {
	count, fault, error, throttle uint64
	took                          []float64 // milliseconds
}

// random makes a batch and tells the oracle of it, by service and by service
// and operation.
func random(r *rand.Rand, services, operations int, oracle map[string]*total) ptrace.Traces {
	td := ptrace.NewTraces()
	for range 1 + r.IntN(3) {
		name := fmt.Sprintf("s%d", r.IntN(services))
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", name)
		spans := rs.ScopeSpans().AppendEmpty().Spans()
		for range r.IntN(40) {
			span := spans.AppendEmpty()
			span.SetTraceID(pcommon.TraceID{1, 15: byte(r.IntN(256))})
			operation := fmt.Sprintf("/op_%d", int(math.Abs(r.NormFloat64())*float64(operations)/3))
			took := time.Duration(math.Exp(r.NormFloat64()*1.5+15)) * time.Nanosecond
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(took)))
			a := span.Attributes()
			a.PutStr("http.route", operation)
			status := []int64{200, 200, 200, 200, 404, 429, 500, 503, 0}[r.IntN(9)]
			if status > 0 {
				a.PutInt("http.response.status_code", status)
			}
			failed := r.IntN(10) == 0
			if failed {
				span.Status().SetCode(ptrace.StatusCodeError)
			}
			switch r.IntN(10) {
			case 0: // work inside
				span.SetKind(internal)
				span.SetParentSpanID(pcommon.SpanID{1})
				continue
			case 1: // in progress
				span.SetKind(server)
				a.PutBool("aws.xray.inprogress", true)
				continue
			}
			span.SetKind(server)
			for _, key := range []string{name, name + " " + operation} {
				o := oracle[key]
				if o == nil {
					o = &total{}
					oracle[key] = o
				}
				o.count++
				o.took = append(o.took, float64(took)/1e6)
				switch {
				case status >= 500 || status < 400 && failed:
					o.fault++
				case status >= 400:
					o.error++
					if status == 429 {
						o.throttle++
					}
				}
			}
		}
	}
	return td
}

// sums adds up all that came of each service, and of each operation that was
// never rolled up.
func (r report) sums() map[string]*total {
	all := map[string]*total{}
	add := func(key string, f func(*total)) {
		fields := strings.Fields(key)
		name, operation := strings.TrimPrefix(fields[2], "Service="), strings.TrimPrefix(fields[1], "Operation=")
		for _, k := range []string{name, name + " " + operation} {
			if all[k] == nil {
				all[k] = &total{}
			}
			f(all[k])
		}
	}
	for key, p := range r["Latency"] {
		add(key, func(t *total) { t.count += p.count })
	}
	for key, p := range r["Fault"] {
		add(key, func(t *total) { t.fault += uint64(p.sum) })
	}
	for key, p := range r["Error"] {
		add(key, func(t *total) { t.error += uint64(p.sum) })
	}
	for key, p := range r["Throttle"] {
		add(key, func(t *total) { t.throttle += uint64(p.sum) })
	}
	return all
}

// Over random traffic from several goroutines and several flushes, totals are
// those of an oracle that counts one span after the other: for each service
// whatever is rolled up, for each operation where nothing is.
func TestTotalsAreThoseOfAnOracle(t *testing.T) {
	for name, perService := range map[string]int{"with room for all": 500, "rolled up": 5} {
		t.Run(name, func(t *testing.T) {
			h := prepare(t, func(c *Config) { c.Cardinality.PerService = perService })
			oracle, got := map[string]*total{}, map[string]*total{}
			r := rand.New(rand.NewPCG(7, uint64(perService)))
			for range 5 {
				var work [4][]ptrace.Traces
				for i := range 200 {
					work[i%4] = append(work[i%4], random(r, 3, 30, oracle))
				}
				var wait sync.WaitGroup
				for _, batches := range work {
					wait.Go(func() {
						for _, td := range batches {
							_ = h.ConsumeTraces(context.Background(), td)
						}
					})
				}
				wait.Wait()
				for key, s := range h.flushNow(t).sums() {
					if got[key] == nil {
						got[key] = &total{}
					}
					g := got[key]
					g.count, g.fault, g.error, g.throttle = g.count+s.count, g.fault+s.fault, g.error+s.error, g.throttle+s.throttle
				}
			}
			require.NotEmpty(t, oracle)
			for key, want := range oracle {
				if perService < 100 && strings.Contains(key, " ") {
					continue
				}
				require.NotNil(t, got[key], key)
				w := *want
				w.took = nil
				assert.Equal(t, w, *got[key], key)
			}
		})
	}
}

// Percentiles of the histogram are within its own relative error of the true
// ones, in one flush, with the buckets of the default.
func TestPercentiles(t *testing.T) {
	for seed := range uint64(5) {
		h := prepare(t, nil)
		oracle := map[string]*total{}
		r := rand.New(rand.NewPCG(11, seed))
		for range 500 {
			h.send(t, random(r, 2, 4, oracle))
		}
		checked := 0
		for key, p := range h.flushNow(t)["Latency"] {
			fields := strings.Fields(key)
			o := oracle[strings.TrimPrefix(fields[2], "Service=")+" "+strings.TrimPrefix(fields[1], "Operation=")]
			require.NotNil(t, o, key)
			slices.Sort(o.took)
			sum := 0.0
			for _, ms := range o.took {
				sum += ms
			}
			assert.InEpsilon(t, sum, p.sum, 1e-9)
			assert.Equal(t, o.took[0], p.min)
			assert.Equal(t, o.took[len(o.took)-1], p.max)
			// Half a bucket, from its middle to its end.
			within := math.Exp2(math.Exp2(-float64(p.exp.Scale()))/2) - 1 + 1e-9
			for _, q := range []float64{0.5, 0.9, 0.99} {
				rank := int(math.Ceil(q*float64(len(o.took)))) - 1
				assert.InEpsilon(t, o.took[rank], quantile(p.exp, rank), within, "p%v of %s", 100*q, key)
			}
			if spread := p.max / p.min; spread < 900 {
				assert.LessOrEqual(t, within, 0.022)
			} else {
				assert.LessOrEqual(t, within, 0.045)
			}
			checked++
		}
		assert.Greater(t, checked, 5)
	}
}

// quantile is the middle of the bucket that the value with this rank is in.
func quantile(p pmetric.ExponentialHistogramDataPoint, rank int) float64 {
	seen := int(p.ZeroCount())
	if rank < seen {
		return 0
	}
	for i, n := range p.Positive().BucketCounts().AsRaw() {
		if seen += int(n); rank < seen {
			return math.Exp2((float64(p.Positive().Offset()) + float64(i) + 0.5) * math.Exp2(-float64(p.Scale())))
		}
	}
	return math.NaN()
}

// Whatever a span says, counting it does not fail, and it counts at most as
// one request and one call.
func FuzzSpan(f *testing.F) {
	f.Add("GET /a", byte(2), "http.route", "/a/{id}", "ot=th:8", uint64(1), uint64(2))
	f.Add("", byte(3), "aws.xray.document", "embedded", "ot=th:ffffffffffffff", uint64(9), uint64(2))
	f.Add("x", byte(5), "messaging.destination.name", "日本", "ot=", uint64(0), uint64(1)<<63)
	h := prepare(f, nil)
	f.Fuzz(func(t *testing.T, name string, kind byte, key, value, state string, begin, end uint64) {
		td := traces(map[string]any{key: value}, spec{name: name, kind: ptrace.SpanKind(kind), state: state, attributes: map[string]any{key: value, "k": name}})
		span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		span.SetStartTimestamp(pcommon.Timestamp(begin))
		span.SetEndTimestamp(pcommon.Timestamp(end))
		h.send(t, td)
		h.sink.got = nil
		h.flush(context.Background(), start)
		points := 0
		for _, md := range h.sink.got {
			points += md.DataPointCount()
		}
		if points > 8 {
			t.Fatalf("%d points", points)
		}
	})
}
