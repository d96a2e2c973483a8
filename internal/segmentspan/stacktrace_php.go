package segmentspan

import (
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// parsePHPStack reads what the OpenTelemetry SDK for PHP writes, which is
// Java's format, and what PHP itself writes. There the root cause stands first
// and each line has the place of a call before the function that is called:
//
//	InvalidArgumentException: no item in /srv/shop/cart.php:7
//	Stack trace:
//	#0 /srv/shop/main.php(4): Shop\Cart->total()
//	#1 {main}
//
//	Next RuntimeException: checkout failed in /srv/shop/main.php:5
//	Stack trace:
//	#0 {main}
//
// A frame of a segment has the place and the function around it, so places move
// up by one: total at cart.php:7, then {main} at main.php:4.
func parsePHPStack(b *stackBuilder, text string) {
	if !strings.HasPrefix(text, "#0 ") && !strings.Contains(text, "\n#0 ") {
		parseJavaStack(b, text)
		return
	}
	var parts []string
	start, pos, complete := 0, 0, false
	for line := range strings.SplitAfterSeq(text, "\n") {
		if complete && strings.HasPrefix(line, "Next ") {
			parts = append(parts, text[start:pos])
			start, complete = pos+len("Next "), false
		}
		if rest, ok := phpFrame(strings.TrimRight(line, "\r\n")); ok && rest == "{main}" {
			complete = true
		}
		pos += len(line)
	}
	header, frames := cutPHPHeader(text[start:])
	phpFrames(b, header, frames)
	for i := len(parts) - 1; i >= 0; i-- {
		header, frames := cutPHPHeader(parts[i])
		message, _, _, _ := cutPHPPlace(header)
		b.cause(splitHeader(message))
		phpFrames(b, header, frames)
	}
}

// cutPHPHeader splits the text of one exception before the first numbered line.
func cutPHPHeader(text string) (header, frames string) {
	if strings.HasPrefix(text, "#0 ") {
		return "", text
	}
	header, frames, ok := strings.Cut(text, "\nStack trace:")
	if !ok {
		i := strings.Index(text, "\n#0 ")
		if i < 0 {
			return text, ""
		}
		return text[:i], text[i+1:]
	}
	return strings.TrimRight(header, "\r"), frames
}

// cutPHPPlace splits "Type: message in /srv/shop/cart.php:7".
func cutPHPPlace(header string) (message, path string, line segment.Int, ok bool) {
	i := strings.LastIndex(header, " in ")
	if i < 0 {
		return header, "", line, false
	}
	path, line, ok = cutNumber(header[i+len(" in "):])
	if !ok || strings.ContainsRune(path, '\n') {
		return header, "", line, false
	}
	return header[:i], path, line, true
}

// phpFrames adds the frames of one exception.
func phpFrames(b *stackBuilder, header, frames string) {
	_, path, line, _ := cutPHPPlace(header)
	for s := range strings.SplitSeq(frames, "\n") {
		s, ok := phpFrame(strings.TrimRight(s, "\r"))
		if !ok {
			continue
		}
		callPath, callLine, label := phpCall(s)
		b.frame(path, line, label)
		path, line = callPath, callLine
	}
}

// phpFrame cuts the number that a line of the trace begins with, "#12 ".
func phpFrame(line string) (rest string, ok bool) {
	line, ok = strings.CutPrefix(line, "#")
	if !ok {
		return "", false
	}
	_, rest, ok = leadingCount(line)
	if !ok {
		return "", false
	}
	return strings.CutPrefix(rest, " ")
}

// phpCall reads "/srv/shop/main.php(4): Shop\Cart->total('x')",
// "[internal function]: {closure}()" and "{main}". The place of code that eval
// runs is itself written with parentheses:
// "/srv/shop/main.php(8) : eval()'d code(1): {closure}()".
func phpCall(s string) (path string, line segment.Int, label string) {
	if rest, ok := strings.CutPrefix(s, "[internal function]: "); ok {
		return "[internal function]", line, phpLabel(rest)
	}
	i := strings.Index(s, "): ")
	if i < 0 {
		return "", line, phpLabel(s)
	}
	open := strings.LastIndexByte(s[:i], '(')
	n, ok := parseCount(s[open+1 : i])
	if open < 0 || !ok {
		return "", line, phpLabel(s)
	}
	return s[:open], numberInt(n), phpLabel(s[i+len("): "):])
}

// phpLabel cuts the arguments. PHP 8.4 names closures by their place, which may
// hold parentheses: "Shop\{closure:Shop\price():7}()".
func phpLabel(s string) string {
	open := strings.IndexByte(s, '(')
	if i := strings.Index(s, "{closure:"); i >= 0 && i < open {
		end := i + closingBrace(s[i:])
		if open = strings.IndexByte(s[end:], '('); open >= 0 {
			open += end
		}
	}
	if open < 0 {
		return s
	}
	return s[:open]
}

// closingBrace returns where the brace that s begins with is closed, or 0.
func closingBrace(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return 0
}
