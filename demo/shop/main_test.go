package shop

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	RunServiceIfAsked()
	goleak.VerifyTestMain(m)
}
