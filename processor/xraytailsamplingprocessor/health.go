package xraytailsamplingprocessor

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// health tells the Collector of trouble when it begins and ends, not for each
// trace. There is one for each thing that can be in trouble; the component is
// well when all are.
type health struct {
	logger *zap.Logger
	all    *troubles
	begins string // log messages
	ends   string

	mu    sync.Mutex
	since time.Time // of the trouble; zero while all is well
	heard time.Time // when trouble was last reported
}

// calm is how long nothing may go wrong before trouble is over. Where every
// second trace fails each would be a change otherwise.
const calm = 10 * time.Second

// troubles counts what is in trouble.
type troubles struct {
	mu    sync.Mutex
	host  component.Host
	count int
}

func (a *troubles) add(n int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.count
	a.count += n
	switch {
	case a.host == nil:
	case was == 0 && a.count > 0:
		componentstatus.ReportStatus(a.host, componentstatus.NewRecoverableErrorEvent(err))
	case was > 0 && a.count == 0:
		componentstatus.ReportStatus(a.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

func (h *health) trouble(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = time.Now()
	if !h.since.IsZero() {
		return
	}
	h.since = h.heard
	h.logger.Warn(h.begins, zap.Error(err))
	h.all.add(1, err)
}

func (h *health) fine() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() || time.Since(h.heard) < calm {
		return
	}
	h.end()
}

// end reports that trouble is over. The caller holds mu.
func (h *health) end() {
	if h.since.IsZero() {
		return
	}
	h.logger.Info(h.ends, zap.Duration("after", time.Since(h.since)))
	h.since = time.Time{}
	h.all.add(-1, nil)
}

// over ends trouble at once.
func (h *health) over() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end()
}
