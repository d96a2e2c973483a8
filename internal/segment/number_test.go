package segment

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestParseTime(t *testing.T) {
	tests := []struct {
		in   string
		want Time // 0 where it is refused
	}{
		{"1760797120.35", 1760797120_350000000},
		{"1760797120", 1760797120_000000000},
		{"1760797120.0", 1760797120_000000000},
		{"1760797120.000000001", 1760797120_000000001},
		{"1760797120.3500001", 1760797120_350000100},
		{"1.499473414069E9", 1499473414_069000000},
		{"1.499473414069e+09", 1499473414_069000000},
		{"14994734140690e-4", 1499473414_069000000},
		{"0.1499473414069E10", 1499473414_069000000},
		{"149947341406900000000000000000e-20", 1499473414_069000000},
		{"0.0000000000000000000000000000001e40", 1_000000000_000000000},
		{"1760797120.0000000014", 1760797120_000000001},
		{"1760797120.0000000015", 1760797120_000000002},
		{"1760797120.00000000149999999999999999", 1760797120_000000001},
		{"1760797120.9999999996", 1760797121_000000000},
		{"1760797120.12345678949999", 1760797120_123456789},
		{"1", 1_000000000},
		{"0.000000001", 1},
		{"1e-9", 1},
		{"0.5e-9", 1},
		{"0.4e-9", 0},
		{"1e-400000000000000000000", 0},
		{"1e400000000000000000000", 0},
		{"0", 0},
		{"-0", 0},
		{"0e5", 0},
		{"-1760797120.35", 0},
		{"-176079712.35", 0},
		{"9999999999.999999999", maxTime - 1},
		{"9999999999.9999999996", 0},
		{"10000000000", 0},
		{"17607971203500", 0},
		{"1e10", 0},
		{"1e9", 1_000_000_000_000_000_000},
		{"0.1e11", 0},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, ok := parseTime(test.in)
			if got := map[bool]Time{true: got}[ok]; got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
			if !ok {
				return
			}
			if again, ok := parseTime(string(appendTime(nil, got))); !ok || again != got {
				t.Errorf("written and read again: %d", again)
			}
		})
	}
}

// The result is the nearest nanosecond, halves up, however the number is spelled.
func TestParseTimeIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + rng.IntN(10))
		}
		return string(b)
	}
	limit := new(big.Int).SetUint64(maxTime)
	for range 20_000 {
		s := strings.TrimLeft(digits(1+rng.IntN(12)), "0")
		if s == "" {
			s = "0"
		}
		if rng.IntN(2) == 0 {
			s += "." + digits(1+rng.IntN(25))
		}
		if rng.IntN(2) == 0 {
			s += []string{"e", "E+", "e-"}[rng.IntN(3)] + digits(1)
		}
		exact, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatal(s)
		}
		exact.Mul(exact, big.NewRat(1e9, 1))
		exact.Add(exact, big.NewRat(1, 2))
		ns := new(big.Int).Quo(exact.Num(), exact.Denom())

		got, ok := parseTime(s)
		if want := ns.Sign() > 0 && ns.Cmp(limit) < 0; ok != want || ok && uint64(got) != ns.Uint64() {
			t.Fatalf("%s: got %d %t, want %v", s, got, ok, ns)
		}
	}
}

func TestAppendTime(t *testing.T) {
	tests := []struct {
		in   Time
		want string
	}{
		{1760797120_350000000, "1760797120.35"},
		{1760797123_000000000, "1760797123"},
		{1760797123_000000001, "1760797123.000000001"},
		{1, "0.000000001"},
		{1<<64 - 1, "18446744073.709551615"},
	}
	for _, test := range tests {
		if got := string(appendTime(nil, test.in)); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestParseInteger(t *testing.T) {
	tests := []struct {
		in   string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"-0", 0, true},
		{"0.000e9", 0, true},
		{"200", 200, true},
		{"-17", -17, true},
		{"200.00", 200, true},
		{"2e2", 200, true},
		{"20000e-2", 200, true},
		{"9223372036854775807", 1<<63 - 1, true},
		{"9.223372036854775807e18", 1<<63 - 1, true},
		{"-9223372036854775807", -(1<<63 - 1), true},
		{"9223372036854775808", 0, false},
		{"1e19", 0, false},
		{"1.5", 0, false},
		{"1e-1", 0, false},
		{"10000000000000000000000.5", 0, false},
	}
	for _, test := range tests {
		if got, ok := parseInteger(test.in); got != test.want || ok != test.ok {
			t.Errorf("%s: got %d %t", test.in, got, ok)
		}
	}
}

func TestParseIntegerText(t *testing.T) {
	for in, want := range map[string]bool{
		"0": true, "187": true, "-1": true, "9223372036854775807": true,
		"": false, "-0": false, "007": false, "+1": false, "1.0": false, "1_000": false, "9223372036854775808": false, "0x1": false,
	} {
		if _, ok := parseIntegerText(in); ok != want {
			t.Errorf("%q: %t", in, ok)
		}
	}
}
