package awsxrayexporter

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// health tells the Collector whether X-Ray takes documents. It speaks when
// that changes, not for each request.
type health struct {
	logger *zap.Logger

	mu      sync.Mutex
	host    component.Host
	since   time.Time // of the trouble; zero while all is well
	trouble string    // its kind
	told    time.Time // when trouble was reported last
}

// healthInterval is how often trouble is reported at most. Where every second
// request fails, each would be a change otherwise.
const healthInterval = 10 * time.Second

func (h *health) start(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host = host
}

// report takes the result of a request.
func (h *health) report(f awsclient.Failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch f.Kind {
	case awsclient.None:
		if !h.since.IsZero() {
			h.logger.Info("X-Ray accepts documents again", zap.Duration("after", time.Since(h.since)))
			h.since, h.trouble = time.Time{}, ""
			componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
		}
	case awsclient.Permanent:
		// A divisible failure is about some documents, not about X-Ray.
		if !divisible(f) {
			h.fail(f.Code, f)
		}
	default:
		h.fail(f.Code, f)
	}
}

// full says that documents are lost because the queue has no room.
func (h *health) full(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail("queue", err)
}

// fail reports trouble of another kind than before. The caller holds mu.
func (h *health) fail(kind string, err error) {
	now := time.Now()
	if h.trouble == kind || !h.told.IsZero() && now.Sub(h.told) < healthInterval {
		return
	}
	if h.since.IsZero() {
		h.since = now
	}
	h.trouble, h.told = kind, now
	h.logger.Warn("X-Ray does not accept documents now", zap.Error(err))
	componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(err))
}
