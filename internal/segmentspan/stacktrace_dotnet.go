package segmentspan

import (
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

const (
	dotnetInner      = "---> "
	dotnetInnerOfAll = "---> (Inner Exception #"
	dotnetInnerEnd   = "--- End of inner exception stack trace ---"
)

// parseDotnetStack reads what Exception.ToString writes. The headers stand
// first, from the outermost to the root cause, then the frames in the opposite
// order:
//
//	Shop.CheckoutException: checkout failed
//	 ---> System.ArgumentException: no item
//	   at Shop.Cart.Total(String item) in /srv/shop/Cart.cs:line 7
//	   --- End of inner exception stack trace ---
//	   at Shop.Program.Main(String[] args)
//
// An AggregateException lists its members once more after its own frames; a
// chain has room for the first only.
func parseDotnetStack(b *stackBuilder, text string) {
	d := dotnetStack{b: b}
	for line := range strings.SplitSeq(afterHeader(text, b.last().Message), "\n") {
		_, body := cutIndent(line)
		if strings.HasPrefix(body, dotnetInnerOfAll) {
			d.listed++
		}
		if d.listed > 0 {
			if strings.HasSuffix(body, "<---") {
				d.listed--
			}
			continue
		}
		d.line(body, strings.TrimSuffix(line, "\r"))
	}
}

type dotnetStack struct {
	b         *stackBuilder
	depth     int // of the exception whose frames come next
	deepest   int // of the last exception in b
	listed    int // nesting in the list of an AggregateException
	inMessage bool
}

func (d *dotnetStack) line(body, line string) {
	if body == dotnetInnerEnd {
		d.inMessage = false
		d.depth = max(d.depth-1, 0)
		return
	}
	if strings.HasPrefix(body, "--- End of stack trace from previous location") {
		d.inMessage = false
		return
	}
	if path, n, label, ok := dotnetFrame(body); ok {
		d.inMessage = false
		if e := d.exception(); e != nil {
			addFrame(e, path, n, label)
		}
		return
	}
	if before, headers, ok := cutDotnetInner(body); ok && d.depth == d.deepest {
		if before != "" && d.inMessage {
			d.b.text(before)
		}
		d.inner(headers)
		return
	}
	if d.inMessage && body != "" {
		d.b.text(line)
	}
}

// inner begins the inner exceptions of a header line. The .NET Framework writes
// them all in one line.
func (d *dotnetStack) inner(headers string) {
	for more := true; more; {
		header := headers
		if before, rest, ok := cutDotnetInner(headers); ok {
			header, headers = before, rest
		} else {
			more = false
		}
		d.b.cause(splitHeader(header))
		d.depth++
		d.deepest = d.depth
		d.inMessage = true
	}
}

// exception is the one that a frame belongs to, nil if the chain left it out.
func (d *dotnetStack) exception() *segment.Exception {
	last := len(d.b.exceptions) - 1
	if d.depth == d.deepest {
		return &d.b.exceptions[last]
	}
	if d.depth < last {
		return &d.b.exceptions[d.depth]
	}
	return nil
}

// cutDotnetInner splits "message ---> Type: inner message".
func cutDotnetInner(body string) (before, header string, ok bool) {
	before, header, ok = strings.Cut(body, dotnetInner)
	if !ok || before != "" && !strings.HasSuffix(before, " ") {
		return "", "", false
	}
	typ, _ := splitHeader(header)
	return strings.TrimRight(before, " "), header, typ != ""
}

// dotnetFrame reads "at Type.Method(Args) in /srv/shop/Cart.cs:line 7", without
// a file where there are no debug symbols, and Mono's
// "at Type.Method (Args) [0x00012] in <5f3a>:0".
func dotnetFrame(body string) (path string, line segment.Int, label string, ok bool) {
	label, ok = strings.CutPrefix(body, "at ")
	if !ok || !strings.ContainsRune(label, '(') {
		return "", line, "", false
	}
	i := strings.Index(label, ") in ")
	if i < 0 {
		i = strings.Index(label, "] in ")
	}
	if i < 0 {
		return "", line, label, strings.HasSuffix(label, ")") || strings.HasSuffix(label, "]")
	}
	label, path = label[:i+1], label[i+len(") in "):]
	if file, n, ok := strings.Cut(path, ":line "); ok {
		if n, ok := parseCount(n); ok {
			return file, numberInt(n), label, true
		}
	}
	path, line, _ = cutNumber(path)
	return path, line, label, true
}
