package archive

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxDepth bounds the nesting of a value that is written as JSON.
const maxDepth = 64

// appendJSON appends a value as JSON: numbers with a point or an exponent are
// doubles, others integers, null is an empty value. It is not exact if it holds
// something that JSON cannot say: bytes, which are written as base64, NaN and
// infinities, written as strings, text that is not UTF-8, a name that comes
// twice, and nesting beyond maxDepth.
func appendJSON(dst []byte, v pcommon.Value, depth int) (_ []byte, exact bool) {
	if depth > maxDepth {
		return append(dst, "null"...), false
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendJSONString(dst, v.Str())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10), true
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool()), true
	case pcommon.ValueTypeDouble:
		d := v.Double()
		if math.IsNaN(d) || math.IsInf(d, 0) {
			dst = append(dst, '"')
			return append(appendDouble(dst, d), '"'), false
		}
		from := len(dst)
		dst = appendDouble(dst, d)
		if !strings.ContainsAny(string(dst[from:]), ".e") {
			dst = append(dst, ".0"...)
		}
		return dst, true
	case pcommon.ValueTypeBytes:
		dst = append(dst, '"')
		return append(base64.StdEncoding.AppendEncode(dst, v.Bytes().AsRaw()), '"'), false
	case pcommon.ValueTypeSlice:
		exact, dst = true, append(dst, '[')
		for i, element := range v.Slice().All() {
			if i > 0 {
				dst = append(dst, ',')
			}
			var ok bool
			dst, ok = appendJSON(dst, element, depth+1)
			exact = exact && ok
		}
		return append(dst, ']'), exact
	case pcommon.ValueTypeMap:
		exact, dst = true, append(dst, '{')
		seen := make(map[string]struct{}, v.Map().Len())
		for key, value := range v.Map().All() {
			if len(seen) > 0 {
				dst = append(dst, ',')
			}
			if _, twice := seen[key]; twice {
				exact = false
			}
			seen[key] = struct{}{}
			var ok bool
			dst, ok = appendJSONString(dst, key)
			exact = exact && ok
			dst, ok = appendJSON(append(dst, ':'), value, depth+1)
			exact = exact && ok
		}
		return append(dst, '}'), exact
	}
	return append(dst, "null"...), true
}

func appendJSONString(dst []byte, s string) (_ []byte, exact bool) {
	exact = utf8.ValidString(s)
	if !exact {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"'), exact
}

// parseJSON puts the slice or map that text holds into dst.
func parseJSON(dst pcommon.Value, typ byte, text string) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := parseValue(dst, decoder); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("text after the value")
	}
	if want := map[byte]pcommon.ValueType{typeSlice: pcommon.ValueTypeSlice, typeMap: pcommon.ValueTypeMap}[typ]; dst.Type() != want {
		return fmt.Errorf("a %s is not a %s", dst.Type(), want)
	}
	return nil
}

func parseValue(dst pcommon.Value, decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case string:
		dst.SetStr(t)
	case bool:
		dst.SetBool(t)
	case json.Number:
		return parseNumber(dst, t)
	case json.Delim:
		if t == '[' {
			slice := dst.SetEmptySlice()
			for decoder.More() {
				if err := parseValue(slice.AppendEmpty(), decoder); err != nil {
					return err
				}
			}
		} else {
			m := dst.SetEmptyMap()
			for decoder.More() {
				key, err := decoder.Token()
				if err != nil {
					return err
				}
				if err := parseValue(m.PutEmpty(key.(string)), decoder); err != nil {
					return err
				}
			}
		}
		_, err = decoder.Token() // the end of it
	}
	return err
}

func parseNumber(dst pcommon.Value, n json.Number) error {
	if strings.ContainsAny(string(n), ".eE") {
		d, err := n.Float64()
		dst.SetDouble(d)
		return err
	}
	i, err := n.Int64()
	dst.SetInt(i)
	return err
}
