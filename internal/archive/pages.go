package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

const (
	// maxPageBytes bounds a page before compression. Pages are closed at 256 KiB
	// and row groups at 64 MiB; a larger page is a single value.
	maxPageBytes = 2 * maxGroupBytes
	// maxPageValues is more than the rows of any row group.
	maxPageValues = 1 << 24
	// Headers of pages have about fifty bytes.
	usualHeaderBytes = 256
	maxHeaderBytes   = 64 << 10
)

// checkPages refuses a column of a row group if headers of its pages cannot be
// true: they must fill the column and have its rows and values, as the footer
// and the index say. Each page must have the checksum that a Writer gives it,
// which the Parquet library compares itself when it reads data.
func (f *File) checkPages(group int, l leaf, c *parquet.FileColumnChunk) error {
	row := &f.parquet.Metadata().RowGroups[group]
	p := pageCheck{
		reader: f.reader, leaf: l, chunk: &row.Columns[c.Column()].MetaData,
		rows: row.NumRows, values: row.Columns[c.Column()].MetaData.NumValues,
		bytes: row.Columns[c.Column()].MetaData.TotalUncompressedSize,
	}
	if index, err := c.OffsetIndex(); err == nil {
		p.index = index
	}
	if err := p.check(); err != nil {
		return fmt.Errorf("%w: column %s: %w", ErrNotArchive, leafPaths[l], err)
	}
	return nil
}

// pageCheck goes through the pages of one column in one row group.
type pageCheck struct {
	reader io.ReaderAt
	leaf   leaf
	chunk  *format.ColumnMetaData
	index  parquet.OffsetIndex // nil if there is none

	rows, values, bytes int64 // that have not come yet
	pages               int   // of data, that have come
	buffer              []byte
}

func (p *pageCheck) check() error {
	if p.chunk.Codec != format.Zstd && p.chunk.Codec != format.Uncompressed {
		return fmt.Errorf("it is compressed with %v", p.chunk.Codec)
	}
	total := p.rows
	at := chunkStart(p.chunk)
	for end := at + p.chunk.TotalCompressedSize; at < end; {
		length, err := p.page(at, end, total)
		if err != nil {
			return fmt.Errorf("page at byte %d: %w", at, err)
		}
		at += length
	}
	if p.rows != 0 || p.values != 0 || p.bytes != 0 {
		return fmt.Errorf("its pages have %d rows, %d values and %d bytes less than it should have", p.rows, p.values, p.bytes)
	}
	if p.index != nil && p.index.NumPages() != p.pages {
		return fmt.Errorf("it has %d pages and its index has %d", p.pages, p.index.NumPages())
	}
	return nil
}

// page checks the page at an offset, of a column that ends at another, and
// returns its length with the header.
func (p *pageCheck) page(at, end, total int64) (length int64, err error) {
	var h format.PageHeader
	head, err := p.header(at, end, &h)
	if err != nil {
		return 0, err
	}
	body := at + int64(head)
	size, raw := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	if size < 0 || size > end-body {
		return 0, fmt.Errorf("it has %d bytes, the column has %d more", size, end-body)
	}
	p.bytes -= int64(head) + raw
	if raw < 0 || raw > maxPageBytes || p.bytes < 0 {
		return 0, fmt.Errorf("it says that it has %d bytes before compression, more than it can have", raw)
	}
	if p.chunk.Codec == format.Uncompressed && raw != size {
		return 0, fmt.Errorf("it is not compressed and has %d and %d bytes", size, raw)
	}
	if h.CRC == 0 || h.Type == format.DictionaryPage { // which the library does not check
		if err := p.checksum(body, size, uint32(h.CRC)); err != nil {
			return 0, err
		}
	}
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		d := &h.DictionaryPageHeader.V
		if at != p.chunk.DictionaryPageOffset || d.Encoding != format.Plain {
			return 0, errors.New("a dictionary must not be here, or not encoded so")
		}
		if d.NumValues < 0 || int64(d.NumValues) > raw {
			return 0, fmt.Errorf("it is a dictionary of %d values in %d bytes", d.NumValues, raw)
		}
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		if err := p.data(at, body, size, total, &h.DataPageHeaderV2.V); err != nil {
			return 0, err
		}
	default:
		return 0, fmt.Errorf("it has the type %v", h.Type)
	}
	return int64(head) + size, nil
}

