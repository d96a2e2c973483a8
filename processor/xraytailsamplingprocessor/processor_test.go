package xraytailsamplingprocessor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func sumOf(t testing.TB, tel *componenttest.Telemetry, name string, attributes ...string) (total int64) {
	t.Helper()
	m, err := tel.GetMetric("otelcol_" + name)
	if err != nil {
		return 0 // nothing was counted
	}
	for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
		matches := true
		for i := 0; i < len(attributes); i += 2 {
			value, _ := point.Attributes.Value(attributeKey(attributes[i]))
			matches = matches && value.AsString() == attributes[i+1]
		}
		if matches {
			total += point.Value
		}
	}
	return total
}

func TestThreeServicesThatFlushEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil)
		id, base := traceID(1), time.Now()
		// The entry's service flushes first, the one with the fault last.
		time.Sleep(time.Second)
		h.send(t, batch(id, base, s{service: "web", name: "GET /", id: 1, kind: server, end: 300 * time.Millisecond, status: 200},
			s{service: "web", name: "call cart", id: 2, parent: 1, kind: client, end: 250 * time.Millisecond, status: 200}))
		time.Sleep(4 * time.Second)
		h.send(t, batch(id, base, s{service: "cart", name: "GET /cart", id: 3, parent: 2, kind: server, end: 240 * time.Millisecond, status: 200},
			s{service: "cart", name: "call stock", id: 4, parent: 3, kind: client, end: 200 * time.Millisecond, status: 200}))
		time.Sleep(5 * time.Second)
		h.send(t, batch(id, base, s{service: "stock", name: "GET /stock", id: 5, parent: 4, kind: server, end: 100 * time.Millisecond, status: 503}))
		time.Sleep(9 * time.Second)
		require.Zero(t, h.sink.count())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, 5, h.sink.count())
		require.Len(t, h.sink.got, 1)
		for name, span := range h.sink.all() {
			assert.Equal(t, "faults", text(span, attributeRule), name)
			assert.Equal(t, reasonKeep, text(span, attributeReason), name)
			assert.Equal(t, "ot=th:0", span.TraceState().AsRaw(), name)
		}
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_decisions", "cause", causeComplete))
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_traces"))
		h.stopped(t)
	})
}

func text(span ptrace.Span, key string) string {
	v, _ := span.Attributes().Get(key)
	return v.AsString()
}

// A request of 45 s, of which the other services' spans come at once and its
// own only at its end: kept as slow when the wait is over, and whole.
func TestLongRequestWhoseSegmentComesAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil)
		id, base := traceID(1), time.Now()
		time.Sleep(2 * time.Second)
		h.send(t, batch(id, base, s{service: "stock", name: "stock", id: 5, parent: 1, kind: server, start: time.Second, end: 1100 * time.Millisecond}))
		time.Sleep(29 * time.Second)
		require.Zero(t, h.sink.count())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, h.sink.count())
		time.Sleep(12 * time.Second)
		h.send(t, batch(id, base, s{service: "web", name: "web", id: 1, kind: server, end: 45 * time.Second}))
		synctest.Wait()
		spans := h.sink.all()
		require.Len(t, spans, 2)
		assert.Equal(t, "slow", text(spans["web"], attributeRule))
		assert.Equal(t, "slow", text(spans["stock"], attributeRule))
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_decisions", "cause", causeWait))
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_late_spans", "decision", "kept"))
		h.stopped(t)
	})
}

func TestParentThatNeverComes(t *testing.T) {
	for name, want := range map[string]struct {
		missing string
		keep    []KeepConfig
		after   time.Duration
		rule    string
	}{
		"ignored":                      {missingIgnore, nil, 11 * time.Second, "Default"},
		"waited for":                   {missingWait, nil, 31 * time.Second, "slow"}, // for all we know it still runs
		"recorded by a service of AWS": {missingIgnore, []KeepConfig{{Name: "begun_in_aws", Filter: "partial"}}, 11 * time.Second, "begun_in_aws"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, func(c *Config) {
					c.MissingParent = want.missing
					c.Keep = append(c.Keep, want.keep...)
					c.Rules.Inline = []RuleConfig{{RuleName: "Default", FixedRate: 1}}
				})
				h.send(t, batch(traceID(1), time.Now(), s{service: "lambda", name: "a", id: 5, parent: 1, kind: server, end: time.Second}))
				time.Sleep(want.after - 2*time.Second)
				require.Zero(t, h.sink.count())
				time.Sleep(2 * time.Second)
				synctest.Wait()
				require.Equal(t, 1, h.sink.count())
				assert.Equal(t, want.rule, text(h.sink.all()["a"], attributeRule))
				h.stopped(t)
			})
		})
	}
}

