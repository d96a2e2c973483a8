package trace

import (
	"encoding/json"
	"time"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// extraString returns the member with this name if it is a string, else "".
func extraString(members []segment.Member, name string) string {
	for _, m := range members {
		if m.Name == name {
			var s string
			if json.Unmarshal([]byte(m.Value), &s) == nil {
				return s
			}
		}
	}
	return ""
}

// Seconds returns the time from start to end in seconds, 0 if end is not known
// or not later.
func Seconds(start, end segment.Time) float64 {
	if end <= start {
		return 0
	}
	return float64(end-start) / 1e9
}

// Time returns t as a time.Time in UTC.
func Time(t segment.Time) time.Time { return time.Unix(0, int64(t)).UTC() }
