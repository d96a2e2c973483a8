package segmentspan

import "strings"

// number is what a JSON number is to an attribute.
type number uint8

const (
	inexact  number = iota // no attribute gives the same number back
	integral               // an int64
	floating               // a float64
)

// classify says which attribute type gives the number back exactly. A decimal
// of up to 15 digits, not too large or small, survives a float64.
func classify(literal string) number {
	digits, i := 0, 0
	if i < len(literal) && literal[i] == '-' {
		i++
	}
	start, exponent, fraction := i, 0, false
	for ; i < len(literal); i++ {
		switch c := literal[i]; {
		case c >= '0' && c <= '9':
			if digits > 0 || c != '0' {
				digits++
			}
		case c == '.':
			fraction = true
		case c == 'e' || c == 'E':
			fraction = true
			negative := false
			for i++; i < len(literal); i++ {
				switch d := literal[i]; {
				case d == '-':
					negative = true
				case d == '+':
				case d >= '0' && d <= '9' && exponent < 1000:
					exponent = exponent*10 + int(d-'0')
				case d < '0' || d > '9':
					return inexact
				}
			}
			if negative {
				exponent = -exponent
			}
		default:
			return inexact
		}
	}
	switch {
	case i == start:
		return inexact
	case !fraction && digits <= 18:
		return integral
	case fraction && digits <= 15 && exponent > -250 && exponent < 250 && len(literal) < 40:
		return floating
	}
	return inexact
}

// escapePointer escapes a member's name for a JSON pointer.
func escapePointer(name string) string {
	if strings.IndexByte(name, '~') < 0 && strings.IndexByte(name, '/') < 0 {
		return name
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func unescapePointer(token string) string {
	if strings.IndexByte(token, '~') < 0 {
		return token
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}
