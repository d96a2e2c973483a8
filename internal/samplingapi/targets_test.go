package samplingapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

type goer struct {
	w *httptest.ResponseRecorder
	r *http.Request
}

// newGoer returns a request whose client can hang up.
func newGoer(path, body string) (goer, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	return goer{httptest.NewRecorder(), httptest.NewRequest("POST", path, strings.NewReader(body)).WithContext(ctx)}, cancel
}

// TestOneClient: a single client sees X-Ray as if it spoke to it.
func TestOneClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		for i := range 30 {
			b.xray.set(func() { b.xray.modified = fmt.Sprint(1760700000 + i) })
			got := b.report(doc("Default", anID, 20, 3, 1))
			require.Len(t, got.SamplingTargetDocuments, 1)
			target := got.SamplingTargetDocuments[0]
			assert.Equal(t, "Default", target.RuleName)
			assert.Equal(t, 0.05, target.FixedRate)
			assert.EqualValues(t, 10, *target.ReservoirQuota)
			assert.Equal(t, 4000000000.0, *target.ReservoirQuotaTTL)
			assert.EqualValues(t, 10, *target.Interval)
			assert.Equal(t, float64(1760700000+i), *got.LastRuleModification, "this answer is of now")
			time.Sleep(10100 * time.Millisecond)
		}
		assert.Equal(t, 30, b.xray.calls(SamplingTargets))
		assert.Equal(t, map[string][3]int64{"Default": {600, 90, 30}}, b.xray.total())
		synctest.Wait()
		require.Len(t, b.xray.ids, 1)
		for id := range b.xray.ids {
			assert.Len(t, id, 24)
			assert.NotEqual(t, anID, id)
		}
	})
}

// TestManyClients: their statistics reach X-Ray whole, in few requests, and
// their quotas add up to the one that X-Ray gave.
func TestManyClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.xray.delay = 50 * time.Millisecond
		b.xray.targets["shop"] = `"FixedRate":0.5,"ReservoirQuota":100,"ReservoirQuotaTTL":4000000000,"Interval":10`
		const clients, rounds = 40, 6
		quotas := make([]map[string]int64, rounds)
		for round := range rounds {
			quotas[round] = map[string]int64{}
			var mu sync.Mutex
			var reports sync.WaitGroup
			for i := range clients {
				reports.Go(func() {
					time.Sleep(time.Duration(i) * 100 * time.Millisecond)
					busy := int64(9)
					if i == 7 {
						busy = 10_000
					}
					got := b.report(doc("shop", fmt.Sprintf("client%018d", i), busy, 5, 1), doc("Default", fmt.Sprintf("client%018d", i), 2, 1, 0))
					assert.Len(t, got.SamplingTargetDocuments, 2)
					mu.Lock()
					defer mu.Unlock()
					quotas[round][fmt.Sprint(i)] = *got.SamplingTargetDocuments[0].ReservoirQuota
				})
			}
			reports.Wait()
			time.Sleep(6 * time.Second)
		}
		for i, quota := range quotas[rounds-1] {
			want := int64(1)
			if i == "7" {
				want = 100 - (clients - 1)
			}
			assert.Equal(t, want, quota, "client %s", i)
		}
		time.Sleep(15 * time.Second)
		assert.Equal(t, map[string][3]int64{
			"shop":    {rounds * (9*(clients-1) + 10_000), rounds * clients * 5, rounds * clients},
			"Default": {rounds * clients * 2, rounds * clients, 0},
		}, b.xray.total())
		assert.LessOrEqual(t, b.xray.calls(SamplingTargets), 2*rounds+3)
	})
}

func TestReportsThroughAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.report(doc("Default", anID, 1, 0, 0))
		b.xray.away()
		for range 60 {
			time.Sleep(10 * time.Second)
			got := b.report(doc("Default", anID, 10, 2, 1))
			assert.EqualValues(t, 10, *got.SamplingTargetDocuments[0].ReservoirQuota)
			assert.Equal(t, "SamplingTargets stale", b.seen.last())
		}
		// A rule of which X-Ray never said anything.
		status, body := b.post("/SamplingTargets", `{"SamplingStatisticsDocuments":[`+doc("new", anID, 4, 4, 0)+`]}`)
		assert.Equal(t, 502, status)
		assert.JSONEq(t, `{"Message":"ask X-Ray: connection refused"}`, body)
		got := b.report(doc("new", anID, 4, 4, 0), doc("Default", anID, 0, 0, 0))
		assert.Equal(t, []unprocessed{{"new", "503", "ask X-Ray: connection refused"}}, got.UnprocessedStatistics)
		assert.Len(t, got.SamplingTargetDocuments, 1)

		b.xray.back()
		time.Sleep(21 * time.Second)
		assert.Equal(t, map[string][3]int64{"Default": {601, 120, 60}, "new": {8, 8, 0}}, b.xray.total(), "nothing is lost, nothing counts twice")
		b.report(doc("Default", anID, 0, 0, 0))
		assert.Equal(t, "SamplingTargets", b.seen.last())
	})
}

