package segmentspan

import (
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// parseRubyStack reads what Exception#full_message writes, with the innermost
// call first or last, and a backtrace that was joined by line ends:
//
//	cart.rb:2:in `total': no item (ArgumentError)
//		from main.rb:6:in `block in price'
//	items.rb:7:in 'Items#find': not there (KeyError)
//		from main.rb:6:in 'Object#price'
//
// The exception stands first and is followed by its causes. With the innermost
// call last it is the other way round, and each line begins with a number:
//
//	Traceback (most recent call last):
//		1: from main.rb:6:in `block in price'
//	cart.rb:2:in `total': no item (ArgumentError)
func parseRubyStack(b *stackBuilder, text string) {
	if rest, ok := strings.CutPrefix(text, "Traceback (most recent call last):"); ok {
		parseRubyReversed(b, rest)
		return
	}
	first, rest, _ := strings.Cut(text, "\n")
	path, n, label, message, ok := rubyPlace(strings.TrimSuffix(first, "\r"))
	if ok {
		b.frame(path, n, label)
		if message == "" {
			rubyBacktrace(b, rest)
			return
		}
		if known := b.last().Message; known != "" && strings.HasPrefix(text[len(first)-len(message):], known) {
			_, rest, _ = strings.Cut(text[len(first)-len(message)+len(known):], "\n")
		}
	}
	inMessage := false // of a cause
	for line := range strings.SplitSeq(rest, "\n") {
		if line = strings.TrimSuffix(line, "\r"); rubyFrom(b, line) {
			inMessage = false
		} else if path, n, label, message, ok := rubyPlace(line); ok && message != "" {
			b.cause(splitRubyMessage(message))
			b.frame(path, n, label)
			inMessage = true
		} else if inMessage && line != "" {
			b.text(line)
		}
	}
}

// rubyBacktrace reads places, one a line.
func rubyBacktrace(b *stackBuilder, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		_, body := cutIndent(line)
		if path, n, label, _, ok := rubyPlace(body); ok {
			b.frame(path, n, label)
		}
	}
}

// parseRubyReversed reads traces that end with the innermost call. The root
// cause stands first.
func parseRubyReversed(b *stackBuilder, text string) {
	var parts []string
	start, pos, complete := 0, 0, false
	for line := range strings.SplitAfterSeq(text, "\n") {
		s := strings.TrimRight(line, "\r\n")
		_, from := rubyNumbered(s)
		_, _, _, message, ok := rubyPlace(s)
		header := ok && message != ""
		if complete && (from || header) {
			parts = append(parts, text[start:pos])
			start, complete = pos, false
		}
		complete = complete || header
		pos += len(line)
	}
	rubyReversed(b, text[start:], false)
	for i := len(parts) - 1; i >= 0; i-- {
		rubyReversed(b, parts[i], true)
	}
}

// rubyReversed reads one exception whose place and message follow its frames.
func rubyReversed(b *stackBuilder, text string, cause bool) {
	var frames []string
	omitted := int64(0)
	inMessage := false
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if frame, ok := rubyNumbered(line); ok {
			frames = append(frames, frame)
		} else if n, ok := rubyLevels(line); ok {
			omitted += n
		} else if path, n, label, message, ok := rubyPlace(line); ok && message != "" {
			if cause {
				b.cause(splitRubyMessage(message))
			}
			b.frame(path, n, label)
			inMessage = cause
		} else if inMessage && line != "" {
			b.text(line)
		}
	}
	for i := len(frames) - 1; i >= 0; i-- {
		path, n, label, _, _ := rubyPlace(frames[i])
		b.frame(path, n, label)
	}
	b.omit(omitted)
}

// rubyFrom adds the frame of a line "\tfrom place" or counts those that a line
// "\t ... 12 levels..." stands for.
func rubyFrom(b *stackBuilder, line string) bool {
	if n, ok := rubyLevels(line); ok {
		b.omit(n)
		return true
	}
	indent, body := cutIndent(line)
	place, ok := strings.CutPrefix(body, "from ")
	if !ok || indent == 0 {
		return false
	}
	path, n, label, _, ok := rubyPlace(place)
	if ok {
		b.frame(path, n, label)
	}
	return ok
}

func rubyLevels(line string) (int64, bool) {
	_, body := cutIndent(line)
	s, ok := cutBetween(body, "... ", " levels...")
	if !ok {
		return 0, false
	}
	return parseCount(s)
}

// rubyNumbered returns the place in "\t  12: from place".
func rubyNumbered(line string) (place string, ok bool) {
	indent, body := cutIndent(line)
	_, rest, ok := leadingCount(body)
	if !ok || indent == 0 {
		return "", false
	}
	return strings.CutPrefix(rest, ": from ")
}

// rubyPlace reads "cart.rb:2:in `total': message" and "cart.rb:2: message";
// the message may be absent.
func rubyPlace(s string) (path string, line segment.Int, label, message string, ok bool) {
	i := strings.Index(s, ":in `")
	if j := strings.Index(s, ":in '"); i < 0 || j >= 0 && j < i {
		i = j
	}
	if i >= 0 {
		path, line, ok = cutNumber(s[:i])
		label, message, _ = strings.Cut(s[i+len(":in `"):], "'")
		message, hasMessage := strings.CutPrefix(message, ": ")
		return path, line, label, message, ok && (hasMessage || message == "")
	}
	if strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\t") {
		return "", line, "", "", false
	}
	for from := 0; ; {
		i := strings.IndexByte(s[from:], ':')
		if i < 0 || strings.IndexByte(s[from:from+i], ' ') >= 0 {
			return "", line, "", "", false
		}
		from += i + 1
		n, rest, ok := leadingCount(s[from:])
		if !ok {
			continue
		}
		if message, ok := strings.CutPrefix(rest, ": "); ok || rest == "" {
			return s[:from-1], numberInt(n), "", message, from > 1
		}
	}
}

// splitRubyMessage splits "message (Type)". Without a message Ruby writes the
// type alone.
func splitRubyMessage(s string) (typ, message string) {
	if i := strings.LastIndex(s, " ("); i >= 0 && s[len(s)-1] == ')' && !strings.Contains(s[i+1:], " ") {
		return s[i+2 : len(s)-1], s[:i]
	}
	if !strings.Contains(s, " ") {
		return s, ""
	}
	return "", s
}
