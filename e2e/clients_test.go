package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsxray "github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/aws/aws-xray-sdk-go/strategy/sampling"
	xraysdk "github.com/aws/aws-xray-sdk-go/xray"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// nodeSDK is a process with the X-Ray SDK for Node.
type nodeSDK struct {
	t     *testing.T
	lines *bufio.Reader
	input io.Writer
}

type nodeAnswer struct {
	Sampled int
	Second  int64
	Whole   bool // all was decided in that second
	Rule    any  // its name; a boolean where the SDK's own local rules decided
	IDs     []string
	Start   float64
}

func startNodeSDK(t *testing.T, address string) *nodeSDK {
	_, err := exec.LookPath("node")
	require.NoError(t, err, "the end-to-end tests need Node")
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", "sampler.js")
	cmd.Dir = "node"
	cmd.Env = append(os.Environ(), "AWS_XRAY_DAEMON_ADDRESS="+address)
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		stop := time.AfterFunc(stopWait, cancel)
		defer stop.Stop()
		assert.NoError(t, input.Close())
		assert.NoError(t, cmd.Wait())
		cancel()
	})
	return &nodeSDK{t, bufio.NewReader(output), input}
}

// do sends a command and returns the answer to it.
func (n *nodeSDK) do(command string) (a nodeAnswer) {
	n.t.Helper()
	_, err := fmt.Fprintln(n.input, command)
	require.NoError(n.t, err)
	line, err := n.lines.ReadBytes('\n')
	require.NoError(n.t, err, "if packages are missing, run npm ci in e2e/node")
	require.NoError(n.t, json.Unmarshal(line, &a))
	return a
}

// remoteReplies are what a client of the sampling API was answered.
type remoteReplies struct{ rules, targets string }

// remoteSamplers asks as the remote samplers of OpenTelemetry do, by language,
// and reports a few requests of a rule. Python sends no body for the rules, says
// SampleCount, and has the client's ID in boost statistics too; Java and Python
// count a borrowed request as sampled, too.
func remoteSamplers(t *testing.T, c *collector, rule string) map[string]remoteReplies {
	statistics := func(id, sampled, more string) string {
		return fmt.Sprintf(`{"SamplingStatisticsDocuments":[{"RuleName":%q,"ClientID":%q,"Timestamp":%d,"RequestCount":3,%q:2,"BorrowCount":1}]%s}`,
			rule, strings.Repeat(id, 24), time.Now().Unix(), sampled, more)
	}
	boost := fmt.Sprintf(`,"SamplingBoostStatisticsDocuments":[{"RuleName":%q,"ClientID":%q,"ServiceName":"checkout","Timestamp":%d,"TotalCount":3,"AnomalyCount":1}]`,
		rule, strings.Repeat("b", 24), time.Now().Unix())
	replies := map[string]remoteReplies{}
	for language, ask := range map[string][2]string{
		"Java":   {`{}`, statistics("a", "SampledCount", "")},
		"Python": {``, statistics("b", "SampleCount", boost)},
		"Go":     {`{"NextToken":null}`, statistics("c", "SampledCount", "")},
	} {
		url := "http://" + c.Addresses.XRay
		status, rules := post(t, url+"/GetSamplingRules", ask[0])
		assert.Equal(t, http.StatusOK, status, "%s: %s", language, rules)
		status, targets := post(t, url+"/SamplingTargets", ask[1])
		assert.Equal(t, http.StatusOK, status, "%s: %s", language, targets)
		replies[language] = remoteReplies{rules, targets}
	}
	return replies
}

const proxyLocal = `
receivers:
  awsxray:
    proxy_server:
      aws_endpoint: http://${env:TAILWATER_LOCAL_ENDPOINT}
`

