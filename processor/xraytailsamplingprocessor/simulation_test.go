package xraytailsamplingprocessor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-xray-sdk-go/strategy/sampling"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// setting is what a rule of the simulation keeps.
type setting struct {
	reservoir int
	rate      float64
}

// deviation is the standard deviation of how many are kept of n requests in a
// second, or over all of several seconds.
func (s setting) deviation(rest int) float64 { return math.Sqrt(float64(rest) * s.rate * (1 - s.rate)) }

// tally counts requests, or what was kept of them, by rule and second.
type tally struct {
	mu     sync.Mutex
	counts []map[int64]int
}

func newTally(rules int) *tally {
	t := &tally{counts: make([]map[int64]int, rules)}
	for i := range t.counts {
		t.counts[i] = map[int64]int{}
	}
	return t
}

func (t *tally) add(rule int, second int64) {
	t.mu.Lock()
	t.counts[rule][second]++
	t.mu.Unlock()
}

// An hour of traffic goes to the processor and to an SDK's local sampler: per
// second and rule both keep what the rule says.
func TestKeepsWhatAnSDKKeeps(t *testing.T) {
	settings := []setting{{0, 0}, {0, 0.05}, {0, 1}, {1, 0}, {1, 0.05}, {10, 0.05}}
	for _, perSecond := range []int{1, 10, 1000} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulate(t, settings, perSecond, simulated(perSecond)) })
		})
	}
}

// simulated is how many seconds of so many requests each are simulated. The
// race detector makes each ten times as dear: it sees fewer.
func simulated(perSecond int) int {
	if raceEnabled {
		return min(3600, 20_000/perSecond)
	}
	return 3600
}

func simulate(t *testing.T, settings []setting, perSecond, seconds int) {
	var rules []string
	for i, s := range settings {
		rules = append(rules, fmt.Sprintf(`{"host":"h%d","http_method":"*","url_path":"*","fixed_target":%d,"rate":%v}`, i, s.reservoir, s.rate))
	}
	text := fmt.Sprintf(`{"version":2,"default":{"fixed_target":0,"rate":0},"rules":[%s]}`, strings.Join(rules, ","))
	sdk, err := sampling.NewLocalizedStrategyFromJSONBytes([]byte(text))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "rules.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	h := start(t, func(c *Config) {
		c.Rules = RulesConfig{}
		*c.Rules.File.GetOrInsertDefault() = FileConfig{Path: path}
	})

	requests, bySDK, byTail := newTally(len(settings)), newTally(len(settings)), newTally(len(settings))
	h.sink.took = func(td ptrace.Traces) {
		for _, rs := range td.ResourceSpans().All() {
			for _, span := range rs.ScopeSpans().At(0).Spans().All() {
				rule, err := strconv.Atoi(span.Name())
				assert.NoError(t, err)
				byTail.add(rule, int64(span.StartTimestamp()/1e9))
			}
		}
	}
	random := rand.New(rand.NewPCG(9, uint64(perSecond)))
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
	for range seconds {
		now := time.Now()
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for range perSecond {
			rule := random.IntN(len(settings))
			requests.add(rule, now.Unix())
			host := fmt.Sprint("h", rule)
			if sdk.ShouldTrace(&sampling.Request{Host: host, Method: "GET", URL: "/"}).Sample {
				bySDK.add(rule, now.Unix())
			}
			span := spans.AppendEmpty()
			span.SetTraceID(traceID(random.Uint64()))
			span.SetSpanID(pcommon.SpanID{7: 1})
			span.SetName(strconv.Itoa(rule))
			span.SetKind(server)
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Millisecond)))
			span.Attributes().PutStr("url.full", "http://"+host+"/")
		}
		h.send(t, td)
		time.Sleep(time.Second)
	}
	time.Sleep(15 * time.Second)
	synctest.Wait()
	assert.EqualValues(t, seconds*perSecond, h.sum(t, "processor_xray_tail_sampling_traces"))

	for i, s := range settings {
		total, rests, sdkTotal, tailTotal := 0.0, 0, 0, 0
		for second, n := range requests.counts[i] {
			reservoir := min(n, s.reservoir)
			want := float64(reservoir) + float64(n-reservoir)*s.rate
			tail, bySDK := byTail.counts[i][second], bySDK.counts[i][second]
			// So few in a second are not spread as a bell: 10 deviations are one
			// in 10^8. At rates 0 and 1 there are none.
			require.InDelta(t, want, tail, 10*s.deviation(n-reservoir)+1e-9, "%v: %d requests in a second", s, n)
			require.InDelta(t, want, bySDK, 10*s.deviation(n-reservoir)+1e-9, "the SDK, %v: %d requests in a second", s, n)
			require.GreaterOrEqual(t, tail, reservoir, "%v: the reservoir", s)
			total += want
			rests += n - reservoir
			sdkTotal += bySDK
			tailTotal += tail
		}
		assert.InDelta(t, total, tailTotal, 5*s.deviation(rests)+1e-6, "%v: kept over all", s)
		assert.InDelta(t, sdkTotal, tailTotal, 5*math.Sqrt2*s.deviation(rests)+1e-6, "%v: kept by the SDK and by the tail", s)
		t.Logf("%v: beyond the reservoir %d requests in %d seconds; the SDK kept %d, the tail sampler %d", s, rests, seconds, sdkTotal, tailTotal)
	}
	h.stopped(t)
}
