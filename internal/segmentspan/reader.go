package segmentspan

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// reader holds the attributes of one span or resource, sorted by meaning in
// one pass, and remembers which of them were used. What was not used is
// metadata.
type reader struct {
	vals  [numKeys]pcommon.Value // valid where have says so
	have  keySet
	used  keySet
	other []attribute // the names that have no meaning here
	json  []attribute // aws.xray.json.*, without the prefix
	meta  []attribute // aws.xray.metadata.*, without the prefix
}

type attribute struct {
	name  string
	value pcommon.Value
}

// read replaces the content of r by the attributes of m.
func (r *reader) read(m pcommon.Map) {
	r.clearValues()
	r.other, r.json, r.meta = r.other[:0], r.json[:0], r.meta[:0]
	for name, value := range m.All() {
		if k := keyOf(name); k != noKey {
			r.vals[k] = value
			r.have.add(k)
			continue
		}
		switch {
		case !strings.HasPrefix(name, prefixXRay):
			r.other = append(r.other, attribute{name, value})
		case strings.HasPrefix(name, prefixMetadata):
			r.meta = append(r.meta, attribute{name[len(prefixMetadata):], value})
		case strings.HasPrefix(name, prefixJSON):
			r.json = append(r.json, attribute{name[len(prefixJSON):], value})
		default:
			r.other = append(r.other, attribute{name, value})
		}
	}
}

// clearValues drops the values, and with them what they refer to.
func (r *reader) clearValues() {
	for i := range r.have {
		for set := r.have[i]; set != 0; set &= set - 1 {
			r.vals[i<<6+bits.TrailingZeros64(set)] = pcommon.Value{}
		}
	}
	r.have, r.used = keySet{}, keySet{}
}

// release drops what r refers to and keeps its memory.
func (r *reader) release() {
	r.clearValues()
	clear(r.other[:cap(r.other)])
	clear(r.json[:cap(r.json)])
	clear(r.meta[:cap(r.meta)])
}

// peek returns the attribute as text if it is a scalar, and leaves it unused.
func (r *reader) peek(k key) string {
	if !r.have.has(k) {
		return ""
	}
	return scalarText(r.vals[k])
}

// str returns the attribute as text and marks it used if it is a scalar that
// is not empty.
func (r *reader) str(k key) string {
	text := r.peek(k)
	if text != "" {
		r.used.add(k)
	}
	return text
}

// use marks attributes used, if they are scalars.
func (r *reader) use(ks ...key) {
	for _, k := range ks {
		if r.peek(k) != "" {
			r.used.add(k)
		}
	}
}

// first returns the first of the attributes that is not empty. Those that say
// the same count as used too.
func (r *reader) first(ks ...key) string {
	text := ""
	for _, k := range ks {
		if t := r.peek(k); t != "" && (text == "" || t == text) {
			text = t
			r.used.add(k)
		}
	}
	return text
}

// peekFirst is first without marking.
func (r *reader) peekFirst(ks ...key) string {
	for _, k := range ks {
		if t := r.peek(k); t != "" {
			return t
		}
	}
	return ""
}

// integer returns the attribute as a whole number and marks it used if it is one.
func (r *reader) integer(k key) (int64, bool) {
	if !r.have.has(k) {
		return 0, false
	}
	n, ok := wholeNumber(r.vals[k])
	if ok {
		r.used.add(k)
	}
	return n, ok
}

// boolean returns the attribute if it is a bool, and marks it used then.
func (r *reader) boolean(k key) (value, ok bool) {
	if !r.have.has(k) || r.vals[k].Type() != pcommon.ValueTypeBool {
		return false, false
	}
	r.used.add(k)
	return r.vals[k].Bool(), true
}

// strings appends the elements of a list of strings, or a string alone, to
// dst and marks the attribute used. Lists with anything else are left.
func (r *reader) strings(k key, dst []string) []string {
	if !r.have.has(k) {
		return dst
	}
	before := len(dst)
	switch v := r.vals[k]; v.Type() {
	case pcommon.ValueTypeStr:
		dst = append(dst, v.Str())
	case pcommon.ValueTypeSlice:
		for _, element := range v.Slice().All() {
			if element.Type() != pcommon.ValueTypeStr {
				return dst[:before]
			}
			dst = append(dst, element.Str())
		}
	default:
		return dst
	}
	r.used.add(k)
	return dst
}

// unused calls f for each attribute that no member took, in a fixed order.
func (r *reader) unused(f func(name string, value pcommon.Value)) {
	for i := range r.have {
		for set := r.have[i] &^ r.used[i]; set != 0; set &= set - 1 {
			k := key(i<<6 + bits.TrailingZeros64(set))
			f(keyNames[k], r.vals[k])
		}
	}
	for _, a := range r.other {
		f(a.name, a.value)
	}
}

// scalarText is the text of a string, number or bool, and "" for all else.
func scalarText(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt, pcommon.ValueTypeBool, pcommon.ValueTypeDouble:
		return v.AsString()
	}
	return ""
}

func wholeNumber(v pcommon.Value) (int64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int(), true
	case pcommon.ValueTypeDouble:
		d := v.Double()
		if d == math.Trunc(d) && math.Abs(d) < 1<<53 {
			return int64(d), true
		}
	case pcommon.ValueTypeStr:
		n, err := strconv.ParseInt(v.Str(), 10, 64)
		return n, err == nil
	}
	return 0, false
}
