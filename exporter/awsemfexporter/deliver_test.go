package awsemfexporter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// gauges makes n metrics of different series, with ids from first on.
func gauges(first, n int) metricsBuilder {
	md := newMetrics()
	for i := range n {
		md.gauge("g", float64(first+i), time.Now(), "id", fmt.Sprint(first+i))
	}
	return md
}

// requireTaken checks that CloudWatch has exactly the series from 0 to n-1 but
// those left out, each once, or at least once.
func (f *fakeLogs) requireTaken(t testing.TB, n int, again bool, without ...int) {
	t.Helper()
	got := map[string]int{}
	f.mu.Lock()
	defer f.mu.Unlock()
	for text, times := range f.taken {
		var d struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(text), &d))
		if again {
			times = min(times, 1)
		}
		got[d.ID] += times
	}
	want := map[string]int{}
	for i := range n {
		if !slices.Contains(without, i) {
			want[fmt.Sprint(i)] = 1
		}
	}
	require.Equal(t, want, got)
}

// The faults that an exporter meets. Each lasts for a while, during which
// metrics keep coming; in the end CloudWatch has every event, once unless the
// reply was lost.
func TestEveryEventIsDelivered(t *testing.T) {
	during := func(d time.Duration, fault answer) func(started time.Time) answer {
		return func(started time.Time) answer {
			return func(ctx context.Context, n int, c call) (string, error) {
				if time.Since(started) < d {
					return fault(ctx, n, c)
				}
				return `{}`, nil
			}
		}
	}
	fails := func(err error) answer {
		return func(context.Context, int, call) (string, error) { return "", err }
	}
	for _, test := range []struct {
		name  string
		fault func(started time.Time) answer
		again bool // events may arrive more than once
	}{
		{"nothing", during(0, nil), false},
		{"500 for 30 s", during(30*time.Second, fails(httpError{500, "InternalServerException"})), false},
		{"503 for an hour", during(time.Hour, fails(httpError{503, "ServiceUnavailableException"})), false},
		{"throttled for 10 s", during(10*time.Second, fails(httpError{400, "ThrottlingException"})), false},
		{"429 for 10 s", during(10*time.Second, fails(httpError{429, ""})), false},
		{"aborted for 10 s", during(10*time.Second, fails(httpError{400, "OperationAbortedException"})), false},
		{"denied for an hour", during(time.Hour, fails(httpError{400, "AccessDeniedException"})), false},
		{"token expired for an hour", during(time.Hour, fails(httpError{400, "ExpiredTokenException"})), false},
		{"clock refused for an hour", during(time.Hour, fails(httpError{400, "RequestExpired"})), false},
		{"connection refused for 30 s", during(30*time.Second, fails(syscall.ECONNREFUSED)), false},
		{"a page instead of a reply for 10 s", during(10*time.Second, fails(httpError{502, ""})), false},
		{"hangs for a minute", during(time.Minute, func(ctx context.Context, _ int, _ call) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}), false},
		{"every second request fails", func(time.Time) answer {
			return func(_ context.Context, n int, _ call) (string, error) {
				if n%2 == 0 {
					return "", httpError{503, ""}
				}
				return `{}`, nil
			}
		}, false},
		{"group missing for 5 minutes", during(5*time.Minute, fails(httpError{400, "ResourceNotFoundException"})), false},
		{"reply lost for 10 s", during(10*time.Second, fails(errReplyLost)), true},
		{"reply unreadable for 10 s", during(10*time.Second, func(context.Context, int, call) (string, error) { return "<html>", nil }), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, nil)
				f.logs.strict = true
				f.logs.set(test.fault(time.Now()))
				f.start(t)
				for i := range 15 {
					require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(i*20, 20).Metrics))
					time.Sleep(time.Second) // of the virtual clock
				}
				time.Sleep(2 * time.Hour)
				require.NoError(t, f.Shutdown(context.Background()))
				f.logs.requireTaken(t, 15*20, test.again)
				assert.EqualValues(t, 15*20, f.sum(t, "events_made"))
				assert.EqualValues(t, 15*20, f.sum(t, "events_sent"))
				assert.Zero(t, f.sum(t, "events_dropped"))
				assert.Zero(t, f.sum(t, "requests_in_flight"))
				assert.LessOrEqual(t, f.logs.peak, defaultWorkers)
				assert.Len(t, f.logs.groups, 1)
			})
		})
	}
}

