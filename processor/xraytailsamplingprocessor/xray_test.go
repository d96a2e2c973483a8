package xraytailsamplingprocessor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// service is X-Ray. It answers with rules and targets, or not at all.
type service struct {
	mu       sync.Mutex
	down     bool
	hangs    bool
	rate     float64
	modified time.Time
	quota    int
	asked    map[string]int
	requests map[string]int64 // by rule, as reported
	borrows  int64
	boosts   []map[string]any
}

func (x *service) Post(ctx context.Context, path string, body []byte) (*awsclient.Response, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked[path]++
	if x.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if x.down {
		return &awsclient.Response{Status: http.StatusServiceUnavailable, Header: http.Header{}}, nil
	}
	text := ""
	switch path {
	case "/GetSamplingRules":
		text = fmt.Sprintf(`{"NextToken":null,"SamplingRuleRecords":[
			{"SamplingRule":{"RuleName":"Default","Priority":10000,"FixedRate":0,"ReservoirSize":0,"Version":1,"ServiceName":"*"}},
			{"SamplingRule":{"RuleName":"future","Priority":2,"FixedRate":1,"ReservoirSize":0,"Version":2}},
			{"SamplingRule":{"RuleName":"shop","Priority":1,"FixedRate":%v,"ReservoirSize":5,"Version":1,"ServiceName":"shop","SamplingRateBoost":{"MaxRate":1,"CooldownWindowMinutes":10}}}]}`, x.rate)
	case "/SamplingTargets":
		var report struct {
			SamplingStatisticsDocuments []struct {
				RuleName, ClientID                      string
				RequestCount, SampledCount, BorrowCount int64
			}
			SamplingBoostStatisticsDocuments []map[string]any
		}
		if err := json.Unmarshal(body, &report); err != nil {
			return nil, err
		}
		for _, d := range report.SamplingStatisticsDocuments {
			if len(d.ClientID) != 24 {
				return nil, fmt.Errorf("client %q", d.ClientID)
			}
			x.requests[d.RuleName] += d.RequestCount
			x.borrows += d.BorrowCount
		}
		x.boosts = append(x.boosts, report.SamplingBoostStatisticsDocuments...)
		quota := ""
		if x.quota > 0 {
			quota = fmt.Sprintf(`,"ReservoirQuota":%d,"ReservoirQuotaTTL":%d`, x.quota, time.Now().Add(time.Hour).Unix())
		}
		text = fmt.Sprintf(`{"LastRuleModification":%d,"SamplingTargetDocuments":[{"RuleName":"shop","FixedRate":%v,"Interval":10%s}],"UnprocessedStatistics":[]}`,
			x.modified.Unix(), x.rate, quota)
	}
	return &awsclient.Response{Status: http.StatusOK, Header: http.Header{}, Body: []byte(text)}, nil
}

func (x *service) change(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f()
}

// statusHost records what the component reports of itself.
type statusHost struct {
	component.Host
	mu     sync.Mutex
	status []componentstatus.Status
}

func (h *statusHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = append(h.status, e.Status())
}

func (h *statusHost) last() componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.status) == 0 {
		return componentstatus.StatusNone
	}
	return h.status[len(h.status)-1]
}

// startXRay starts a processor whose rules come from a service.
func startXRay(t *testing.T, x *service) (*harness, *statusHost) {
	x.asked, x.requests = map[string]int{}, map[string]int64{}
	h := prepare(t, func(c *Config) {
		c.Rules = RulesConfig{}
		c.Rules.XRay.GetOrInsertDefault()
	})
	h.source = h.askXRay(func(context.Context) (poster, error) { return x, nil })
	host := &statusHost{Host: componenttest.NewNopHost()}
	require.NoError(t, h.Start(context.Background(), host))
	synctest.Wait()
	return h, host
}

// shop sends n traces of the service shop, each second's its own.
func (h *harness) shop(t *testing.T, from, n uint64, status int64) {
	for i := range n {
		h.send(t, batch(traceID(from+i), time.Now(), s{service: "shop", name: fmt.Sprint("r", from+i), id: 1, kind: server, end: 1, status: status}))
	}
}

func TestXRayQuotaReplacesBorrowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &service{quota: 3}
		h, _ := startXRay(t, x)
		h.shop(t, 0, 10, 200)
		time.Sleep(21 * time.Second)
		synctest.Wait()
		assert.Equal(t, 1, h.sink.count(), "one a second is borrowed before there is a quota")
		h.shop(t, 100, 10, 200)
		time.Sleep(21 * time.Second)
		synctest.Wait()
		assert.Equal(t, 4, h.sink.count(), "then the quota counts")
		x.change(func() {
			assert.EqualValues(t, 20, x.requests["shop"])
			assert.EqualValues(t, 1, x.borrows)
			assert.Equal(t, 1, x.asked["/GetSamplingRules"])
		})
		h.stopped(t)
	})
}

func TestXRayRuleChangesWithoutARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &service{quota: 1, modified: time.Now().Add(-time.Hour)}
		h, _ := startXRay(t, x)
		h.shop(t, 0, 10, 200)
		time.Sleep(21 * time.Second)
		x.change(func() { x.rate, x.modified = 1, time.Now() })
		h.shop(t, 100, 10, 200)
		time.Sleep(21 * time.Second)
		x.change(func() { assert.Equal(t, 2, x.asked["/GetSamplingRules"]) })
		before := h.sink.count()
		h.shop(t, 200, 10, 200)
		time.Sleep(21 * time.Second)
		synctest.Wait()
		assert.Equal(t, before+10, h.sink.count())
		x.change(func() { assert.Equal(t, 2, x.asked["/GetSamplingRules"], "and not again before the 300 s are over") })
		time.Sleep(5 * time.Minute)
		x.change(func() { assert.Equal(t, 3, x.asked["/GetSamplingRules"]) })
		h.stopped(t)
	})
}

// rulesAge is the metric of that name, in seconds.
func (h *harness) rulesAge(t *testing.T) float64 {
	m, err := h.tel.GetMetric("otelcol_processor_xray_tail_sampling_rules_age")
	require.NoError(t, err)
	return m.Data.(metricdata.Gauge[float64]).DataPoints[0].Value
}

// Ten minutes without X-Ray: decisions go on by the last rules, statistics
// wait, and the health says so.
func TestXRayOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &service{quota: 2}
		h, host := startXRay(t, x)
		h.shop(t, 0, 1, 200)
		time.Sleep(25 * time.Second)
		x.change(func() { x.down = true })
		sent := uint64(1)
		for range 60 {
			h.shop(t, 1000*sent, 5, 200)
			sent += 5
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		assert.Equal(t, componentstatus.StatusRecoverableError, host.last())
		assert.Greater(t, h.rulesAge(t), 600.0)
		assert.Greater(t, h.sink.count(), 100, "the quota is valid for an hour")
		x.change(func() {
			assert.EqualValues(t, 1, x.requests["shop"])
			x.down = false
		})
		time.Sleep(30 * time.Second)
		synctest.Wait()
		assert.Less(t, h.rulesAge(t), 31.0)
		x.change(func() { assert.EqualValues(t, sent, x.requests["shop"]) })
		assert.Equal(t, componentstatus.StatusOK, host.last())
		assert.Positive(t, h.sum(t, "processor_xray_tail_sampling_reloads", "source", "targets", "outcome", "error"))
		assert.Positive(t, h.sum(t, "processor_xray_tail_sampling_reloads", "source", "rules", "outcome", "error"))
		h.stopped(t)
	})
}

func TestXRayBoostStatistics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &service{}
		h, _ := startXRay(t, x)
		h.shop(t, 0, 3, 200)
		h.shop(t, 10, 2, 500)
		time.Sleep(21 * time.Second)
		synctest.Wait()
		x.change(func() {
			require.Len(t, x.boosts, 1)
			delete(x.boosts[0], "Timestamp")
			assert.Equal(t, map[string]any{
				"RuleName": "shop", "ServiceName": "shop", "TotalCount": 5.0, "AnomalyCount": 2.0, "SampledAnomalyCount": 2.0,
			}, x.boosts[0])
		})
		h.stopped(t)
	})
}

func TestXRayDownFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &service{down: true}
		h, host := startXRay(t, x)
		require.Equal(t, componentstatus.StatusRecoverableError, host.last())
		h.shop(t, 0, 10, 200)
		time.Sleep(21 * time.Second)
		synctest.Wait()
		assert.Equal(t, 1, h.sink.count(), "X-Ray's default rule holds")
		x.change(func() { x.down = false })
		time.Sleep(21 * time.Second)
		assert.Equal(t, componentstatus.StatusOK, host.last())
		x.change(func() { assert.Zero(t, x.requests["shop"]) })
		h.stopped(t)
	})
}

// At the stop X-Ray hears of everything that was decided, due or not, and of
// what is decided only then.
func TestXRayHearsOfAllAtTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &service{quota: 3}
		h, _ := startXRay(t, x)
		h.shop(t, 0, 10, 200)
		time.Sleep(21 * time.Second) // reported a moment ago
		h.shop(t, 100, 4, 500)
		require.NoError(t, h.Shutdown(t.Context()))
		assert.EqualValues(t, 14, x.requests["shop"])
		assert.Equal(t, 5, h.sink.count())
		h.stopped(t)
	})
}

// A stop does not wait longer than it may for an X-Ray that does not answer.
func TestXRayHangsAtTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &service{quota: 3}
		h, _ := startXRay(t, x)
		h.shop(t, 0, 10, 200)
		x.change(func() { x.hangs = true })
		begun := time.Now()
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, lastReportTimeout, time.Since(begun))
		assert.Equal(t, 1, h.sink.count(), "what is kept is sent meanwhile")
		assert.EqualValues(t, 10, h.sum(t, "processor_xray_tail_sampling_statistics_lost", "reason", lostShutdown))
		h.stopped(t)
	})
}
