package segmentspan

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

var updateStackTraces = flag.Bool("update-stacktraces", false, "rewrite the golden files in testdata/stacktrace")

// stackTraceCases names the files of testdata/stacktrace: <language>/<name>.txt
// is what the language printed, <name>.golden what we make of it.
var stackTraceCases = []struct{ language, name, typ, message string }{
	{"java", "reflect", "java.lang.RuntimeException", "java.lang.reflect.InvocationTargetException"},
	{"java", "hidden-frames", "java.lang.RuntimeException", "java.lang.IllegalStateException: checkout failed"},
	{"java", "circular", "java.lang.Exception", "a"},
	{"java", "logging", "org.springframework.web.util.NestedServletException", "Request processing failed; nested exception is java.lang.NullPointerException"},
	{"java", "contrib-receiver", "*errors.errorString", "no item"},
	{"python", "chain", "RuntimeError", "checkout failed"},
	{"python", "recursion", "RecursionError", "maximum recursion depth exceeded"},
	{"python", "syntax-error", "SyntaxError", "invalid syntax (rules.py, line 1)"},
	{"python", "group", "ExceptionGroup", "two failed (2 sub-exceptions)"},
	{"nodejs", "async", "Error", "checkout failed\nsecond line"},
	{"nodejs", "cause", "E_SHOP", "checkout failed\nsecond line"},
	{"nodejs", "eval", "Error", "in eval"},
	{"nodejs", "builtin", "SyntaxError", "Expected property name or '}' in JSON at position 1"},
	{"nodejs", "promise-all", "Error", "checkout failed\nsecond line"},
	{"nodejs", "aggregate", "AggregateError", "both"},
	{"nodejs", "cause-string", "Error", "s"},
	{"nodejs", "cause-object", "Error", "s"},
	{"nodejs", "cause-no-stack", "Error", "s"},
	{"nodejs", "node-internal", "ENOENT", "ENOENT: no such file or directory, open '/nope'"},
	{"nodejs", "getter", "Error", "getter"},
	{"nodejs", "esm", "Error", "esm"},
	{"nodejs", "windows", "Error", "no item"},
	{"webjs", "firefox", "TypeError", "can't access property \"total\""},
	{"webjs", "safari", "TypeError", "undefined is not an object"},
	{"webjs", "chrome", "TypeError", "Cannot read properties of undefined (reading 'total')"},
	{"go", "generic-recovered", "runtime.boundsError", "index out of range [2] with length 2"},
	{"go", "inlined", "*errors.errorString", "no item"},
	{"go", "elided", "*errors.errorString", "no item"},
	{"go", "panic", "runtime.plainError", "assignment to entry in nil map"},
	{"go", "all-goroutines", "runtime.errorString", "invalid memory address or nil pointer dereference"},
	{"go", "pkg-errors", "*errors.fundamental", "no item"},
	{"dotnet", "inner", "Shop.CheckoutException", "checkout failed\nsecond line"},
	{"dotnet", "framework", "System.InvalidOperationException", "checkout failed"},
	{"dotnet", "aggregate", "System.AggregateException", "One or more errors occurred. (one) (two)"},
	{"dotnet", "mono", "System.Exception", "no item"},
	{"php", "sdk", "LogicException", "checkout failed"},
	{"php", "native-chain", "LogicException", ""},
	{"php", "trace-only", "LogicException", ""},
	{"php", "eval", "Exception", "ev"},
	{"php", "anonymous-class", "Exception", "anon"},
	{"php", "closure-84", "Exception", "no item"},
	{"ruby", "innermost-first", "RuntimeError", "checkout failed"},
	{"ruby", "innermost-last", "RuntimeError", "checkout failed"},
	{"ruby", "backtrace", "RuntimeError", "checkout failed"},
	{"ruby", "recursion", "SystemStackError", "stack level too deep"},
	{"ruby", "eval", "ZeroDivisionError", "divided by 0"},
	{"ruby", "ruby34", "ArgumentError", "no item"},
}

