package awsxrayexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

func sumOf(t testing.TB, telemetry *componenttest.Telemetry, name string, want ...string) (n int64) {
	t.Helper()
	m, err := telemetry.GetMetric("otelcol_exporter_awsxray_" + name)
	if err != nil {
		return 0 // never counted
	}
	data, ok := m.Data.(metricdata.Sum[int64])
	require.True(t, ok, "%s is a %T", name, m.Data)
	for _, point := range data.DataPoints {
		if len(want) == 2 {
			if value, ok := point.Attributes.Value(attribute.Key(want[0])); !ok || value.AsString() != want[1] {
				continue
			}
		}
		n += point.Value
	}
	return n
}

// The faults that an exporter meets. Each lasts for a while, during which
// documents keep coming; in the end X-Ray has every document, once unless the
// reply was lost.
func TestEveryDocumentIsDelivered(t *testing.T) {
	during := func(d time.Duration, fault answer) func(started time.Time) answer {
		return func(started time.Time) answer {
			return func(ctx context.Context, n int, c call) ([]unprocessed, error) {
				if time.Since(started) < d {
					return fault(ctx, n, c)
				}
				return nil, nil
			}
		}
	}
	fails := func(err error) answer {
		return func(context.Context, int, call) ([]unprocessed, error) { return nil, err }
	}
	for _, test := range []struct {
		name  string
		fault func(started time.Time) answer
		again bool // documents may arrive more than once
	}{
		{"nothing", during(0, nil), false},
		{"500 for 30 s", during(30*time.Second, fails(httpError{500, "InternalServerException"})), false},
		{"429 for 10 s", during(10*time.Second, fails(httpError{429, "ThrottledException"})), false},
		{"throttled with 400 for 10 s", during(10*time.Second, fails(httpError{400, "ThrottlingException"})), false},
		{"408 for 10 s", during(10*time.Second, fails(httpError{408, ""})), false},
		{"denied for an hour", during(time.Hour, fails(httpError{403, "AccessDeniedException"})), false},
		{"connection refused for 30 s", during(30*time.Second, fails(syscall.ECONNREFUSED)), false},
		{"hangs for a minute", during(time.Minute, func(ctx context.Context, _ int, _ call) ([]unprocessed, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}), false},
		{"every second request fails", func(time.Time) answer {
			return func(_ context.Context, n int, _ call) ([]unprocessed, error) {
				if n%2 == 0 {
					return nil, httpError{503, ""}
				}
				return nil, nil
			}
		}, false},
		{"documents throttled one by one for 20 s", during(20*time.Second, func(_ context.Context, n int, c call) (list []unprocessed, err error) {
			for i, id := range c.ids {
				if (i+n)%3 == 0 {
					list = append(list, unprocessed{ID: id, Code: "ThrottledException", Message: "Rate exceeded"})
				}
			}
			return list, nil
		}), false},
		{"reply lost for 10 s", during(10*time.Second, fails(errReplyLost)), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, nil)
				f.xray.set(test.fault(time.Now()))
				f.start(t)
				want := documents(0, 2000)
				for batch := range slices.Chunk(want, 37) {
					require.NoError(t, f.accept(t.Context(), batch))
					time.Sleep(500 * time.Millisecond) // of the virtual clock
				}
				time.Sleep(2 * time.Hour)
				require.NoError(t, f.Shutdown(context.Background()))

				if test.again {
					for _, p := range want {
						require.Positive(t, f.xray.taken[p.ID.String()])
					}
				} else {
					f.xray.requireTaken(t, want)
				}
				assert.EqualValues(t, len(want), f.sum(t, "documents_sent"))
				assert.Zero(t, f.sum(t, "documents_dropped"))
				assert.Zero(t, f.sum(t, "requests_in_flight"))
				for _, c := range f.xray.requests() {
					assert.LessOrEqual(t, len(c.ids), maxDocuments)
				}
				assert.LessOrEqual(t, f.xray.mostAtOnce(), defaultWorkers)
			})
		})
	}
}

