package xraytailsamplingprocessor

import (
	"strconv"
	"strings"
)

// Threshold and randomness have 56 bits, written as up to 14 hex digits.
const (
	thresholdDigits = 14
	randomnessMask  = 1<<56 - 1
)

// otelState finds the value of OpenTelemetry's entry in a tracestate.
func otelState(state string) (value string, found bool) {
	for rest := state; rest != ""; {
		var member string
		member, rest, _ = strings.Cut(rest, ",")
		if value, ok := strings.CutPrefix(strings.TrimSpace(member), "ot="); ok {
			return value, true
		}
	}
	return "", false
}

// subKey finds a value in OpenTelemetry's entry, such as that of th or rv.
func subKey(state, key string) (string, bool) {
	for rest := state; rest != ""; {
		var member string
		member, rest, _ = strings.Cut(rest, ";")
		if k, v, _ := strings.Cut(member, ":"); k == key {
			return v, true
		}
	}
	return "", false
}

// randomnessOf reads the explicit randomness (rv) of a tracestate.
func randomnessOf(state string) (uint64, bool) {
	if state == "" {
		return 0, false
	}
	ot, _ := otelState(state)
	text, found := subKey(ot, "rv")
	if !found || len(text) != thresholdDigits {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 16, 64)
	return n, err == nil
}

// parseThreshold reads a threshold, of which zeros at the end are left out.
func parseThreshold(text string) (uint64, bool) {
	if text == "" || len(text) > thresholdDigits {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 16, 64)
	return n << (4 * (thresholdDigits - len(text))), err == nil
}

func formatThreshold(threshold uint64) string {
	text := strconv.FormatUint(threshold&randomnessMask, 16)
	text = strings.Repeat("0", thresholdDigits-len(text)) + text
	if text = strings.TrimRight(text, "0"); text == "" {
		return "0"
	}
	return text
}

// withThreshold returns a tracestate with the threshold by which a span was
// kept, or without any where that is not known. A span that came with a higher
// one keeps it: it stands for more.
func withThreshold(state string, threshold uint64, known bool) string {
	ot, found := otelState(state)
	if text, ok := subKey(ot, "th"); ok && known {
		if incoming, ok := parseThreshold(text); ok && incoming >= threshold {
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
