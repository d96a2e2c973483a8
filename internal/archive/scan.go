package archive

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/parquet-go/parquet-go"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// MaxGroupBytes bounds the row groups that are read, in bytes of the file.
const MaxGroupBytes = 1 << 30

// Read reads the rows of a row group that are asked for and hands them on as
// spans, at most batch (at least 1) at a time. Resources and scopes are written
// once a batch. Of a Prefetcher it asks for the column trace_id first, if trace
// ids are asked for, and for the row group only if that has one of them.
func (f *File) Read(ctx context.Context, group int, q *Query, batch int, yield func(ptrace.Traces) error) (err error) {
	s := &scan{file: f, group: group, query: q}
	defer s.close()
	var own error // of yield and ctx: not the file's
	defer func() {
		if own != nil {
			err = own
		} else if err != nil {
			err = fmt.Errorf("row group %d: %w", group, err)
		}
	}()
	defer recoverInto(&err)
	rows, err := s.rows()
	if err != nil || len(rows) == 0 {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	out := newRebuilder()
	send := func() bool {
		td := out.take()
		if own = ctx.Err(); own == nil && td.SpanCount() > 0 {
			own = yield(td)
		}
		return own == nil
	}
	for _, run := range rows {
		if err := s.seek(run.from); err != nil {
			return err
		}
		for row := run.from; row < run.to; row++ {
			if err := s.next(); err != nil {
				return err
			}
			if !s.wanted() {
				continue
			}
			if err := out.add(&s.values); err != nil {
				return fmt.Errorf("row %d: %w", row, err)
			}
			if out.spans >= batch && !send() {
				return nil
			}
		}
	}
	send()
	return nil
}

// scan reads a row group.
type scan struct {
	file    *File
	group   int
	query   *Query
	cursors []*cursor
	values  rowValues
}

// rowValues are the values of one row, by column. Of a column that is not in
// the file or has no values in the row group there are none.
type rowValues [numLeaves][]parquet.Value

// run is a range of rows.
type run struct{ from, to int64 }

func (s *scan) close() {
	for _, c := range s.cursors {
		c.close()
	}
}

// rows returns the rows that may be asked for.
func (s *scan) rows() ([]run, error) {
	total := s.file.groups[s.group].NumRows()
	all, err := s.timeRange(run{0, total})
	if err != nil || all.from >= all.to {
		return nil, err
	}
	if len(s.query.TraceIDs) == 0 {
		return []run{all}, nil
	}
	return s.ofTraces(all)
}

// timeRange narrows rows, which are sorted by time to
// the window, with the page index.
func (s *scan) timeRange(all run) (run, error) {
	c := s.file.chunk(s.group, colStartTimeUnixNano)
	if s.query.anyTime() {
		return all, nil
	}
	columns, err := c.ColumnIndex()
	if err != nil {
		return all, nil // without an index, every page is read
	}
	offsets, err := c.OffsetIndex()
	if err != nil {
		return all, nil
	}
	pages := columns.NumPages()
	first, last := pages, -1
	for i := range pages {
		if s.query.overlaps(columns.MinValue(i).Int64(), columns.MaxValue(i).Int64()) {
			first, last = min(first, i), i
		}
	}
	if last < 0 {
		return run{}, nil
	}
	narrow := run{offsets.FirstRowIndex(first), all.to}
	if last+1 < pages {
		narrow.to = offsets.FirstRowIndex(last + 1)
	}
	if narrow.from < 0 || narrow.from > narrow.to || narrow.to > all.to {
		return all, fmt.Errorf("%w: its page index is wrong", ErrNotArchive)
	}
	return narrow, nil
}

// ofTraces returns the rows of the traces that are asked for.
func (s *scan) ofTraces(in run) ([]run, error) {
	chunk := s.file.chunk(s.group, colTraceID)
	if err := s.prefetch(chunk); err != nil {
		return nil, err
	}
	if err := s.file.checkPages(s.group, colTraceID, chunk); err != nil {
		return nil, err
	}
	c := newCursor(chunk, colTraceID)
	defer c.close()
	if err := c.seek(in.from); err != nil {
		return nil, err
	}
	var runs []run
	for row := in.from; row < in.to; row++ {
		v, err := c.next()
		if err != nil {
			return nil, err
		}
		id, err := idOf[[16]byte](v)
		if err != nil {
			return nil, fmt.Errorf("row %d: trace_id: %w", row, err)
		}
		if _, found := s.query.TraceIDs[id]; !found {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1].to == row {
			runs[n-1].to++
		} else {
			runs = append(runs, run{row, row + 1})
		}
	}
	return runs, nil
}

// open prefetches the row group and opens the columns that have values.
func (s *scan) open() error {
	var chunks []*parquet.FileColumnChunk
	for l := range numLeaves {
		if c := s.file.chunk(s.group, l); c != nil {
			chunks = append(chunks, c)
			s.cursors = append(s.cursors, newCursor(c, l))
		}
	}
	if err := s.prefetch(chunks...); err != nil {
		return err
	}
	for i, c := range s.cursors {
		if err := s.file.checkPages(s.group, c.leaf, chunks[i]); err != nil {
			return err
		}
	}
	return nil
}

// prefetch says that these columns will be read, if somebody wants to know.
func (s *scan) prefetch(chunks ...*parquet.FileColumnChunk) error {
	p, ok := s.file.reader.(Prefetcher)
	if !ok {
		return nil
	}
	metadata := s.file.parquet.Metadata().RowGroups[s.group]
	from, to := int64(-1), int64(0)
	for _, c := range chunks {
		m := metadata.Columns[c.Column()].MetaData
		start := chunkStart(&m)
		if from < 0 || start < from {
			from = start
		}
		to = max(to, start+m.TotalCompressedSize)
	}
	if from < 0 || to < from || to > s.file.parquet.Size() || to-from > MaxGroupBytes {
		return fmt.Errorf("%w: it puts a row group at bytes %d to %d", ErrNotArchive, from, to)
	}
	if err := p.Prefetch(from, to-from); err != nil {
		return fmt.Errorf("read bytes %d to %d: %w", from, to, err)
	}
	return nil
}

func (s *scan) seek(row int64) error {
	for _, c := range s.cursors {
		if err := c.seek(row); err != nil {
			return err
		}
	}
	return nil
}

// next reads the next row of each column.
func (s *scan) next() error {
	for _, c := range s.cursors {
		values, err := c.next()
		if err != nil {
			return err
		}
		s.values[c.leaf] = values
	}
	return nil
}

// wanted says whether the row that was read is asked for.
func (s *scan) wanted() bool {
	start := s.values[colStartTimeUnixNano][0].Int64()
	if !s.query.overlaps(start, start) {
		return false
	}
	if len(s.query.Services) > 0 {
		service := s.values[colServiceName]
		if len(service) == 0 || service[0].IsNull() {
			return false
		}
		_, found := s.query.Services[string(service[0].ByteArray())]
		return found
	}
	return true
}

// idOf decodes a hexadecimal id.
func idOf[T [16]byte | [8]byte](v []parquet.Value) (id T, err error) {
	var buf [16]byte
	want := len(id)
	text := v[0].ByteArray()
	if len(text) != 2*want {
		return id, fmt.Errorf("%q is no id of %d bytes", text, want)
	}
	if _, err := hex.Decode(buf[:want], text); err != nil {
		return id, err
	}
	for i := range want {
		id[i] = buf[i]
	}
	return id, nil
}