// A throttled service gets fewer requests at a time, and more again after.
func TestRequestsInFlightFollowThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		slow := func(_ context.Context, n int, _ call) ([]unprocessed, error) {
			time.Sleep(100 * time.Millisecond)
			return nil, nil
		}
		f.xray.set(slow)
		require.NoError(t, f.accept(t.Context(), documents(0, 50*50)))
		time.Sleep(time.Second)
		assert.Equal(t, 8, f.xray.mostAtOnce())

		f.xray.set(func(context.Context, int, call) ([]unprocessed, error) {
			time.Sleep(100 * time.Millisecond)
			return nil, httpError{429, "ThrottledException"}
		})
		require.NoError(t, f.accept(t.Context(), documents(5000, 50*50)))
		time.Sleep(20 * time.Second)
		assert.Equal(t, 1, f.sender.limiter.Now())

		f.xray.set(slow)
		time.Sleep(time.Minute)
		require.NoError(t, f.accept(t.Context(), documents(10000, 50*50)))
		time.Sleep(time.Minute)
		assert.Equal(t, 8, f.sender.limiter.Now())
		require.NoError(t, f.Shutdown(context.Background()))
		assert.EqualValues(t, 3*50*50, f.sum(t, "documents_sent"))
		assert.Positive(t, f.sum(t, "requests", "outcome", "throttled"))
	})
}

func TestUnprocessedDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		f := newFixture(t, func(c *Config) { c.DeadLetterDirectory = dir })
		parts := documents(0, 20)
		id := func(i int) string { return parts[i].ID.String() }
		f.xray.set(func(_ context.Context, n int, c call) ([]unprocessed, error) {
			if n == 0 {
				return []unprocessed{
					{ID: id(3), Code: "InvalidTraceId", Message: "Invalid segment. ErrorCode: InvalidTraceId"},
					{ID: id(5), Code: "InternalFailure"},
					{ID: id(7), Code: "ThrottledException"},
					{ID: id(9), Code: "InvalidSegment", Message: "Trace Size Exceeded"},
					{Code: "MissingId"}, // which one, X-Ray could not tell
				}, nil
			}
			if slices.Contains(c.ids, id(5)) {
				return []unprocessed{{ID: id(5), Code: "InternalFailure"}}, nil
			}
			return nil, nil
		})
		f.start(t)
		require.NoError(t, f.accept(t.Context(), parts))
		time.Sleep(time.Hour)
		require.NoError(t, f.Shutdown(context.Background()))

		assert.Equal(t, []string{id(5), id(7)}, f.xray.requests()[1].ids, "those that may succeed go again, alone")
		assert.Equal(t, []string{id(5)}, f.xray.requests()[2].ids)
		assert.Len(t, f.xray.requests(), hopelessReplies)
		assert.EqualValues(t, 1, f.sum(t, "documents_unprocessed", "code", "InvalidTraceId"))
		assert.EqualValues(t, 10, f.sum(t, "documents_unprocessed", "code", "InternalFailure"))
		assert.EqualValues(t, 1, f.sum(t, "documents_unprocessed", "code", "MissingId"))
		assert.EqualValues(t, 4, f.sum(t, "documents_dropped", "reason", "unprocessed"))
		assert.EqualValues(t, 16, f.sum(t, "documents_sent"))
		assert.EqualValues(t, 4, f.sum(t, "dead_letters"))

		letters := readLetters(t, dir)
		require.Len(t, letters, 4)
		assert.Equal(t, "InvalidTraceId", letters[0].Code)
		assert.Equal(t, parts[3].TraceID.String(), letters[0].TraceID)
		assert.JSONEq(t, string(parts[3].JSON), string(letters[0].Document))
		assert.Equal(t, "MissingId", letters[2].Code)
		assert.Empty(t, letters[2].Document)
		assert.Equal(t, "InternalFailure", letters[3].Code)

		// One example a minute, with its trace.
		examples := f.log.FilterMessageSnippet("one example of this minute").All()
		require.NotEmpty(t, examples)
		assert.Equal(t, parts[3].TraceID.String(), examples[0].ContextMap()["trace_id"])
		assert.LessOrEqual(t, len(examples), 3)
	})
}

