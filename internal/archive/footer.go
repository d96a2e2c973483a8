package archive

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	// maxFooterBytes is room for about two thousand row groups.
	maxFooterBytes = 32 << 20
	// maxSchemaElements is ten times what the schema has.
	maxSchemaElements = 2048
	// maxBloomHeaderBytes is more than the header of a bloom filter takes.
	maxBloomHeaderBytes = 256
)

// checkFooter refuses a footer that cannot be true for a file of this size, and
// indexes likewise. The Parquet library believes what they say: a damaged one
// would make it take memory without bound. What was read for that is returned,
// so that the library need not read it again.
func checkFooter(r io.ReaderAt, size int64) (*footer, error) {
	if size < 12 {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrNotArchive, size)
	}
	var end [8]byte
	if err := readFull(r, end[:], size-8); err != nil {
		return nil, fmt.Errorf("read the end of the file: %w", err)
	}
	length := int64(binary.LittleEndian.Uint32(end[:]))
	if string(end[4:]) != "PAR1" || length > min(size-12, maxFooterBytes) {
		return nil, fmt.Errorf("%w: it does not end as Parquet does", ErrNotArchive)
	}
	f := &footer{ReaderAt: r, end: size - 8 - length}
	b, err := f.keep(f.end, length)
	if err != nil {
		return nil, fmt.Errorf("read the footer: %w", err)
	}
	if _, err := skim(b); err != nil {
		return nil, fmt.Errorf("%w: its footer: %w", ErrNotArchive, err)
	}
	metadata, _, err := new(format.FooterDecoder).Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotArchive, err)
	}
	return f, f.check(metadata)
}

// footer is checked against what is in front of it. It reads the file, as long
// as it keeps something not all of it from its io.ReaderAt.
type footer struct {
	io.ReaderAt
	end  int64 // of what the footer speaks of
	kept []kept
}

// kept is a range of the file that was read.
type kept struct {
	offset int64
	bytes  []byte
}

// keep reads a range and keeps it.
func (f *footer) keep(offset, length int64) ([]byte, error) {
	b := make([]byte, length)
	if err := readFull(f.ReaderAt, b, offset); err != nil {
		return nil, err
	}
	f.kept = append(f.kept, kept{offset, b})
	return b, nil
}

// ReadAt implements io.ReaderAt.
func (f *footer) ReadAt(b []byte, offset int64) (int, error) {
	for _, k := range f.kept {
		if from := offset - k.offset; from >= 0 && from <= int64(len(k.bytes)) && int64(len(b)) <= int64(len(k.bytes))-from {
			return copy(b, k.bytes[from:]), nil
		}
	}
	return f.ReaderAt.ReadAt(b, offset)
}

// firstByte is where data begins, behind the magic bytes.
const firstByte = 4

// holds says whether a range is inside the file.
func (f *footer) holds(offset, length int64) bool {
	return offset >= firstByte && length >= 0 && offset <= f.end && length <= f.end-offset
}

func (f *footer) check(m *format.FileMetaData) error {
	if len(m.Schema) > maxSchemaElements {
		return fmt.Errorf("%w: it has %d schema elements, more than %d", ErrNotArchive, len(m.Schema), maxSchemaElements)
	}
	if len(m.RowGroups) > parquet.MaxRowGroups {
		return fmt.Errorf("%w: it has %d row groups", ErrNotArchive, len(m.RowGroups))
	}
	left := m.NumRows
	for i := range m.RowGroups {
		g := &m.RowGroups[i]
		if len(g.Columns) == 0 || len(g.Columns) != len(m.RowGroups[0].Columns) {
			return fmt.Errorf("%w: row group %d has %d columns", ErrNotArchive, i, len(g.Columns))
		}
		if int(g.Ordinal) != i { // by which the library finds indexes and bloom filters
			return fmt.Errorf("%w: row group %d says that it is row group %d", ErrNotArchive, i, g.Ordinal)
		}
		if g.NumRows < 0 || g.NumRows > left {
			return fmt.Errorf("%w: row group %d has %d rows, the file %d", ErrNotArchive, i, g.NumRows, m.NumRows)
		}
		left -= g.NumRows
		for j := range g.Columns {
			if err := f.checkChunk(&g.Columns[j], g.NumRows); err != nil {
				return fmt.Errorf("%w: column %d of row group %d: %w", ErrNotArchive, j, i, err)
			}
		}
	}
	if left != 0 {
		return fmt.Errorf("%w: its row groups have %d rows less than it says", ErrNotArchive, left)
	}
	if len(m.RowGroups) == 0 {
		return nil
	}
	if err := f.checkIndexes(m.RowGroups, func(c *format.ColumnChunk) (int64, int32) { return c.ColumnIndexOffset, c.ColumnIndexLength }); err != nil {
		return fmt.Errorf("its column indexes: %w", err)
	}
	if err := f.checkIndexes(m.RowGroups, func(c *format.ColumnChunk) (int64, int32) { return c.OffsetIndexOffset, c.OffsetIndexLength }); err != nil {
		return fmt.Errorf("its offset indexes: %w", err)
	}
	return nil
}

