package archive

import (
	"fmt"

	"github.com/parquet-go/parquet-go"
)

// batch holds rows by column, as the columns take them. Most columns of a row
// have no value: those that have none in the whole batch get one shared slice.
// What was written is not cleared: it keeps the spans of a batch alive at most.
type batch struct {
	values [numLeaves][]parquet.Value
	filled [numLeaves]int // the rows that values has
	rows   int
	bytes  int // of the texts, about
	arena  *arena
}

// add appends one row, the cells of which come in several parts. Cells of one
// column are all in one part.
func (b *batch) add(parts ...[]cell) {
	for _, cells := range parts {
		for i := range cells {
			l := cells[i].leaf
			if b.filled[l] <= b.rows {
				if b.filled[l] < b.rows {
					b.pad(l)
				}
				b.filled[l]++
			}
			b.values[l] = append(b.values[l], cells[i].value)
		}
	}
	b.rows++
}

// pad appends the rows that have no value in a column.
func (b *batch) pad(l leaf) {
	b.values[l] = append(b.values[l], nulls[:b.rows-b.filled[l]]...)
	b.filled[l] = b.rows
}

// flush writes the rows to the columns and empties b.
func (b *batch) flush(columns []*parquet.ColumnWriter) error {
	for l := range numLeaves {
		values := nulls[:b.rows]
		if b.filled[l] > 0 {
			b.pad(l)
			values = b.values[l]
		}
		if len(values) == 0 {
			continue
		}
		if _, err := columns[l].WriteRowValues(values); err != nil {
			return fmt.Errorf("write column %s: %w", leafPaths[l], err)
		}
		b.values[l], b.filled[l] = b.values[l][:0], 0
	}
	b.rows, b.bytes = 0, 0
	b.arena.reset()
	return nil
}

// nulls are the values of rows that have none. All columns share them, so that
// they stay in the processor's cache.
var nulls [maxBatchRows]parquet.Value