// One document that makes X-Ray refuse whole requests costs only itself.
func TestPoison(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		others bool // other requests pass meanwhile
	}{
		{"400", httpError{400, "InvalidRequestException"}, false},
		{"413", httpError{413, ""}, false},
		{"500", httpError{500, "InternalFailure"}, true},
		{"reset", errors.New("broken pipe"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, nil)
				parts := documents(0, 50)
				bad := []string{parts[11].ID.String(), parts[48].ID.String()}
				f.xray.set(func(_ context.Context, _ int, c call) ([]unprocessed, error) {
					for _, id := range bad {
						if slices.Contains(c.ids, id) {
							return nil, test.err
						}
					}
					return nil, nil
				})
				f.start(t)
				require.NoError(t, f.accept(t.Context(), parts))
				want := slices.Concat(parts[:11], parts[12:48], parts[49:])
				for i := range 3600 {
					if !test.others {
						break
					}
					other := documents(1000+i, 1)
					want = append(want, other...)
					require.NoError(t, f.accept(t.Context(), other))
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute)
				require.NoError(t, f.Shutdown(context.Background()))
				f.xray.requireTaken(t, want)
				assert.EqualValues(t, 2, f.sum(t, "documents_dropped", "reason", "refused"))
				if !test.others {
					assert.LessOrEqual(t, len(f.xray.requests()), 25)
				}
			})
		})
	}
}

// Documents that X-Ray chokes on do not stop the others, even if every worker
// holds one.
func TestPoisonForEveryWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		bad := map[string]bool{}
		f.xray.set(func(_ context.Context, _ int, c call) ([]unprocessed, error) {
			for _, id := range c.ids {
				if bad[id] {
					return nil, httpError{500, "InternalFailure"}
				}
			}
			return nil, nil
		})
		parts := documents(0, 20*50)
		var want []segment.Part
		for i, p := range parts {
			if i < 12*50 && i%50 == 7 {
				bad[p.ID.String()] = true
			} else {
				want = append(want, p)
			}
		}
		f.start(t)
		require.NoError(t, f.accept(t.Context(), parts))
		time.Sleep(2 * time.Hour)
		require.NoError(t, f.Shutdown(context.Background()))
		f.xray.requireTaken(t, want)
		// The last ones wait in vain for others that pass.
		assert.GreaterOrEqual(t, f.sum(t, "documents_dropped", "reason", "refused"), int64(4))
		assert.EqualValues(t, 12, f.sum(t, "documents_dropped"))
	})
}

// A service that refuses everything is not asked about each document.
func TestDivisionIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		f.xray.set(func(context.Context, int, call) ([]unprocessed, error) {
			return nil, httpError{400, "InvalidRequestException"}
		})
		f.start(t)
		require.NoError(t, f.accept(t.Context(), documents(0, 50)))
		time.Sleep(time.Minute)
		require.NoError(t, f.Shutdown(context.Background()))
		assert.LessOrEqual(t, len(f.xray.requests()), 1+2*maxDivisions)
		assert.EqualValues(t, 50, f.sum(t, "documents_dropped", "reason", "refused"))
	})
}

func TestShutdownDeliversTheMemoryQueue(t *testing.T) {
	t.Run("while X-Ray answers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, nil).start(t)
			f.xray.set(func(context.Context, int, call) ([]unprocessed, error) {
				time.Sleep(50 * time.Millisecond)
				return nil, nil
			})
			want := documents(0, 3000)
			require.NoError(t, f.accept(t.Context(), want))
			require.NoError(t, f.Shutdown(context.Background()))
			f.xray.requireTaken(t, want)
		})
	})
	t.Run("while X-Ray fails now and then", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, nil).start(t)
			f.xray.set(func(_ context.Context, n int, _ call) ([]unprocessed, error) {
				if n%3 != 0 {
					return nil, httpError{500, ""}
				}
				return nil, nil
			})
			want := documents(0, 1000)
			require.NoError(t, f.accept(t.Context(), want))
			time.Sleep(100 * time.Millisecond) // some wait for their next try
			require.NoError(t, f.Shutdown(context.Background()))
			f.xray.requireTaken(t, want)
		})
	})
	t.Run("within its time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			f := newFixture(t, func(c *Config) { c.DeadLetterDirectory = dir }).start(t)
			f.xray.set(func(ctx context.Context, _ int, _ call) ([]unprocessed, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			})
			require.NoError(t, f.accept(t.Context(), documents(0, 1000)))
			time.Sleep(time.Second)
			began := time.Now()
			require.NoError(t, f.Shutdown(context.Background()))
			assert.Equal(t, f.cfg.ShutdownTimeout, time.Since(began))
			assert.EqualValues(t, 1000, f.sum(t, "documents_dropped", "reason", "shutdown"))
			assert.Len(t, readLetters(t, dir), 1000)
		})
	})
}

