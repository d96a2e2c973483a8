package segmentspan

import (
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// What a stack trace may become. The rest is counted: frames in Truncated,
// exceptions in Skipped.
const (
	maxStackFrames     = 100
	maxStackExceptions = 10
)

// parseStack returns an exception of this type and message with the stack that
// text tells, followed by the exceptions that caused it, each linked to the
// next by Cause. There is always a first element. Frames run from the innermost
// call outwards, whatever order the language prints.
//
// language is the resource attribute telemetry.sdk.language. It names the
// format of text; a text of another format, or in a language whose traces have
// no format of their own, gives one exception without frames. newID makes the
// id of the i-th exception.
//
// A chain that is too long keeps its beginning and its last element, the root
// cause, whose Skipped counts those between. The strings share memory with text.
func parseStack(language, typ, message, text string, newID func(i int) segment.ID) []segment.Exception {
	b := stackBuilder{exceptions: []segment.Exception{{Type: typ, Message: message}}}
	if text != "" {
		switch strings.ToLower(language) {
		case "java", "kotlin", "scala":
			parseJavaStack(&b, text)
		case "python":
			parsePythonStack(&b, text)
		case "nodejs", "webjs", "javascript":
			parseJavaScriptStack(&b, text)
		case "go":
			parseGoStack(&b, text)
		case "dotnet":
			parseDotnetStack(&b, text)
		case "php":
			parsePHPStack(&b, text)
		case "ruby":
			parseRubyStack(&b, text)
		}
	}
	return b.finish(newID)
}

// stackBuilder collects an exception and its causes, outermost first.
type stackBuilder struct {
	exceptions []segment.Exception
	skipped    int64    // exceptions that gave way to the last one
	lines      []string // that follow the first line of the last one's message
}

func (b *stackBuilder) last() *segment.Exception { return &b.exceptions[len(b.exceptions)-1] }

// cause begins the exception that caused the last one.
func (b *stackBuilder) cause(typ, message string) {
	b.flush()
	e := segment.Exception{Type: typ, Message: message}
	if len(b.exceptions) < maxStackExceptions {
		b.exceptions = append(b.exceptions, e)
		return
	}
	b.skipped++
	e.Skipped = numberInt(b.skipped)
	*b.last() = e
}

// frame adds a frame to the last exception. It drops frames that say nothing.
func (b *stackBuilder) frame(path string, line segment.Int, label string) {
	addFrame(b.last(), path, line, label)
}

// omit counts frames of the last exception that the text leaves out.
func (b *stackBuilder) omit(n int64) { omitFrames(b.last(), n) }

// text adds a further line to the message of the last exception.
func (b *stackBuilder) text(line string) { b.lines = append(b.lines, line) }

func (b *stackBuilder) flush() {
	if len(b.lines) > 0 {
		e := b.last()
		e.Message += "\n" + strings.Join(b.lines, "\n")
		b.lines = b.lines[:0]
	}
}

func (b *stackBuilder) finish(newID func(i int) segment.ID) []segment.Exception {
	b.flush()
	for i := range b.exceptions {
		b.exceptions[i].ID = newID(i)
		if i > 0 {
			b.exceptions[i-1].Cause = b.exceptions[i].ID
		}
	}
	return b.exceptions
}

func addFrame(e *segment.Exception, path string, line segment.Int, label string) {
	if path == "" && label == "" {
		return
	}
	if len(e.Stack) == maxStackFrames {
		omitFrames(e, 1)
		return
	}
	e.Stack = append(e.Stack, segment.Frame{Path: path, Line: line, Label: label})
}

func omitFrames(e *segment.Exception, n int64) {
	if n > 0 {
		e.Truncated = numberInt(e.Truncated.Value + n)
	}
}

func numberInt(n int64) segment.Int { return segment.Int{Value: n, Form: segment.NumberInt} }

// afterHeader cuts what stands before the frames when the text begins with the
// message that the exception is known to have, so that a message that looks
// like a stack cannot pass for one. Otherwise text is returned whole.
func afterHeader(text, message string) string {
	if message == "" {
		return text
	}
	i := strings.Index(text[:min(len(text), maxHeaderBytes+len(message))], message)
	if i < 0 || i > 0 && !strings.HasSuffix(text[:i], ": ") || strings.IndexByte(text[:i], '\n') >= 0 {
		return text
	}
	rest := text[i+len(message):]
	if rest == "" || rest[0] == '\n' || rest[0] == '\r' || strings.HasPrefix(rest, " {") || strings.HasPrefix(rest, " --->") {
		return rest
	}
	return text
}

// maxHeaderBytes bounds the search for the message: the longest type name that
// may stand before it.
const maxHeaderBytes = 1024

// cutIndent splits a line into the width of its indentation and the rest
// without trailing white space.
func cutIndent(line string) (indent int, body string) {
	body = strings.TrimLeft(line, " \t")
	return len(line) - len(body), strings.TrimRight(body, " \t\r\n")
}

// cutNumber splits s at its last colon when only digits follow:
// "main.go:12" is "main.go" and 12.
func cutNumber(s string) (string, segment.Int, bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, segment.Int{}, false
	}
	n, ok := parseCount(s[i+1:])
	if !ok {
		return s, segment.Int{}, false
	}
	return s[:i], numberInt(n), true
}

// parseCount parses up to 9 decimal digits and nothing else.
func parseCount(s string) (int64, bool) {
	if s == "" || len(s) > 9 {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, true
}

// leadingCount parses the digits that s begins with.
func leadingCount(s string) (n int64, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, ok = parseCount(s[:i])
	return n, s[i:], ok
}

// cutBetween returns what stands in s between the prefix and the suffix.
func cutBetween(s, prefix, suffix string) (string, bool) {
	s, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(s, suffix)
}

// splitHeader splits "Type: message". A text that does not begin with one word,
// or one word and a code in brackets, is all message.
func splitHeader(s string) (typ, message string) {
	typ, message, _ = strings.Cut(s, ": ")
	typ = strings.TrimSuffix(typ, ":")
	if word, code, ok := strings.Cut(typ, " "); ok && !isCode(code) || word == "" {
		return "", s
	}
	return typ, message
}

// isCode reports whether s is in brackets: "[ERR_INVALID_ARG]", "(0x80004005)".
func isCode(s string) bool {
	if len(s) < 3 || strings.ContainsAny(s, " \t") {
		return false
	}
	return s[0] == '[' && s[len(s)-1] == ']' || s[0] == '(' && s[len(s)-1] == ')'
}