// The X-Ray SDKs for Go and for Node, and clients that ask as OpenTelemetry's
// remote samplers do, get X-Ray's rules and each its part of a reservoir.
func TestClientsOfForward(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	c := start(t, setup{env: fake.env(), configs: base(t, xrayLocal, proxyLocal)})
	client := xrayClient(t, c.Addresses.API)
	closeDefault(t, client)
	createRule(t, client, "shop", 100, 10, 0)
	golang := [2]*sampling.CentralizedStrategy{xraySDK(t, c.Addresses.XRay), xraySDK(t, c.Addresses.XRay)}
	node := startNodeSDK(t, c.Addresses.XRay)
	request := sampling.Request{ServiceName: "checkout", Host: "shop.example.com", Method: "GET", URL: "/cart"}

	// Each sees 20 requests in a second. The three share the 10 of the reservoir:
	// 3 or 4 for each, not 1, as while they borrow, and not 10 for each. The SDK
	// for Node goes on borrowing: it takes the end of a quota, which X-Ray gives
	// in seconds, for milliseconds, and so every quota for expired.
	decided, last := int64(0), int64(0)
	require.Eventually(t, func() bool {
		second := time.Now().Unix()
		if second == last {
			return false
		}
		last = second
		var byGo [2]int
		for i, sdk := range golang {
			for range 20 {
				if sdk.ShouldTrace(&request).Sample {
					byGo[i]++
				}
			}
		}
		there := node.do(`{"do":"decide","n":20}`)
		decided += 60
		return byGo[0] >= 3 && byGo[0] <= 4 && byGo[1] >= 3 && byGo[1] <= 4 && there.Sampled == 1 && there.Rule == "shop" &&
			there.Whole && there.Second == second && time.Now().Unix() == second
	}, 2*wait, tick)

	// Each request is counted once by X-Ray, which hears of them through us. The
	// first ones were decided before there were rules.
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		for _, sdk := range golang { // what they have not reported goes with it
			sdk.ShouldTrace(&request)
		}
		node.do(`{"do":"decide","n":1}`)
		decided += 3
		summaries, err := client.GetSamplingStatisticSummaries(context.Background(), &awsxray.GetSamplingStatisticSummariesInput{})
		if !assert.NoError(t, err) {
			return
		}
		counted := int64(0)
		for _, s := range summaries.SamplingStatisticSummaries {
			if aws.ToString(s.RuleName) == "shop" {
				counted += int64(s.RequestCount)
			}
		}
		assert.GreaterOrEqual(t, counted, decided*9/10)
		assert.LessOrEqual(t, counted, decided)
	}, wait, 2*time.Second)

	for name, reply := range remoteSamplers(t, c, "shop") {
		assert.Contains(t, reply.rules, `"RuleName":"shop"`, name)
		assert.Contains(t, reply.targets, `"RuleName":"shop"`, name)
		assert.Contains(t, reply.targets, `"FixedRate":0`, name)
	}
	c.stop()
	assert.Empty(t, c.complaints())
}