func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.SendingQueue.Get().QueueSize = 64 << 10 }).start(t)
		f.xray.set(func(ctx context.Context, _ int, _ call) ([]unprocessed, error) {
			return nil, httpError{503, ""}
		})
		parts := documents(0, 2000)
		require.NoError(t, f.accept(t.Context(), parts), "the caller would send to other exporters again")
		time.Sleep(time.Minute)
		dropped := f.sum(t, "documents_dropped", "reason", "queue_full")
		assert.Positive(t, dropped)
		f.xray.set(nil)
		time.Sleep(5 * time.Minute)
		require.NoError(t, f.Shutdown(context.Background()))
		assert.EqualValues(t, 2000, dropped+f.sum(t, "documents_sent"))
		f.xray.requireTaken(t, parts[:2000-dropped])
		statuses := f.host.statuses()
		assert.Equal(t, componentstatus.StatusRecoverableError, statuses[0])
		assert.Equal(t, componentstatus.StatusOK, statuses[len(statuses)-1])
	})
}

func TestGivingUp(t *testing.T) {
	failing := func(context.Context, int, call) ([]unprocessed, error) { return nil, httpError{500, ""} }
	t.Run("after max_elapsed_time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, func(c *Config) { c.RetryOnFailure.MaxElapsedTime = time.Minute }).start(t)
			f.xray.set(failing)
			require.NoError(t, f.accept(t.Context(), documents(0, 10)))
			time.Sleep(2 * time.Minute)
			assert.EqualValues(t, 10, f.sum(t, "documents_dropped", "reason", "retries_exhausted"))
			require.NoError(t, f.Shutdown(context.Background()))
		})
	})
	t.Run("with retry_on_failure off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, func(c *Config) { c.RetryOnFailure.Enabled = false }).start(t)
			f.xray.set(failing)
			require.NoError(t, f.accept(t.Context(), documents(0, 10)))
			time.Sleep(time.Minute)
			assert.EqualValues(t, 10, f.sum(t, "documents_dropped", "reason", "not_retried"))
			assert.Len(t, f.xray.requests(), 1)
			require.NoError(t, f.Shutdown(context.Background()))
		})
	})
}

// Without a queue the caller waits for the result and keeps what failed.
func TestWithoutQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.SendingQueue = noQueue }).start(t)
		want := documents(0, 120)
		f.xray.set(func(_ context.Context, n int, _ call) ([]unprocessed, error) {
			if n < 2 {
				return nil, httpError{500, ""}
			}
			return nil, nil
		})
		require.NoError(t, f.accept(t.Context(), want))
		f.xray.requireTaken(t, want)

		f.xray.set(func(context.Context, int, call) ([]unprocessed, error) { return nil, httpError{500, "Boom"} })
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		assert.ErrorContains(t, f.accept(ctx, documents(500, 10)), "Boom")
		require.NoError(t, f.Shutdown(context.Background()))
		assert.Zero(t, f.sum(t, "documents_dropped"))
	})
}

func TestMaxSegmentsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.MaxSegmentsPerSecond = 100 }).start(t)
		began := time.Now()
		var last time.Time
		f.xray.set(func(context.Context, int, call) ([]unprocessed, error) {
			last = time.Now()
			return nil, nil
		})
		require.NoError(t, f.accept(t.Context(), documents(0, 1100)))
		time.Sleep(time.Minute)
		synctest.Wait()                                       // orders the reads below after what the sender did
		assert.InDelta(t, 10, last.Sub(began).Seconds(), 0.6) // 100 at once, then 100 a second
		require.NoError(t, f.Shutdown(context.Background()))
		assert.EqualValues(t, 1100, f.sum(t, "documents_sent"))
	})
}

