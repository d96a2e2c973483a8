package xraytailsamplingprocessor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-xray-sdk-go/strategy/sampling"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// binomial is the standard deviation of how many of n are kept at a rate.
func binomial(n int, rate float64) float64 { return math.Sqrt(float64(n) * rate * (1 - rate)) }

// The same requests go to the processor and to an SDK's local sampler: what
// the processor keeps of them is what their rule says, and what the SDK keeps.
func TestKeepsWhatAnSDKKeeps(t *testing.T) {
	type setting struct {
		reservoir int
		rate      float64
	}
	settings := []setting{{0, 0}, {0, 1}, {0, 0.05}, {1, 0}, {1, 0.05}, {10, 0}, {10, 0.05}}
	for _, perSecond := range []int{1, 10, 100, 1000} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
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

				// As many requests at each rate: an hour of one a second.
				seconds := max(5, 3600/perSecond)
				random := rand.New(rand.NewPCG(9, 9))
				bySDK := make([]int64, len(settings))
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
				for range seconds {
					for rule := range settings {
						host := fmt.Sprint("h", rule)
						for range perSecond {
							if sdk.ShouldTrace(&sampling.Request{Host: host, Method: "GET", URL: "/"}).Sample {
								bySDK[rule]++
							}
							h.send(t, batch(traceID(random.Uint64()), time.Now(), s{
								service: "a", name: "r", id: 1, kind: server, end: time.Millisecond,
								attributes: map[string]any{"url.full": "http://" + host + "/"},
							}))
						}
					}
					time.Sleep(time.Second)
				}
				time.Sleep(15 * time.Second)
				synctest.Wait()
				const m = "processor_xray_tail_sampling_traces"
				for i, s := range settings {
					name := fmt.Sprint("rule ", i+1)
					requests := seconds * perSecond
					reservoir := seconds * min(perSecond, s.reservoir)
					error5 := 5 * binomial(requests-reservoir, s.rate)
					assert.EqualValues(t, reservoir, h.sum(t, m, "rule", name, "reason", reasonReservoir), "reservoir of %v", s)
					byRate := h.sum(t, m, "rule", name, "reason", reasonFixedRate)
					assert.InDelta(t, float64(requests-reservoir)*s.rate, byRate, error5, "rate of %v", s)
					assert.InDelta(t, bySDK[i], int64(reservoir)+byRate, 1.5*error5, "the SDK on %v", s)
				}
				h.stopped(t)
			})
		})
	}
}
