package archive

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A types column says what the attributes of a map column were, in their
// order: a letter for each that is in the map, two characters (hot.go) for each
// that is in a flat column. It is NULL if all are strings in the map.
const (
	typeString = 's'
	typeInt    = 'i' // decimal
	typeDouble = 'd' // shortest decimal that gives the bits back; NaN, Infinity, -Infinity
	typeBool   = 'b' // true or false
	typeBytes  = 'y' // base64
	typeSlice  = 'a' // JSON
	typeMap    = 'm' // JSON
	typeEmpty  = 'n' // NULL
)

// appendText appends the text of a value that is not a string or empty. It is
// exact if a reader who knows the type gets the same value from the text.
func appendText(dst []byte, v pcommon.Value) (_ []byte, typ byte, exact bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10), typeInt, true
	case pcommon.ValueTypeDouble:
		return appendDouble(dst, v.Double()), typeDouble, plainNaN(v.Double())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool()), typeBool, true
	case pcommon.ValueTypeBytes:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes().AsRaw()), typeBytes, true
	case pcommon.ValueTypeSlice:
		dst, exact = appendJSON(dst, v, 0)
		return dst, typeSlice, exact
	case pcommon.ValueTypeMap:
		dst, exact = appendJSON(dst, v, 0)
		return dst, typeMap, exact
	}
	return dst, typeEmpty, true
}

// appendDouble writes names for what JSON and Go name differently, as Trino,
// DuckDB and Go's ParseFloat read them.
func appendDouble(dst []byte, d float64) []byte {
	switch {
	case math.IsInf(d, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(d, -1):
		return append(dst, "-Infinity"...)
	}
	return strconv.AppendFloat(dst, d, 'g', -1, 64)
}

// plainNaN says whether d is a number or the NaN that ParseFloat returns.
func plainNaN(d float64) bool {
	return d == d || math.Float64bits(d) == math.Float64bits(math.NaN())
}

// valueOf puts the value with this type and text into dst. It is the other
// direction of appendText.
func valueOf(dst pcommon.Value, typ byte, text string) error {
	switch typ {
	case typeString:
		dst.SetStr(text)
	case typeInt:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		dst.SetInt(n)
	case typeDouble:
		d, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		dst.SetDouble(d)
	case typeBool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return err
		}
		dst.SetBool(b)
	case typeBytes:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		dst.SetEmptyBytes().FromRaw(b)
	case typeSlice, typeMap:
		return parseJSON(dst, typ, text)
	}
	return nil
}

// mapColumns are the columns of one attribute map.
type mapColumns struct{ key, value, types leaf }

var (
	spanMap     = mapColumns{leafAttributesKey, leafAttributesValue, colAttributeTypes}
	resourceMap = mapColumns{leafResourceAttributesKey, leafResourceAttributesValue, colResourceAttributeTypes}
	scopeMap    = mapColumns{leafScopeAttributesKey, leafScopeAttributesValue, colScopeAttributeTypes}
	eventMap    = mapColumns{leafEventAttributesKey, leafEventAttributesValue, leafEventAttributeTypes}
	linkMap     = mapColumns{leafLinkAttributesKey, leafLinkAttributesValue, leafLinkAttributeTypes}
)

// attribute is one entry of the map that is being written.
type attribute struct {
	key   string
	value pcommon.Value
	hot   *hotAttribute // nil if it stays in the map
}

