// Package operation makes names of operations that stay few from what requests
// carry: paths, URLs and names with ids in them.
package operation

import "strings"

// What stands for a part of a path that differs from request to request, and
// for all parts past the deepest that is kept.
const (
	variable = "{id}"
	rest     = "*"
)

// maxParts is how many parts of a path are kept, and maxWord how long a part
// can be that is a word. Paths of APIs are shorter.
const (
	maxParts = 8
	maxWord  = 40
)

// AppendPath appends the path of a path or URL, without query and fragment.
// Parts that look like ids, because they have digits or are long, are {id};
// versions (v1, v2.1) and words with one digit at the end (oauth2) stay, and of
// more than 8 parts the others are *. A URL without a path has the path /.
func AppendPath(b []byte, url string) []byte {
	parts := 0
	for at := pathOf(url); at < len(url); {
		from := at
		word, digits, last := true, 0, byte(0)
		for ; at < len(url) && url[at] != '/' && url[at] != '?' && url[at] != '#'; at++ {
			switch c := url[at]; {
			case isDigit(c):
				digits++
			case c == '%', c == '@', c == '=', c == ';', c == ',': // an escape, an address, a parameter
				word = false
			default:
				last = c
			}
		}
		if part := url[from:at]; part != "" {
			if parts++; parts > maxParts {
				return append(append(b, '/'), rest...)
			}
			b = append(b, '/')
			if word && len(part) <= maxWord && (digits == 0 || isNumbered(part, digits, last)) {
				b = append(b, part...)
			} else {
				b = append(b, variable...)
			}
		}
		if at < len(url) && url[at] != '/' {
			break
		}
		at++
	}
	if parts == 0 {
		b = append(b, '/')
	}
	return b
}

// pathOf is where the path of a URL begins: behind the host where it has one.
func pathOf(url string) int {
	colon := strings.IndexByte(url, ':')
	if colon < 0 || len(url) < colon+3 || url[colon+1] != '/' || url[colon+2] != '/' {
		return 0
	}
	for i := range colon {
		if c := url[i]; c == '/' || c == '?' || c == '#' {
			return 0
		}
	}
	at := colon + 3
	for at < len(url) && url[at] != '/' && url[at] != '?' && url[at] != '#' {
		at++
	}
	return at
}

// isNumbered tells versions and words with one digit at the end, whose last
// character that is no digit is given.
func isNumbered(part string, digits int, last byte) bool {
	return isVersion(part) || digits == 1 && len(part) > 3 && isDigit(part[len(part)-1]) && isLetter(last)
}

// AppendName appends a name in which words that are paths or URLs are made as
// by AppendPath, and those that look like ids are {id}. A name without such
// words is appended as it is.
func AppendName(b []byte, name string) []byte {
	for {
		end := strings.IndexByte(name, ' ')
		word := name
		if end >= 0 {
			word = name[:end]
		}
		switch {
		case strings.HasPrefix(word, "/"), strings.Contains(word, "://"):
			b = AppendPath(b, word)
		case isID(word):
			b = append(b, variable...)
		default:
			b = append(b, word...)
		}
		if end < 0 {
			return b
		}
		b = append(b, ' ')
		name = name[end+1:]
	}
}

// isVersion tells v1 and V2.1.
func isVersion(part string) bool {
	if len(part) < 2 || len(part) > 8 || part[0]|0x20 != 'v' || !isDigit(part[1]) {
		return false
	}
	for i := range len(part) - 1 {
		if c := part[i+1]; !isDigit(c) && c != '.' {
			return false
		}
	}
	return true
}

// isID tells numbers, UUIDs and long hexadecimal numbers. Names of operations
// may have other digits in them.
func isID(word string) bool {
	digits, hex := 0, 0
	for i := range len(word) {
		switch c := word[i]; {
		case isDigit(c):
			digits++
			hex++
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			hex++
		case c == '-':
		default:
			return false
		}
	}
	return digits > 0 && (digits == len(word) || hex >= 8)
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
