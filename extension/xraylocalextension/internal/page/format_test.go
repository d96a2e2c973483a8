package page

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFormatSeconds(t *testing.T) {
	for in, want := range map[float64]string{
		-1: "0 ms", 0: "0 ms", 1e-9: "1 µs", 0.00004: "40 µs", 0.0009: "900 µs", 0.00096: "1 ms", 0.0012: "1.2 ms", 0.002: "2 ms",
		0.0123: "12 ms", 0.35: "350 ms", 0.9994: "999 ms", 0.9996: "1.00 s", 1.234: "1.23 s", 9.96: "10.0 s", 61.24: "61.2 s", 600: "10 min", 7300: "2.0 h",
	} {
		require.Equal(t, want, formatSeconds(in), "%v", in)
	}
}

func TestFormatNumbers(t *testing.T) {
	require.Equal(t, "9999", formatCount(9999))
	require.Equal(t, "12k", formatCount(12_345))
	require.Equal(t, "1.2M", formatCount(1_234_567))
	require.Equal(t, "0.03", formatRate(0.033))
	require.Equal(t, "6.0", formatRate(6))
	require.Equal(t, "12", formatRate(12.3))
	require.Equal(t, "1 fault", plural(1, "fault"))
	require.Equal(t, "20k faults", plural(20_000, "fault"))
}

func TestFormatAge(t *testing.T) {
	for in, want := range map[time.Duration]string{
		-time.Second: "now", time.Second: "now", 90 * time.Second: "90 s ago", 5 * time.Minute: "5 min ago", 3 * time.Hour: "3 h ago", 72 * time.Hour: "3 days ago",
	} {
		require.Equal(t, want, formatAge(in))
	}
}

func TestShorten(t *testing.T) {
	require.Equal(t, "short", shorten("short", 5))
	require.Equal(t, "ααα…ωω", shorten("αααααααααωωωωωω", 6))
	require.Len(t, []rune(shorten("abcdefghijklmnopqrstuvwxyz", 7)), 7)
}

func TestJSONText(t *testing.T) {
	require.Equal(t, "a \"b\"", plainJSON(`"a \"b\""`))
	require.Equal(t, "[1]", plainJSON("[1]"))
	require.Equal(t, "{\n  \"a\": 1\n}", indentJSON(`{"a":1}`))
}
