package segment

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// AppendString appends v as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func AppendString(dst []byte, v string) []byte {
	dst = append(dst, '"')
	if n := plainPrefix(v); n == len(v) && utf8.ValidString(v) {
		dst = append(dst, v...)
		return append(dst, '"')
	}
	for {
		n := plainPrefix(v)
		for _, r := range v[:n] {
			dst = utf8.AppendRune(dst, r)
		}
		if n == len(v) {
			return append(dst, '"')
		}
		dst = appendEscaped(dst, v[n])
		v = v[n+1:]
	}
}

// AppendJSONString appends a document, which is valid UTF-8, as a JSON string:
// that is how it travels in a request to X-Ray.
func AppendJSONString(dst, doc []byte) []byte {
	dst = append(slices.Grow(dst, len(doc)+len(doc)/2+2), '"')
	// Eight bytes at a time: store them all, then go on behind the first one
	// that needs an escape. A document has a quote every few bytes, so copying
	// the runs between them one by one costs more.
	i := 0
	for i+8 <= len(doc) {
		x := binary.LittleEndian.Uint64(doc[i:])
		n := len(dst)
		if cap(dst)-n < 8 {
			dst = slices.Grow(dst, len(doc)-i+8)
		}
		binary.LittleEndian.PutUint64(dst[n:n+8], x)
		hit := special(x)
		if hit == 0 {
			dst = dst[:n+8]
			i += 8
			continue
		}
		plain := bits.TrailingZeros64(hit) >> 3
		dst = appendEscaped(dst[:n+plain], doc[i+plain])
		i += plain + 1
	}
	for ; i < len(doc); i++ {
		if c := doc[i]; c < ' ' || c == '"' || c == '\\' {
			dst = appendEscaped(dst, c)
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&0xf])
}

// CompactJSON checks that v is one JSON value that nests no deeper than
// MaxDepth and returns it on one line, as Member.Value wants it.
func CompactJSON(v string) (string, bool) {
	if !utf8.ValidString(v) {
		return "", false
	}
	s := scanner{doc: v}
	v = s.raw()
	s.end()
	return v, s.err == nil
}

// UnquoteJSON returns the text that a JSON string stands for, with U+FFFD for
// half a surrogate pair. It is false for JSON of any other kind.
func UnquoteJSON(v string) (string, bool) {
	s := scanner{doc: v}
	if s.peek() != '"' {
		return "", false
	}
	text := s.text()
	s.end()
	return text, s.err == nil
}

// JSONMembers returns the members of a JSON object in order. Of those that have
// the same name it returns the last. It is false for JSON of any other kind.
func JSONMembers(v string) ([]Member, bool) {
	var d Decoder
	d.reset(v)
	if d.peek() != '{' {
		return nil, false
	}
	o := d.open()
	for d.next(&o) {
		d.keep(&o)
	}
	members := d.close(&o)
	d.end()
	return members, d.err == nil
}
