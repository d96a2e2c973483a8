package archive

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Options are the settings of a Writer. The texts go to the file's metadata.
type Options struct {
	// RowGroupRows bounds the rows of a row group, which are in memory until the
	// group is written; 0 means DefaultRowGroupRows. A group is closed earlier
	// when its values pass 64 MiB.
	RowGroupRows int
	// Window is what the rows are sorted by; 0 means the constant Window.
	Window    time.Duration
	Collector string // who writes; also the column collector_id
	SegmentID string // of the spool segment that the rows are from
	Partition string // that the rows belong to
	Tool      string // name and version of the program
}

// DefaultRowGroupRows is a compromise: DuckDB works on row groups in parallel
// and a bloom filter admits a whole one, which asks for small ones; each costs a
// request and Trino likes them large.
const DefaultRowGroupRows = 200_000

const (
	maxGroupBytes = 64 << 20 // of values, before compression
	maxBatchRows  = 64       // rows between two writes to the columns
	maxBatchBytes = 1 << 20  // the same in bytes
	maxSeenBytes  = 1 << 20  // of rows with one key, among which equal ones are sought
)

// Info says what a file holds.
type Info struct {
	Rows       int64
	Duplicates int64 // rows that were dropped
	Raw        int64 // rows that needed the column raw
	MinStart   int64 // nanoseconds since 1970; 0 if there are no rows
	MaxStart   int64
	// Digest is over the rows in their order and depends on nothing else: not on
	// the options, nor on the version of the Parquet library.
	Digest [32]byte
}

// Writer writes one file. It buffers a row group and nothing else that grows.
// The bytes it writes depend only on the rows and options, for one version of
// the Parquet library. It is not safe for concurrent use.
type Writer struct {
	options   Options
	parquet   *parquet.GenericWriter[any]
	columns   []*parquet.ColumnWriter
	collector []columnValues
	batch     *batch

	groupRows  int
	groupBytes int

	last    Key
	lastRow []byte              // what the last row says: its origin's digest and its cells
	row     row                 // scratch of isDuplicate
	seen    map[string]struct{} // of the rows with the same key before it
	seenLen int

	digest hash.Hash
	head   []byte // scratch of addToInfo
	info   Info
	err    error
}

// NewWriter returns a Writer. The caller closes w after it closed the Writer.
func NewWriter(w io.Writer, o Options) *Writer {
	pw := parquet.NewGenericWriter[any](w, writerOptions()...)
	return &Writer{
		options:   o.withDefaults(),
		parquet:   pw,
		columns:   pw.ColumnWriters(),
		collector: collectorOf(o.Collector),
		batch:     &batch{},
		digest:    sha256.New(),
	}
}

// collectorOf returns the column of a collector, if it has a name.
func collectorOf(name string) []columnValues {
	if name == "" {
		return nil
	}
	v := parquet.ByteArrayValue([]byte(strings.ToValidUTF8(name, "\uFFFD")))
	v.SetDefinitionLevel(int(leafLevels[colCollectorID].definition))
	return []columnValues{{colCollectorID, []parquet.Value{v}}}
}

func (o Options) withDefaults() Options {
	if o.RowGroupRows <= 0 {
		o.RowGroupRows = DefaultRowGroupRows
	}
	if o.Window <= 0 {
		o.Window = Window
	}
	return o
}

// pageBytes is when a page is complete. Each of some 130 columns has a buffer
// of this size; twice as much would save one byte in fifty.
const pageBytes = 64 << 10

func writerOptions() []parquet.WriterOption {
	options := []parquet.WriterOption{
		schema,
		parquet.Compression(zstdCodec{}),
		parquet.CreatedBy("tailwater", fmt.Sprint(SchemaVersion), ""),
		parquet.BloomFilters(
			parquet.SplitBlockFilter(bloomBits, leafPaths[colTraceID]),
			parquet.SplitBlockFilter(bloomBits, leafPaths[colServiceName]),
		),
		// Behind the row groups, beside the footer: one read gets both.
		parquet.DeferBloomFiltersWithBuffers(parquet.NewBufferPool()),
		parquet.DataPageStatistics(false), // the page index has them
		parquet.PageBufferSize(pageBytes),
	}
	for _, path := range unbounded {
		options = append(options, parquet.SkipPageBounds(path...))
	}
	return options
}

// bloomBits is the size of a bloom filter for each different value, in bits. It
// makes one of a hundred answers a false yes.
const bloomBits = 10

