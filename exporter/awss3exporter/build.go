package awss3exporter

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/spool"
)

// builder makes Parquet files of a segment, one for each partition. It reads
// the log twice at most, and holds a run, a row group and a frame in memory.
type builder struct {
	config     *Config
	partitions *partitions
	tool       string
	runBytes   int
}

// built counts what became of the spans of a segment.
type built struct {
	duplicates int64
	diverted   [numReasons]int64
	unreadable int64
	rows       int64
}

// Why a span is not in the partition of its start.
const (
	notDiverted = iota
	divertedLate
	divertedFuture
	divertedPartitions
	numReasons
)

var diversions = [numReasons]string{divertedLate: "late", divertedFuture: "future", divertedPartitions: "partitions"}

// window is what spans are sorted by: no longer than a partition, so that one is
// over when the next begins.
func (b *builder) window() time.Duration {
	if b.partitions.tellSeconds() {
		return time.Second
	}
	return archive.Window
}

// build writes the files. The same segment and configuration give the same rows
// in the same files.
func (b *builder) build(ctx context.Context, g *spool.Segment, create, temporary func(string) (spool.File, error)) ([]spool.Output, spool.Damage, built, error) {
	var done built
	file, err := temporary(g.Name(0, ".origins"))
	if err != nil {
		return nil, spool.Damage{}, done, err
	}
	m := &merge{
		builder: b, segment: g, create: create, done: &done,
		of:      b.partitions.cached(),
		origins: newOrigins(file),
		decoded: map[int64]*archive.Origin{},
		open:    map[string]*partitionFile{},
	}
	s := &sorter{create: temporary, name: func(n int) string { return g.Name(n, ".run") }, limit: b.runBytes, window: b.window()}
	s.reserve(g.Items())
	damage, err := m.read(ctx, s)
	if err == nil {
		err = m.origins.w.Flush()
	}
	if err == nil {
		m.choose()
		n := 0
		err = s.merged(func(ref *spanRef, cells []byte) error {
			if n++; n%128 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			return m.write(ref, cells)
		})
	}
	if err == nil {
		err = m.closeAll(nil)
	}
	if err != nil {
		return nil, damage, done, err
	}
	if done.unreadable > 0 && damage.Err == nil {
		damage.Err = fmt.Errorf("%d spans cannot be read: %w", done.unreadable, m.unreadable)
	}
	return m.outputs, damage, done, nil
}

// merge is the work on one segment.
type merge struct {
	*builder
	segment *spool.Segment
	create  func(string) (spool.File, error)
	done    *built
	of      func(time.Time) string

	unreadable error            // why the first spans that are lost cannot be read
	spans      map[string]int64 // of each partition
	arrival    map[string]bool  // partitions in which spans came
	allowed    map[string]bool

	origins *origins
	decoded map[int64]*archive.Origin

	open    map[string]*partitionFile
	outputs []spool.Output
}

// read takes the spans of the log into s and counts them by partition.
func (m *merge) read(ctx context.Context, s *sorter) (spool.Damage, error) {
	m.spans, m.arrival = map[string]int64{}, map[string]bool{}
	var buf []byte
	return m.segment.Frames(func(f spool.Frame) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		data, err := decode(&f, buf)
		if err != nil {
			m.cannotRead(f.Items, err)
			return nil
		}
		buf = data
		ingest := f.Time.UnixNano()
		m.arrival[m.of(f.Time)] = true
		read := 0
		var last []byte
		var at int64 // of last
		err = archive.VisitRows(data, func(row *archive.Row) (err error) {
			if read == 0 || !sameMemory(row.Origin, last) {
				if at, err = m.origins.add(row.Origin); err != nil {
					return &diskError{err}
				}
				last = row.Origin
			}
			if err := s.add(spanRef{key: row.Key, origin: at, ingest: ingest}, row.Cells); err != nil {
				return &diskError{err}
			}
			m.count(row.Key.Start, ingest)
			read++
			return nil
		})
		var disk *diskError
		if errors.As(err, &disk) {
			return disk.error
		}
		if err != nil {
			m.cannotRead(max(0, f.Items-read), fmt.Errorf("record %d: %w", f.Seq, err))
		}
		return nil
	})
}

// cannotRead counts spans of the log that are lost.
func (m *merge) cannotRead(spans int, err error) {
	m.done.unreadable += int64(spans)
	m.unreadable = cmp.Or(m.unreadable, err)
}

// diskError tells trouble with temporary files from trouble with the data.
type diskError struct{ error }

// maxCounted bounds the partitions of one log that are counted. Spans of
// others are diverted.
const maxCounted = 4096

func (m *merge) count(start, ingest int64) {
	if m.outside(start, ingest) != notDiverted {
		return
	}
	partition := m.of(time.Unix(0, start))
	if _, ok := m.spans[partition]; ok || len(m.spans) < maxCounted {
		m.spans[partition]++
	}
}

