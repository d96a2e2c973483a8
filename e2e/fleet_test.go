package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/xray/types"
	"github.com/aws/aws-xray-sdk-go/strategy/sampling"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tailwater-otel/tailwater/demo/proc"
)

// askLocal makes the tail sampler ask the local X-Ray, and decide soon.
const askLocal = `
    rules:
      xray:
        endpoint: http://${env:TAILWATER_LOCAL_ENDPOINT}
        region: us-east-1
        local_mode: true
    decision_idle: 100ms
    decision_wait: 5s
`

// requests makes n traces of one span each, of requests that a service began
// to serve at a time.
func requests(service string, n int, start time.Time) ptrace.Traces {
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", service)
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	for range n {
		span := spans.AppendEmpty()
		span.SetTraceID(newTraceID())
		span.SetSpanID(newID())
		span.SetName("GET")
		span.SetKind(ptrace.SpanKindServer)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Millisecond)))
	}
	return traces
}

func otlpSenderTo(t testing.TB, address string) *otlpSender {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	return &otlpSender{t, ptraceotlp.NewGRPCClient(conn)}
}

// keptBySecond returns how many segments of a service arrived, by the second in
// which they began.
func (f *fakeXRay) keptBySecond(service string) map[int64]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := map[int64]int{}
	for _, document := range f.documents {
		var d struct {
			Name      string  `json:"name"`
			StartTime float64 `json:"start_time"`
		}
		if json.Unmarshal([]byte(document), &d) == nil && d.Name == service {
			kept[int64(d.StartTime)]++
		}
	}
	return kept
}

// Two, and four, tail samplers are clients of one X-Ray: once they have their
// first quotas they keep together what the reservoir of the rule has, and not
// each of them.
func TestFleetSharesAReservoir(t *testing.T) {
	t.Parallel()
	const instances, reservoir, each = 4, 12, 20
	fake := newFakeXRay(t)
	fake.open()
	var receivers, processors, pipelines strings.Builder
	var addresses [instances]string
	for i := range addresses {
		var err error
		addresses[i], err = proc.FreeAddress()
		require.NoError(t, err)
		fmt.Fprintf(&receivers, "  otlp/%d: {protocols: {grpc: {endpoint: %q}}}\n", i, addresses[i])
		fmt.Fprintf(&processors, "  xray_tail_sampling/%d:%s", i, askLocal)
		fmt.Fprintf(&pipelines, "    traces/%d: {receivers: [otlp/%d], processors: [xray_tail_sampling/%d], exporters: [awsxray]}\n", i, i, i)
	}
	c := start(t, setup{env: fake.env(), configs: base(t, xrayLocal,
		"receivers:\n"+receivers.String()+"processors:\n"+processors.String()+"service:\n  pipelines:\n"+pipelines.String())})
	client := xrayClient(t, c.Addresses.API)
	closeDefault(t, client)
	for _, name := range []string{"two", "four"} {
		createRule(t, client, name, 100, reservoir, 0, func(r *types.SamplingRule) { r.ServiceName = aws.String(name) })
	}
	var senders [instances]*otlpSender
	for i := range senders {
		senders[i] = otlpSenderTo(t, addresses[i])
	}

	// In each second 20 requests of the rule "four" to each instance, and of
	// the rule "two" to the first two. A second counts in which all were sent.
	var seconds []int64
	settled := func(service string) bool {
		kept := fake.keptBySecond(service)
		for _, second := range seconds[len(seconds)-5 : len(seconds)-2] {
			if kept[second] != reservoir {
				return false
			}
		}
		return true
	}
	require.Eventually(t, func() bool {
		now := time.Now()
		if n := len(seconds); n > 0 && seconds[n-1] == now.Unix() {
			return false
		}
		seconds = append(seconds, now.Unix())
		for i, sender := range senders {
			sender.send(requests("four", each, now))
			if i < 2 {
				sender.send(requests("two", each, now))
			}
		}
		return len(seconds) > 20 && settled("two") && settled("four")
	}, 2*wait, tick)
	c.stop()
	// While they still learned of each other, as well: at most two seconds'
	// worth more, when one gives up what another gets in the same second.
	for _, service := range []string{"two", "four"} {
		total := 0
		for _, kept := range fake.keptBySecond(service) {
			total += kept
		}
		assert.LessOrEqual(t, total, reservoir*(len(seconds)+2), service)
		t.Logf("%s: %d kept in %d seconds", service, total, len(seconds))
	}
}

// A rule that is changed through the API takes effect without a restart: in an
// X-Ray SDK, in the sampling API that it asks, and in the tail sampler.
func TestRuleChangesWithoutARestart(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	fake.open()
	c := start(t, setup{env: fake.env(), configs: base(t, xrayLocal, `
receivers:
  awsxray:
    proxy_server:
      aws_endpoint: http://${env:TAILWATER_LOCAL_ENDPOINT}
processors:
  xray_tail_sampling:`+askLocal+`
service:
  pipelines:
    traces:
      processors: [xray_tail_sampling]
`)})
	client := xrayClient(t, c.Addresses.API)
	closeDefault(t, client)
	createRule(t, client, "shop", 100, 0, 0)
	sdk, otlp := xraySDK(t, c.Addresses.XRay), newOTLPSender(t, c)
	decide := func() *sampling.Decision {
		return sdk.ShouldTrace(&sampling.Request{ServiceName: "checkout", URL: "/"})
	}
	// proxied is the rate that the sampling API has for a rule, -1 for none.
	proxied := func(rule string) float64 {
		var rules struct {
			SamplingRuleRecords []struct {
				SamplingRule struct {
					RuleName  string
					FixedRate float64
				}
			}
		}
		_, reply := post(t, "http://"+c.Addresses.XRay+"/GetSamplingRules", "{}")
		require.NoError(t, json.Unmarshal([]byte(reply), &rules), reply)
		for _, r := range rules.SamplingRuleRecords {
			if r.SamplingRule.RuleName == rule {
				return r.SamplingRule.FixedRate
			}
		}
		return -1
	}
	inForce := func(rule string, rate float64) bool {
		otlp.send(requests("checkout", 1, time.Now()))
		d, decision := decide(), `decision="dropped"`
		if rate == 1 {
			decision = `decision="kept"`
		}
		return aws.ToString(d.Rule) == rule && d.Sample == (rate == 1) && proxied(rule) == rate &&
			c.metric("processor_xray_tail_sampling_traces", `rule="`+rule+`"`, decision) > 0
	}
	require.Eventually(t, func() bool { return inForce("shop", 0) }, 2*wait, 10*tick)
	updateRule(t, client, types.SamplingRuleUpdate{RuleName: aws.String("shop"), FixedRate: aws.Float64(1)})
	require.Eventually(t, func() bool { return inForce("shop", 1) }, 2*wait, 10*tick)
	createRule(t, client, "none", 1, 0, 0)
	require.Eventually(t, func() bool { return inForce("none", 0) }, 2*wait, 10*tick)
	c.stop()
	assert.Empty(t, c.complaints())
}
