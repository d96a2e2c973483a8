package e2e

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/xray/types"
	"github.com/aws/aws-xray-sdk-go/strategy/sampling"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/demo/proc"
)

// The X-Ray SDK's centralized sampler and the tail sampler, each a client of an
// X-Ray of its own, decide on the same requests for a minute of real time: per
// second and rule they keep the same, first on borrowed requests and then on
// quotas.
func TestKeepsWhatTheCentralizedSamplerKeeps(t *testing.T) {
	t.Parallel()
	type setting struct {
		reservoir int
		rate      float64
	}
	settings := []setting{{0, 0}, {0, 0.05}, {0, 1}, {1, 0}, {1, 0.05}, {10, 0.05}}
	const each, minute = 30, 60
	fake := newFakeXRay(t)
	fake.open()
	second, err := proc.FreeAddress()
	require.NoError(t, err)
	c := start(t, setup{env: fake.env(), configs: base(t, fmt.Sprintf(`
processors:
  xray_tail_sampling:`+askLocal+`
extensions:
  xray_local:
    endpoint: ${env:TAILWATER_LOCAL_ENDPOINT}
  xray_local/sdk:
    endpoint: %q
service:
  extensions: [health_check, xray_local, xray_local/sdk]
  pipelines:
    traces:
      processors: [xray_tail_sampling]
`, second))})
	service := func(rule int) string { return fmt.Sprint("service-", rule) }
	for _, address := range []string{c.Addresses.API, second} {
		client := xrayClient(t, address)
		closeDefault(t, client)
		for i, s := range settings {
			createRule(t, client, service(i), int32(i+1), int32(s.reservoir), s.rate, func(r *types.SamplingRule) { r.ServiceName = aws.String(service(i)) })
		}
	}
	sdk, otlp := xraySDK(t, second), newOTLPSender(t, c)
	// Rules first: until an SDK has them it goes by local ones, and the tail
	// sampler by those that it read when there was none of these yet.
	require.Eventually(t, func() bool {
		otlp.send(requests(service(2), 1, time.Now()))
		d := sdk.ShouldTrace(&sampling.Request{ServiceName: service(2)})
		return aws.ToString(d.Rule) == service(2) && c.metric("processor_xray_tail_sampling_traces", `rule="`+service(2)+`"`) > 0
	}, wait, 10*tick)

	// kept by the SDK, by rule and second.
	kept := make([]map[int64]int, len(settings))
	for i := range kept {
		kept[i] = map[int64]int{}
	}
	var seconds []int64 // in which all of it was done
	begun := time.Now()
	for last := begun.Unix(); time.Since(begun) < minute*time.Second; {
		now := time.Now()
		if now.Unix() == last {
			time.Sleep(tick)
			continue
		}
		last = now.Unix()
		for i := range settings {
			for range each {
				if sdk.ShouldTrace(&sampling.Request{ServiceName: service(i)}).Sample {
					kept[i][last]++
				}
			}
		}
		if time.Now().Unix() != last {
			continue // some were decided in the next second: there is nothing to compare
		}
		for i := range settings {
			otlp.send(requests(service(i), each, now))
		}
		seconds = append(seconds, last)
	}
	c.waitMetric(each*len(settings)*len(seconds), "processor_xray_tail_sampling_traces")
	c.stop()

	// Clients ask for their quotas every 10 s, so after 25 both have them. Before,
	// while one may have its quota and the other not, each borrows at least.
	split, _ := slices.BinarySearch(seconds, begun.Unix()+25)
	early, settled := seconds[:split], seconds[split:]
	require.Greater(t, len(settled), 10, "the machine is too busy")
	for i, s := range settings {
		tail, bySDK, byTail := fake.keptBySecond(service(i)), 0, 0
		for _, second := range early {
			assert.GreaterOrEqual(t, tail[second], min(1, s.reservoir), "%v, second %d: the tail sampler borrows", s, second)
		}
		rest := float64(each - min(each, s.reservoir))
		want, variance := float64(s.reservoir)+rest*s.rate, rest*s.rate*(1-s.rate)
		for _, second := range settled {
			// So few in a second are not spread as a bell: 9 deviations are one in 10^8.
			assert.InDelta(t, want, kept[i][second], 9*math.Sqrt(variance), "%v, second %d: the SDK", s, second)
			assert.InDelta(t, want, tail[second], 9*math.Sqrt(variance), "%v, second %d: the tail sampler", s, second)
			assert.GreaterOrEqual(t, tail[second], min(each, s.reservoir), "%v, second %d: the reservoir", s, second)
			bySDK += kept[i][second]
			byTail += tail[second]
		}
		n := float64(len(settled))
		assert.InDelta(t, n*want, byTail, 6*math.Sqrt(n*variance), "%v: the tail sampler", s)
		assert.InDelta(t, bySDK, byTail, 6*math.Sqrt(2*n*variance), "%v", s)
		t.Logf("%v: of %d requests in %d seconds the SDK kept %d, the tail sampler %d", s, each*len(settled), len(settled), bySDK, byTail)
	}
}