// outside says whether a span is too old or too new for its own partition.
func (m *merge) outside(start, ingest int64) int {
	p := &m.config.Parquet
	switch late, future := int64(p.LateLimit), int64(p.FutureLimit); {
	case start <= 0:
		return divertedLate
	case late > 0 && start < ingest-late:
		return divertedLate
	case future > 0 && start > ingest+future:
		return divertedFuture
	}
	return notDiverted
}

// choose decides which partitions get files: those in which spans came, and of
// the others those with the most spans.
func (m *merge) choose() {
	m.allowed = maps.Clone(m.arrival)
	others := slices.SortedFunc(maps.Keys(m.spans), func(a, b string) int {
		return cmp.Or(cmp.Compare(m.spans[b], m.spans[a]), cmp.Compare(a, b))
	})
	for _, partition := range others {
		if len(m.allowed) >= m.config.Parquet.MaxPartitions {
			break
		}
		m.allowed[partition] = true
	}
}

// place returns the partition of a span, and why it is not its own.
func (m *merge) place(ref *spanRef) (string, int) {
	why := m.outside(ref.key.Start, ref.ingest)
	if why == notDiverted {
		if partition := m.of(time.Unix(0, ref.key.Start)); m.allowed[partition] {
			return partition, notDiverted
		}
		why = divertedPartitions
	}
	return m.of(time.Unix(0, ref.ingest)), why
}

// write writes a span.
func (m *merge) write(ref *spanRef, cells []byte) error {
	o, err := m.origin(ref.origin)
	if err != nil {
		return err
	}
	partition, why := m.place(ref)
	f, err := m.file(partition)
	if err != nil {
		return err
	}
	m.done.diverted[why]++
	row := archive.Row{Key: ref.key, Cells: cells}
	if err := f.writer.Write(o, &row, time.Unix(0, ref.ingest), why != notDiverted); err != nil {
		return f.file.failed("write a row", err)
	}
	return nil
}

// maxDecoded bounds the origins that are decoded at a time.
const maxDecoded = 2048

func (m *merge) origin(at int64) (*archive.Origin, error) {
	if o, ok := m.decoded[at]; ok {
		return o, nil
	}
	cells, err := m.origins.get(at)
	if err != nil {
		return nil, err
	}
	o, err := archive.NewOrigin(cells)
	if err != nil {
		return nil, &spool.Unacceptable{Err: err}
	}
	if len(m.decoded) >= maxDecoded {
		clear(m.decoded)
	}
	m.decoded[at] = o
	return o, nil
}

// partitionFile is a Parquet file being written.
type partitionFile struct {
	output spool.Output
	file   *diskFile
	writer *archive.Writer
}

// diskFile remembers whether the disk failed: what else a Writer fails of would
// make it fail again.
type diskFile struct {
	spool.File
	err error
}

func (f *diskFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		f.err = err
	}
	return n, err
}

// failed says what a Writer's error is about.
func (f *diskFile) failed(act string, err error) error {
	err = fmt.Errorf("%s: %w", act, err)
	if f.err == nil {
		return &spool.Unacceptable{Err: err}
	}
	return err
}

// file returns the file of a partition. Since spans come sorted by time, to
// the window, a partition is over when another begins; only those in which spans came stay
// open, for what is diverted to them.
func (m *merge) file(partition string) (*partitionFile, error) {
	if f := m.open[partition]; f != nil {
		return f, nil
	}
	if err := m.closeAll(m.arrival); err != nil {
		return nil, err
	}
	n := len(m.outputs)
	name := m.segment.Name(n, ".parquet")
	created, err := m.create(name)
	if err != nil {
		return nil, err
	}
	file := &diskFile{File: created}
	u := &m.config.S3Uploader
	f := &partitionFile{
		output: spool.Output{
			File:      name,
			Bucket:    u.bucket(),
			Key:       u.key("", partition, fmt.Sprintf("traces_%s-%d.parquet", m.segment.ID(), n)),
			Segment:   m.segment.ID(),
			Partition: partition,
		},
		file: file,
		writer: archive.NewWriter(file, archive.Options{
			RowGroupRows: m.config.Parquet.RowGroupRows,
			Window:       m.window(),
			Collector:    m.segment.Node(),
			SegmentID:    m.segment.ID(),
			Partition:    partition,
			Tool:         m.tool,
		}),
	}
	m.open[partition] = f
	m.outputs = append(m.outputs, f.output) // the rest when it is closed
	return f, nil
}

// closeAll completes the files that are open, but not those to keep.
func (m *merge) closeAll(keep map[string]bool) error {
	for _, partition := range slices.Sorted(maps.Keys(m.open)) {
		if keep[partition] {
			continue
		}
		f := m.open[partition]
		delete(m.open, partition)
		info, err := f.writer.Close()
		if err != nil {
			return f.file.failed("complete a file", err)
		}
		for i := range m.outputs {
			if o := &m.outputs[i]; o.File == f.output.File {
				o.Rows, o.Digest = info.Rows, hex.EncodeToString(info.Digest[:])
			}
		}
		m.done.rows += info.Rows
		m.done.duplicates += info.Duplicates
	}
	return nil
}
