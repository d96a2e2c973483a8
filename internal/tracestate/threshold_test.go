package tracestate

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWithThreshold(t *testing.T) {
	const half, most = 1 << 55, 3 << 54
	for name, tc := range map[string]struct {
		state     string
		threshold uint64
		known     bool
		want      string
	}{
		"none, all":             {"", 0, true, "ot=th:0"},
		"none, half":            {"", half, true, "ot=th:8"},
		"others stay":           {"a=1, b=2", half, true, "ot=th:8,a=1,b=2"},
		"sub keys stay":         {"a=1,ot=rv:00000000000001;th:4;x:y", half, true, "ot=th:8;rv:00000000000001;x:y,a=1"},
		"never below incoming":  {"a=1,ot=th:c", half, true, "a=1,ot=th:c"},
		"equal stays":           {"ot=th:8", half, true, "ot=th:8"},
		"above incoming":        {"ot=th:8", most, true, "ot=th:c"},
		"not known":             {"ot=th:8", 0, false, ""},
		"not known, others":     {"a=1,ot=th:8;rv:00000000000001", 0, false, "ot=rv:00000000000001,a=1"},
		"not known and none":    {"a=1", 0, false, "a=1"},
		"what is no threshold":  {"ot=th:xyz", half, true, "ot=th:8"},
		"no colon":              {"a=1,ot=th", 0, false, "a=1"},
		"too long to be one":    {"ot=th:fffffffffffffff", half, true, "ot=th:8"},
		"empty members go":      {",,ot=;;", half, true, "ot=th:8"},
		"digits, zeros cut off": {"", 0x00f0_0000_0000_00, true, "ot=th:00f"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.want, WithThreshold(tc.state, tc.threshold, tc.known))
		})
	}
}

func TestRandomness(t *testing.T) {
	for state, want := range map[string]uint64{
		"ot=rv:00000000000001":          1,
		"a=1,ot=th:0;rv:fffffffffffff":  0, // one digit short
		"a=1,ot=th:0;rv:ffffffffffffff": Mask,
		"ot=rv:zzzzzzzzzzzzzz":          0, "rv:00000000000001": 0, "": 0,
	} {
		got, ok := Randomness(state)
		assert.Equal(t, want != 0, ok, state)
		if ok {
			assert.Equal(t, want, got, state)
		}
	}
}

func FuzzThreshold(f *testing.F) {
	f.Add("a=1,ot=th:8;rv:00000000000001", uint64(1)<<55, true)
	f.Fuzz(func(t *testing.T, state string, threshold uint64, known bool) {
		threshold &= Mask
		once := WithThreshold(state, threshold, known)
		assert.Equal(t, once, WithThreshold(once, threshold, known))
		ot, _ := OTel(once)
		text, found := SubKey(ot, "th")
		if known {
			got, ok := ParseThreshold(text)
			assert.True(t, ok && got >= threshold, "%q in %q", text, once)
		} else {
			assert.False(t, found)
		}
	})
}
