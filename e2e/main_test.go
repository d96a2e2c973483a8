package e2e

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/tailwater-otel/tailwater/demo/shop"
)

func TestMain(m *testing.M) {
	shop.RunServiceIfAsked()
	goleak.VerifyTestMain(m)
}
