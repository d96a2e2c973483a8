package e2e

import (
	"testing"

	xraysdk "github.com/aws/aws-xray-sdk-go/xray"
	"github.com/aws/aws-xray-sdk-go/xraylog"
	"go.uber.org/goleak"

	"github.com/tailwater-otel/tailwater/demo/shop"
)

func TestMain(m *testing.M) {
	shop.RunServiceIfAsked()
	xraysdk.SetLogger(xraylog.NullLogger)
	// The pollers of the X-Ray SDK for Go cannot be stopped.
	const pollers = "github.com/aws/aws-xray-sdk-go/strategy/sampling.(*CentralizedStrategy)."
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction(pollers+"startRulePoller.func2"),
		goleak.IgnoreAnyFunction(pollers+"startTargetPoller.func1"))
}
