package xraylocalextension

import (
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// statusHost passes on the errors that are reported to it.
type statusHost struct{ events chan error }

func (*statusHost) GetExtensions() map[component.ID]component.Component { return nil }

func (h *statusHost) Report(e *componentstatus.Event) { h.events <- e.Err() }