// A trace of 10,000 spans in shuffled batches, with skewed clocks and spans in
// progress, is forwarded with each span in its resource and scope.
func TestTraceIsForwardedWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const spans, batches = 10_000, 20
		h := start(t, func(c *Config) { c.Rules.Inline = []RuleConfig{{RuleName: "Default", FixedRate: 1}} })
		random := rand.New(rand.NewPCG(1, 2))
		sent := map[pcommon.SpanID]bool{}
		all := make([]ptrace.Traces, batches)
		for i := range all {
			all[i] = ptrace.NewTraces()
		}
		add := func(i int, name string, open bool) {
			rs := all[random.IntN(batches)].ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("service ", i%7))
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(fmt.Sprint("scope ", i%3))
			span := ss.Spans().AppendEmpty()
			span.SetTraceID(traceID(7))
			span.SetSpanID(pcommon.SpanID{1, 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)})
			if i > 0 {
				parent := (i - 1) / 3
				span.SetParentSpanID(pcommon.SpanID{1, 5: byte(parent >> 16), 6: byte(parent >> 8), 7: byte(parent)})
			}
			span.SetName(name)
			span.SetKind(server)
			skew := time.Duration(random.IntN(2000)-1000) * time.Millisecond
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(skew)))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(skew + time.Millisecond)))
			if open {
				span.Attributes().PutBool(attributeInProgress, true)
			}
			sent[span.SpanID()] = true
		}
		for i := range spans {
			if i%100 == 5 {
				add(i, "open", true)
			}
			add(i, "done", false)
		}
		for _, td := range all {
			h.send(t, td)
			time.Sleep(time.Second)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		require.Len(t, h.sink.got, 1)
		got := map[pcommon.SpanID]string{}
		for _, rs := range h.sink.got[0].ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					got[span.SpanID()] = span.Name()
					assert.Equal(t, ss.Scope().Name(), fmt.Sprint("scope ", position(span.SpanID())%3))
				}
			}
			name, _ := rs.Resource().Attributes().Get("service.name")
			first := rs.ScopeSpans().At(0).Spans().At(0)
			assert.Equal(t, name.Str(), fmt.Sprint("service ", position(first.SpanID())%7))
		}
		assert.Len(t, got, spans)
		assert.Equal(t, spans, h.sink.count())
		assert.Equal(t, 7, h.sink.got[0].ResourceSpans().Len(), "equal resources are merged")
		for _, name := range got {
			require.Equal(t, "done", name)
		}
		assert.EqualValues(t, spans/100, h.sum(t, "processor_xray_tail_sampling_superseded_spans"))
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_traces", "decision", "kept"))
		h.stopped(t)
	})
}

func position(id pcommon.SpanID) int { return int(id[5])<<16 | int(id[6])<<8 | int(id[7]) }

