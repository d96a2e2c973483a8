package awsxrayreceiver

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
)

func TestStatus(t *testing.T) {
	const (
		ok  = componentstatus.StatusOK
		bad = componentstatus.StatusRecoverableError
	)
	synctest.Test(t, func(t *testing.T) {
		host, second := &statusHost{Host: componenttest.NewNopHost()}, &statusHost{Host: componenttest.NewNopHost()}
		var s status
		s.addHost(host)
		s.addHost(second)
		s.clear(troubleQueue)
		assert.Empty(t, host.statuses(), "nothing to tell")

		s.loss(troubleQueue, errQueueFull)
		s.loss(troubleQueue, errQueueFull)
		assert.Equal(t, []componentstatus.Status{bad}, host.statuses(), "one trouble is told once")
		assert.Equal(t, host.statuses(), second.statuses(), "every pipeline is told")
		time.Sleep(lossShown - time.Second)
		s.loss(troubleQueue, errQueueFull)
		time.Sleep(lossShown - time.Second)
		assert.Len(t, host.statuses(), 1, "the loss goes on")

		s.trouble(troubleSampling, errors.New("no region"))
		assert.EqualError(t, host.err(1), errQueueFull.Error()+"\nno region")
		time.Sleep(2 * time.Second)
		assert.Equal(t, []componentstatus.Status{bad, bad, bad}, host.statuses(), "one trouble is left")
		assert.EqualError(t, host.err(2), "no region")
		s.clear(troubleSampling)
		assert.Equal(t, ok, host.statuses()[3])

		s.loss(troubleKernel, errKernelDrops)
		s.end()
		time.Sleep(2 * lossShown)
		s.loss(troubleKernel, errKernelDrops)
		s.trouble(troubleSampling, errors.New("no region"))
		assert.Len(t, host.statuses(), 5, "nothing is told after the end")
	})
}
