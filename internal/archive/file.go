package archive

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// ErrNotArchive is wrapped by the error of Open for a file that is no Parquet
// file or does not have the row schema.
var ErrNotArchive = errors.New("no archive file")

// readBuffer is how much is read at once from where nothing was prefetched.
const readBuffer = 16 << 10

// Prefetcher is an io.ReaderAt that wants to know ahead what will be read, such
// as one behind which each read is a request.
type Prefetcher interface {
	io.ReaderAt
	// Prefetch says that all of this range will be read. It replaces the range
	// of the last call.
	Prefetch(offset, length int64) error
}

// File is an archive file that is read. It is safe for concurrent use if its
// io.ReaderAt is, which a Prefetcher is not.
type File struct {
	Metadata
	reader  io.ReaderAt
	footer  *footer
	parquet *parquet.File
	groups  []parquet.RowGroup
	columns [numLeaves]int // in the file; absent if it has none
}

const absent = -1

// Open reads the footer of a file with its indexes, which are at the end. Files
// of newer schema versions are read without the columns that are new in them. A
// damaged file is refused, here or when it is read, before much memory is taken
// for what it claims to hold.
func Open(r io.ReaderAt, size int64) (f *File, err error) {
	defer recoverInto(&err)
	checked, err := checkFooter(r, size)
	if err != nil {
		return nil, err
	}
	p, err := parquet.OpenFile(checked, size, parquet.SkipMagicBytes(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(readBuffer))
	checked.kept = nil
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotArchive, err)
	}
	f = &File{reader: r, footer: checked, parquet: p, groups: p.RowGroups()}
	if f.Metadata, err = readMetadata(p.Lookup); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotArchive, err)
	}
	for l := range numLeaves {
		f.columns[l] = absent
		column, found := p.Schema().Lookup(strings.Split(leafPaths[l], ".")...)
		if !found {
			if l < numFlat && flatColumns[l].required {
				return nil, fmt.Errorf("%w: it has no column %s", ErrNotArchive, leafPaths[l])
			}
			continue
		}
		want, _ := schema.Lookup(strings.Split(leafPaths[l], ".")...)
		if column.MaxDefinitionLevel != want.MaxDefinitionLevel || column.MaxRepetitionLevel != want.MaxRepetitionLevel ||
			column.Node.Type().Kind() != want.Node.Type().Kind() {
			return nil, fmt.Errorf("%w: column %s has another type", ErrNotArchive, leafPaths[l])
		}
		f.columns[l] = column.ColumnIndex
	}
	return f, nil
}

// recoverInto turns a panic of the Parquet library, which some broken files
// cause, into an error.
func recoverInto(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: the Parquet library gives up: %v", ErrNotArchive, r)
	}
}

// Groups returns the number of row groups.
func (f *File) Groups() int { return len(f.groups) }

// chunk returns a column of a row group, or nil if there is none or it has no
// values.
func (f *File) chunk(group int, l leaf) *parquet.FileColumnChunk {
	if f.columns[l] == absent {
		return nil
	}
	c := f.groups[group].ColumnChunks()[f.columns[l]].(*parquet.FileColumnChunk)
	if l < numFlat && !flatColumns[l].required && c.NullCount() == c.NumValues() {
		return nil
	}
	return c
}

// Query says which rows are asked for. The zero value asks for all.
type Query struct {
	// From and To bound the start of spans, in nanoseconds since 1970: From is
	// the first, To the one after the last. Both 0 mean any.
	From, To int64
	// TraceIDs and Services, if not empty, list what is asked for.
	TraceIDs map[[16]byte]struct{}
	Services map[string]struct{}
}

func (q *Query) anyTime() bool { return q.From == 0 && q.To == 0 }

// overlaps says whether a span that started from first to last is asked for.
func (q *Query) overlaps(first, last int64) bool {
	return q.anyTime() || last >= q.From && first < q.To
}

// Admits says whether a row group may hold rows that are asked for, by the
// file's metadata, statistics and bloom filters. It reads no page.
func (f *File) Admits(group int, q *Query) (admitted bool, err error) {
	defer recoverInto(&err)
	if !q.overlaps(f.MinStart, f.MaxStart) {
		return false, nil
	}
	first, last, ok := f.chunk(group, colStartTimeUnixNano).Bounds()
	if ok && !q.overlaps(first.Int64(), last.Int64()) {
		return false, nil
	}
	if len(q.Services) > 0 {
		names := make([]string, 0, len(q.Services))
		for name := range q.Services {
			names = append(names, name)
		}
		if may, err := f.mayHold(group, colServiceName, names); err != nil || !may {
			return false, err
		}
	}
	if len(q.TraceIDs) > 0 {
		ids := make([]string, 0, len(q.TraceIDs))
		for id := range q.TraceIDs {
			ids = append(ids, fmt.Sprintf("%x", id[:]))
		}
		return f.mayHold(group, colTraceID, ids)
	}
	return true, nil
}

// mayHold says whether a column may hold one of some texts.
func (f *File) mayHold(group int, l leaf, texts []string) (bool, error) {
	c := f.chunk(group, l)
	if c == nil {
		return false, nil
	}
	first, last, bounded := c.Bounds()
	var filter parquet.BloomFilter
	for _, text := range texts {
		v := parquet.ByteArrayValue([]byte(text))
		// The bounds may be cut short; cut ones still are bounds.
		if bounded && (string(first.ByteArray()) > text || string(last.ByteArray()) < text) {
			continue
		}
		if filter == nil {
			var err error
			if filter, err = f.bloomFilter(group, c); err != nil || filter == nil {
				return true, err
			}
		}
		found, err := filter.Check(v)
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// bloomFilter returns the bloom filter of a column, or nil if there is none.
func (f *File) bloomFilter(group int, c *parquet.FileColumnChunk) (parquet.BloomFilter, error) {
	offset := f.parquet.Metadata().RowGroups[group].Columns[c.Column()].MetaData.BloomFilterOffset
	if offset == 0 {
		return nil, nil
	}
	if err := f.footer.checkBloom(offset); err != nil {
		return nil, fmt.Errorf("row group %d: %w", group, err)
	}
	return c.BloomFilter(), nil
}
