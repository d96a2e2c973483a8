package archive

import (
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// batch holds rows by column, as the columns take them. Most columns have no
// value for long stretches of rows: they get those rows all at once, when one has
// a value or the row group ends.
// What was written is cleared: a text may keep much memory of its span's alive.
type batch struct {
	values [numLeaves][]parquet.Value
	filled [numLeaves]int // the rows that values has
	owed   [numLeaves]int // rows without a value, before those, that the column has not got
	rows   int
	bytes  int // of the texts, about
	arena  *arena
}

// slot appends a value of the row that is being made, which is null until it
// is set. Values of one column come in their order.
func (b *batch) slot(l leaf) *parquet.Value {
	if b.filled[l] <= b.rows {
		b.begin(l)
	}
	values := append(b.values[l], parquet.Value{})
	b.values[l] = values
	return &values[len(values)-1]
}

func (b *batch) begin(l leaf) {
	if b.filled[l] < b.rows {
		b.pad(l)
	}
	b.filled[l]++
}

// next completes the row that is being made.
func (b *batch) next() { b.rows++ }

// drop takes back the row that is being made.
func (b *batch) drop() {
	for l := range numLeaves {
		if b.filled[l] <= b.rows {
			continue
		}
		from := len(b.values[l]) - 1
		for b.values[l][from].RepetitionLevel() > 0 {
			from--
		}
		clear(b.values[l][from:])
		b.values[l] = b.values[l][:from]
		b.filled[l]--
	}
}

// columnValues are the values of one column in a row.
type columnValues struct {
	leaf   leaf
	values []parquet.Value
}

// take returns a copy of the row that is being made, and drops it.
func (b *batch) take() (row []columnValues) {
	for l := range numLeaves {
		if len(b.values[l]) > 0 {
			row = append(row, columnValues{l, slices.Clone(b.values[l])})
		}
	}
	b.drop()
	return row
}

// putAll appends what take returned.
func (b *batch) putAll(row []columnValues) {
	for i := range row {
		l := row[i].leaf
		b.begin(l)
		b.values[l] = append(b.values[l], row[i].values...)
	}
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
		clear(b.values[l])
		b.values[l], b.filled[l] = b.values[l][:0], 0
	}
	b.rows, b.bytes = 0, 0
	b.arena.reset()
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
