// Package emf writes CloudWatch's embedded metric format (EMF): log events from
// which CloudWatch extracts metrics. A document that breaks one of the format's
// limits is stored as a log and its metrics are silently lost, so everything
// here keeps them: names and values are made legal, values are reduced, and
// what does not fit into one document goes into several.
package emf

import "math"

// Limits of the format and of PutLogEvents.
// Source: "Specification: Embedded metric format" and the API reference.
const (
	MaxMetrics        = 100         // metric definitions in one document
	MaxDimensions     = 30          // names in one dimension set
	MaxValues         = 100         // numbers of one metric
	MaxDimensionName  = 250         // bytes
	MaxDimensionValue = 1024        // bytes
	MaxMetricName     = 1024        // bytes
	MaxNamespace      = 256         // bytes
	MaxLogName        = 512         // bytes of a log group's or stream's name
	EventOverhead     = 26          // bytes that PutLogEvents adds to each message
	MaxRequest        = 1024 * 1024 // bytes of all messages of one request, with their overhead
	MaxRequestEvents  = 10_000      // events in one request
	// MaxMessage is the largest message that fits into a request.
	MaxMessage = MaxRequest - EventOverhead
)

// MaxValue is the largest number that CloudWatch takes; -MaxValue is the smallest.
var MaxValue = math.Ldexp(1, 360)

// InRange tells whether CloudWatch takes v as a metric's value.
func InRange(v float64) bool { return v >= -MaxValue && v <= MaxValue } // false for NaN

// Clamp returns the number nearest to v that CloudWatch takes.
func Clamp(v float64) float64 { return min(max(v, -MaxValue), MaxValue) }
