package segmentspan

import (
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// parsePythonStack reads what traceback.format_exception writes. The root cause
// stands first and each traceback ends with the innermost call:
//
//	Traceback (most recent call last):
//	  File "/srv/shop/cart.py", line 3, in total
//	    raise KeyError(item)
//	KeyError: 'pear'
//
//	The above exception was the direct cause of the following exception:
//
//	Traceback (most recent call last):
//	  File "/srv/shop/main.py", line 9, in <module>
//	ValueError: no price
//
// Of an exception group, whose lines stand behind "  | ", only the group's own
// traceback is read.
func parsePythonStack(b *stackBuilder, text string) {
	var tracebacks []string
	start, pos := 0, 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		if pythonSeparator(line) {
			tracebacks = append(tracebacks, text[start:pos])
			start = pos + len(line)
		}
		pos += len(line)
	}
	pythonTraceback(text[start:]).addTo(b.last())
	for i := len(tracebacks) - 1; i >= 0; i-- {
		t := pythonTraceback(tracebacks[i])
		b.cause(splitHeader(strings.Join(t.message, "\n")))
		t.addTo(b.last())
	}
}

// pythonSeparator reports whether a line stands between two tracebacks, of
// which the first belongs to the cause of the second.
func pythonSeparator(line string) bool {
	_, body := cutIndent(strings.TrimPrefix(line, "  | "))
	switch body {
	case "During handling of the above exception, another exception occurred:",
		"The above exception was the direct cause of the following exception:":
		return true
	}
	return false
}

// traceback is one traceback: its frame lines, outermost first, and what
// stands after them.
type traceback struct {
	frames  []string
	message []string
	omitted int64
}

func pythonTraceback(text string) traceback {
	var t traceback
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.HasPrefix(line, "  +-") {
			break // the first member of a group
		}
		if rest, ok := strings.CutPrefix(line, "  |"); ok {
			line = strings.TrimPrefix(rest, " ")
		}
		indent, body := cutIndent(line)
		if strings.HasSuffix(body, "Traceback (most recent call last):") && len(t.frames) == 0 {
			t.message = nil
			continue
		}
		if indent == 0 || len(t.message) > 0 && len(t.frames) > 0 {
			if body != "" || len(t.message) > 0 {
				t.message = append(t.message, line)
			}
			continue
		}
		if _, _, _, ok := pythonFrame(body); ok {
			t.frames = append(t.frames, body)
			t.message = nil
		} else if n, ok := cutBetween(body, "[Previous line repeated ", " more times]"); ok {
			count, _ := parseCount(n)
			t.omitted += count
		}
	}
	for len(t.message) > 0 && strings.TrimSpace(t.message[len(t.message)-1]) == "" {
		t.message = t.message[:len(t.message)-1]
	}
	return t
}

// addTo adds the frames to an exception, innermost first.
func (t traceback) addTo(e *segment.Exception) {
	for i := len(t.frames) - 1; i >= 0; i-- {
		path, line, label, _ := pythonFrame(t.frames[i])
		addFrame(e, path, line, label)
	}
	omitFrames(e, t.omitted)
}

// pythonFrame reads `File "/srv/shop/cart.py", line 3, in total`. The frame of
// a syntax error names no function.
func pythonFrame(body string) (path string, line segment.Int, label string, ok bool) {
	rest, ok := strings.CutPrefix(body, `File "`)
	if !ok {
		return "", line, "", false
	}
	i := strings.LastIndex(rest, `", line `)
	if i < 0 {
		return "", line, "", false
	}
	n, label, ok := leadingCount(rest[i+len(`", line `):])
	if !ok {
		return "", line, "", false
	}
	return rest[:i], numberInt(n), strings.TrimPrefix(label, ", in "), true
}