// A missing group is made once, however many workers miss it, as the
// configuration says.
func TestMissingGroupIsMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) {
			c.LogGroupName, c.LogStreamName = "/shop", "{TaskId}"
			c.LogRetention, c.LogGroupClass, c.KMSKeyID = 1096, "STANDARD", "arn:aws:kms:eu-west-1:111122223333:key/1"
			c.Tags = map[string]string{"team": "shop"}
		})
		f.logs.strict = true
		f.logs.set(func(context.Context, int, call) (string, error) { time.Sleep(time.Second); return `{}`, nil })
		f.start(t)
		for i := range 40 {
			md := newMetrics("TaskId", fmt.Sprint("t", i%5))
			md.gauge("g", 1, time.Now(), "id", fmt.Sprint(i))
			require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		require.NoError(t, f.Shutdown(context.Background()))
		f.logs.requireTaken(t, 40, false)
		assert.Equal(t, map[string]map[string]any{"/shop": {
			"logGroupName": "/shop", "logGroupClass": "STANDARD", "kmsKeyId": "arn:aws:kms:eu-west-1:111122223333:key/1",
			"tags": map[string]any{"team": "shop"}, "retentionInDays": 1096.0,
		}}, f.logs.groups)
		count := map[string]int{}
		for _, operation := range f.logs.other {
			count[operation]++
		}
		assert.Equal(t, 1, count["CreateLogGroup"])
		assert.Equal(t, 1, count["PutRetentionPolicy"])
		assert.EqualValues(t, 1, f.sum(t, "log_groups_created"))
	})
}

// What keeps a group from being made is not the fault of the events: they wait.
func TestGroupThatCannotBeMade(t *testing.T) {
	for _, code := range []string{"AccessDeniedException", "InvalidParameterException", "LimitExceededException", "OperationAbortedException"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, nil)
				f.logs.strict = true
				began := time.Now()
				f.logs.create = func(context.Context, int, call) (string, error) {
					if time.Since(began) < time.Hour {
						return "", httpError{400, code}
					}
					return "", nil
				}
				f.start(t)
				require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 100).Metrics))
				time.Sleep(30 * time.Minute)
				assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, f.host.statuses())
				time.Sleep(time.Hour)
				require.NoError(t, f.Shutdown(context.Background()))
				f.logs.requireTaken(t, 100, false)
				assert.Equal(t, componentstatus.StatusOK, f.host.statuses()[len(f.host.statuses())-1])
			})
		})
	}
}

// Events that CloudWatch lists as rejected are counted and not sent again.
func TestRejectedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		f.logs.set(func(context.Context, int, call) (string, error) {
			return `{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":2,"expiredLogEventEndIndex":5,"tooNewLogEventStartIndex":9},` +
				`"rejectedEntityInfo":{"errorType":"InvalidAttributes"}}`, nil
		})
		require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 10).Metrics))
		time.Sleep(time.Hour)
		require.NoError(t, f.Shutdown(context.Background()))
		assert.Len(t, f.logs.requests(), 1)
		assert.EqualValues(t, 4, f.sum(t, "events_sent"))
		assert.EqualValues(t, 2, f.sum(t, "events_dropped", "reason", "rejected_too_old"))
		assert.EqualValues(t, 3, f.sum(t, "events_dropped", "reason", "rejected_expired"))
		assert.EqualValues(t, 1, f.sum(t, "events_dropped", "reason", "rejected_too_new"))
		assert.EqualValues(t, 1, f.sum(t, "entities_rejected", "code", "InvalidAttributes"))
		assert.Equal(t, 1, f.log.FilterMessageSnippet("one example of this minute").Len())
	})
}