// Small inputs share requests; large ones keep traces together.
func TestRequestsAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		for i := range 200 {
			require.NoError(t, f.accept(t.Context(), documents(i, 1)))
		}
		synctest.Wait()
		assert.Len(t, f.xray.requests(), 4)
		require.NoError(t, f.accept(t.Context(), documents(1000, 1)))
		time.Sleep(time.Second)
		assert.Len(t, f.xray.requests(), 5, "a lone document waits for a moment only")
		require.NoError(t, f.Shutdown(context.Background()))
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		f.xray.set(func(context.Context, int, call) ([]unprocessed, error) {
			return nil, httpError{403, "AccessDeniedException"}
		})
		require.NoError(t, f.accept(t.Context(), documents(0, 200)))
		time.Sleep(3 * time.Minute)
		assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, f.host.statuses())
		f.xray.set(nil)
		time.Sleep(3 * time.Minute)
		assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, f.host.statuses())
		assert.Equal(t, 1, f.log.FilterMessageSnippet("does not accept documents").Len())
		assert.Equal(t, 1, f.log.FilterMessageSnippet("accepts documents again").Len())
		require.NoError(t, f.Shutdown(context.Background()))
	})
}

// An endpoint that is no X-Ray loses documents, and says so.
func TestWrongEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		f.xray.set(func(context.Context, int, call) ([]unprocessed, error) {
			return nil, httpError{404, "UnknownOperationException"}
		})
		require.NoError(t, f.accept(t.Context(), documents(0, 100)))
		time.Sleep(time.Minute)
		require.NoError(t, f.Shutdown(context.Background()))
		assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, f.host.statuses())
		assert.EqualValues(t, 100, f.sum(t, "documents_dropped", "reason", "refused"))
		assert.Len(t, f.xray.requests(), 2, "dividing would not help")
	})
}

func TestLogIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) { c.SendingQueue.Get().QueueSize = 64 << 10 }).start(t)
		f.xray.set(func(_ context.Context, n int, _ call) ([]unprocessed, error) {
			if n%2 == 0 {
				return nil, nil
			}
			return nil, httpError{500, ""}
		})
		for i := range 1000 {
			require.NoError(t, f.accept(t.Context(), documents(i*20, 20)))
		}
		time.Sleep(30 * time.Second)
		require.NoError(t, f.Shutdown(context.Background()))
		loud := f.log.Filter(func(e observer.LoggedEntry) bool { return e.Level > zap.DebugLevel })
		assert.Less(t, loud.Len(), 10, fmt.Sprint(loud.All()))
		assert.Zero(t, f.log.FilterMessageSnippet("Exporting failed").Len())
	})
}

// At the level debug there is a line about each request, each document that
// X-Ray refused and each loss; cmd/xray makes the daemon's lines of them.
func TestDebugLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		f.xray.set(func(_ context.Context, n int, c call) ([]unprocessed, error) {
			switch n {
			case 0:
				return nil, httpError{503, "Busy"}
			case 1:
				return []unprocessed{{ID: c.ids[0], Code: "InvalidSegment", Message: "no"}, {Code: "InvalidSegment"}}, nil
			}
			return nil, nil
		})
		require.NoError(t, f.accept(t.Context(), documents(0, 10)))
		time.Sleep(time.Minute)
		require.NoError(t, f.Shutdown(context.Background()))
		requests := f.log.FilterMessage("Request to X-Ray").All()
		require.Len(t, requests, 2)
		assert.Equal(t, map[string]any{"documents": int64(10), "unprocessed": int64(0), "took": time.Duration(0),
			"error": "HTTP 503 Busy: as told"}, requests[0].ContextMap())
		assert.Equal(t, map[string]any{"documents": int64(10), "unprocessed": int64(2), "took": time.Duration(0)}, requests[1].ContextMap())
		refused := f.log.FilterMessage("Document is unprocessed").All()
		require.Len(t, refused, 2)
		first := documents(0, 1)[0]
		assert.Equal(t, map[string]any{"code": "InvalidSegment", "message": "no", "id": first.ID.String(),
			"trace_id": first.TraceID.String()}, refused[0].ContextMap())
		assert.Equal(t, "unknown", refused[1].ContextMap()["trace_id"])
	})
}
