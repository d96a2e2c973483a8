package segment

import (
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads JSON text from left to right. Errors stick: the first one is
// kept and moves the scanner to the end of its text, where nothing matches.
type scanner struct {
	doc string
	pos int
	err *Error

	wide bool   // white space other than blanks was seen
	buf  []byte // for strings with escapes
}

func (s *scanner) reset(doc string) {
	s.doc, s.pos, s.err = doc, 0, nil
}

func (s *scanner) fail(err *Error) {
	if s.err == nil {
		s.err = err
	}
	s.pos = len(s.doc)
}

// syntax fails with what was expected at the current position.
func (s *scanner) syntax(expected string) {
	if s.err != nil {
		return
	}
	reason := "ends where " + expected + " is expected"
	if s.pos < len(s.doc) {
		r, _ := utf8.DecodeRuneInString(s.doc[s.pos:])
		reason = "has " + strconv.QuoteRune(r) + " at byte " + strconv.Itoa(s.pos) + " where " + expected + " is expected"
	}
	s.fail(&Error{Code: CodeInvalidSegment, Kind: "invalid_json", Reason: reason})
}

// peek skips white space and returns the next byte, or 0 at the end. A NUL in
// the text looks like the end; no caller accepts either.
func (s *scanner) peek() byte {
	if s.pos < len(s.doc) && s.doc[s.pos] > ' ' {
		return s.doc[s.pos]
	}
	return s.peekPastSpace()
}

func (s *scanner) peekPastSpace() byte {
	for ; s.pos < len(s.doc); s.pos++ {
		switch c := s.doc[s.pos]; c {
		case ' ':
		case '\n', '\t', '\r':
			s.wide = true
		default:
			return c
		}
	}
	return 0
}

// isObject says whether the next value is an object that is not empty.
func (s *scanner) isObject() bool { return s.peek() == '{' && s.closesWith() != '}' }

// isArray says whether the next value is an array that is not empty.
func (s *scanner) isArray() bool { return s.peek() == '[' && s.closesWith() != ']' }

// closesWith returns the first byte inside of an object or array.
func (s *scanner) closesWith() byte {
	start := s.pos
	s.pos++
	c := s.peek()
	s.pos = start
	return c
}

// end fails unless nothing but white space is left.
func (s *scanner) end() {
	if s.peek(); s.pos < len(s.doc) {
		s.syntax("the end")
	}
}

const (
	eachByte = 0x0101010101010101
	highBits = 0x8080808080808080
)

// special marks, with the high bit of its byte, the first quote, backslash or
// control character among eight bytes. Marks above the first one may be wrong:
// the usual zero-byte trick borrows across bytes.
func special(x uint64) uint64 {
	quote, slash := x^(eachByte*'"'), x^(eachByte*'\\')
	return ((quote-eachByte)&^quote | (slash-eachByte)&^slash | (x-eachByte*' ')&^x) & highBits
}

// word returns the first eight bytes of s.
func word[T string | []byte](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// plainPrefix returns how many bytes of s come before the first quote,
// backslash or control character.
func plainPrefix[T string | []byte](s T) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		hit := special(word(s[i:]))
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

// skipString moves past a string, which must start here, and says whether it
// holds escapes.
func (s *scanner) skipString() (escaped bool) {
	s.pos++
	for {
		s.pos += plainPrefix(s.doc[s.pos:])
		if s.pos == len(s.doc) {
			s.syntax("the end of a string")
			return false
		}
		switch s.doc[s.pos] {
		case '"':
			s.pos++
			return escaped
		case '\\':
			escaped = true
			if !s.skipEscape() {
				return false
			}
		default:
			s.syntax("a character of a string")
			return false
		}
	}
}

func (s *scanner) skipEscape() bool {
	s.pos++
	if s.pos == len(s.doc) {
		s.syntax("an escaped character")
		return false
	}
	switch s.doc[s.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return true
	case 'u':
		for range 4 {
			s.pos++
			if s.pos == len(s.doc) || hexValue[s.doc[s.pos]] == noHex {
				s.syntax("a hex digit")
				return false
			}
		}
		s.pos++
		return true
	}
	s.syntax("an escaped character")
	return false
}

// text reads a string, which must start here. Without escapes the result is a
// part of the document.
func (s *scanner) text() string {
	// The common case: no escapes, and not at the end of the document.
	start := s.pos + 1
	for i := start; i+8 <= len(s.doc); i += 8 {
		if hit := special(word(s.doc[i:])); hit != 0 {
			i += bits.TrailingZeros64(hit) >> 3
			if s.doc[i] != '"' {
				break
			}
			s.pos = i + 1
			return s.doc[start:i]
		}
	}
	escaped := s.skipString()
	if s.err != nil {
		return ""
	}
	raw := s.doc[start : s.pos-1]
	if !escaped {
		return raw
	}
	s.buf = appendUnescaped(s.buf[:0], raw)
	return string(s.buf)
}

// appendUnescaped appends the meaning of the valid inside of a JSON string.
// Half a surrogate pair becomes U+FFFD.
func appendUnescaped(dst []byte, raw string) []byte {
	for {
		i := strings.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		c := raw[i+1]
		raw = raw[i+2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hexRune(raw)
			raw = raw[4:]
			if utf16.IsSurrogate(r) {
				if len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
					if pair := utf16.DecodeRune(r, hexRune(raw[2:])); pair != utf8.RuneError {
						dst = utf8.AppendRune(dst, pair)
						raw = raw[6:]
						continue
					}
				}
				r = utf8.RuneError
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
}

func hexRune(s string) rune {
	return rune(hexValue[s[0]])<<12 | rune(hexValue[s[1]])<<8 | rune(hexValue[s[2]])<<4 | rune(hexValue[s[3]])
}

// number reads a number and returns its text.
func (s *scanner) number() string {
	start := s.pos
	if s.pos < len(s.doc) && s.doc[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.doc) && s.doc[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		return ""
	}
	if s.pos < len(s.doc) && s.doc[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return ""
		}
	}
	if s.pos < len(s.doc) && s.doc[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.doc) && (s.doc[s.pos] == '+' || s.doc[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			return ""
		}
	}
	return s.doc[start:s.pos]
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.doc) && s.doc[s.pos]-'0' <= 9 {
		s.pos++
	}
	if s.pos == start {
		s.syntax("a value")
		return false
	}
	return true
}

func (s *scanner) literal(word string) bool {
	if !strings.HasPrefix(s.doc[s.pos:], word) {
		s.syntax("a value")
		return false
	}
	s.pos += len(word)
	return true
}

// isNumber says whether the next value is a number, right or wrong.
func (s *scanner) isNumber() bool {
	c := s.peek()
	return c == '-' || c-'0' <= 9
}

// raw reads a value of any kind and returns its text. White space other than
// blanks is taken out, so that the text is one line.
func (s *scanner) raw() string {
	s.peek()
	start := s.pos
	s.wide = false
	s.skip(0)
	if s.err != nil {
		return ""
	}
	if s.wide {
		return oneLine(s.doc[start:s.pos])
	}
	return s.doc[start:s.pos]
}

// skip moves past a value of any kind at this depth.
func (s *scanner) skip(depth int) {
	switch s.peek() {
	case '"':
		s.skipString()
	case '{':
		s.skipInside(depth+1, '}')
	case '[':
		s.skipInside(depth+1, ']')
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

func (s *scanner) skipInside(depth int, closing byte) {
	if depth > MaxDepth {
		s.fail(&Error{Code: CodeInvalidSegment, Kind: "too_deep", Reason: "nests deeper than " + strconv.Itoa(MaxDepth) + " levels"})
		return
	}
	s.pos++
	if s.peek() == closing {
		s.pos++
		return
	}
	for s.err == nil {
		if closing == '}' {
			if s.peek() != '"' {
				s.syntax("the name of a member")
				return
			}
			s.skipString()
			if s.peek() != ':' {
				s.syntax("':'")
				return
			}
			s.pos++
		}
		s.skip(depth)
		switch s.peek() {
		case ',':
			s.pos++
		case closing:
			s.pos++
			return
		default:
			s.syntax("',' or " + strconv.QuoteRune(rune(closing)))
		}
	}
}

// oneLine returns valid JSON without its line breaks and tabs.
func oneLine(v string) string {
	// Strings cannot hold these bytes, so all of them are white space. What
	// surrounds them is mostly indentation and goes as well.
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); {
		switch c := v[i]; c {
		case ' ', '\n', '\r', '\t':
			i++
		case '"':
			n := 1 + stringLength(v[i+1:])
			out = append(out, v[i:i+n]...)
			i += n
		default:
			out = append(out, c)
			i++
		}
	}
	return string(out)
}

// stringLength returns the length of a valid string up to and with its closing
// quote.
func stringLength(s string) int {
	i := 0
	for {
		i += plainPrefix(s[i:])
		if s[i] == '"' {
			return i + 1
		}
		i += 2
	}
}