// TestSlowXRay: there is an answer, so nobody waits for long.
func TestSlowXRay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.report(doc("Default", anID, 1, 0, 0))
		b.xray.set(func() { b.xray.delay = 9 * time.Second })
		time.Sleep(10 * time.Second)
		began := time.Now()
		assert.Len(t, b.report(doc("Default", anID, 1, 0, 0)).SamplingTargetDocuments, 1)
		assert.Equal(t, staleAfter, time.Since(began))
		assert.Equal(t, "SamplingTargets stale", b.seen.last())
		b.xray.set(func() { b.xray.delay = time.Hour })
		status, _ := b.post("/SamplingTargets", `{"SamplingStatisticsDocuments":[`+doc("new", anID, 4, 4, 0)+`]}`)
		assert.Equal(t, 503, status, "no answer, and no end of waiting")
	})
}

func TestRefusedStatistics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.xray.refused = map[string]string{"gone": "404", "broken": "500"}
		got := b.report(doc("gone", anID, 1, 0, 0), doc("broken", anID, 2, 0, 0), doc("Default", anID, 3, 0, 0))
		assert.ElementsMatch(t, []unprocessed{{"gone", "404", "no"}, {"broken", "500", "no"}}, got.UnprocessedStatistics)
		assert.Len(t, got.SamplingTargetDocuments, 1)
		assert.Equal(t, map[string]int{ReasonRefused: 1}, b.seen.lost())
		b.xray.set(func() { b.xray.refused = nil })
		time.Sleep(21 * time.Second)
		assert.Equal(t, map[string][3]int64{"broken": {2, 0, 0}, "Default": {3, 0, 0}}, b.xray.total(), "X-Ray's own fault is mended")
	})
}

// TestPoisonedReport: a document that makes X-Ray refuse the whole request
// costs the other clients nothing.
func TestPoisonedReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.xray.respond = func(_, body string) (*awsclient.Response, error) {
			if strings.Contains(body, "poison") {
				return failing(400, "InvalidRequestException"), nil
			}
			return nil, nil
		}
		got := b.report(doc("Default", anotherID, 3, 0, 0), doc("poison", anID, 1, 0, 0))
		require.Len(t, got.UnprocessedStatistics, 1)
		assert.Equal(t, "poison", got.UnprocessedStatistics[0].RuleName)
		assert.Equal(t, "400", got.UnprocessedStatistics[0].ErrorCode)
		assert.Len(t, got.SamplingTargetDocuments, 1)
		assert.Equal(t, map[string][3]int64{"Default": {3, 0, 0}}, b.xray.total())
		assert.Equal(t, map[string]int{ReasonRefused: 1}, b.seen.lost())
	})
}

func TestBoosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.xray.targets["shop"] = `"FixedRate":0.2,"Interval":10,"SamplingBoost":{"BoostRate":0.45,"BoostRateTTL":1760797200.0}`
		// The sampler of ADOT for Python: its own name for SampledCount, and a
		// ClientID where there is none.
		boost := `{"RuleName":"shop","ServiceName":"shop","ClientID":"` + anID + `","Timestamp":1,"AnomalyCount":25,"TotalCount":90,"SampledAnomalyCount":6}`
		for range 2 {
			status, body := b.post("/SamplingTargets", `{"SamplingStatisticsDocuments":[{"RuleName":"shop","ClientID":"`+anID+`","RequestCount":90,"SampleCount":20}],`+
				`"SamplingBoostStatisticsDocuments":[`+boost+`,{"RuleName":"shop"}]}`)
			assert.Equal(t, 200, status)
			assert.Contains(t, body, `"SamplingBoost":{"BoostRate":0.45,"BoostRateTTL":1760797200.0}`)
			assert.NotContains(t, body, "ReservoirQuota", "X-Ray assigned none yet")
			assert.Contains(t, body, `"UnprocessedBoostStatistics":[{"RuleName":"shop"`)
		}
		time.Sleep(21 * time.Second)
		assert.Equal(t, map[string][3]int64{"shop/shop": {50, 180, 12}}, b.xray.totalBoosts())
		assert.Equal(t, map[string][3]int64{"shop": {180, 40, 0}}, b.xray.total())
	})
}