// Under record_all the SDKs for Go and Node record everything, as an SDK of
// OpenTelemetry does, and the tail decides: all that failed or was slow arrives
// whole, and of the others what X-Ray's default rule keeps, one a second and
// 5 %.
func TestClientsOfRecordAll(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	fake.open()
	c := start(t, setup{env: fake.env(), configs: base(t, xrayLocal, proxyLocal, `
receivers:
  awsxray:
    proxy_server:
      sampling: record_all
      record_all_max_per_second: 0
processors:
  xray_tail_sampling:`+askLocal+`
service:
  pipelines:
    traces:
      processors: [xray_tail_sampling]
`)})
	strategy, node := xraySDK(t, c.Addresses.XRay), startNodeSDK(t, c.Addresses.XRay)
	udp, err := net.ResolveUDPAddr("udp", c.Addresses.XRay)
	require.NoError(t, err)
	emitter, err := xraysdk.NewDefaultEmitter(udp)
	require.NoError(t, err)
	sdk, err := xraysdk.ContextWithConfig(t.Context(), xraysdk.Config{Emitter: emitter, SamplingStrategy: strategy})
	require.NoError(t, err)
	otlp := newOTLPSender(t, c)

	// Until the rules are there an SDK falls back to local ones.
	require.Eventually(t, func() bool {
		d := strategy.ShouldTrace(&sampling.Request{ServiceName: "checkout-go"})
		return d.Sample && aws.ToString(d.Rule) == "Default" && node.do(`{"do":"decide","n":1}`).Rule == "Default"
	}, wait, tick)

	for name, reply := range remoteSamplers(t, c, "Default") {
		assert.Contains(t, reply.rules, `"FixedRate":1,`, name)
		assert.Contains(t, reply.targets, `"FixedRate":1,`, name)
	}

	const each = 400
	var kept []string     // ids of what must arrive
	var others [][]string // ids of the others, by trace
	seconds := map[int64]bool{}
	for i := range each {
		fault, slow := i%20 == 3, i%20 == 7
		note := func(ids []string, start float64) {
			if fault || slow {
				kept = append(kept, ids...)
				return
			}
			others = append(others, ids)
			seconds[int64(start)] = true
		}
		note(goRequest(sdk, fault, slow))
		command := fmt.Sprintf(`{"do":"request","fault":%v}`, fault)
		if slow {
			command = `{"do":"request","slow":4}`
		}
		answer := node.do(command)
		require.Equal(t, "Default", answer.Rule)
		note(answer.IDs, answer.Start)
		traces, ids := newTrace()
		start := otelRequest(traces, fault, slow)
		otlp.send(traces)
		note(ids, start)
		if i%(burst/2) == 0 { // the kernel's buffer holds these
			c.waitMetric(2*(i+1), "receiver_awsxray_datagrams_received")
		}
	}
	c.waitMetric(3*each, "processor_xray_tail_sampling_traces")
	fake.waitFor(kept)
	c.stop() // sends all that is on its way

	whole := 0
	for _, ids := range others {
		switch missing, _ := fake.missing(ids); missing {
		case 0:
			whole++
		case len(ids):
		default:
			assert.Fail(t, "a part of a trace arrived", "%d of %d are missing", missing, len(ids))
		}
	}
	// One of each second, and one more where the borrowing ended in it.
	n, reservoir := float64(len(others)), float64(len(seconds))
	deviation := math.Sqrt((n - reservoir) * 0.05 * 0.95)
	assert.InDelta(t, reservoir+(n-reservoir)*0.05, whole, 5*deviation+1)
	t.Logf("%d of %d others kept, %d seconds, and all %d spans of those that failed or were slow", whole, len(others), len(seconds), len(kept))
	missing, _ := fake.missing(kept)
	assert.Zero(t, missing)
}

// Under a cap each SDK gets its part of it: the one for Go as the quota of a
// reservoir, the one for Node, which does not use quotas, as a rate.
func TestClientsOfACap(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	c := start(t, setup{env: fake.env(), configs: base(t, xrayLocal, proxyLocal, `
receivers:
  awsxray:
    proxy_server:
      sampling: record_all
      record_all_max_per_second: 40
`)})
	golang, node := xraySDK(t, c.Addresses.XRay), startNodeSDK(t, c.Addresses.XRay)
	last := int64(0)
	require.Eventually(t, func() bool {
		second := time.Now().Unix()
		if second == last {
			return false
		}
		last = second
		byGo := 0
		for range 40 {
			if golang.ShouldTrace(&sampling.Request{ServiceName: "checkout"}).Sample {
				byGo++
			}
		}
		byNode := node.do(`{"do":"decide","n":40}`).Sampled
		return byGo == 20 && byNode >= 10 && byNode <= 30 && time.Now().Unix() == second
	}, 2*wait, tick)
	c.stop()
}

// goRequest is a request that the X-Ray SDK for Go records. The fault is in the
// call, and the segment hides it.
func goRequest(ctx context.Context, fault, slow bool) (ids []string, start float64) {
	ctx, segment := xraysdk.BeginSegment(ctx, "checkout-go")
	if slow {
		segment.Lock()
		segment.StartTime -= 4
		segment.Unlock()
	}
	_, call := xraysdk.BeginSubsegment(ctx, "stock.example.com")
	call.Lock()
	call.Namespace, call.Fault = "remote", fault
	call.Unlock()
	call.Close(nil)
	ids, start = []string{segment.ID, call.ID}, segment.StartTime
	segment.Close(nil)
	return ids, start
}

// otelRequest makes a trace of three spans one that failed at the bottom or
// began earlier, and returns its start.
func otelRequest(traces ptrace.Traces, fault, slow bool) (start float64) {
	spans := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	if fault {
		spans.At(2).Status().SetCode(ptrace.StatusCodeError)
		spans.At(2).Attributes().PutStr("server.address", "stock.example.com")
	}
	if slow {
		spans.At(0).SetStartTimestamp(pcommon.NewTimestampFromTime(spans.At(0).StartTimestamp().AsTime().Add(-4 * time.Second)))
	}
	return float64(spans.At(0).StartTimestamp()) / 1e9
}
