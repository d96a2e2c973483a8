package segmenttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
)

// Equal compares two JSON texts as values: the order of members, white space
// and the spelling of numbers and strings do not matter, digits do. It returns
// "" or the first difference.
func Equal(a, b []byte) (diff string) {
	x, err := parse(a)
	if err != nil {
		return "first: " + err.Error()
	}
	y, err := parse(b)
	if err != nil {
		return "second: " + err.Error()
	}
	return compare("", x, y)
}

func parse(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the value")
	}
	return v, nil
}

func compare(path string, a, b any) string {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			return compareObjects(path, x, y)
		}
	case []any:
		if y, ok := b.([]any); ok {
			if len(x) != len(y) {
				return fmt.Sprintf("%s: %d elements, then %d", path, len(x), len(y))
			}
			for i := range x {
				if diff := compare(path+"["+strconv.Itoa(i)+"]", x[i], y[i]); diff != "" {
					return diff
				}
			}
			return ""
		}
	case json.Number:
		if y, ok := b.(json.Number); ok && canonical(string(x)) == canonical(string(y)) {
			return ""
		}
	default:
		if a == b {
			return ""
		}
	}
	return fmt.Sprintf("%s: %s, then %s", path, show(a), show(b))
}

func compareObjects(path string, a, b map[string]any) string {
	names := make([]string, 0, len(a))
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		at := path + "." + name
		x, inA := a[name]
		y, inB := b[name]
		switch {
		case !inA:
			return fmt.Sprintf("%s: absent, then %s", at, show(y))
		case !inB:
			return fmt.Sprintf("%s: %s, then absent", at, show(x))
		}
		if diff := compare(at, x, y); diff != "" {
			return diff
		}
	}
	return ""
}

// canonical spells a JSON number so that equal numbers have one spelling.
func canonical(n string) string {
	sign := ""
	if strings.HasPrefix(n, "-") {
		sign, n = "-", n[1:]
	}
	exp := 0
	if i := strings.IndexAny(n, "eE"); i >= 0 {
		e, err := strconv.Atoi(n[i+1:])
		if err != nil {
			return sign + n // an exponent beyond reason equals only itself
		}
		exp, n = e, n[:i]
	}
	whole, fraction, _ := strings.Cut(n, ".")
	exp -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	trimmed := strings.TrimRight(digits, "0")
	if trimmed == "" {
		return "0"
	}
	return sign + trimmed + "e" + strconv.Itoa(exp+len(digits)-len(trimmed))
}

func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	const most = 200
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