func (f *footer) checkChunk(c *format.ColumnChunk, rows int64) error {
	m := &c.MetaData
	if m.NumValues < rows || rows == 0 && m.NumValues > 0 {
		return fmt.Errorf("it has %d values for %d rows", m.NumValues, rows)
	}
	if m.TotalUncompressedSize < 0 {
		return fmt.Errorf("its size is %d", m.TotalUncompressedSize)
	}
	if start := chunkStart(m); m.TotalCompressedSize != 0 && !f.holds(start, m.TotalCompressedSize) ||
		m.DataPageOffset-start > m.TotalCompressedSize {
		return fmt.Errorf("it is at byte %d with %d bytes, which is not in the file", start, m.TotalCompressedSize)
	}
	return nil
}

// chunkStart returns where the pages of a column in a row group begin.
func chunkStart(m *format.ColumnMetaData) int64 {
	if m.DictionaryPageOffset > 0 {
		return min(m.DataPageOffset, m.DictionaryPageOffset)
	}
	return m.DataPageOffset
}

// checkBloom refuses the bloom filter at an offset, of which nothing was read
// before, if it is not inside the file.
func (f *footer) checkBloom(offset int64) error {
	if !f.holds(offset, 1) {
		return fmt.Errorf("%w: a bloom filter at byte %d is not in the file", ErrNotArchive, offset)
	}
	b := make([]byte, min(maxBloomHeaderBytes, f.end-offset))
	if err := readFull(f, b, offset); err != nil {
		return fmt.Errorf("read the header of a bloom filter: %w", err)
	}
	var header format.BloomFilterHeader
	n, err := decode(b, &header)
	if err != nil {
		return fmt.Errorf("%w: the header of a bloom filter: %w", ErrNotArchive, err)
	}
	if _, plain := header.Compression.Value.(*format.BloomFilterUncompressed); !plain {
		return fmt.Errorf("%w: a bloom filter is compressed", ErrNotArchive)
	}
	if header.NumBytes <= 0 || !f.holds(offset+int64(n), int64(header.NumBytes)) {
		return fmt.Errorf("%w: a bloom filter says that it has %d bytes", ErrNotArchive, header.NumBytes)
	}
	return nil
}

// checkIndexes goes through one kind of index. The library reads all of a kind
// at once, from the first on.
func (f *footer) checkIndexes(groups []format.RowGroup, at func(*format.ColumnChunk) (int64, int32)) error {
	first, _ := at(&groups[0].Columns[0])
	total := int64(0)
	for i := range groups {
		for j := range groups[i].Columns {
			offset, length := at(&groups[i].Columns[j])
			if length < 0 || offset < 0 {
				return fmt.Errorf("%w: one is at byte %d with %d bytes", ErrNotArchive, offset, length)
			}
			total += int64(length)
		}
	}
	if total == 0 {
		return nil
	}
	if !f.holds(first, total) {
		return fmt.Errorf("%w: they are at byte %d with %d bytes, which is not in the file", ErrNotArchive, first, total)
	}
	b, err := f.keep(first, total)
	if err != nil {
		return fmt.Errorf("read %d bytes: %w", total, err)
	}
	for i := range groups {
		for j := range groups[i].Columns {
			offset, length := at(&groups[i].Columns[j])
			if offset == 0 {
				continue
			}
			from := offset - first
			if from < 0 || from > total || int64(length) > total-from {
				return fmt.Errorf("%w: that of column %d in row group %d is at byte %d with %d bytes", ErrNotArchive, j, i, offset, length)
			}
			if _, err := skim(b[from:][:length]); err != nil {
				return fmt.Errorf("%w: that of column %d in row group %d: %w", ErrNotArchive, j, i, err)
			}
		}
	}
	return nil
}

var compact thrift.CompactProtocol

// decode decodes a structure that b begins with and returns its length.
func decode(b []byte, to any) (length int, err error) {
	if length, err = skim(b); err != nil {
		return 0, err
	}
	return length, thrift.Unmarshal(&compact, b[:length], to)
}

func readFull(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	return unexpected(err)
}
