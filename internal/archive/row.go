package archive

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"
)

// cell is a value of a column, with its levels.
type cell struct {
	leaf  leaf
	value parquet.Value
}

// row collects the cells of one span, or those of a resource and scope. Its
// texts are the span's own or in the arena; both live until the cells are
// written.
type row struct {
	cells []cell
	exact bool // the cells say all that the span says
	arena *arena

	list    []attribute // scratch of attributes
	types   []byte
	scratch []byte
	best    [numFlat]*attribute
}

func (r *row) reset() {
	r.cells, r.exact = r.cells[:0], true
}

// add appends a text at a repetition level.
func (r *row) add(l leaf, repetition uint8, text string) {
	r.put(l, repetition, leafLevels[l].definition, textValue(text))
}

// addNull appends a value that is not there.
func (r *row) addNull(l leaf, repetition, definition uint8) {
	r.put(l, repetition, definition, parquet.Value{})
}

func (r *row) put(l leaf, repetition, definition uint8, v parquet.Value) {
	// The columns know their index; the values need not.
	v.SetRepetitionLevel(int(repetition))
	v.SetDefinitionLevel(int(definition))
	r.cells = append(r.cells, cell{l, v})
}

func (r *row) set(l leaf, text string) { r.put(l, 0, leafLevels[l].definition, textValue(text)) }

func (r *row) setInt32(l leaf, n int32) {
	r.put(l, 0, leafLevels[l].definition, parquet.Int32Value(n))
}

func (r *row) setInt64(l leaf, n int64) {
	r.put(l, 0, leafLevels[l].definition, parquet.Int64Value(n))
}

func (r *row) setBool(l leaf, b bool) {
	r.put(l, 0, leafLevels[l].definition, parquet.BooleanValue(b))
}

// setText sets a column unless the text is empty. It cleans the text.
func (r *row) setText(l leaf, text string) {
	if text != "" {
		r.set(l, r.text(text))
	}
}

// setCount sets a column unless the count is 0.
func (r *row) setCount(l leaf, n uint32) {
	if n != 0 {
		r.setInt32(l, int32(n))
	}
}

// text returns a text that is UTF-8.
func (r *row) text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	r.exact = false
	return strings.ToValidUTF8(s, "\uFFFD")
}

func (r *row) hex(id []byte) string {
	r.scratch = hex.AppendEncode(r.scratch[:0], id)
	return r.arena.copy(r.scratch)
}

func textValue(s string) parquet.Value {
	return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// appendCells appends what a row says, in a form that depends on nothing but
// the cells: what makes two rows equal, and what the digest is over.
func appendCells(dst []byte, cells []cell) []byte {
	for i := range cells {
		v := &cells[i].value
		dst = append(dst, byte(cells[i].leaf), byte(v.RepetitionLevel()), byte(v.DefinitionLevel()))
		switch v.Kind() {
		case parquet.Boolean, parquet.Int32, parquet.Int64:
			dst = binary.LittleEndian.AppendUint64(dst, v.Uint64())
		case parquet.ByteArray:
			text := v.ByteArray()
			dst = binary.AppendUvarint(dst, uint64(len(text)))
			dst = append(dst, text...)
		}
	}
	return dst
}

// arena holds texts until they are written. Its chunks are never moved.
type arena struct {
	chunk int // the size of a new one
	free  []byte
}

func (a *arena) copy(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if cap(a.free)-len(a.free) < len(b) {
		a.free = make([]byte, 0, max(a.chunk, len(b)))
	}
	from := len(a.free)
	a.free = append(a.free, b...)
	return unsafe.String(&a.free[from], len(b))
}

// reset lets the memory be used again. No text of the arena may be in use.
func (a *arena) reset() { a.free = a.free[:0] }

// The following are for the elements of a list, which say of each field that it
// is not there.

func (r *row) nestedInt64(l leaf, repetition uint8, n int64) {
	r.put(l, repetition, leafLevels[l].definition, parquet.Int64Value(n))
}

func (r *row) nestedText(l leaf, repetition uint8, text string) {
	if text == "" {
		r.addNull(l, repetition, leafLevels[l].definition-1)
		return
	}
	r.add(l, repetition, r.text(text))
}

func (r *row) nestedCount(l leaf, repetition uint8, n uint32) {
	if n == 0 {
		r.addNull(l, repetition, leafLevels[l].definition-1)
		return
	}
	r.put(l, repetition, leafLevels[l].definition, parquet.Int32Value(int32(n)))
}
