package segmentspan

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// annotations writes each annotation as an attribute of its own name, listed
// in aws.xray.annotations, if an attribute can say it and means nothing else.
func (w *writer) annotations(list []segment.Member) {
	if len(list) > maxHomes {
		w.json("/annotations", object(list))
		return
	}
	var names pcommon.Slice
	named := false
	for _, a := range list {
		if a.Name == "" || keyOf(a.Name) != noKey || strings.HasPrefix(a.Name, prefixXRay) ||
			!putScalar(w.attrs, a.Name, a.Value) {
			w.json("/annotations/"+escapePointer(a.Name), a.Value)
			continue
		}
		if !named {
			named = true
			names = w.attrs.PutEmptySlice(keyNames[keyAnnotations])
			names.EnsureCapacity(len(list))
		}
		names.AppendEmpty().SetStr(a.Name)
	}
}

// putScalar puts a JSON value as an attribute if that gives the same value
// back, which is so for strings, bools and most numbers.
func putScalar(attrs pcommon.Map, name, value string) bool {
	switch value[0] {
	case '"':
		text, ok := segment.UnquoteJSON(value)
		if !ok {
			return false
		}
		attrs.PutStr(name, text)
	case 't':
		attrs.PutBool(name, true)
	case 'f':
		attrs.PutBool(name, false)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		switch classify(value) {
		case integral:
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return false
			}
			attrs.PutInt(name, n)
		case floating:
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return false
			}
			attrs.PutDouble(name, f)
		default:
			return false
		}
	default:
		return false
	}
	return true
}

// nameSet is a set of names that is cheap while small.
type nameSet struct {
	list []string
	set  map[string]struct{}
}

// smallSet is the size up to which looking at each name beats a map.
const smallSet = 16

func (s *nameSet) reset(list []string) {
	s.list, s.set = list, nil
	if len(list) > smallSet {
		s.set = make(map[string]struct{}, len(list))
		for _, name := range list {
			s.set[name] = struct{}{}
		}
	}
}

func (s *nameSet) has(name string) bool {
	if s.set != nil {
		_, found := s.set[name]
		return found
	}
	for _, n := range s.list {
		if n == name {
			return true
		}
	}
	return false
}

// annotate makes an annotation of an attribute of a span that was born in
// OpenTelemetry. It reports false if X-Ray would not take it.
func (m *mapper) annotate(e *entity, name string, value pcommon.Value) bool {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		if len(value.Str()) > segment.MaxAnnotationValue && utf8.RuneCountInString(value.Str()) > segment.MaxAnnotationValue {
			return false
		}
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble, pcommon.ValueTypeBool:
	default:
		return false
	}
	if len(e.annotations) >= segment.MaxAnnotations {
		return false
	}
	name = segment.CleanAnnotationKey(name)
	if name == "" {
		return false
	}
	for i := range e.annotations {
		if e.annotations[i].Name == name {
			return false
		}
	}
	e.annotations = append(e.annotations, segment.Member{Name: name, Value: m.json(value)})
	return true
}

// isIndexed says whether an attribute is to be an annotation.
func (m *mapper) isIndexed(name string) bool {
	return m.options.IndexAllAttributes || m.named.has(name) || m.options.isIndexed(name)
}
