package segmentspan

import (
	"reflect"
	"testing"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

func TestFramesText(t *testing.T) {
	line := func(n int64) segment.Int { return segment.Int{Value: n, Form: segment.NumberInt} }
	for _, c := range []struct {
		name  string
		frame segment.Frame
		text  string // empty if no text can say it
	}{
		{"all", segment.Frame{Path: "pay/client.go", Line: line(88), Label: "pay.(*Client).Charge"}, "\tat pay.(*Client).Charge(pay/client.go:88)"},
		{"nothing", segment.Frame{}, "\tat ()"},
		{"no line", segment.Frame{Path: "a.go", Label: "f"}, "\tat f(a.go)"},
		{"line 0", segment.Frame{Path: "a.go", Line: line(0)}, "\tat (a.go:0)"},
		{"no path", segment.Frame{Line: line(7), Label: "f"}, "\tat f(:7)"},
		{"a path with a drive", segment.Frame{Path: `C:\x.cs`, Line: line(7)}, "\tat (C:\\x.cs:7)"},
		{"a path like a path with a line", segment.Frame{Path: "a:7"}, ""},
		{"a path like a path with a line, and a line", segment.Frame{Path: "a:7", Line: line(8)}, "\tat (a:7:8)"},
		{"a path with a leading zero", segment.Frame{Path: "a:07"}, "\tat (a:07)"},
		{"a path with a parenthesis", segment.Frame{Path: "a(b"}, ""},
		{"a path that closes one", segment.Frame{Path: "a)b", Line: line(1)}, "\tat (a)b:1)"},
		{"two lines in a label", segment.Frame{Label: "a\nb"}, ""},
		{"a line below 0", segment.Frame{Line: line(-1)}, ""},
		{"a large line", segment.Frame{Line: line(maxLine)}, ""},
		{"the largest line", segment.Frame{Line: line(maxLine - 1)}, "\tat (:999999999)"},
		{"a line as text", segment.Frame{Line: segment.Int{Value: 7, Form: segment.StringInt}}, ""},
		{"another member", segment.Frame{Extra: []segment.Member{{Name: "a", Value: "1"}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			frames := []segment.Frame{c.frame, c.frame}
			text, ok := framesText(frames)
			if !ok {
				if c.text != "" {
					t.Error("no text")
				}
				return
			}
			if text != c.text+"\n"+c.text {
				t.Errorf("got %q", text)
			}
			if back := parseFrames(text, nil); !reflect.DeepEqual(back, frames) {
				t.Errorf("back %+v", back)
			}
		})
	}
}
