package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// maxHomes is how many members of one object get an attribute each. An object
// with more, which nothing but an attack writes, has one attribute for all:
// putting an attribute costs a look at each one before it.
const maxHomes = 64

// writer writes the spans of one document.
type writer struct {
	spans ptrace.SpanSlice
	trace segment.TraceID
	none  identity // of subsegments, which say nothing in their resource

	// Of the entity being written.
	attrs   pcommon.Map
	spelled string
	absent  string
	quoted  string
}

func (w *writer) str(k key, value string) {
	if value != "" {
		w.attrs.PutStr(keyNames[k], value)
	}
}

func (w *writer) bool(k key, value segment.Bool) {
	if value != segment.Absent {
		w.attrs.PutBool(keyNames[k], value == segment.True)
	}
}

// int writes an integer and remembers whether it was a string in the document.
func (w *writer) int(k key, pointer string, value segment.Int) {
	if value.Form == segment.NoInt {
		return
	}
	w.attrs.PutInt(keyNames[k], value.Value)
	if value.Form == segment.StringInt {
		mark(&w.quoted, pointer)
	}
}

// json writes a member that has no other home.
func (w *writer) json(pointer, text string) {
	w.attrs.PutStr(prefixJSON+pointer, text)
}

// text writes a string member that has no other home.
func (w *writer) text(pointer, value string) {
	if value != "" {
		w.json(pointer, quote(value))
	}
}

// derived compares a member with what the way back would derive from standard
// attributes, and writes what is needed to correct that.
func (w *writer) derived(pointer, actual, derived string) {
	switch {
	case actual == derived:
	case actual == "":
		mark(&w.absent, pointer)
	default:
		w.text(pointer, actual)
	}
}

// extra writes the members without a field of the object at the pointer.
func (w *writer) extra(pointer string, members []segment.Member) {
	putExtra(w.attrs, pointer, members)
}

func putExtra(attrs pcommon.Map, pointer string, members []segment.Member) {
	if len(members) > maxHomes {
		all := attrs.PutEmptySlice(prefixJSON + pointer + manyMembers)
		all.EnsureCapacity(2 * len(members))
		for _, m := range members {
			all.AppendEmpty().SetStr(m.Name)
			all.AppendEmpty().SetStr(m.Value)
		}
		return
	}
	for _, m := range members {
		attrs.PutStr(prefixJSON+pointer+"/"+escapePointer(m.Name), m.Value)
	}
}

// object is the JSON text of an object with these members.
func object(members []segment.Member) string {
	out := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = segment.AppendString(out, m.Name)
		out = append(out, ':')
		out = append(out, m.Value...)
	}
	return string(append(out, '}'))
}

func quote(s string) string {
	return string(segment.AppendString(make([]byte, 0, len(s)+2), s))
}

// mark adds a word to a list that is one attribute.
func mark(list *string, word string) {
	if *list != "" {
		*list += ","
	}
	*list += word
}

// marked says whether the word is in the list.
func marked(list, word string) bool {
	for list != "" {
		var next string
		next, list, _ = strings.Cut(list, ",")
		if next == word {
			return true
		}
	}
	return false
}
