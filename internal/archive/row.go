package archive

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// row is the span, or the resource and scope, that is being encoded, as cells:
// what its columns will hold. A cell is
//
//	column u8 | repetition level u8 | definition level u8 | value
//
// and a value a text, its length as a varint before it, or a number of 8 bytes,
// little-endian. It is left out if the definition level says that it is not
// there. Cells of one column come in their order.
type row struct {
	cells []byte // with what was there before
	exact bool   // they say all that the span says

	scratch []byte
	types   []byte       // scratch of attributes
	best    [numFlat]int // also: for a column, one more than the index of its best attribute
}

// add appends a text at a repetition level.
func (r *row) add(l leaf, repetition uint8, text string) {
	r.cells = binary.AppendUvarint(append(r.cells, byte(l), repetition, leafLevels[l].definition), uint64(len(text)))
	r.cells = append(r.cells, text...)
}

// addBytes is add for a text that is scratch.
func (r *row) addBytes(l leaf, repetition uint8, text []byte) {
	r.add(l, repetition, unsafe.String(unsafe.SliceData(text), len(text)))
}

// addNumber appends what is not a text.
func (r *row) addNumber(l leaf, repetition uint8, n uint64) {
	r.cells = binary.LittleEndian.AppendUint64(append(r.cells, byte(l), repetition, leafLevels[l].definition), n)
}

// addNull appends a value that is not there.
func (r *row) addNull(l leaf, repetition, definition uint8) {
	r.cells = append(r.cells, byte(l), repetition, definition)
}

func (r *row) set(l leaf, text string) { r.add(l, 0, text) }

func (r *row) setInt32(l leaf, n int32) { r.addNumber(l, 0, uint64(n)) }

func (r *row) setInt64(l leaf, n int64) { r.addNumber(l, 0, uint64(n)) }

func (r *row) setBool(l leaf, b bool) {
	n := uint64(0)
	if b {
		n = 1
	}
	r.addNumber(l, 0, n)
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

// addHex appends the hex digits of an id.
func (r *row) addHex(l leaf, repetition uint8, id []byte) {
	r.scratch = hex.AppendEncode(r.scratch[:0], id)
	r.addBytes(l, repetition, r.scratch)
}

// text returns a text that is UTF-8.
func (r *row) text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	r.exact = false
	return strings.ToValidUTF8(s, "\uFFFD")
}

// The following are for the elements of a list, which say of each field that it
// is not there.

func (r *row) nestedInt64(l leaf, repetition uint8, n int64) {
	r.addNumber(l, repetition, uint64(n))
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
	r.addNumber(l, repetition, uint64(int32(n)))
}
