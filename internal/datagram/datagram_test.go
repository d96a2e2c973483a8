package datagram

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParse(t *testing.T) {
	const header = compactHeader + "\n"
	for _, tc := range []struct {
		name     string
		datagram string
		kind     Kind
		body     string
		err      error
	}{
		{"compact header", header + `{"name":"a"}`, Segment, `{"name":"a"}`, nil},
		{"header with blanks", spacedHeader + "\n" + `{"name":"a"}`, Segment, `{"name":"a"}`, nil},
		{"members in the other order", `{"version":1,"format":"json"}` + "\n{}", Segment, `{}`, nil},
		{"more members", `{"version":1,"format":"json","x":[1]}` + "\n{}", Segment, `{}`, nil},
		{"format in upper case", `{"format":"JSON","version":1}` + "\n{}", Segment, `{}`, nil},
		{"carriage return", compactHeader + "\r\n{}\r\n", Segment, `{}`, nil},
		{"only the first newline counts", header + "{\n \"a\": 1\n}\n", Segment, "{\n \"a\": 1\n}", nil},
		{"a body that is no document", header + "Tx", Segment, "Tx", nil},
		{"sampled spans", header + "T1SAAAA", Spans, "AAAA", nil},
		{"unsampled spans", header + "T1UAAAA\n", UnsampledSpans, "AAAA", nil},
		{"metrics", header + "M1AAAA", Metrics, "AAAA", nil},
		{"empty OTLP", header + "T1S", Spans, "", nil},

		{"empty", "", 0, "", ErrMissing},
		{"only a newline", "\n", 0, "", ErrMissing},
		{"no header", `{"name":"a"}`, 0, "", ErrMissing},
		{"empty header", "\n{}", 0, "", ErrMissing},
		{"no body", header, 0, "", ErrMissing},
		{"blank body", header + " \n\r\n", 0, "", ErrMissing},
		{"version 2", `{"format":"json","version":2}` + "\n{}", 0, "", ErrHeader},
		{"version as a string", `{"format":"json","version":"1"}` + "\n{}", 0, "", ErrHeader},
		{"no version", `{"format":"json"}` + "\n{}", 0, "", ErrHeader},
		{"no format", `{"version":1}` + "\n{}", 0, "", ErrHeader},
		{"format xml", `{"format":"xml","version":1}` + "\n{}", 0, "", ErrHeader},
		{"header is no JSON", "hello\n{}", 0, "", ErrHeader},
		{"two values", `{"format":"json","version":1} {}` + "\n{}", 0, "", ErrHeader},
		{"null header", "null\n{}", 0, "", ErrHeader},
		{"pretty document without a header", "{\n\"name\":\"a\"}", 0, "", ErrHeader},
		{"endless header", `{"format":"json","version":1,"x":"` + strings.Repeat("x", maxHeader) + `"}` + "\n{}", 0, "", ErrHeader},
	} {
		t.Run(tc.name, func(t *testing.T) {
			kind, body, err := Parse(tc.datagram)
			assert.Equal(t, tc.kind, kind)
			assert.Equal(t, tc.body, body)
			assert.Equal(t, tc.err, err)
		})
	}
}

func FuzzDatagram(f *testing.F) {
	for _, s := range []string{
		compactHeader + "\n{\"name\":\"a\"}", spacedHeader + "\nT1SAAAA", compactHeader + "\nM1", "\n", "",
		`{"version":1,"format":"JSON"}` + "\r\n{}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, d string) {
		kind, body, err := Parse(d)
		if err != nil {
			if kind != 0 || body != "" {
				t.Fatalf("%q: a refused datagram has kind %d and body %q", d, kind, body)
			}
			return
		}
		prefix := map[Kind]string{Segment: "", Spans: "T1S", UnsampledSpans: "T1U", Metrics: "M1"}[kind]
		again, body2, err := Parse(compactHeader + "\n" + prefix + body)
		if err != nil || again != kind || body2 != body {
			// A document may begin with what looks like a prefix only when it is one.
			t.Fatalf("%q: parsed as %d %q, then as %d %q, %v", d, kind, body, again, body2, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	d := compactHeader + "\n" + `{"name":"a","x":"` + strings.Repeat("x", 700) + `"}`
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse(d); err != nil {
			b.Fatal(err)
		}
	}
}
