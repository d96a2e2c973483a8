package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segmentspan"
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
	describer *segmentspan.Describer

	row     row
	batch   *batch
	origins originCache

	groupRows  int
	groupBytes int

	last    Key
	lastRow []byte              // what the last row says
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
	a := &arena{chunk: 64 << 10}
	b := &batch{arena: a}
	return &Writer{
		options:   o.withDefaults(),
		parquet:   pw,
		columns:   pw.ColumnWriters(),
		describer: segmentspan.NewDescriber(),
		row:       row{arena: a, batch: b},
		batch:     b,
		origins:   originCache{row: row{arena: &arena{chunk: 4 << 10}, batch: &batch{}}},
		digest:    sha256.New(),
	}
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

// Write adds a span with its resource and scope, which it does not keep beyond
// the call; but it remembers the last few resources and scopes by identity, so
// one that was handed in must not be changed while the Writer is in use.
//
// Spans come in the order of their keys. Rows that are equal in all that the
// span says, whatever their ingest time, are written once; an in-progress span
// and its completed form are not equal. late marks a span that is not in the
// partition of its start time.
func (w *Writer) Write(res pcommon.Resource, resSchema string, scope pcommon.InstrumentationScope, scopeSchema string, span ptrace.Span, ingest time.Time, late bool) error {
	if w.err != nil {
		return w.err
	}
	key := KeyOf(span)
	same := w.info.Rows > 0 && key == w.last
	if w.info.Rows > 0 && key.Compare(w.last, w.options.Window) < 0 {
		return w.fail(fmt.Errorf("span %x of trace %x comes out of order", key.SpanID, key.TraceID))
	}
	o := w.origins.get(w.describer, originKey{res, scope, resSchema, scopeSchema})
	r := &w.row
	r.reset()
	r.encoded = append(r.encoded, o.digest[:]...)
	facts := w.describer.Span(span, &o.facts, false)
	r.span(span, &facts)
	exact := r.exact && o.exact
	if !exact {
		raw, err := rawOf(res, resSchema, scope, scopeSchema, span)
		if err != nil {
			return w.fail(err)
		}
		r.set(colRaw, unsafe.String(unsafe.SliceData(raw), len(raw)))
	}
	if w.isDuplicate(same) {
		w.batch.drop()
		w.info.Duplicates++
		return nil
	}
	w.last = key
	if !exact {
		w.info.Raw++
	}
	r.setInt64(colIngestTime, ingest.UnixMicro())
	r.setBool(colIsLate, late)
	r.setText(colCollectorID, w.options.Collector)
	w.batch.putAll(o.values)
	w.batch.next()
	w.addToInfo(key.Start, ingest, late)
	size := o.bytes + len(w.lastRow)
	w.batch.bytes += size
	w.groupBytes += size
	w.groupRows++
	switch {
	case w.groupRows >= w.options.RowGroupRows || w.groupBytes >= maxGroupBytes:
		w.groupRows, w.groupBytes = 0, 0
		if err := w.batch.finish(w.columns); err != nil {
			return w.fail(err)
		}
		if err := w.parquet.Flush(); err != nil {
			return w.fail(fmt.Errorf("write a row group: %w", err))
		}
	case w.batch.rows >= maxBatchRows || w.batch.bytes >= maxBatchBytes:
		if err := w.batch.flush(w.columns); err != nil {
			return w.fail(err)
		}
	}
	return nil
}

// isDuplicate says whether w.row was written before, and if not makes it the
// last one.
func (w *Writer) isDuplicate(sameKey bool) bool {
	if sameKey {
		if _, found := w.seen[string(w.row.encoded)]; found || bytes.Equal(w.row.encoded, w.lastRow) {
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
	w.row.encoded, w.lastRow = w.lastRow[:0], w.row.encoded
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

// rawOf returns a span with its resource and scope as OTLP.
func rawOf(res pcommon.Resource, resSchema string, scope pcommon.InstrumentationScope, scopeSchema string, span ptrace.Span) ([]byte, error) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	res.CopyTo(rs.Resource())
	rs.SetSchemaUrl(resSchema)
	ss := rs.ScopeSpans().AppendEmpty()
	scope.CopyTo(ss.Scope())
	ss.SetSchemaUrl(scopeSchema)
	span.CopyTo(ss.Spans().AppendEmpty())
	return (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
}