func TestPolicies(t *testing.T) {
	root := func(more s) s {
		more.service, more.name, more.id, more.kind = "web", "root", 1, server
		if more.end == 0 {
			more.end = time.Second
		}
		return more
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		spans  []s
		want   outcome
		state  string
	}{
		"drop comes first": {
			func(c *Config) { c.Drop = []DropConfig{{Name: "health", Filter: `http.url ENDSWITH "/health"`}} },
			[]s{root(s{status: 500, attributes: map[string]any{"url.full": "http://a/health"}})},
			outcome{name: "health", reason: reasonDrop}, "",
		},
		"nothing matches": {nil, []s{root(s{})}, outcome{name: "Default", reason: reasonNotSampled}, ""},
		"fault of an inferred dependency": {
			nil,
			[]s{root(s{}), {service: "web", name: "db", id: 2, parent: 1, kind: client, end: time.Second, failed: true,
				attributes: map[string]any{"db.name": "orders"}}},
			outcome{kept: true, name: "faults", reason: reasonKeep, known: true}, "ot=th:0",
		},
		"fault of internal work only": {
			nil,
			[]s{root(s{}), {service: "web", name: "work", id: 2, parent: 1, kind: ptrace.SpanKindInternal, end: time.Second, failed: true}},
			outcome{name: "Default", reason: reasonNotSampled}, "",
		},
		"slow": {nil, []s{root(s{end: 3001 * time.Millisecond})}, outcome{kept: true, name: "slow", reason: reasonKeep, known: true}, "ot=th:0"},
		"annotation": {
			func(c *Config) {
				c.Keep = []KeepConfig{{Name: "vip", Filter: `annotation.tier = "gold" AND annotation[n] > 2`}}
			},
			[]s{root(s{}), {service: "b", name: "b", id: 2, parent: 1, kind: client, end: 1, attributes: map[string]any{"tier": "gold", "n": int64(3)}}},
			outcome{kept: true, name: "vip", reason: reasonKeep, known: true}, "ot=th:0",
		},
		"rate of a policy": {
			func(c *Config) { c.Keep = []KeepConfig{{Name: "some", Filter: "ok", FixedRate: 0.5}} },
			[]s{root(s{state: "ot=rv:80000000000000,other=1"})},
			outcome{kept: true, name: "some", reason: reasonKeep, threshold: 1 << 55, known: true}, "ot=th:8;rv:80000000000000,other=1",
		},
		"rate of a policy says no": {
			func(c *Config) { c.Keep = []KeepConfig{{Name: "some", Filter: "ok", FixedRate: 0.5}} },
			[]s{root(s{state: "ot=rv:7fffffffffffff"})},
			outcome{name: "Default", reason: reasonNotSampled}, "",
		},
		"cap has no threshold": {
			func(c *Config) { c.Keep = []KeepConfig{{Name: "few", Filter: "ok", MaxTracesPerSecond: 1}} },
			[]s{root(s{state: "ot=th:c;rv:ffffffffffffff"})},
			outcome{kept: true, name: "few", reason: reasonKeep}, "ot=rv:ffffffffffffff",
		},
		"reservoir": {
			func(c *Config) { c.Rules.Inline = []RuleConfig{{RuleName: "Default", ReservoirSize: 1}} },
			[]s{root(s{state: "ot=th:8"})},
			outcome{kept: true, name: "Default", reason: reasonReservoir, known: true}, "ot=th:8",
		},
		"rule by everything": {
			func(c *Config) {
				c.Rules.Inline = []RuleConfig{{
					RuleName: "cart", Priority: 1, FixedRate: 1, ServiceName: "W?b", Host: "shop.example", HTTPMethod: "get",
					URLPath: "/cart/*", Attributes: map[string]string{"tenant": "a*"},
				}, nothing}
			},
			[]s{root(s{attributes: map[string]any{"http.request.method": "GET", "url.scheme": "https", "server.address": "shop.example", "url.path": "/cart/1", "tenant": "acme"}})},
			outcome{kept: true, name: "cart", reason: reasonFixedRate, known: true}, "ot=th:0",
		},
		"recorded only": {
			func(c *Config) { c.Rules.Inline = []RuleConfig{{RuleName: "Default", FixedRate: 1}} },
			[]s{root(s{attributes: map[string]any{"aws.trace.flag.sampled": int64(0)}})},
			outcome{kept: true, name: "Default", reason: reasonFixedRate, known: true}, "ot=th:0",
		},
		"entry below a client": {
			func(c *Config) {
				c.Rules.Inline = []RuleConfig{{RuleName: "b", Priority: 1, FixedRate: 1, ServiceName: "b"}, nothing}
			},
			[]s{{service: "a", name: "a", id: 1, kind: client, end: time.Second}, {service: "b", name: "root", id: 2, parent: 1, kind: server, end: time.Second}},
			outcome{kept: true, name: "b", reason: reasonFixedRate, known: true}, "ot=th:0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, dry := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					h := start(t, func(c *Config) {
						c.DryRun = dry
						if tc.change != nil {
							tc.change(c)
						}
					})
					h.send(t, batch(traceID(1<<56-1), time.Now(), tc.spans...))
					time.Sleep(11 * time.Second)
					synctest.Wait()
					var got []outcome
					for _, shard := range h.shards {
						for o := range shard.verdicts {
							got = append(got, o)
						}
					}
					require.Equal(t, []outcome{tc.want}, got)
					span, forwarded := h.sink.all()["root"]
					require.Equal(t, tc.want.kept || dry, forwarded)
					switch {
					case dry:
						kept, _ := span.Attributes().Get(attributeKept)
						assert.Equal(t, tc.want.kept, kept.Bool())
						assert.Equal(t, tc.want.name, text(span, attributeDryRule))
						_, set := span.Attributes().Get(attributeRule)
						assert.False(t, set)
					case forwarded:
						assert.Equal(t, tc.want.name, text(span, attributeRule))
						assert.Equal(t, tc.want.reason, text(span, attributeReason))
						assert.Equal(t, tc.state, span.TraceState().AsRaw())
					}
					// Every trace counts as a request of the rule that it matches.
					requests := int64(0)
					for _, st := range h.rules.Report(time.Now()) {
						requests += st.Requests
					}
					assert.EqualValues(t, 1, requests)
					h.stopped(t)
				})
			}
		})
	}
}

func TestCapFallsThroughToTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, func(c *Config) {
			c.Keep = []KeepConfig{{Name: "few", Filter: "fault", MaxTracesPerSecond: 2}}
			c.Rules.Inline = []RuleConfig{{RuleName: "Default", ReservoirSize: 3}}
		})
		base := time.Now()
		for i := range uint64(10) {
			h.send(t, batch(traceID(i), base, s{service: "a", name: "a", id: 1, kind: server, end: time.Second, status: 500}))
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		m := "processor_xray_tail_sampling_traces"
		assert.EqualValues(t, 2, h.sum(t, m, "rule", "few"))
		assert.EqualValues(t, 3, h.sum(t, m, "reason", reasonReservoir))
		assert.EqualValues(t, 5, h.sum(t, m, "decision", "dropped"))
		for _, span := range h.sink.all() {
			assert.Empty(t, span.TraceState().AsRaw(), "a cap had a say, so the weight is not known")
		}
		h.stopped(t)
	})
}

func TestLateSpansFollowTheDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil)
		base := time.Now()
		h.send(t, batch(traceID(1), base, s{service: "a", name: "dropped", id: 1, kind: server, end: time.Second}))
		h.send(t, batch(traceID(2), base, s{service: "a", name: "kept", id: 1, kind: server, end: time.Second, status: 500}))
		time.Sleep(11 * time.Second)
		h.send(t, batch(traceID(1), base, s{service: "b", name: "lost", id: 2, parent: 1, kind: server, end: time.Second, status: 500}))
		h.send(t, batch(traceID(2), base, s{service: "b", name: "late", id: 2, parent: 1, kind: server, end: time.Second}))
		synctest.Wait()
		spans := h.sink.all()
		assert.Len(t, spans, 2)
		assert.Equal(t, "faults", text(spans["late"], attributeRule))
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_late_faults"))
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_late_spans", "decision", "dropped"))
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_late_spans", "decision", "kept"))
		h.stopped(t)
	})
}

func TestTraceThatIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, func(c *Config) { c.Buffer.MaxTraceBytes = minTraceBytes })
		base := time.Now()
		for i := range byte(100) {
			h.send(t, batch(traceID(1), base, s{service: "a", name: fmt.Sprint(i), id: i + 1, parent: i, kind: server, end: time.Minute}))
		}
		synctest.Wait()
		assert.Equal(t, 100, h.sink.count())
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_decisions", "cause", causeTraceSize))
		h.stopped(t)
	})
}

func TestFloodStaysWithinItsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 2 << 20
		h := start(t, func(c *Config) { c.Buffer = BufferConfig{MaxBytes: most, MaxTraceBytes: 1 << 20} })
		base, largest := time.Now(), int64(0)
		for i := range uint64(20_000) {
			h.send(t, batch(traceID(i), base, s{service: "a", name: "a", id: 1, kind: server, end: time.Second}))
			largest = max(largest, h.budget.Used())
		}
		assert.LessOrEqual(t, largest, int64(most))
		assert.Greater(t, largest, int64(most*9/10))
		early := h.sum(t, "processor_xray_tail_sampling_decisions", "cause", causeMemory)
		assert.Positive(t, early)
		h.stopped(t)
	})
}

func TestNextComponentInTrouble(t *testing.T) {
	kept := s{service: "a", name: "a", id: 1, kind: server, end: time.Second, status: 500}
	for name, tc := range map[string]struct {
		err  error
		for_ time.Duration
		lost string
	}{
		"for a while":  {errBusy, 30 * time.Second, ""},
		"for too long": {errBusy, time.Hour, lostRetries},
		"for good":     {consumererror.NewPermanent(errors.New("never")), time.Hour, lostRejected},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, nil)
				until := time.Now().Add(11*time.Second + tc.for_)
				h.sink.fail = func() error {
					if time.Now().Before(until) {
						return tc.err
					}
					return nil
				}
				h.send(t, batch(traceID(1), time.Now(), kept))
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if tc.lost == "" {
					assert.Equal(t, 1, h.sink.count())
					assert.Zero(t, h.sum(t, "processor_xray_tail_sampling_spans_lost"))
				} else {
					assert.Zero(t, h.sink.count())
					assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_spans_lost", "reason", tc.lost))
				}
				h.stopped(t)
			})
		})
	}
}

func TestQueueLosesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, func(c *Config) { c.Buffer = BufferConfig{MaxBytes: 1 << 20, MaxTraceBytes: 1 << 19} })
		h.sink.fail = func() error { return errBusy }
		const traces = 10_000
		for i := range uint64(traces) {
			h.send(t, batch(traceID(i), time.Now(), s{service: "a", name: "a", id: 1, kind: server, end: time.Second, status: 500}))
			require.LessOrEqual(t, h.budget.Used(), int64(1<<20+1<<16))
		}
		require.NoError(t, h.Shutdown(context.Background()))
		assert.Zero(t, h.budget.Used())
		m := "processor_xray_tail_sampling_spans_lost"
		assert.Positive(t, h.sum(t, m, "reason", lostQueueFull))
		assert.Positive(t, h.sum(t, m, "reason", lostShutdown))
		assert.EqualValues(t, traces, h.sum(t, m))
	})
}

func TestShutdownDecidesWhatIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil)
		for i := range uint64(500) {
			h.send(t, batch(traceID(i), time.Now(), s{service: "a", name: "a", id: 1, kind: server, end: time.Second, status: 200 + 300*int64(i%2)}))
		}
		require.NoError(t, h.Shutdown(context.Background()))
		assert.Equal(t, 250, h.sink.count())
		assert.EqualValues(t, 500, h.sum(t, "processor_xray_tail_sampling_decisions", "cause", causeShutdown))
		h.stopped(t)
	})
}

func TestSpansWithoutTraceID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil)
		h.send(t, batch(pcommon.TraceID{}, time.Now(), s{service: "a", name: "a", id: 1}))
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_spans_lost", "reason", lostTraceID))
		h.stopped(t)
	})
}

func TestFilesChangeWhileItRuns(t *testing.T) {
	folder := t.TempDir()
	rules, policies := filepath.Join(folder, "rules.json"), filepath.Join(folder, "policies.yaml")
	write := func(path, content string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o600)) }
	write(rules, `{"version":2,"default":{"fixed_target":0,"rate":0}}`)
	write(policies, "keep:\n  - {name: first, filter: fault}\n")
	synctest.Test(t, func(t *testing.T) {
		h := start(t, func(c *Config) {
			c.Rules = RulesConfig{}
			*c.Rules.File.GetOrInsertDefault() = FileConfig{Path: rules}
			*c.PoliciesFile.GetOrInsertDefault() = FileConfig{Path: policies}
		})
		n := uint64(0)
		decided := func(status int64) string {
			n++
			h.send(t, batch(traceID(n), time.Now(), s{service: "a", name: "a", id: 1, kind: server, end: time.Second, status: status}))
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if span, kept := h.sink.all()["a"]; kept {
				h.sink.got = nil
				return text(span, attributeRule)
			}
			return ""
		}
		assert.Equal(t, "first", decided(500))
		assert.Empty(t, decided(200))

		write(policies, "keep:\n  - {name: second, filter: fault}\n")
		assert.Equal(t, "second", decided(500))
		write(policies, "keep:\n  - {name: third, filter: nonsense}\n")
		assert.Equal(t, "second", decided(500))
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_reloads", "source", "policies", "outcome", "error"))

		write(rules, `{"version":2,"default":{"fixed_target":0,"rate":1}}`)
		assert.Equal(t, "Default", decided(200))
		write(rules, `{"version":9}`)
		assert.Equal(t, "Default", decided(200))
		assert.Equal(t, 2, h.troubles.count)
		write(rules, `{"version":2,"default":{"fixed_target":0,"rate":0}}`)
		write(policies, "keep: []\n")
		assert.Empty(t, decided(500))
		assert.Zero(t, h.troubles.count)
		h.stopped(t)
	})
}

func TestStartRefusesABadFile(t *testing.T) {
	h := prepare(t, func(c *Config) {
		c.Rules = RulesConfig{}
		*c.Rules.File.GetOrInsertDefault() = FileConfig{Path: filepath.Join(t.TempDir(), "none")}
	})
	require.ErrorContains(t, h.Start(context.Background(), componenttest.NewNopHost()), "read rules from")
	h.stopped(t)
}