func TestParseStackGolden(t *testing.T) {
	seen := map[string]bool{}
	for _, tt := range stackTraceCases {
		t.Run(tt.language+"/"+tt.name, func(t *testing.T) {
			base := filepath.Join("testdata", "stacktrace", tt.language, tt.name)
			seen[base+".txt"] = true
			text, err := os.ReadFile(base + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			got := formatExceptions(parseStack(tt.language, tt.typ, tt.message, string(text), indexID))
			if *updateStackTraces {
				if err := os.WriteFile(base+".golden", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(base + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			// A trace that went through Windows is the same trace.
			crlf := strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n", "\r\n")
			if got := formatExceptions(parseStack(tt.language, tt.typ, strings.ReplaceAll(tt.message, "\n", "\r\n"), crlf, indexID)); strings.ReplaceAll(got, `\r\n`, `\n`) != string(want) {
				t.Errorf("with CRLF got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "stacktrace", "*", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[f] {
			t.Errorf("%s is in no test case", f)
		}
	}
}

func indexID(i int) segment.ID { return segment.ID{7: byte(i + 1)} }

// formatExceptions writes exceptions so that a difference is easy to read.
func formatExceptions(exceptions []segment.Exception) string {
	var b strings.Builder
	for _, e := range exceptions {
		fmt.Fprintf(&b, "exception %x: %q %q\n", e.ID[7:], e.Type, e.Message)
		for _, f := range e.Stack {
			fmt.Fprintf(&b, "\t%s:%s\t%s\n", f.Path, formatInt(f.Line), f.Label)
		}
		if e.Truncated != (segment.Int{}) {
			fmt.Fprintf(&b, "\ttruncated %s\n", formatInt(e.Truncated))
		}
		if e.Skipped != (segment.Int{}) {
			fmt.Fprintf(&b, "\tskipped %s\n", formatInt(e.Skipped))
		}
		if e.Cause != (segment.ID{}) {
			fmt.Fprintf(&b, "\tcause %x\n", e.Cause[7:])
		}
	}
	return b.String()
}

func formatInt(n segment.Int) string {
	if n.Form == segment.NoInt {
		return "-"
	}
	return fmt.Sprint(n.Value)
}

func TestParseStackLimits(t *testing.T) {
	// Each language prints 15 exceptions of 150 frames. type0 is the exception
	// itself and type14 the root cause; f0 is the innermost function.
	const exceptions, frames = 15, 150
	each := func(format string) string {
		var b strings.Builder
		for i := range frames {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	outerLast := func(format string) string {
		lines := strings.SplitAfter(each(format), "\n")
		slices.Reverse(lines)
		return strings.Join(lines, "")
	}
	chain := func(part func(i int) string) string {
		var b strings.Builder
		for i := range exceptions {
			b.WriteString(part(i))
		}
		return b.String()
	}
	rootFirst := func(part func(i int) string) string {
		return chain(func(i int) string { return part(exceptions - 1 - i) })
	}
	for language, text := range map[string]string{
		"java": chain(func(i int) string {
			if i == 0 {
				return "type0: message\n" + each("\tat f%d(a.java:1)\n")
			}
			return fmt.Sprintf("Caused by: type%d: message\n", i) + each("\tat f%d(a.java:1)\n")
		}),
		"python": rootFirst(func(i int) string {
			s := "Traceback (most recent call last):\n" + outerLast("  File \"a.py\", line 1, in f%d\n") + fmt.Sprintf("type%d: message\n", i)
			if i > 0 {
				s += "\nDuring handling of the above exception, another exception occurred:\n\n"
			}
			return s
		}),
		"nodejs": chain(func(i int) string {
			if i == 0 {
				return "type0: message\n" + each("    at f%d (a.js:1:2)\n")
			}
			return fmt.Sprintf(" [cause]: type%d: message\n", i) + each("    at f%d (a.js:1:2)\n")
		}),
		"dotnet": chain(func(i int) string {
			if i == 0 {
				return "type0: message\n"
			}
			return fmt.Sprintf(" ---> type%d: message\n", i)
		}) + rootFirst(func(i int) string {
			if i == 0 {
				return each("   at f%d() in a.cs:line 1\n")
			}
			return each("   at f%d() in a.cs:line 1\n") + "   --- End of inner exception stack trace ---\n"
		}),
		"php": rootFirst(func(i int) string {
			s := fmt.Sprintf("type%d: message in a.php:1\nStack trace:\n", i) + each("#%[1]d a.php(1): f%[1]d()\n") + "#150 {main}\n"
			if i > 0 {
				s += "\nNext "
			}
			return s
		}),
		"ruby": chain(func(i int) string {
			return fmt.Sprintf("a.rb:1:in 'f': message (type%d)\n", i) + each("\tfrom a.rb:1:in 'f%d'\n")
		}),
	} {
		t.Run(language, func(t *testing.T) {
			got := parseStack(language, "type0", "message", text, indexID)
			if len(got) != maxStackExceptions {
				t.Fatalf("%d exceptions, want %d", len(got), maxStackExceptions)
			}
			for i, e := range got {
				want := segment.Exception{
					ID: indexID(i), Type: fmt.Sprint("type", i), Message: "message",
					Cause: indexID(i + 1), Truncated: numberInt(frames - maxStackFrames),
				}
				if i == maxStackExceptions-1 {
					want.Type, want.Cause, want.Skipped = "type14", segment.ID{}, numberInt(exceptions-maxStackExceptions)
				}
				if language == "php" || language == "ruby" {
					want.Truncated.Value++ // {main}, and the place of the exception
				}
				stack := e.Stack
				e.Stack = nil
				if !reflect.DeepEqual(e, want) {
					t.Errorf("exception %d is %+v, want %+v", i, e, want)
				}
				if len(stack) != maxStackFrames || stack[0].Line != numberInt(1) || !strings.HasPrefix(stack[0].Label, "f") || !strings.HasPrefix(stack[maxStackFrames-1].Label, "f9") {
					t.Errorf("exception %d has %d frames, first %+v", i, len(stack), stack[0])
				}
			}
		})
	}
	t.Run("go", func(t *testing.T) {
		got := parseStack("go", "type0", "message", "goroutine 1 [running]:\n"+each("main.f%d()\n\t/a.go:1 +0x1\n"), indexID)
		if len(got) != 1 || len(got[0].Stack) != maxStackFrames || got[0].Truncated != numberInt(frames-maxStackFrames) {
			t.Errorf("got %d exceptions: %s", len(got), formatExceptions(got))
		}
	})
}

// TestParseStackKeepsMessage checks that a message cannot pass for frames or
// causes when the exception is known to have it.
func TestParseStackKeepsMessage(t *testing.T) {
	for language, tt := range map[string]struct{ message, format, path string }{
		"java":   {"no\n\tat a.B(C.java:1)\nCaused by: java.lang.Error: x", "java.lang.Error: %s\n\tat shop.A.b(A.java:7)\n", "A.java"},
		"nodejs": {"no\n    at b (c.js:1:1)\n  [cause]: Error: x", "Error: %s\n    at b (/srv/a.js:7:1)\n", "/srv/a.js"},
		"dotnet": {"no ---> System.X: y\n   at A.B() in c.cs:line 1", "System.Exception: %s\n   at A.B() in a.cs:line 7\n", "a.cs"},
		"ruby":   {"no (X)\n\tfrom c.rb:1:in 'd'\nc.rb:1:in 'd': x (Y)", "a.rb:7:in 'b': %s (RuntimeError)\n", "a.rb"},
		"python": {"no\n  File \"c.py\", line 1, in d", "Traceback (most recent call last):\n  File \"a.py\", line 7, in b\nValueError: %s\n", "a.py"},
		"go":     {"no\nmain.d()\n\t/c.go:1 +0x1", "%s\ngoroutine 1 [running]:\nmain.b()\n\ta.go:7 +0x1d\n", "a.go"},
	} {
		t.Run(language, func(t *testing.T) {
			got := parseStack(language, "T", tt.message, fmt.Sprintf(tt.format, tt.message), indexID)
			if len(got) != 1 || got[0].Message != tt.message || len(got[0].Stack) != 1 || got[0].Stack[0].Path != tt.path || got[0].Stack[0].Line != numberInt(7) {
				t.Errorf("got:\n%s", formatExceptions(got))
			}
		})
	}
}

// TestParseStackOther checks texts that are in no format: the exception stays,
// without frames.
func TestParseStackOther(t *testing.T) {
	rust := "   0: shop::total\n             at ./src/main.rs:7:5\n"
	for _, tt := range []struct{ language, text string }{
		{"rust", rust}, {"swift", rust}, {"erlang", rust}, {"cpp", rust}, {"", rust}, {"Haskell", rust},
		{"java", ""}, {"java", "\n\n"}, {"java", "java.lang.Error"}, {"python", "ValueError: no"}, {"python", "Traceback (most recent call last):"},
		{"nodejs", "Error: no at 10:20:30"}, {"nodejs", "at"}, {"go", "no item"}, {"go", "\t/a.go:1 +0x1"}, {"dotnet", "System.Exception: no"},
		{"php", "Exception: no"}, {"php", "#0"}, {"php", "#0 "}, {"ruby", "no item"}, {"ruby", "Traceback (most recent call last):"}, {"ruby", ":1"},
	} {
		got := parseStack(tt.language, "T", "m", tt.text, indexID)
		want := []segment.Exception{{ID: indexID(0), Type: "T", Message: "m"}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s %q: got %s", tt.language, tt.text, formatExceptions(got))
		}
	}
	if got := parseStack("Java", "T", "m", "T: m\n\tat a.b(C.java:1)", indexID); len(got[0].Stack) != 1 {
		t.Errorf("the name of the language is compared with its case: %s", formatExceptions(got))
	}
}

func TestCutJavaModule(t *testing.T) {
	for in, want := range map[string]string{
		"java.base/java.lang.Thread.run":           "java.lang.Thread.run",
		"java.base@17.0.1/java.lang.Thread.run":    "java.lang.Thread.run",
		"app//shop.Main.main":                      "shop.Main.main",
		"app/shop@1/shop.Main.main":                "shop.Main.main",
		"app/cafe.Main.main":                       "cafe.Main.main",
		"shop.Main.main":                           "shop.Main.main",
		"shop.Main$$Lambda$14/0x7f1a.run":          "shop.Main$$Lambda$14/0x7f1a.run",
		"m/shop.Main$$Lambda$14/1406718218.run":    "shop.Main$$Lambda$14/1406718218.run",
		"m/shop.Main$$Lambda/0x00007f1a.0x01.x/12": "shop.Main$$Lambda/0x00007f1a.0x01.x/12",
		"": "",
	} {
		if got := cutJavaModule(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzParseStack(f *testing.F) {
	for _, tt := range stackTraceCases {
		text, err := os.ReadFile(filepath.Join("testdata", "stacktrace", tt.language, tt.name+".txt"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(tt.language, tt.message, string(text))
	}
	f.Fuzz(func(t *testing.T, language, message, text string) {
		checkStackBounds(t, parseStack(language, "T", message, text, indexID), message, text)
	})
}

// TestParseStackLarge gives every parser 32 KiB of what could make it slow
// or make it keep much.
func TestParseStackLarge(t *testing.T) {
	units := []string{
		"\n", " ", "a", "/", "0/", "(", "@", ":1", " in ", "'", "{closure:", "--- End of inner exception stack trace ---\n",
		"Caused by: E: m\n", "Caused by: E: m\nmore\n", " [cause]: E: m\n", " [cause]: E: m ---> E: m\n", " ---> E: m\n", " ---> E: m", " ---> (Inner Exception #1) E: m\n",
		"During handling of the above exception, another exception occurred:\n", "  File \"a\", line 1, in f\n", "ValueError: m\n",
		"#0 {main}\nNext E: m in a:1\n", "#0 a(1): f()\n", "a:1:in 'f': m (E)\n", "\t1: from a:1\na:1: m (E)\n", "\tfrom a:1:in 'f'\n",
		"main.f(\n\ta.go:1\n", "goroutine 1 [running]:\n", "\tat a.b(C.java:1)\n", "\tSuppressed: E\n", "    at f (eval at g (", "f@a:1:2\n", "   at A.B() in a.cs:line 1\n",
	}
	heads := []string{"", "E: m\n", "Traceback (most recent call last):\n", "#0 ", " ---> E: m\n", "Caused by: E: m\n"}
	for _, language := range []string{"java", "python", "nodejs", "go", "dotnet", "php", "ruby"} {
		for _, unit := range units {
			for _, head := range heads {
				text := head + strings.Repeat(unit, (32<<10)/len(unit))
				checkStackBounds(t, parseStack(language, "T", "m", text, indexID), "m", text)
			}
		}
	}
}

// checkStackBounds checks what holds for every text.
func checkStackBounds(t *testing.T, got []segment.Exception, message, text string) {
	t.Helper()
	if len(got) == 0 || len(got) > maxStackExceptions {
		t.Fatalf("%d exceptions", len(got))
	}
	if got[0].Type != "T" || got[0].Message != message {
		t.Fatalf("the exception became %q %q", got[0].Type, got[0].Message)
	}
	size := 0
	for i, e := range got {
		var cause segment.ID
		if i+1 < len(got) {
			cause = got[i+1].ID
		}
		if e.ID != indexID(i) || e.Cause != cause {
			t.Fatalf("exception %d has id %x and cause %x", i, e.ID, e.Cause)
		}
		if len(e.Stack) > maxStackFrames || e.Truncated.Value < 0 || e.Skipped.Value < 0 {
			t.Fatalf("exception %d: %d frames, %+v truncated, %+v skipped", i, len(e.Stack), e.Truncated, e.Skipped)
		}
		if i > 0 {
			size += len(e.Type) + len(e.Message)
		}
		for _, frame := range e.Stack {
			if frame.Path == "" && frame.Label == "" {
				t.Fatalf("exception %d has an empty frame", i)
			}
			if strings.Contains(frame.Path+frame.Label, "\n") {
				t.Fatalf("frame %+v spans lines", frame)
			}
			size += len(frame.Path) + len(frame.Label)
		}
	}
	// Nothing is made up, and nothing is told twice.
	if size > len(text) {
		t.Fatalf("%d bytes became %d", len(text), size)
	}
}

func BenchmarkParseStack(b *testing.B) {
	for _, name := range []string{"java/logging", "java/reflect", "python/chain", "nodejs/async", "go/inlined", "dotnet/inner", "php/sdk", "ruby/innermost-first"} {
		b.Run(name, func(b *testing.B) {
			i := slices.IndexFunc(stackTraceCases, func(c struct{ language, name, typ, message string }) bool {
				return c.language+"/"+c.name == name
			})
			c := stackTraceCases[i]
			text, err := os.ReadFile(filepath.Join("testdata", "stacktrace", c.language, c.name+".txt"))
			if err != nil {
				b.Fatal(err)
			}
			s := string(text)
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				parseStack(c.language, c.typ, c.message, s, indexID)
			}
		})
	}
}
