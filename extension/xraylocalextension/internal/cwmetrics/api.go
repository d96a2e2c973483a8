// Package cwmetrics answers the CloudWatch API for metrics, as far as a store
// on one machine can: data points are written and listed, and statistics over
// them read.
package cwmetrics

import (
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

const (
	// PathPrefix begins the path of every request in CBOR; the operation
	// follows.
	PathPrefix = "/service/GraniteServiceVersion20100801/operation/"
	// TargetPrefix begins the X-Amz-Target of every request in JSON.
	TargetPrefix = "GraniteServiceVersion20100801."
)

// API is the CloudWatch API over a store of metrics. Its fields are set before
// the first call.
type API struct {
	Metrics  *metric.Store
	Observer rpc.Observer
	Now      func() time.Time
}

// Handler returns the operations.
func (a *API) Handler() *rpc.Handler {
	return rpc.New(a.Observer, map[string]rpc.Operation{
		"GetMetricData":       rpc.Op(a.getMetricData),
		"GetMetricStatistics": rpc.Op(a.getMetricStatistics),
		"ListMetrics":         rpc.Op(a.listMetrics),
		"PutMetricData":       rpc.Op(a.putMetricData),
	})
}

func invalid(format string, args ...any) error {
	return rpc.Errorf("InvalidParameterValueException", format, args...)
}

func missing(name string) error {
	return rpc.Errorf("MissingRequiredParameterException", "%s is missing", name)
}

// dimension is a dimension on the wire.
type dimension struct {
	Name  string
	Value string
}

// identify makes an ID of what a request names.
func identify(namespace, name string, dimensions []dimension) (metric.ID, error) {
	id := metric.ID{Namespace: namespace, Name: name}
	if len(dimensions) > metric.MaxDimensions {
		return id, invalid("there are %d dimensions, at most %d are allowed", len(dimensions), metric.MaxDimensions)
	}
	for _, d := range dimensions {
		id.Dimensions = append(id.Dimensions, metric.Dimension(d))
	}
	metric.Sort(id.Dimensions)
	for i, d := range id.Dimensions {
		if i > 0 && d.Name == id.Dimensions[i-1].Name {
			return id, invalid("the dimension %q is named twice", cut(d.Name))
		}
	}
	return id, nil
}

// checkPeriod reads a period in seconds.
func checkPeriod(seconds int32) (time.Duration, error) {
	switch seconds {
	case 1, 5, 10, 20, 30:
	default:
		if seconds <= 0 || seconds%60 != 0 || seconds > 86400*365 {
			return 0, invalid("Period is %d, it must be 1, 5, 10, 20, 30 or a multiple of 60", seconds)
		}
	}
	return time.Duration(seconds) * time.Second, nil
}

func checkRange(start, end *rpc.Time) error {
	switch {
	case start == nil:
		return missing("StartTime")
	case end == nil:
		return missing("EndTime")
	case !start.Before(end.Time):
		return invalid("StartTime %s must be before EndTime %s", start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	}
	return nil
}

func cut(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
