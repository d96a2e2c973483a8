package awsxrayreceiver

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// lossShown is how long a loss shows in the component's status.
const lossShown = 30 * time.Second

// The troubles that show in the component's status.
const (
	troubleKernel   = "kernel"
	troubleQueue    = "queue"
	troublePipeline = "pipeline"
	troubleSocket   = "socket"
	troubleSampling = "sampling"
)

var (
	errKernelDrops = errors.New("the kernel dropped datagrams because the receive buffer was full")
	errQueueFull   = errors.New("datagrams were dropped because the pipeline is slower than the senders")
)

// status tells the hosts of all pipelines how the receiver is: a recoverable
// error while there is any trouble, else OK. The zero value is ready.
type status struct {
	mu       sync.Mutex
	hosts    []component.Host
	troubles map[string]error
	timers   map[string]*time.Timer
	ended    bool
}

func (s *status) addHost(h component.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = append(s.hosts, h)
}

// trouble shows err until clear.
func (s *status) trouble(cause string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(cause, err)
}

// loss shows err for lossShown. The next loss by the same cause starts that anew.
func (s *status) loss(cause string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.set(cause, err)
	if timer, ok := s.timers[cause]; ok {
		timer.Reset(lossShown)
		return
	}
	if s.timers == nil {
		s.timers = map[string]*time.Timer{}
	}
	s.timers[cause] = time.AfterFunc(lossShown, func() { s.clear(cause) })
}

// clear ends a trouble.
func (s *status) clear(cause string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.troubles[cause]; !ok || s.ended {
		return
	}
	delete(s.troubles, cause)
	if len(s.troubles) == 0 {
		s.report(componentstatus.NewEvent(componentstatus.StatusOK))
		return
	}
	s.reportTroubles()
}

// fatal says that the receiver cannot go on.
func (s *status) fatal(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(componentstatus.NewFatalErrorEvent(err))
}

// end stops the reporting: from now on the host knows better.
func (s *status) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, timer := range s.timers {
		timer.Stop()
	}
}

func (s *status) set(cause string, err error) {
	if _, ok := s.troubles[cause]; ok || s.ended {
		return
	}
	if s.troubles == nil {
		s.troubles = map[string]error{}
	}
	s.troubles[cause] = err
	s.reportTroubles()
}

func (s *status) reportTroubles() {
	var all []error
	for _, cause := range slices.Sorted(maps.Keys(s.troubles)) {
		all = append(all, s.troubles[cause])
	}
	s.report(componentstatus.NewRecoverableErrorEvent(errors.Join(all...)))
}

func (s *status) report(event *componentstatus.Event) {
	for _, host := range s.hosts {
		componentstatus.ReportStatus(host, event)
	}
}
