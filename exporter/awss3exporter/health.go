package awss3exporter

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// health tells the Collector whether objects get stored. It speaks when that
// changes, not for each object.
type health struct {
	logger *zap.Logger

	mu      sync.Mutex
	host    component.Host
	trouble map[string]time.Time // kinds of trouble there are now, and since when
}

// Kinds of trouble.
const (
	troubleStore = "store" // objects are not stored
	troubleSpool = "spool" // spans are not taken
)

func (h *health) start(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host, h.trouble = host, map[string]time.Time{}
}

// fail reports trouble unless it is known.
func (h *health) fail(kind string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.trouble[kind]; known || h.host == nil {
		return
	}
	h.trouble[kind] = time.Now()
	h.logger.Warn("Archive in trouble", zap.String("what", kind), zap.Error(err))
	componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(err))
}

// ok ends trouble.
func (h *health) ok(kind string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since, known := h.trouble[kind]
	if !known {
		return
	}
	delete(h.trouble, kind)
	h.logger.Info("Archive works again", zap.String("what", kind), zap.Duration("after", time.Since(since)))
	if len(h.trouble) == 0 {
		componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}
