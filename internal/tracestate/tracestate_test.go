package tracestate

import "testing"

func TestWeight(t *testing.T) {
	for state, want := range map[string]float64{
		"":                        1,
		"a=b":                     1,
		"ot=rv:00000000000001":    1,
		"ot=th:0":                 1,
		"ot=th:8":                 2,
		"ot=th:c":                 4,
		"a=b, ot=rv:1;th:c,c=d":   4,
		"ot=th:ffffffffffffff":    1 << 56,
		"ot=th:fffffffffffffffff": 1,
		"ot=th:x":                 1,
		"ot=th:":                  1,
		"ot=th:-8":                1,
	} {
		if got := Weight(state); got != want {
			t.Errorf("Weight(%q) = %v, want %v", state, got, want)
		}
	}
}

func FuzzWeight(f *testing.F) {
	f.Add("a=b,ot=th:c;rv:1")
	f.Fuzz(func(t *testing.T, state string) {
		if w := Weight(state); !(w >= 1 && w <= 1<<56) {
			t.Fatalf("%q weighs %v", state, w)
		}
	})
}
