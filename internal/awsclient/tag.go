package awsclient

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The most characters that AWS takes in the key and the value of a tag.
const (
	MaxTagKey   = 128
	MaxTagValue = 256
)

// TagText reports whether text can be the key or the value of a tag: at most so
// many letters, digits, spaces and _.:/=+-@, of any script, or none. (A regular
// expression of that takes megabytes.)
func TagText(text string, most int) bool {
	if utf8.RuneCountInString(text) > most {
		return false
	}
	for _, r := range text {
		if !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r) {
			return false
		}
	}
	return true
}
