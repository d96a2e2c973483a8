// Package tracestate reads OpenTelemetry's entry in a span's tracestate: the
// threshold (th) by which a sampler kept the span, and the randomness (rv) of
// its trace.
package tracestate

import (
	"strconv"
	"strings"
)

// Threshold and randomness have 56 bits, written as up to 14 hex digits.
const (
	Digits = 14
	Mask   = 1<<56 - 1
)

// OTel finds the value of OpenTelemetry's entry in a tracestate.
func OTel(state string) (value string, found bool) {
	for rest := state; rest != ""; {
		var member string
		member, rest, _ = strings.Cut(rest, ",")
		if value, ok := strings.CutPrefix(strings.TrimSpace(member), "ot="); ok {
			return value, true
		}
	}
	return "", false
}

// SubKey finds a value in OpenTelemetry's entry, such as that of th or rv.
func SubKey(entry, key string) (string, bool) {
	for rest := entry; rest != ""; {
		var member string
		member, rest, _ = strings.Cut(rest, ";")
		if k, v, _ := strings.Cut(member, ":"); k == key {
			return v, true
		}
	}
	return "", false
}

// Randomness reads the explicit randomness (rv) of a tracestate.
func Randomness(state string) (uint64, bool) {
	if state == "" {
		return 0, false
	}
	ot, _ := OTel(state)
	text, found := SubKey(ot, "rv")
	if !found || len(text) != Digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 16, 64)
	return n, err == nil
}

// ParseThreshold reads a threshold, of which zeros at the end are left out.
func ParseThreshold(text string) (uint64, bool) {
	if text == "" || len(text) > Digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 16, 64)
	return n << (4 * (Digits - len(text))), err == nil
}

// Weight is how many spans one with this tracestate stands for: the inverse of
// the share that its threshold keeps, and 1 without a threshold.
func Weight(state string) float64 {
	entry, _ := OTel(state)
	text, found := SubKey(entry, "th")
	if !found {
		return 1
	}
	threshold, ok := ParseThreshold(text)
	if !ok {
		return 1
	}
	return (Mask + 1) / float64(Mask+1-threshold)
}

func formatThreshold(threshold uint64) string {
	text := strconv.FormatUint(threshold&Mask, 16)
	text = strings.Repeat("0", Digits-len(text)) + text
	if text = strings.TrimRight(text, "0"); text == "" {
		return "0"
	}
	return text
}

// WithThreshold returns a tracestate with the threshold by which a span was
// kept, or without any where that is not known. A span that came with a higher
// one keeps it: it stands for more.
func WithThreshold(state string, threshold uint64, known bool) string {
	ot, found := OTel(state)
	if text, ok := SubKey(ot, "th"); ok && known {
		if incoming, ok := ParseThreshold(text); ok && incoming >= threshold {
			return state
		}
	}
	if !found && !known {
		return state
	}
	var b strings.Builder
	if known {
		b.WriteString("th:")
		b.WriteString(formatThreshold(threshold))
	}
	for rest := ot; rest != ""; {
		var member string
		member, rest, _ = strings.Cut(rest, ";")
		if key, _, _ := strings.Cut(member, ":"); key == "th" || member == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(';')
		}
		b.WriteString(member)
	}
	entry := b.String()
	var all []string
	if entry != "" {
		all = append(all, "ot="+entry)
	}
	for rest := state; rest != ""; {
		var member string
		member, rest, _ = strings.Cut(rest, ",")
		if member = strings.TrimSpace(member); member != "" && !strings.HasPrefix(member, "ot=") {
			all = append(all, member)
		}
	}
	return strings.Join(all, ",")
}