// attributes writes a map: what has a flat column to that, the rest to the map.
// Nested in an element of a list, it begins at the element's repetition level.
func (r *row) attributes(m pcommon.Map, to mapColumns, hot map[string]*hotAttribute, kind ptrace.SpanKind, begin uint8) {
	var room [24]attribute // not in r: there each pointer in it costs while the garbage collector runs
	list := room[:0]
	for key, value := range m.All() {
		a := attribute{key: key, value: value}
		if h := hot[key]; h != nil && h.kinds.has(kind) {
			a.hot = h
		}
		list = append(list, a)
	}
	list = r.withoutDuplicates(list)
	for i := range list {
		if h := list[i].hot; h != nil {
			if best := r.best[h.column]; best == 0 || list[best-1].hot.rank > h.rank {
				r.best[h.column] = i + 1
			}
		}
	}
	types, allStrings := r.types[:0], true
	repetition := begin
	for i := range list {
		a := &list[i]
		if a.hot != nil && r.hotColumn(a, &list[r.best[a.hot.column]-1]) {
			types, allStrings = append(types, a.hot.code...), false
			continue
		}
		typ := byte(typeString)
		r.add(to.key, repetition, r.text(a.key))
		switch a.value.Type() {
		case pcommon.ValueTypeStr:
			r.add(to.value, repetition, r.text(a.value.Str()))
		case pcommon.ValueTypeEmpty:
			typ = typeEmpty
			r.addNull(to.value, repetition, leafLevels[to.value].definition-1)
		default:
			var exact bool
			r.scratch, typ, exact = appendText(r.scratch[:0], a.value)
			r.exact = r.exact && exact
			r.addBytes(to.value, repetition, r.scratch)
		}
		types, allStrings = append(types, typ), allStrings && typ == typeString
		repetition = leafLevels[to.key].repetition
	}
	if repetition == begin && to.key > leafScopeAttributesKey {
		// The element is there and its map is empty. Columns that are not in a
		// list say that by having no value.
		r.addNull(to.key, begin, leafLevels[to.key].definition-1)
		r.addNull(to.value, begin, leafLevels[to.key].definition-1)
	}
	switch {
	case !allStrings:
		r.addBytes(to.types, begin, types)
	case to.types > leafScopeAttributesKey:
		r.addNull(to.types, begin, leafLevels[to.types].definition-1)
	}
	for i := range list {
		if h := list[i].hot; h != nil {
			r.best[h.column] = 0
		}
	}
	r.types = types
}

// hotColumn writes the flat column of an attribute, if the attribute is the
// best of those present, and says whether the attribute comes back from it.
func (r *row) hotColumn(a, best *attribute) bool {
	column := a.hot.column
	integer := flatColumns[column].kind == kindInt32
	if a != best {
		return a.value.Type() == best.value.Type() && fits(best, integer) && a.value.Equal(best.value)
	}
	if integer {
		n, ok := wholeNumber(a.value)
		if !ok || n != int64(int32(n)) {
			return false
		}
		r.setInt32(column, int32(n))
		return fits(a, integer)
	}
	text, ok := r.scalarText(a.value)
	if !ok {
		return false
	}
	if a.hot.cut {
		text, _, _ = strings.Cut(text, "?")
	}
	r.set(column, r.text(text))
	return fits(a, integer)
}

// fits says whether the value is one that its column gives back as it is.
func fits(a *attribute, integer bool) bool {
	switch a.value.Type() {
	case pcommon.ValueTypeInt:
		return integer && a.value.Int() == int64(int32(a.value.Int()))
	case pcommon.ValueTypeStr:
		return !integer && (!a.hot.cut || strings.IndexByte(a.value.Str(), '?') < 0)
	}
	return false
}

// scalarText returns a value as a flat column of text shows it: scalars and
// the string of a slice that has no other element. The text may be scratch.
func (r *row) scalarText(v pcommon.Value) (string, bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str(), true
	case pcommon.ValueTypeInt, pcommon.ValueTypeBool, pcommon.ValueTypeDouble:
		r.scratch, _, _ = appendText(r.scratch[:0], v)
		return unsafe.String(unsafe.SliceData(r.scratch), len(r.scratch)), true
	case pcommon.ValueTypeSlice:
		if v.Slice().Len() == 1 && v.Slice().At(0).Type() == pcommon.ValueTypeStr {
			return v.Slice().At(0).Str(), true
		}
	}
	return "", false
}

func wholeNumber(v pcommon.Value) (int64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int(), true
	case pcommon.ValueTypeDouble:
		d := v.Double()
		return int64(d), d == math.Trunc(d) && math.Abs(d) < 1<<53
	case pcommon.ValueTypeStr:
		n, err := strconv.ParseInt(v.Str(), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// withoutDuplicates removes attributes whose name came before. OTLP forbids
// them and Parquet's maps do; if there are any, the row is not exact.
func (r *row) withoutDuplicates(list []attribute) []attribute {
	if len(list) > 24 {
		seen := make(map[string]struct{}, len(list))
		return slices.DeleteFunc(list, func(a attribute) bool {
			_, found := seen[a.key]
			seen[a.key] = struct{}{}
			r.exact = r.exact && !found
			return found
		})
	}
	for i := 1; i < len(list); i++ {
		for j := range i {
			if list[i].key == list[j].key {
				r.exact = false
				list = slices.Delete(list, i, i+1)
				i--
				break
			}
		}
	}
	return list
}