// TestLimits: made-up rules do not crowd out real ones for long, and do not
// set the pace in which X-Ray is asked.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		for i := range 300 {
			b.xray.refused[fmt.Sprint("made-up-", i)] = "404"
		}
		began := time.Now()
		for i := range 300 {
			b.post("/SamplingTargets", `{"SamplingStatisticsDocuments":[`+doc(fmt.Sprint("made-up-", i), anID, 1, 0, 0)+`]}`)
		}
		assert.LessOrEqual(t, b.xray.calls(SamplingTargets), 1+int(time.Since(began)/exchangeGap))
		assert.LessOrEqual(t, b.knownRules(), maxRules)
		assert.Len(t, b.report(doc("Default", anID, 1, 0, 0)).SamplingTargetDocuments, 1)

		b.xray.away()
		before := b.seen.lost()[ReasonLimit]
		var docs []string
		for i := range maxDocuments {
			docs = append(docs, doc(fmt.Sprint("more-", i), anID, 1, 0, 0))
		}
		time.Sleep(10 * time.Second)
		b.post("/SamplingTargets", `{"SamplingStatisticsDocuments":[`+strings.Join(docs, ",")+`]}`)
		dropped := b.seen.lost()[ReasonLimit] - before
		assert.Positive(t, dropped)
		assert.LessOrEqual(t, b.knownRules(), maxRules)
		docs = append(docs, docs[0])
		status, _ := b.post("/SamplingTargets", `{"SamplingStatisticsDocuments":[`+strings.Join(docs, ",")+`]}`)
		assert.Equal(t, 400, status)
		b.xray.back()
		time.Sleep(21 * time.Second)
		assert.Len(t, b.xray.total(), 1+maxDocuments-dropped, "all that was taken arrives, 25 at a time")
	})
}

func TestShutdownDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.report(doc("Default", anID, 1, 0, 0))
		b.report(doc("Default", anID, 5, 1, 0))
		assert.Equal(t, map[string][3]int64{"Default": {1, 0, 0}}, b.xray.total())
		b.Shutdown(t.Context())
		assert.Equal(t, map[string][3]int64{"Default": {6, 1, 0}}, b.xray.total())
		assert.Empty(t, b.seen.lost())
	})
}

func TestShutdownCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.report(doc("Default", anID, 1, 0, 0))
		b.report(doc("Default", anID, 5, 1, 0))
		b.xray.set(func() { b.xray.delay = time.Hour })
		began := time.Now()
		b.Shutdown(t.Context())
		assert.Equal(t, finishWait, time.Since(began))
		assert.Equal(t, map[string]int{ReasonShutdown: 1}, b.seen.lost())
		b.xray.set(func() { b.xray.delay = 0 })
	})
}

// TestStrangeTargets: what cannot be right is not passed on.
func TestStrangeTargets(t *testing.T) {
	for name, target := range map[string]string{
		"quota without an end":    `"FixedRate":0.2,"ReservoirQuota":5`,
		"quota with a null end":   `"FixedRate":0.2,"ReservoirQuota":5,"ReservoirQuotaTTL":null`,
		"quota with a date":       `"FixedRate":0.2,"ReservoirQuota":5,"ReservoirQuotaTTL":"2026-11-22"`,
		"negative quota":          `"FixedRate":0.2,"ReservoirQuota":-5,"ReservoirQuotaTTL":4000000000`,
		"quota beyond all bounds": `"FixedRate":0.2,"ReservoirQuota":1e300,"ReservoirQuotaTTL":4000000000`,
		"interval of nothing":     `"FixedRate":0.2,"Interval":0`,
		"interval without end":    `"FixedRate":0.2,"Interval":1e300`,
		"null":                    `"FixedRate":0.2,"Interval":null,"ReservoirQuota":null,"ReservoirQuotaTTL":null`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				b.xray.targets["Default"] = target
				got := b.reportLoosely(doc("Default", anID, 1, 0, 0))
				require.Contains(t, got, `"FixedRate":0.2`)
				assert.NotContains(t, got, "ReservoirQuota")
				b.targets.mu.Lock()
				every := b.targets.rules["Default"].every
				b.targets.mu.Unlock()
				assert.True(t, every >= minInterval && every <= maxInterval, every)
			})
		})
	}
}

func (b *bench) reportLoosely(docs ...string) string {
	status, body := b.post("/SamplingTargets", `{"SamplingStatisticsDocuments":[`+strings.Join(docs, ",")+`]}`)
	require.Equal(b.t, 200, status, body)
	return body
}

func TestNoUpstreamYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := false
		x, s := newFakeXRay(), &seen{outcomes: map[string]int{}, dropped: map[string]int{}}
		b := &bench{t: t, xray: x, seen: s}
		b.API = New(Options{Upstream: func() (Upstream, error) {
			if !ready {
				return nil, errors.New("no region")
			}
			return x, nil
		}, Observer: s})
		b.Start()
		defer b.Shutdown(t.Context())
		for _, path := range []string{"/GetSamplingRules", "/SamplingTargets"} {
			status, body := b.post(path, `{"SamplingStatisticsDocuments":[`+doc("Default", anID, 1, 0, 0)+`]}`)
			assert.Equal(t, 503, status)
			assert.JSONEq(t, `{"Message":"no region"}`, body)
		}
		assert.Empty(t, s.asked(), "X-Ray was not asked")
		time.Sleep(exchangeGap)
		synctest.Wait()
		ready = true
		assert.Equal(t, []string{"Default"}, b.ruleNames())
		b.report(doc("Default", anID, 1, 0, 0))
		assert.Equal(t, map[string][3]int64{"Default": {2, 0, 0}}, x.total())
	})
}
