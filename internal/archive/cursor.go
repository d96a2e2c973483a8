package archive

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// cursor goes through one column of a row group.
type cursor struct {
	leaf   leaf
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer [256]parquet.Value
	at, n  int   // what of the buffer is unread
	row    int64 // the row that comes next
	taken  []parquet.Value
}

func newCursor(c *parquet.FileColumnChunk, l leaf) *cursor {
	return &cursor{leaf: l, pages: c.Pages()}
}

func (c *cursor) close() {
	parquet.Release(c.page)
	_ = c.pages.Close()
}

// skipDistance is the number of rows that are cheaper to read over than to seek
// past, which decompresses a page again.
const skipDistance = 4096

// seek goes forward to a row.
func (c *cursor) seek(row int64) error {
	if row-c.row > skipDistance {
		c.dropPage()
		if err := c.pages.SeekToRow(row); err != nil {
			return fmt.Errorf("seek to row %d of column %s: %w", row, leafPaths[c.leaf], err)
		}
		c.row = row
	}
	for c.row < row {
		if _, err := c.next(); err != nil {
			return err
		}
	}
	return nil
}

func (c *cursor) dropPage() {
	parquet.Release(c.page)
	c.page, c.values, c.at, c.n = nil, nil, 0, 0
}

// next returns the values of the next row. They are valid until the call after.
func (c *cursor) next() ([]parquet.Value, error) {
	c.taken = c.taken[:0]
	for {
		if c.at == c.n {
			err := c.fill()
			if err == io.EOF && len(c.taken) > 0 {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("read row %d of column %s: %w", c.row, leafPaths[c.leaf], unexpected(err))
			}
		}
		v := c.buffer[c.at]
		if len(c.taken) > 0 && v.RepetitionLevel() == 0 {
			break
		}
		c.at++
		c.taken = append(c.taken, v)
		if leafLevels[c.leaf].repetition == 0 {
			break
		}
	}
	c.row++
	return c.taken, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fill reads values. A row does not go over the end of a page, so that the
// values of one row stay valid while another page is read. It returns io.EOF at
// the end of the column.
func (c *cursor) fill() error {
	for {
		if c.values != nil {
			n, err := c.values.ReadValues(c.buffer[:])
			if n > 0 {
				c.at, c.n = 0, n
				return nil
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		if len(c.taken) > 0 {
			return io.EOF // a page ends where a row does
		}
		c.dropPage()
		page, err := c.pages.ReadPage()
		if err != nil {
			return err
		}
		c.page, c.values = page, page.Values()
	}
}
