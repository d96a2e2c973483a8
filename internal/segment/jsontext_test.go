package segment_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                      `""`,
		"plain":                 `"plain"`,
		"plain and long enough": `"plain and long enough"`,
		`say "hi" \ there`:      `"say \"hi\" \\ there"`,
		"a\nb\rc\td":            `"a\nb\rc\td"`,
		"\x00\x01\x1f\x7f":      "\"\\u0000\\u0001\\u001f\x7f\"",
		"é😀\u2028":              "\"é😀\u2028\"",
		"a\xffb":                "\"a\ufffdb\"",
		"\xed\xa0\x80":          "\"\ufffd\ufffd\ufffd\"",
		"a\xff\"b":              "\"a\ufffd\\\"b\"",
		"<&>":                   `"<&>"`,
	} {
		if got := string(segment.AppendString(nil, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// Every byte at every place in a word.
func TestStringsComeBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		b := make([]byte, rng.IntN(40))
		for i := range b {
			b[i] = "abc \"\\\n\x00\x1f\x20\x7f!#["[rng.IntN(14)]
		}
		text := string(b)
		quoted := segment.AppendString(nil, text)
		var v string
		if err := json.Unmarshal(quoted, &v); err != nil || v != text {
			t.Fatalf("%q as %s: %v", text, quoted, err)
		}
		if got, ok := segment.UnquoteJSON(string(quoted)); !ok || got != text {
			t.Fatalf("%s unquoted: %q %t", quoted, got, ok)
		}
		// Into a buffer without room, and behind something.
		whole := segment.AppendJSONString([]byte("x")[:1:1], b)
		if err := json.Unmarshal(whole[1:], &v); err != nil || v != text || whole[0] != 'x' {
			t.Fatalf("%q as %s: %v", text, whole, err)
		}
	}
}

func TestCompactJSON(t *testing.T) {
	tests := []struct {
		in, want string
		ok       bool
	}{
		{`5`, `5`, true},
		{` "a b" `, `"a b"`, true},
		{`{"a": 1}`, `{"a": 1}`, true},
		{"{\n\t\"a\\\"b c\" : [ 1 ,\r\n2 ]\n}\n", `{"a\"b c":[1,2]}`, true},
		{"", "", false},
		{"{", "", false},
		{"1 2", "", false},
		{"nul", "", false},
		{"'a'", "", false},
		{"\"\xff\"", "", false},
		{strings.Repeat("[", 128) + strings.Repeat("]", 128), strings.Repeat("[", 128) + strings.Repeat("]", 128), true},
		{strings.Repeat("[", 129) + strings.Repeat("]", 129), "", false},
	}
	for _, test := range tests {
		got, ok := segment.CompactJSON(test.in)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%q: got %q %t", test.in, got, ok)
		}
	}
}

func TestUnquoteJSON(t *testing.T) {
	for in, want := range map[string]string{
		`"a\u0062\n"`:     "ab\n",
		` "\ud83d\ude00"`: "😀",
		`"\ud83d"`:        "\ufffd",
	} {
		if got, ok := segment.UnquoteJSON(in); !ok || got != want {
			t.Errorf("%s: %q %t", in, got, ok)
		}
	}
	for _, in := range []string{"", "5", `"a`, `"a"b`, "null"} {
		if got, ok := segment.UnquoteJSON(in); ok {
			t.Errorf("%s: %q", in, got)
		}
	}
}

func TestJSONMembers(t *testing.T) {
	got, ok := segment.JSONMembers(` {"a":1,"b":{"c": "\n"},"a":[2]} `)
	want := []segment.Member{{Name: "b", Value: `{"c": "\n"}`}, {Name: "a", Value: "[2]"}}
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %t", got, ok)
	}
	if got, ok := segment.JSONMembers("{}"); !ok || len(got) != 0 {
		t.Errorf("%v %t", got, ok)
	}
	for _, in := range []string{"", "[]", `{"a"}`, "{}x"} {
		if _, ok := segment.JSONMembers(in); ok {
			t.Errorf("accepted %q", in)
		}
	}
}

func FuzzCompactJSON(f *testing.F) {
	for _, v := range []string{
		`{"a": [1, -0.5e+3, true, false, null, "\\\u00e9"]}`, "[ \t\n{}\r]", `"\ud83d"`, "0", "-", "01", "1.", `"a`, "nul",
	} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		got, ok := segment.CompactJSON(v)
		if !ok {
			if json.Valid([]byte(v)) && utf8.ValidString(v) && strings.Count(v, "[")+strings.Count(v, "{") <= segment.MaxDepth {
				t.Fatalf("refused %q", v)
			}
			return
		}
		if diff := segmenttest.Equal([]byte(v), []byte(got)); diff != "" {
			t.Fatalf("%q became %q: %s", v, got, diff)
		}
		if strings.ContainsAny(got, "\n\r\t") {
			t.Fatalf("%q is not one line", got)
		}
	})
}
