package segmentspan

import (
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// parseJavaScriptStack reads Error.stack of the three engines, and what
// util.inspect of Node writes for an error that has a cause:
//
//	TypeError: no total                               (V8: Node, Chrome, Deno)
//	    at new Cart (/srv/shop/cart.js:2:35)
//	    at async file:///srv/shop/main.mjs:9:3 {
//	  [cause]: Error: no item
//	      at find (/srv/shop/items.js:7:11)
//	}
//
//	total@https://shop.example/cart.js:2:35           (SpiderMonkey: Firefox)
//	async*@https://shop.example/main.js line 9 > eval:1:3
//
//	total@https://shop.example/cart.js:2:35           (JavaScriptCore: Safari)
//	map@[native code]
//	https://shop.example/main.js:9:3
//
// Columns are dropped: a frame has no member for them.
func parseJavaScriptStack(b *stackBuilder, text string) {
	inMessage := false // of a cause
	skip := -1         // indentation of the list of an AggregateError's members
	for line := range strings.SplitSeq(afterHeader(text, b.last().Message), "\n") {
		indent, body := cutIndent(line)
		if skip >= 0 {
			if indent > skip {
				continue
			}
			skip = -1
		}
		if path, n, label, ok := jsFrame(body, indent); ok {
			b.frame(path, n, label)
			inMessage = false
			continue
		}
		if header, ok := jsCause(body, indent); ok {
			inMessage = jsAddCause(b, header)
			continue
		}
		if n, ok := cutBetween(body, "... ", " lines matching cause stack trace ..."); ok {
			count, _ := parseCount(n)
			b.omit(count)
			inMessage = false
		} else if indent > 0 && body == "[errors]: [" {
			skip, inMessage = indent, false
		} else if inMessage && body != "" && body[0] != '}' {
			b.text(body)
		}
	}
}

// jsCause cuts the words that announce a cause: the property that Node prints,
// or the words of libraries that append one stack to another.
func jsCause(body string, indent int) (string, bool) {
	words := []string{"Caused by: ", "caused by: "}
	if indent > 0 {
		words = []string{"[cause]: ", "cause: "}
	}
	for _, w := range words {
		if header, ok := strings.CutPrefix(body, w); ok {
			return header, true
		}
	}
	return "", false
}

// jsAddCause begins the cause that header announces and reports whether its
// message may go on in the next line. A cause may be any value.
func jsAddCause(b *stackBuilder, header string) bool {
	if inner, ok := cutBetween(header, "[", "]"); ok {
		b.cause(splitHeader(inner)) // an error without a stack
		return false
	}
	typ, message := splitHeader(header)
	b.cause(typ, message)
	return typ != ""
}

// jsFrame reads one line of any engine.
func jsFrame(body string, indent int) (path string, line segment.Int, label string, ok bool) {
	if s, ok := strings.CutPrefix(body, "at "); ok && indent > 0 {
		path, line, label = v8Frame(s)
		return path, line, label, path != "" || label != ""
	}
	if i := strings.IndexByte(body, '@'); i >= 0 {
		path, line, ok = jsLocation(body[i+1:])
		return path, line, body[:i], ok
	}
	if body == "[native code]" || strings.Contains(body, "/") && !strings.ContainsAny(body, " \t()") {
		path, line, ok = jsLocation(body)
		return path, line, "", ok
	}
	return "", line, "", false
}

// v8Frame reads what follows "at ".
func v8Frame(s string) (path string, line segment.Int, label string) {
	s = strings.TrimSuffix(strings.TrimSuffix(s, " {"), ",")
	if open := strings.Index(s, " ("); open >= 0 && s[len(s)-1] == ')' {
		label, s = s[:open], s[open+2:len(s)-1]
	} else if rest, ok := strings.CutPrefix(s, "async "); ok {
		label, s = "async", rest
	}
	// "eval at main (/srv/shop/main.js:7:8), <anonymous>:1:26": the file that
	// called eval is in the innermost parentheses.
	if strings.HasPrefix(s, "eval at ") {
		if open := strings.LastIndexByte(s, '('); open >= 0 {
			if end := strings.IndexByte(s[open:], ')'); end > 0 {
				s = s[open+1 : open+end]
			}
		}
	}
	path, line, ok := jsLocation(strings.TrimPrefix(s, "address at "))
	if !ok && label == "" && !strings.ContainsAny(s, `/\<:`) {
		return "", line, s // a built-in function, written without a place
	}
	return path, line, label
}

// jsLocation reads "file:line:column", "file:line" and what Firefox writes for
// code that a file's line made: "file line 9 > eval:1:3". It reports whether
// the text is surely a location.
func jsLocation(s string) (path string, line segment.Int, ok bool) {
	if s == "[native code]" {
		return s, line, true
	}
	if i := strings.Index(s, " line "); i >= 0 {
		if n, rest, ok := leadingCount(s[i+len(" line "):]); ok && strings.HasPrefix(rest, " > ") {
			return s[:i], numberInt(n), true
		}
	}
	path, last, ok := cutNumber(s)
	if !ok {
		return s, line, false
	}
	if file, n, ok := cutNumber(path); ok {
		return file, n, file != ""
	}
	return path, last, path != ""
}