// Write adds a row to those of its origin. It copies the row.
//
// Rows come in the order of their keys. Those that are equal in all that the
// span says, whatever their ingest time, are written once; an in-progress span
// and its completed form are not equal. late marks a span that is not in the
// partition of its start time.
func (w *Writer) Write(o *Origin, row *Row, ingest time.Time, late bool) error {
	if w.err != nil {
		return w.err
	}
	key := &row.Key
	same := w.info.Rows > 0 && *key == w.last
	if w.info.Rows > 0 && key.Compare(w.last, w.options.Window) < 0 {
		return w.fail(fmt.Errorf("span %x of trace %x comes out of order", key.SpanID, key.TraceID))
	}
	if w.isDuplicate(o, row, same) {
		w.info.Duplicates++
		return nil
	}
	w.last = *key
	b := w.batch
	if err := cmp.Or(
		b.put(w.lastRow[len(o.digest):]),
		b.putAll(o.values),
		b.set(colIngestTime, parquet.Int64Value(ingest.UnixMicro())),
		b.set(colIsLate, parquet.BooleanValue(late)),
		b.putAll(w.collector),
	); err != nil {
		return w.fail(fmt.Errorf("span %x of trace %x: %w", key.SpanID, key.TraceID, err))
	}
	if b.has(colRaw) {
		w.info.Raw++
	}
	b.next()
	w.addToInfo(key.Start, ingest, late)
	size := o.bytes + len(w.lastRow)
	b.bytes += size
	w.groupBytes += size
	w.groupRows++
	switch {
	case w.groupRows >= w.options.RowGroupRows || w.groupBytes >= maxGroupBytes:
		w.groupRows, w.groupBytes = 0, 0
		if err := b.finish(w.columns); err != nil {
			return w.fail(err)
		}
		if err := w.parquet.Flush(); err != nil {
			return w.fail(fmt.Errorf("write a row group: %w", err))
		}
	case b.rows >= maxBatchRows || b.bytes >= maxBatchBytes:
		if err := b.flush(w.columns); err != nil {
			return w.fail(err)
		}
	}
	return nil
}

// isDuplicate says whether a row was written before, and if not makes it the
// last one.
func (w *Writer) isDuplicate(o *Origin, r *Row, sameKey bool) bool {
	w.row.cells = append(w.row.cells[:0], o.digest[:]...)
	w.row.ids(&r.Key)
	w.row.cells = append(w.row.cells, r.Cells...)
	if sameKey {
		if _, found := w.seen[string(w.row.cells)]; found || bytes.Equal(w.row.cells, w.lastRow) {
			return true
		}
		if w.seenLen < maxSeenBytes {
			if w.seen == nil {
				w.seen = map[string]struct{}{}
			}
			w.seen[string(w.lastRow)] = struct{}{}
			w.seenLen += len(w.lastRow)
		}
	} else if len(w.seen) > 0 {
		clear(w.seen)
		w.seenLen = 0
	}
	w.row.cells, w.lastRow = w.lastRow, w.row.cells
	return false
}

// addToInfo counts the row in w.lastRow.
func (w *Writer) addToInfo(start int64, ingest time.Time, late bool) {
	if w.info.Rows == 0 {
		w.info.MinStart, w.info.MaxStart = start, start
	}
	w.info.Rows++
	w.info.MinStart, w.info.MaxStart = min(w.info.MinStart, start), max(w.info.MaxStart, start)
	b := binary.LittleEndian.AppendUint64(w.head[:0], uint64(ingest.UnixMicro()))
	if late {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	w.head = binary.AppendUvarint(b, uint64(len(w.lastRow)))
	w.digest.Write(w.head)
	w.digest.Write(w.lastRow)
}

// Close writes what is buffered and the footer. After an error, of Close or
// before, what was written is no file.
func (w *Writer) Close() (Info, error) {
	if w.err != nil {
		return Info{}, w.err
	}
	if err := w.batch.finish(w.columns); err != nil {
		return Info{}, w.fail(err)
	}
	w.digest.Sum(w.info.Digest[:0])
	for _, kv := range w.options.metadata(w.info) {
		w.parquet.SetKeyValueMetadata(kv.key, kv.value)
	}
	if err := w.parquet.Close(); err != nil {
		return Info{}, w.fail(fmt.Errorf("write the end of the file: %w", err))
	}
	w.err = errors.New("archive: the writer is closed")
	return w.info, nil
}

func (w *Writer) fail(err error) error {
	w.err = err
	return err
}
