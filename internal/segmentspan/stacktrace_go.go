package segmentspan

import (
	"strings"
)

// parseGoStack reads what runtime.Stack writes for a goroutine, and the traces
// of errors that print function and position in the same way:
//
//	goroutine 18 [running]:
//	main.(*server).handle(0xc000012345, {0x1, 0x2})
//		/srv/shop/main.go:12 +0x1d
//	created by main.main in goroutine 1
//		/srv/shop/main.go:30 +0x66
//
// Only the first goroutine of a dump is the one that failed.
func parseGoStack(b *stackBuilder, text string) {
	label, seen := "", false
	for line := range strings.SplitSeq(afterHeader(text, b.last().Message), "\n") {
		indent, body := cutIndent(line)
		if indent == 0 {
			if goroutineHeader(body) {
				if seen {
					return
				}
				seen = true
			} else if n, ok := cutBetween(body, "...", " frames elided..."); ok {
				count, _ := parseCount(n)
				b.omit(count)
			}
			label = body
			continue
		}
		if i := strings.LastIndex(body, " +0x"); i >= 0 {
			body = body[:i]
		}
		if path, n, ok := cutNumber(body); ok && label != "" {
			b.frame(path, n, goLabel(label))
			label, seen = "", true
		}
	}
}

func goroutineHeader(line string) bool {
	return strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, "]:")
}

// goLabel cuts the arguments, which hold no parentheses, and the goroutine.
func goLabel(s string) string {
	if strings.HasPrefix(s, "created by ") {
		s, _, _ = strings.Cut(s, " in goroutine ")
		return s
	}
	if i := strings.LastIndexByte(s, '('); i > 0 && s[len(s)-1] == ')' {
		return s[:i]
	}
	return s
}
