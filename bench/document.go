//go:build linux

package main

import "github.com/tailwater-otel/tailwater/internal/segment/segmenttest"

// document returns the body for a load of segments.
func (l load) document() []byte {
	switch l {
	case smallSegments:
		return segmenttest.Small()
	case midSegments:
		return segmenttest.Mid()
	default:
		return segmenttest.Large()
	}
}
