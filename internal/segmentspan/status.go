package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// outcome is what the flags of an entity say.
type outcome struct{ error, throttle, fault bool }

// outcomeOf derives the flags from a span: the HTTP status decides, then the
// status of the remote procedure call, then that of the span.
func outcomeOf(status ptrace.StatusCode, httpStatus int64, rpc rpcOutcome) outcome {
	switch {
	case httpStatus == 429:
		return outcome{error: true, throttle: true}
	case httpStatus >= 400 && httpStatus < 500:
		return outcome{error: true}
	case httpStatus >= 500:
		return outcome{fault: true}
	}
	switch rpc {
	case rpcClientFailed:
		return outcome{error: true}
	case rpcThrottled:
		return outcome{error: true, throttle: true}
	case rpcServerFailed:
		return outcome{fault: true}
	}
	return outcome{fault: status == ptrace.StatusCodeError}
}

// rpcOutcome is who a gRPC status blames.
type rpcOutcome uint8

const (
	rpcSilent rpcOutcome = iota // no status, or OK
	rpcClientFailed
	rpcThrottled
	rpcServerFailed
)

// rpcCodes are gRPC's status codes by number.
var rpcCodes = [...]struct {
	name    string
	outcome rpcOutcome
}{
	{"ok", rpcSilent},
	{"cancelled", rpcClientFailed},
	{"unknown", rpcServerFailed},
	{"invalid_argument", rpcClientFailed},
	{"deadline_exceeded", rpcServerFailed},
	{"not_found", rpcClientFailed},
	{"already_exists", rpcClientFailed},
	{"permission_denied", rpcClientFailed},
	{"resource_exhausted", rpcThrottled},
	{"failed_precondition", rpcClientFailed},
	{"aborted", rpcClientFailed},
	{"out_of_range", rpcClientFailed},
	{"unimplemented", rpcServerFailed},
	{"internal", rpcServerFailed},
	{"unavailable", rpcServerFailed},
	{"data_loss", rpcServerFailed},
	{"unauthenticated", rpcClientFailed},
}

// rpcStatus reads the status of a gRPC or Connect call. The attributes stay
// in the metadata, because no member shows the code.
func rpcStatus(r *reader) rpcOutcome {
	for _, k := range [...]key{keyRPCGRPCStatusCode, keyRPCResponseStatusCode, keyRPCConnectErrorCode} {
		if !r.have.has(k) {
			continue
		}
		if n, ok := wholeNumber(r.vals[k]); ok {
			if n >= 0 && n < int64(len(rpcCodes)) {
				return rpcCodes[n].outcome
			}
			continue
		}
		text := r.peek(k)
		if strings.EqualFold(text, "canceled") { // Connect spells it so
			return rpcClientFailed
		}
		for _, c := range rpcCodes {
			if strings.EqualFold(c.name, text) {
				return c.outcome
			}
		}
	}
	return rpcSilent
}

// flags writes error, throttle and fault: the span's status, and a list of
// the flags where the way back would derive others.
func (w *writer) flags(span ptrace.Span, s *segment.Segment) {
	code := ptrace.StatusCodeUnset
	if s.Error == segment.True || s.Throttle == segment.True || s.Fault == segment.True {
		code = ptrace.StatusCodeError
		span.Status().SetCode(code)
	}
	httpStatus := int64(0)
	if s.HTTP != nil && s.HTTP.Response != nil {
		httpStatus = s.HTTP.Response.Status.Value
	}
	derived := outcomeOf(code, httpStatus, rpcSilent)
	if s.Error == whenTrue(derived.error) && s.Throttle == whenTrue(derived.throttle) && s.Fault == whenTrue(derived.fault) {
		return
	}
	list := ""
	for _, f := range [...]struct {
		name  string
		value segment.Bool
	}{{"error", s.Error}, {"throttle", s.Throttle}, {"fault", s.Fault}} {
		switch f.value {
		case segment.True:
			mark(&list, f.name)
		case segment.False:
			mark(&list, "!"+f.name)
		}
	}
	w.attrs.PutStr(keyNames[keyFlags], list)
}

// setFlags sets error, throttle and fault from the list of aws.xray.flags if
// the span has it, else from the outcome.
func setFlags(s *segment.Segment, r *reader, derived outcome) {
	if !r.have.has(keyFlags) {
		s.Error, s.Throttle, s.Fault = whenTrue(derived.error), whenTrue(derived.throttle), whenTrue(derived.fault)
		return
	}
	r.used.add(keyFlags)
	list := r.peek(keyFlags)
	said := func(name string) segment.Bool {
		switch {
		case marked(list, name):
			return segment.True
		case marked(list, "!"+name):
			return segment.False
		}
		return segment.Absent
	}
	s.Error, s.Throttle, s.Fault = said("error"), said("throttle"), said("fault")
}

// whenTrue is how a flag that was derived is written: true or not at all.
func whenTrue(b bool) segment.Bool {
	if b {
		return segment.True
	}
	return segment.Absent
}