// header decodes a header and returns its length.
func (p *pageCheck) header(at, end int64, to *format.PageHeader) (int, error) {
	for most := int64(usualHeaderBytes); ; most *= 16 {
		n := min(most, maxHeaderBytes, end-at)
		b, err := p.read(at, n)
		if err != nil {
			return 0, err
		}
		length, err := decode(b, to)
		if !errors.Is(err, errShort) || n < most {
			return length, err
		}
	}
}

// data checks the header of a data page.
func (p *pageCheck) data(at, body, size, total int64, h *format.DataPageHeaderV2) error {
	rows, values, nulls := int64(h.NumRows), int64(h.NumValues), int64(h.NumNulls)
	if rows < 0 || values < rows || values > maxPageValues || nulls < 0 || nulls > values || rows > p.rows || values > p.values {
		return fmt.Errorf("it says that it has %d rows and %d values, %d of them null; the column has %d and %d more",
			rows, values, nulls, p.rows, p.values)
	}
	if i := p.pages; p.index != nil {
		if i >= p.index.NumPages() || p.index.Offset(i) != at || p.index.FirstRowIndex(i) != total-p.rows {
			return errors.New("it is not where the index has it")
		}
	}
	p.pages++
	p.rows, p.values = p.rows-rows, p.values-values
	if !slices.Contains(p.chunk.Encoding, h.Encoding) {
		return fmt.Errorf("its encoding %v is not one of the column", h.Encoding)
	}
	if compressed := !h.IsCompressed.Valid || h.IsCompressed.V; compressed != (p.chunk.Codec != format.Uncompressed) {
		return errors.New("it is compressed and the column is not, or the reverse")
	}
	repetition, definition := int64(h.RepetitionLevelsByteLength), int64(h.DefinitionLevelsByteLength)
	if repetition < 0 || definition < 0 || repetition > size || definition > size-repetition {
		return fmt.Errorf("it has levels of %d and %d bytes", repetition, definition)
	}
	levels, err := p.read(body, repetition+definition)
	if err != nil {
		return err
	}
	if !levelsFit(levels[:repetition], leafLevels[p.leaf].repetition, values) ||
		!levelsFit(levels[repetition:], leafLevels[p.leaf].definition, values) {
		return errors.New("its levels are of other values")
	}
	return nil
}

// levelsFit says whether levels, run-length encoded or packed in groups of 8,
// are of so many values. The library takes a byte for each.
//
// https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
func levelsFit(b []byte, most uint8, values int64) bool {
	if most == 0 {
		return len(b) == 0
	}
	width := uint64(bits.Len8(most))
	for len(b) > 0 {
		head, n := binary.Uvarint(b)
		if n <= 0 {
			return false
		}
		b = b[n:]
		count, length := head>>1, uint64(1)
		if head&1 != 0 {
			if count > uint64(len(b)) {
				return false
			}
			count, length = 8*count, width*count
		}
		if length > uint64(len(b)) || count > uint64(values+7) {
			return false
		}
		b = b[length:]
		values -= int64(count)
	}
	return values <= 0
}

func (p *pageCheck) checksum(at, size int64, want uint32) error {
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(p.reader, at, size)); err != nil {
		return err
	}
	if got := sum.Sum32(); got != want {
		return fmt.Errorf("its checksum is %08x, not %08x", got, want)
	}
	return nil
}

// read reads bytes, which are valid until the next call.
func (p *pageCheck) read(at, n int64) ([]byte, error) {
	p.buffer = slices.Grow(p.buffer[:0], int(n))[:n]
	return p.buffer, readFull(p.reader, p.buffer, at)
}