// One event that makes CloudWatch refuse whole requests costs only itself.
func TestPoison(t *testing.T) {
	for name, err := range map[string]error{
		"400": httpError{400, "InvalidParameterException"}, "413": httpError{413, ""}, "500": httpError{500, "InternalFailure"}, "reset": errors.New("broken pipe"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, byBatch)
				f.logs.set(func(_ context.Context, _ int, c call) (string, error) {
					for _, e := range c.LogEvents {
						if strings.Contains(e.Message, `"id":"333"`) || strings.Contains(e.Message, `"id":"901"`) {
							return "", err
						}
					}
					return `{}`, nil
				})
				f.start(t)
				require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 1000).Metrics))
				n := 1000
				for range 200 {
					require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(n, 1).Metrics))
					n++
					time.Sleep(18 * time.Second)
				}
				require.NoError(t, f.Shutdown(context.Background()))
				f.logs.requireTaken(t, n, false, 333, 901)
				assert.EqualValues(t, 2, f.sum(t, "events_dropped", "reason", "refused"))
			})
		})
	}
}

// A service that refuses everything is not asked about each event.
func TestDivisionIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil).start(t)
		f.logs.set(func(context.Context, int, call) (string, error) {
			return "", httpError{400, "InvalidParameterException"}
		})
		require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 1000).Metrics))
		time.Sleep(time.Minute)
		require.NoError(t, f.Shutdown(context.Background()))
		assert.LessOrEqual(t, len(f.logs.requests()), 1+2*maxDivisions)
		assert.EqualValues(t, 1000, f.sum(t, "events_dropped", "reason", "refused"))
	})
}

func TestShutdownDeliversTheMemoryQueue(t *testing.T) {
	t.Run("while CloudWatch fails now and then", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, nil).start(t)
			f.logs.set(func(_ context.Context, n int, _ call) (string, error) {
				if n%3 != 0 {
					return "", httpError{500, ""}
				}
				return `{}`, nil
			})
			require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 1000).Metrics))
			time.Sleep(100 * time.Millisecond)
			require.NoError(t, f.Shutdown(context.Background()))
			f.logs.requireTaken(t, 1000, false)
		})
	})
	t.Run("within its time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, nil).start(t)
			f.logs.set(func(ctx context.Context, _ int, _ call) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			})
			require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 1000).Metrics))
			time.Sleep(time.Second)
			began := time.Now()
			require.NoError(t, f.Shutdown(context.Background()))
			assert.Equal(t, f.cfg.ShutdownTimeout, time.Since(began))
			assert.EqualValues(t, 1000, f.sum(t, "events_dropped", "reason", "shutdown"))
		})
	})
}

// A full queue drops whole batches, counts them, and keeps the increments of
// cumulative series for the next points.
func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) {
			byBatch(c)
			c.SendingQueue.Get().QueueSize = maxChunkBytes
			c.RetainInitialValueOfDeltaMetric, c.Compression = true, "none"
		}).start(t)
		f.logs.set(func(context.Context, int, call) (string, error) { return "", httpError{503, ""} })
		batch := func(value float64) metricsBuilder {
			md := newMetrics()
			md.scope.Scope().Attributes().PutEmptySlice(setsAttribute).AppendEmpty().SetEmptySlice().AppendEmpty().SetStr("id")
			for j := range 10 {
				md.sum("c", "", cumulative, value, time.Now(), "id", fmt.Sprint(j), "filler", strings.Repeat("x", 20_000))
			}
			return md
		}
		for i := range 30 {
			require.NoError(t, f.ConsumeMetrics(t.Context(), batch(float64(i+1)).Metrics), "the caller would send to other exporters again")
			time.Sleep(time.Second)
		}
		assert.Positive(t, f.sum(t, "events_dropped", "reason", "queue_full"))
		f.logs.set(nil)
		time.Sleep(time.Hour)
		require.NoError(t, f.ConsumeMetrics(t.Context(), batch(100).Metrics))
		require.NoError(t, f.Shutdown(context.Background()))
		assert.Equal(t, f.sum(t, "events_made"), f.sum(t, "events_dropped")+f.sum(t, "events_sent"))
		total := map[string]float64{}
		for _, text := range f.logs.messages() {
			var d struct {
				ID string
				C  float64
			}
			require.NoError(t, json.Unmarshal([]byte(text), &d))
			total[d.ID] += d.C
		}
		assert.Len(t, total, 10)
		for id, sum := range total {
			assert.EqualValues(t, 100, sum, id)
		}
	})
}

