package segment

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What X-Ray takes. Lengths are in characters.
const (
	MaxName            = 200
	MaxAnnotations     = 50 // indexed per trace
	MaxAnnotationKey   = 500
	MaxAnnotationValue = 1000
	MaxLinks           = 20 // linked traces of one segment
)

// nameBytes are the ASCII characters that X-Ray takes in a name.
var nameBytes = asciiSet(" _.:/%&#=+-@" + asciiAlphanumeric)

// annotationKeyBytes are the characters that X-Ray takes in an annotation's key.
var annotationKeyBytes = asciiSet("_." + asciiAlphanumeric)

const asciiAlphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func asciiSet(chars string) (set [256]bool) {
	for i := range len(chars) {
		set[chars[i]] = true
	}
	return set
}

func inName(r rune) bool {
	if r < utf8.RuneSelf {
		return nameBytes[r]
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.Z)
}

// CleanName makes a name that X-Ray takes: Unicode letters, numbers and
// separators and _ . : / % & # = + - @ stay, other characters go, and what is
// past MaxName characters is cut. The result is empty if nothing is left.
func CleanName(name string) string {
	i := 0
	for i < len(name) && nameBytes[name[i]] {
		i++
	}
	if i == len(name) && i <= MaxName {
		return name
	}
	var b strings.Builder
	n := 0
	for _, r := range name {
		if n == MaxName {
			break
		}
		// A byte that is no UTF-8 comes as U+FFFD, which is a symbol.
		if inName(r) {
			b.WriteRune(r)
			n++
		}
	}
	return b.String()
}

// ValidName says whether X-Ray takes name as it is for a segment.
func ValidName(name string) bool {
	return name != "" && CleanName(name) == name
}

// CleanAnnotationKey makes a key that X-Ray takes: characters other than
// A-Z a-z 0-9 _ and . become _, and what is past MaxAnnotationKey is cut.
func CleanAnnotationKey(key string) string {
	if ValidAnnotationKey(key) {
		return key
	}
	b := make([]byte, 0, min(len(key), MaxAnnotationKey))
	for _, r := range key {
		if len(b) == MaxAnnotationKey {
			break
		}
		if r < utf8.RuneSelf && annotationKeyBytes[r] {
			b = append(b, byte(r))
		} else {
			b = append(b, '_')
		}
	}
	return string(b)
}

// ValidAnnotationKey says whether X-Ray takes key as it is.
func ValidAnnotationKey(key string) bool {
	if key == "" || len(key) > MaxAnnotationKey {
		return false
	}
	for i := range len(key) {
		if !annotationKeyBytes[key[i]] {
			return false
		}
	}
	return true
}

// CleanAnnotationValue cuts a text after MaxAnnotationValue characters.
func CleanAnnotationValue(v string) string { return cutCharacters(v, MaxAnnotationValue) }

// cutCharacters returns the first n characters of v.
func cutCharacters(v string, n int) string {
	if len(v) <= n {
		return v
	}
	for i := range v {
		if n == 0 {
			return v[:i]
		}
		n--
	}
	return v
}
