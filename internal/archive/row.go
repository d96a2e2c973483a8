package archive

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"
)

// row is the span, or the resource and scope, that is being written. Its texts
// are the span's own or in the arena; both live until the values are written.
type row struct {
	batch *batch // which gets the values
	exact bool   // the values say all that the span says
	arena *arena
	// encoded is what the row says, in a form that depends on nothing but its
	// values: what makes two rows equal, and what the digest is over.
	encoded []byte

	list    []attribute // scratch of attributes
	types   []byte
	scratch []byte
	best    [numFlat]*attribute
}

func (r *row) reset() {
	r.encoded, r.exact = r.encoded[:0], true
}

// add appends a text at a repetition level.
func (r *row) add(l leaf, repetition uint8, text string) {
	definition := leafLevels[l].definition
	r.encoded = binary.AppendUvarint(append(r.encoded, byte(l), repetition, definition), uint64(len(text)))
	r.encoded = append(r.encoded, text...)
	v := r.batch.slot(l)
	*v = parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(text), len(text)))
	setLevels(v, repetition, definition)
}

// addNumber appends what is not a text.
func (r *row) addNumber(l leaf, repetition uint8, v parquet.Value) {
	definition := leafLevels[l].definition
	r.encoded = binary.LittleEndian.AppendUint64(append(r.encoded, byte(l), repetition, definition), v.Uint64())
	to := r.batch.slot(l)
	*to = v
	setLevels(to, repetition, definition)
}

// addNull appends a value that is not there.
func (r *row) addNull(l leaf, repetition, definition uint8) {
	r.encoded = append(r.encoded, byte(l), repetition, definition)
	setLevels(r.batch.slot(l), repetition, definition)
}

// setLevels sets the levels of a value in its place. The columns know their
// index; the values need not.
func setLevels(v *parquet.Value, repetition, definition uint8) {
	v.SetRepetitionLevel(int(repetition))
	v.SetDefinitionLevel(int(definition))
}

func (r *row) set(l leaf, text string) { r.add(l, 0, text) }

func (r *row) setInt32(l leaf, n int32) { r.addNumber(l, 0, parquet.Int32Value(n)) }

func (r *row) setInt64(l leaf, n int64) { r.addNumber(l, 0, parquet.Int64Value(n)) }

func (r *row) setBool(l leaf, b bool) { r.addNumber(l, 0, parquet.BooleanValue(b)) }

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
	r.addNumber(l, repetition, parquet.Int64Value(n))
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
	r.addNumber(l, repetition, parquet.Int32Value(int32(n)))
}
