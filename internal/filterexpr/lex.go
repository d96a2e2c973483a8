package filterexpr

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLength bounds an expression, in bytes.
const MaxLength = 8192

// Error is a mistake in an expression.
type Error struct {
	Column int // 1 for the first character
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Reason) }

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // keyword, identifier, true, false
	tokenNumber           // 12, 0.5, -3
	tokenString           // "…", without the quotes
	tokenSymbol           // ( ) { } [ ] , : ! = != < <= > >=
	tokenJSON             // #[…], without the #
)

type token struct {
	kind   tokenKind
	text   string
	offset int
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenString:
		return fmt.Sprintf("%q", t.text)
	}
	return t.text
}

type lexer struct {
	text   string
	offset int
}

func (l *lexer) fail(offset int, format string, args ...any) *Error {
	return &Error{Column: utf8.RuneCountInString(l.text[:offset]) + 1, Reason: fmt.Sprintf(format, args...)}
}

func (l *lexer) next() (token, *Error) {
	for l.offset < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.offset]) >= 0 {
		l.offset++
	}
	start := l.offset
	if start == len(l.text) {
		return token{kind: tokenEnd, offset: start}, nil
	}
	c := l.text[start]
	switch {
	case c == '"':
		return l.quoted()
	case c == '#':
		return l.json()
	case isDigit(c) || (c == '-' || c == '.') && start+1 < len(l.text) && isDigit(l.text[start+1]):
		l.offset++
		l.skip(func(c byte) bool { return isDigit(c) || c == '.' || c == 'e' || c == 'E' })
		return token{tokenNumber, l.text[start:l.offset], start}, nil
	case isWord(c):
		l.skip(func(c byte) bool { return isWord(c) || isDigit(c) || c == '.' || c == '-' })
		return token{tokenWord, l.text[start:l.offset], start}, nil
	}
	for _, symbol := range []string{"!=", "<=", ">=", "!", "=", "<", ">", "(", ")", "{", "}", "[", "]", ",", ":"} {
		if strings.HasPrefix(l.text[start:], symbol) {
			l.offset += len(symbol)
			return token{tokenSymbol, symbol, start}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(l.text[start:])
	return token{}, l.fail(start, "unexpected character %q", r)
}

func (l *lexer) skip(while func(byte) bool) {
	for l.offset < len(l.text) && while(l.text[l.offset]) {
		l.offset++
	}
}

// quoted reads a string. \" and \\ stand for the second character; any other
// backslash stands for itself, as in a Windows path or a regular expression.
func (l *lexer) quoted() (token, *Error) {
	start := l.offset
	var b strings.Builder
	for i := start + 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '"':
			l.offset = i + 1
			return token{tokenString, b.String(), start}, nil
		case c == '\\' && i+1 < len(l.text) && (l.text[i+1] == '"' || l.text[i+1] == '\\'):
			i++
			b.WriteByte(l.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, l.fail(start, "the string has no closing quote")
}

// json reads #[…] up to its closing bracket.
func (l *lexer) json() (token, *Error) {
	start := l.offset
	depth, inString := 0, false
	for i := start + 1; i < len(l.text); i++ {
		c := l.text[i]
		switch {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
			if depth == 0 {
				l.offset = i + 1
				return token{tokenJSON, l.text[start+1 : i+1], start}, nil
			}
		}
		if depth == 0 && !inString {
			break
		}
	}
	return token{}, l.fail(start, "# starts a JSON array, such as #[{\"Services\":[…]}]")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}
