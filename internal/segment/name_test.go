package segment_test

import (
	"strings"
	"testing"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

func TestCleanName(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"as it is", "checkout.example.com", "checkout.example.com"},
		{"all that is allowed", "aZ09 _.:/%&#=+-@", "aZ09 _.:/%&#=+-@"},
		{"other characters go", "a b(c)/d;\t\"e\"\\", "a bc/de"},
		{"letters and numbers of all scripts", "Größe ٣ 注文 ½\u00a0x", "Größe ٣ 注文 ½\u00a0x"},
		{"symbols go", "a😀b€", "ab"},
		{"what is no UTF-8 goes", "a\xffb\xc3", "ab"},
		{"nothing is left", "()", ""},
		{"empty", "", ""},
		{"cut by characters", strings.Repeat("é", 250), strings.Repeat("é", 200)},
		{"cut after cleaning", strings.Repeat("(é", 250), strings.Repeat("é", 200)},
		{"cut ASCII", strings.Repeat("a", 201), strings.Repeat("a", 200)},
		{"longest", strings.Repeat("a", 200), strings.Repeat("a", 200)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := segment.CleanName(test.in)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if segment.CleanName(got) != got || got != "" && !segment.ValidName(got) {
				t.Errorf("%q is not clean", got)
			}
			if segment.ValidName(test.in) != (test.in == test.want && test.in != "") {
				t.Errorf("valid is %t", segment.ValidName(test.in))
			}
		})
	}
}

func TestCleanAnnotationKey(t *testing.T) {
	for in, want := range map[string]string{
		"tenant":                 "tenant",
		"http.status_code":       "http.status_code",
		"a-b c":                  "a_b_c",
		"ключ":                   "____",
		"\xff":                   "_",
		"":                       "",
		strings.Repeat("k", 501): strings.Repeat("k", 500),
		strings.Repeat("é", 501): strings.Repeat("_", 500),
	} {
		got := segment.CleanAnnotationKey(in)
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		if got != "" && !segment.ValidAnnotationKey(got) {
			t.Errorf("%q is not valid", got)
		}
	}
}

func TestCleanAnnotationValue(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		strings.Repeat("é", 1000): strings.Repeat("é", 1000),
		strings.Repeat("é", 1001): strings.Repeat("é", 1000),
		strings.Repeat("x", 1001): strings.Repeat("x", 1000),
	} {
		if got := segment.CleanAnnotationValue(in); got != want {
			t.Errorf("%d bytes became %d", len(in), len(got))
		}
	}
}