// A queue that counts events has room for a batch with more of them.
func TestQueueThatCountsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) {
			queue := c.SendingQueue.Get()
			queue.Sizer, queue.QueueSize, queue.BlockOnOverflow = exporterhelper.RequestSizerTypeItems, 100, true
		}).start(t)
		require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 1000).Metrics))
		require.NoError(t, f.Shutdown(context.Background()))
		f.logs.requireTaken(t, 1000, false)
	})
}

func TestGivingUp(t *testing.T) {
	for reason, change := range map[string]func(*Config){
		"retries_exhausted": func(c *Config) { c.RetryOnFailure.MaxElapsedTime = time.Minute },
		"not_retried":       func(c *Config) { c.RetryOnFailure.Enabled = false },
	} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, change).start(t)
				f.logs.set(func(context.Context, int, call) (string, error) { return "", httpError{500, ""} })
				require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 10).Metrics))
				time.Sleep(4 * time.Minute)
				assert.EqualValues(t, 10, f.sum(t, "events_dropped", "reason", reason))
				require.NoError(t, f.Shutdown(context.Background()))
			})
		})
	}
}

// Requests have one stream's events, in order, compressed.
func TestRequests(t *testing.T) {
	now := time.Now().UnixMilli()
	hour := time.Hour.Milliseconds()
	var events []event
	for i, e := range []event{
		{"g2", "s", now, nil}, {"g1", "t", now - 30*hour, nil}, {"g1", "s", now, nil}, {"g1", "t", now, nil},
		{"g1", "t", now - hour, nil}, {"g1", "s", now - hour, nil},
	} {
		e.message = []byte(fmt.Sprint(i))
		events = append(events, e)
	}
	var got []string
	for _, r := range requests(events) {
		line := r.group + r.stream
		for _, e := range r.events {
			line += " " + string(e.message)
		}
		got = append(got, line)
	}
	assert.Equal(t, []string{"g1s 5 2", "g1t 1", "g1t 4 3", "g2s 0"}, got)

	many := make([]event, 25_000)
	assert.Len(t, requests(many), 3, "10,000 events")
	large := make([]event, 5)
	for i := range large {
		large[i].message = make([]byte, emf.MaxRequest/2-emf.EventOverhead)
	}
	assert.Len(t, requests(large), 3, "1 MiB")
}

func TestCompression(t *testing.T) {
	for compression, zipped := range map[string]bool{"gzip": true, "none": false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, func(c *Config) { c.Compression = compression }).start(t)
			require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 1000).Metrics))
			require.NoError(t, f.Shutdown(context.Background()))
			c := f.logs.requests()[0]
			assert.Equal(t, zipped, c.zipped)
			if zipped {
				assert.Less(t, c.size, 40_000)
			}
		})
	}
}

func TestParseReply(t *testing.T) {
	for text, want := range map[string]reply{
		`{}`: {}, ``: {},
		`{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":100}}`:                                {tooOld: 10},
		`{"rejectedLogEventsInfo":{"tooNewLogEventStartIndex":-5}}`:                               {tooNew: 10},
		`{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":8,"tooNewLogEventStartIndex":3}}`:     {tooOld: 8, tooNew: 2},
		`{"rejectedLogEventsInfo":{"expiredLogEventEndIndex":4,"tooNewLogEventStartIndex":null}}`: {expired: 4},
	} {
		got, err := parseReply([]byte(text), 10)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{`[]`, `<html>`, `{`, `{"rejectedLogEventsInfo":3}`} {
		_, err := parseReply([]byte(text), 10)
		assert.Error(t, err, text)
	}
}
