package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// formatSeconds writes a time span with two or three significant digits.
func formatSeconds(s float64) string {
	switch {
	case s <= 0:
		return "0 ms"
	case s < 0.00095:
		return fmt.Sprintf("%.0f µs", max(1, s*1e6))
	case s < 0.0095:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", s*1e3), ".0") + " ms"
	case s < 0.9995:
		return fmt.Sprintf("%.0f ms", s*1e3)
	case s < 9.95:
		return fmt.Sprintf("%.2f s", s)
	case s < 120:
		return fmt.Sprintf("%.1f s", s)
	case s < 2*3600:
		return fmt.Sprintf("%.0f min", s/60)
	default:
		return fmt.Sprintf("%.1f h", s/3600)
	}
}

// formatRate writes a number of requests with two significant digits.
func formatRate(r float64) string {
	switch {
	case r >= 9.95:
		return formatCount(int64(math.Round(r)))
	case r >= 0.095:
		return fmt.Sprintf("%.1f", r)
	default:
		return fmt.Sprintf("%.2f", r)
	}
}

// formatCount shortens numbers from 10,000 on.
func formatCount(n int64) string {
	switch {
	case n < 10_000:
		return strconv.FormatInt(n, 10)
	case n < 999_500:
		return fmt.Sprintf("%.0fk", float64(n)/1e3)
	default:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	}
}

func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return formatCount(n) + " " + word + "s"
}

// formatAge writes how long ago something was.
func formatAge(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

// shorten cuts s to at most n characters, in the middle, where names that
// differ at their ends stay apart.
func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	head := (n - 1) * 3 / 5
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}

// indentJSON writes JSON text for people.
func indentJSON(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return b.String()
}

// plainJSON writes a string without its quotes and everything else as JSON.
func plainJSON(text string) string {
	var s string
	if json.Unmarshal([]byte(text), &s) == nil {
		return s
	}
	return text
}
