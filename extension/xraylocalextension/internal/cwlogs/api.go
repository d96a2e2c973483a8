// Package cwlogs answers the CloudWatch Logs API, as far as a store on one
// machine can, and takes metrics out of what comes in the embedded metric
// format. The limits are those of the API reference.
package cwlogs

import (
	"errors"
	"net/http"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

// TargetPrefix begins the X-Amz-Target of every request; the operation follows.
const TargetPrefix = "Logs_20140328."

// Observer is told what the API did.
type Observer interface {
	rpc.Observer
	// LogEventsAccepted and LogEventsRejected count log events; the reason is
	// too_old, expired or too_new.
	LogEventsAccepted(events int)
	LogEventsRejected(reason string, events int)
	// EMF counts documents in the embedded metric format by what came of them.
	EMF(outcome string, documents int)
}

// API is the CloudWatch Logs API over a store of logs and one of metrics. Its
// fields are set before the first call.
type API struct {
	Logs     *logs.Store
	Metrics  *metric.Store
	Observer Observer
	Now      func() time.Time
}

// Handler returns the operations.
func (a *API) Handler() *rpc.Handler {
	return rpc.New(a.Observer, map[string]rpc.Operation{
		"PutLogEvents":          rpc.Op(a.putLogEvents),
		"CreateLogGroup":        rpc.Op(a.createLogGroup),
		"CreateLogStream":       rpc.Op(a.createLogStream),
		"PutRetentionPolicy":    rpc.Op(a.putRetentionPolicy),
		"DeleteRetentionPolicy": rpc.Op(a.deleteRetentionPolicy),
		"DescribeLogGroups":     rpc.Op(a.describeLogGroups),
		"DescribeLogStreams":    rpc.Op(a.describeLogStreams),
		"GetLogEvents":          rpc.Op(a.getLogEvents),
		"FilterLogEvents":       rpc.Op(a.filterLogEvents),
		"TagResource":           rpc.Op(a.tagResource),
		"UntagResource":         rpc.Op(a.untagResource),
		"ListTagsForResource":   rpc.Op(a.listTagsForResource),
	})
}

func invalid(format string, args ...any) error {
	return rpc.Errorf("InvalidParameterException", format, args...)
}

// answer gives an error of the store the name that the API has for it.
func answer(err error) error {
	switch {
	case errors.Is(err, logs.ErrNoGroup):
		return rpc.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
	case errors.Is(err, logs.ErrNoStream):
		return rpc.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
	case errors.Is(err, logs.ErrExists):
		return rpc.Errorf("ResourceAlreadyExistsException", "The specified resource already exists.")
	case errors.Is(err, logs.ErrFull):
		return rpc.Errorf("LimitExceededException", "%v: see store::log_max_bytes", err)
	case errors.Is(err, logs.ErrTooLarge):
		return &rpc.Error{Status: http.StatusServiceUnavailable, Code: "ServiceUnavailableException", Message: err.Error() + ": see store::log_max_bytes"}
	}
	return err
}

// fromMillis reads a time as it stands on the wire, in milliseconds since 1970.
// nil is the zero time.
func fromMillis(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms)
}

func toMillis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}
