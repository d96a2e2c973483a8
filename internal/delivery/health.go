package delivery

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// Health tells the Collector whether a service takes data. It speaks when that
// changes, not for each request. It is safe for concurrent use.
type Health struct {
	// Service and Items say who takes what, for the log: "X-Ray", "documents".
	Service, Items string
	Logger         *zap.Logger

	mu      sync.Mutex
	host    component.Host
	since   time.Time // of the trouble; zero while all is well
	trouble string    // its kind
	told    time.Time // when trouble was reported last
}

// healthInterval is how often trouble is reported at most. Where every second
// request fails, each would be a change otherwise.
const healthInterval = 10 * time.Second

// Start names the host that hears of changes.
func (h *Health) Start(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host = host
}

// Report takes the result of a request. A failure that is about some items, and
// not about the service, is not to be reported.
func (h *Health) Report(f awsclient.Failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch f.Kind {
	case awsclient.None:
		if !h.since.IsZero() {
			h.Logger.Info(h.Service+" accepts "+h.Items+" again", zap.Duration("after", time.Since(h.since)))
			h.since, h.trouble = time.Time{}, ""
			componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
		}
	default:
		h.fail(f.Code, f)
	}
}

// Full says that data is lost because the queue has no room.
func (h *Health) Full(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail("queue", err)
}

// fail reports trouble of another kind than before. The caller holds mu.
func (h *Health) fail(kind string, err error) {
	now := time.Now()
	if h.trouble == kind || !h.told.IsZero() && now.Sub(h.told) < healthInterval {
		return
	}
	if h.since.IsZero() {
		h.since = now
	}
	h.trouble, h.told = kind, now
	h.Logger.Warn(h.Service+" does not accept "+h.Items+" now", zap.Error(err))
	componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(err))
}
