package trace

import "github.com/tailwater-otel/tailwater/internal/segment"

// State is how an entity ended, by its gravest flag.
type State uint8

// The states, from good to bad. Throttle is a kind of error.
const (
	OK State = iota
	Error
	Throttle
	Fault
)

// String returns "ok", "error", "throttle" or "fault".
func (s State) String() string {
	return [...]string{"ok", "error", "throttle", "fault"}[s]
}

// Flags are the flags of an entity, several of which may be set.
type Flags struct{ Error, Throttle, Fault bool }

// FlagsOf returns the flags of s. An entity that has none of the three members
// is judged by its HTTP status: 5xx is a fault, 4xx an error, 429 also a throttle.
func FlagsOf(s *segment.Segment) Flags {
	if s.Error == segment.Absent && s.Throttle == segment.Absent && s.Fault == segment.Absent {
		status := httpStatus(s)
		return Flags{
			Error:    status >= 400 && status < 500,
			Throttle: status == 429,
			Fault:    status >= 500 && status < 600,
		}
	}
	return Flags{
		Error:    s.Error == segment.True || s.Throttle == segment.True,
		Throttle: s.Throttle == segment.True,
		Fault:    s.Fault == segment.True,
	}
}

// StateOf returns the gravest flag of s.
func StateOf(s *segment.Segment) State {
	switch f := FlagsOf(s); {
	case f.Fault:
		return Fault
	case f.Throttle:
		return Throttle
	case f.Error:
		return Error
	default:
		return OK
	}
}

func httpStatus(s *segment.Segment) int64 {
	if s.HTTP == nil || s.HTTP.Response == nil {
		return 0
	}
	return s.HTTP.Response.Status.Value
}
