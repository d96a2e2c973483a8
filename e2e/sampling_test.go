package e2e

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/aws/aws-sdk-go-v2/service/xray/types"
	"github.com/aws/aws-xray-sdk-go/daemoncfg"
	"github.com/aws/aws-xray-sdk-go/strategy/sampling"
	"github.com/stretchr/testify/require"
)

// Only the local X-Ray.
const xrayLocal = `
extensions:
  xray_local:
    endpoint: ${env:TAILWATER_LOCAL_ENDPOINT}
service:
  extensions: [health_check, xray_local]
`

// xrayClient is the AWS SDK's client of the X-Ray API at an address.
func xrayClient(t *testing.T, address string) *xray.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return xray.New(xray.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + address),
		Credentials:      credentials.NewStaticCredentialsProvider("local", "local", ""),
		RetryMaxAttempts: 1, HTTPClient: &http.Client{Transport: transport},
	})
}

// createRule makes a rule that all requests match, with changes.
func createRule(t *testing.T, c *xray.Client, name string, priority, reservoir int32, rate float64, changes ...func(*types.SamplingRule)) {
	t.Helper()
	rule := &types.SamplingRule{
		RuleName: aws.String(name), Priority: aws.Int32(priority), ReservoirSize: reservoir, FixedRate: rate,
		ServiceName: aws.String("*"), ServiceType: aws.String("*"), Host: aws.String("*"), HTTPMethod: aws.String("*"),
		URLPath: aws.String("*"), ResourceARN: aws.String("*"), Version: aws.Int32(1),
	}
	for _, change := range changes {
		change(rule)
	}
	_, err := c.CreateSamplingRule(t.Context(), &xray.CreateSamplingRuleInput{SamplingRule: rule})
	require.NoError(t, err)
}

func updateRule(t *testing.T, c *xray.Client, update types.SamplingRuleUpdate) {
	t.Helper()
	_, err := c.UpdateSamplingRule(t.Context(), &xray.UpdateSamplingRuleInput{SamplingRuleUpdate: &update})
	require.NoError(t, err)
}

// closeDefault makes the Default rule keep nothing.
func closeDefault(t *testing.T, c *xray.Client) {
	t.Helper()
	updateRule(t, c, types.SamplingRuleUpdate{RuleName: aws.String("Default"), ReservoirSize: aws.Int32(0), FixedRate: aws.Float64(0)})
}

// xraySDK is the sampler of a process with the X-Ray SDK for Go that asks at
// the address. Its pollers run until the tests end, and it has data races of
// its own, so it is kept out of the tests that run under the race detector.
func xraySDK(t *testing.T, address string) *sampling.CentralizedStrategy {
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	tcp, err := net.ResolveTCPAddr("tcp", address)
	require.NoError(t, err)
	strategy, err := sampling.NewCentralizedStrategy()
	require.NoError(t, err)
	strategy.LoadDaemonEndpoints(&daemoncfg.DaemonEndpoints{TCPAddr: tcp})
	return strategy
}

// Two processes with the X-Ray SDK for Go ask xray_local as they would ask a
// daemon: what is changed reaches them within an interval, and they share a
// reservoir.
func TestXRaySDKSampling(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	running := start(t, setup{configs: base(t, xrayLocal), env: fake.env()})
	c := xrayClient(t, running.Addresses.API)
	closeDefault(t, c)
	createRule(t, c, "shop", 100, 10, 0)

	processes := [2]*sampling.CentralizedStrategy{xraySDK(t, running.Addresses.API), xraySDK(t, running.Addresses.API)}
	decide := func(process int, path string) *sampling.Decision {
		return processes[process].ShouldTrace(&sampling.Request{ServiceName: "checkout", Host: "shop.example.com", Method: "GET", URL: path})
	}
	rules := func(path string) string {
		return aws.ToString(decide(0, path).Rule) + " " + aws.ToString(decide(1, path).Rule)
	}
	require.Eventually(t, func() bool { return rules("/cart") == "shop shop" }, wait, tick)

	createRule(t, c, "health", 1, 0, 0)
	updateRule(t, c, types.SamplingRuleUpdate{RuleName: aws.String("health"), URLPath: aws.String("/health")})
	updateRule(t, c, types.SamplingRuleUpdate{RuleName: aws.String("shop"), URLPath: aws.String("/cart*")})
	require.Eventually(t, func() bool {
		return rules("/health") == "health health" && rules("/other") == "Default Default" && rules("/cart/7") == "shop shop"
	}, wait, tick)

	// Of 40 requests in one second 10 are kept, wherever they arrive: 2 at
	// first, when each process borrows one, and 20 if each had all.
	last := int64(0)
	require.Eventually(t, func() bool {
		second := time.Now().Unix()
		if second == last {
			return false
		}
		last = second
		kept := 0
		for i := range 40 {
			if decide(i%2, "/cart").Sample {
				kept++
			}
		}
		return kept == 10 && time.Now().Unix() == second
	}, wait, tick)
	require.False(t, decide(0, "/health").Sample)
}
