package archive

import (
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go"
)

// batch holds rows by column, as the columns take them. Most columns have no
// value for long stretches of rows: they get those rows all at once, when one has
// a value or the row group ends.
type batch struct {
	cells  []byte // that the texts are in
	values [numLeaves][]parquet.Value
	filled [numLeaves]int // the rows that values has
	owed   [numLeaves]int // rows without a value, before those, that the column has not got
	rows   int
	bytes  int // of the texts, about
}

// next completes the row that is being made.
func (b *batch) next() { b.rows++ }

var errCells = fmt.Errorf("%w: a cell cannot be of its row", ErrRows)

// put appends the cells of the row that is being made (row.go). It copies them.
// After an error the batch is of no use.
func (b *batch) put(cells []byte) error {
	// Texts stay where they are when there is no more room behind them.
	from := len(b.cells)
	b.cells = append(b.cells, cells...)
	for c := b.cells[from:]; len(c) > 0; {
		if len(c) < 3 {
			return errCells
		}
		l, repetition, definition := leaf(c[0]), c[1], c[2]
		c = c[3:]
		if l >= numLeaves || repetition > leafLevels[l].repetition || definition > leafLevels[l].definition {
			return errCells
		}
		if repetition == 0 {
			if !b.begin(l) {
				return errCells
			}
		} else if b.filled[l] <= b.rows {
			return errCells // the row has none yet
		}
		var v parquet.Value
		if definition == leafLevels[l].definition {
			n := 0
			if v, n = value(leafKinds[l], c); n <= 0 {
				return errCells
			}
			c = c[n:]
		}
		v.SetRepetitionLevel(int(repetition))
		v.SetDefinitionLevel(int(definition))
		b.values[l] = append(b.values[l], v) // the columns know their index; the values need not
	}
	return nil
}

// value reads the value of a cell. It returns how many bytes it has, or 0. A
// text shares memory with c.
func value(kind parquet.Kind, c []byte) (parquet.Value, int) {
	if kind == parquet.ByteArray {
		size, n := binary.Uvarint(c)
		if n <= 0 || size > uint64(len(c)-n) {
			return parquet.Value{}, 0
		}
		end := n + int(size)
		return parquet.ByteArrayValue(c[n:end:end]), end
	}
	if len(c) < 8 {
		return parquet.Value{}, 0
	}
	switch n := binary.LittleEndian.Uint64(c); kind {
	case parquet.Int32:
		return parquet.Int32Value(int32(n)), 8
	case parquet.Int64:
		return parquet.Int64Value(int64(n)), 8
	default:
		return parquet.BooleanValue(n != 0), 8
	}
}

// begin makes the row that is being made have a value in a column. It returns
// false if it has.
func (b *batch) begin(l leaf) bool {
	if b.filled[l] > b.rows {
		return false
	}
	if b.filled[l] < b.rows {
		b.pad(l)
	}
	b.filled[l]++
	return true
}

// has says whether the row that is being made has a value in a column.
func (b *batch) has(l leaf) bool { return b.filled[l] > b.rows }

// columnValues are the values of one column in a row.
type columnValues struct {
	leaf   leaf
	values []parquet.Value
}

// putAll appends values of columns of which the row has none yet.
func (b *batch) putAll(row []columnValues) error {
	for i := range row {
		l := row[i].leaf
		if !b.begin(l) {
			return errCells
		}
		b.values[l] = append(b.values[l], row[i].values...)
	}
	return nil
}

// set appends the value of a column of which the row has none yet.
func (b *batch) set(l leaf, v parquet.Value) error {
	if !b.begin(l) {
		return errCells
	}
	v.SetDefinitionLevel(int(leafLevels[l].definition))
	b.values[l] = append(b.values[l], v)
	return nil
}

// pad appends the rows that have no value in a column.
func (b *batch) pad(l leaf) {
	b.values[l] = append(b.values[l], nulls[:b.rows-b.filled[l]]...)
	b.filled[l] = b.rows
}

// flush writes the rows to the columns that have values in them, and empties b.
func (b *batch) flush(columns []*parquet.ColumnWriter) error {
	for l := range numLeaves {
		if b.filled[l] == 0 {
			b.owed[l] += b.rows
			continue
		}
		if err := b.pay(columns, l); err != nil {
			return err
		}
		b.pad(l)
		if err := write(columns, l, b.values[l]); err != nil {
			return err
		}
		b.values[l], b.filled[l] = b.values[l][:0], 0
	}
	b.rows, b.bytes, b.cells = 0, 0, b.cells[:0]
	if cap(b.cells) > 4*maxBatchBytes { // there was a very large span
		b.cells = nil
	}
	return nil
}

// finish is flush at the end of a row group: all columns get all rows.
func (b *batch) finish(columns []*parquet.ColumnWriter) error {
	if err := b.flush(columns); err != nil {
		return err
	}
	for l := range numLeaves {
		if b.owed[l] == 0 {
			continue
		}
		if err := b.pay(columns, l); err != nil {
			return err
		}
		// The last page, so that the next column gets its memory.
		if err := columns[l].Flush(); err != nil {
			return fmt.Errorf("write column %s: %w", leafPaths[l], err)
		}
	}
	return nil
}

// pay writes the rows without a value that a column has not got.
func (b *batch) pay(columns []*parquet.ColumnWriter, l leaf) error {
	for b.owed[l] > 0 {
		n := min(b.owed[l], len(nulls))
		if err := write(columns, l, nulls[:n]); err != nil {
			return err
		}
		b.owed[l] -= n
	}
	return nil
}

func write(columns []*parquet.ColumnWriter, l leaf, values []parquet.Value) error {
	if _, err := columns[l].WriteRowValues(values); err != nil {
		return fmt.Errorf("write column %s: %w", leafPaths[l], err)
	}
	return nil
}

// nulls are the values of rows that have none. All columns share them, so that
// they stay in the processor's cache.
var nulls [512]parquet.Value
