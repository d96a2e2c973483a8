package segmentspan

import (
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// parseJavaStack reads what Throwable.printStackTrace writes, also of Kotlin
// and Scala, and with the jar names that logging libraries add to each frame:
//
//	java.lang.IllegalStateException: checkout failed
//		at java.base/java.lang.Thread.run(Thread.java:829)
//		Suppressed: java.io.IOException: close
//			at shop.Cart.close(Cart.java:12)
//	Caused by: java.lang.IllegalArgumentException: no item
//		at shop.Cart.total(Cart.java:7)
//		... 12 more
//
// The frames that "... 12 more" stands for are those of the exception before,
// so they count as truncated. Suppressed exceptions are no causes and are left
// out, with the causes that they have.
func parseJavaStack(b *stackBuilder, text string) {
	inMessage := false // of a cause
	suppressed := -1   // indentation of the suppressed exception that we are in
	for line := range strings.SplitSeq(afterHeader(text, b.last().Message), "\n") {
		indent, body := cutIndent(line)
		if header, ok := strings.CutPrefix(body, "Caused by: "); ok && (suppressed < 0 || indent < suppressed) {
			suppressed, inMessage = -1, false
			if !strings.HasPrefix(header, "[CIRCULAR REFERENCE") {
				b.cause(splitHeader(header))
				inMessage = true
			}
			continue
		}
		if suppressed >= 0 {
			continue
		}
		if path, n, label, ok := javaFrame(body); ok {
			b.frame(path, n, label)
		} else if n, ok := javaCommonFrames(body); ok {
			b.omit(n)
		} else if indent > 0 && strings.HasPrefix(body, "Suppressed: ") {
			suppressed = indent
		} else {
			if inMessage && body != "" {
				b.text(strings.TrimSuffix(line, "\r"))
			}
			continue
		}
		inMessage = false
	}
}

// javaCommonFrames reads "... 12 more", or the words of Logback for it.
func javaCommonFrames(body string) (int64, bool) {
	s, ok := cutBetween(body, "... ", " more")
	if !ok {
		s, ok = cutBetween(body, "... ", " common frames omitted")
	}
	if !ok {
		return 0, false
	}
	return parseCount(s)
}

// javaFrame reads "at module/class.method(File.java:12) ~[shop.jar:1.2]".
func javaFrame(body string) (path string, line segment.Int, label string, ok bool) {
	label, ok = strings.CutPrefix(body, "at ")
	if !ok {
		return "", line, "", false
	}
	if strings.HasSuffix(label, "]") {
		if i := max(strings.LastIndex(label, ") ["), strings.LastIndex(label, ") ~[")); i >= 0 {
			label = label[:i+1]
		}
	}
	open := strings.LastIndexByte(label, '(')
	if open <= 0 || label[len(label)-1] != ')' {
		return "", line, "", false
	}
	label, place := label[:open], label[open+1:len(label)-1]
	// contrib's X-Ray receiver writes the frames of any language like this,
	// but with a blank: "main/shop.(*Cart).Total(cart.go: 88)".
	if file, n, ok := strings.Cut(place, ": "); ok {
		if n, ok := parseCount(n); ok {
			return file, numberInt(n), label, true
		}
		if n == "<unknown>" {
			return file, line, label, true
		}
	}
	path, line, _ = cutNumber(place)
	return path, line, cutJavaModule(label), true
}

// cutJavaModule removes class loader and module, "app//" or "java.base@17/",
// but not the number of a hidden class: "Cart$$Lambda$14/0x7f1a.run".
func cutJavaModule(label string) string {
	for end := len(label); ; {
		i := strings.LastIndexByte(label[:end], '/')
		if i < 0 {
			return label
		}
		if !hiddenClass(label[i+1:]) {
			return label[i+1:]
		}
		end = i
	}
}

// hiddenClass reports whether s begins with the number of a hidden class, which
// no package, class or module does.
func hiddenClass(s string) bool {
	number, _, _ := strings.Cut(s, ".")
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(number, "0x"); ok {
		number, digits = hex, "0123456789abcdefABCDEF"
	}
	return number != "" && strings.Trim(number, digits) == ""
}
