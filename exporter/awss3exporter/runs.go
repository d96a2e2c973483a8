package awss3exporter

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/spool"
)

// sorter sorts spans that do not fit into memory: it sorts what fits, writes it
// to a temporary file (a run), and merges the runs. What it holds does not grow
// with the number of spans.
type sorter struct {
	create func(name string) (spool.File, error) // temporary files
	name   func(n int) string

	arena []byte // the bytes of the spans in spans
	spans []spanRef
	order []sortKey // of the spans, sorted
	runs  []spool.File
	limit int // bytes of arena in memory

	window time.Duration // of the order
}

// runBytes is the size of a run in memory. A log of 128 MiB gives some 70 runs,
// which the merge reads through 64 KiB each.
const runBytes = 8 << 20

// spanRef is a span in the sorter's arena.
type spanRef struct {
	key    archive.Key
	origin int64 // where the origins file has it
	ingest int64 // when it came, ns
	at     uint32
	size   uint32
}

// reserve makes room for the spans of a log at once: growing would leave as
// much garbage again. Rows have 350 to 450 bytes as a rule.
func (s *sorter) reserve(spans int64) {
	s.arena = make([]byte, 0, min(int64(s.limit), 512*spans))
	s.spans = make([]spanRef, 0, min(int64(s.limit)/256, spans))
}

// add takes a span. It copies its bytes.
func (s *sorter) add(ref spanRef, span []byte) error {
	if len(s.arena) > 0 && len(s.arena)+len(span) > s.limit {
		if err := s.spill(); err != nil {
			return err
		}
	}
	ref.at, ref.size = uint32(len(s.arena)), uint32(len(span))
	s.arena = append(s.arena, span...)
	s.spans = append(s.spans, ref)
	return nil
}

// sortKey is one of the sorter's spans, with what mostly decides where it goes:
// less memory is moved than if spanRefs were sorted.
type sortKey struct {
	window int64
	trace  [2]uint64 // the id
	at     int       // in spans
}

// sort orders what is in memory. Equal keys keep the order of the log.
func (s *sorter) sort() {
	s.order = slices.Grow(s.order[:0], len(s.spans))[:len(s.spans)]
	for i := range s.spans {
		key := &s.spans[i].key
		s.order[i] = sortKey{key.WindowOf(s.window),
			[2]uint64{binary.BigEndian.Uint64(key.TraceID[:]), binary.BigEndian.Uint64(key.TraceID[8:])}, i}
	}
	slices.SortFunc(s.order, func(a, b sortKey) int {
		switch {
		case a.window != b.window:
			return cmp.Compare(a.window, b.window)
		case a.trace[0] != b.trace[0]:
			return cmp.Compare(a.trace[0], b.trace[0])
		case a.trace[1] != b.trace[1]:
			return cmp.Compare(a.trace[1], b.trace[1])
		}
		return cmp.Or(s.spans[a.at].key.Compare(s.spans[b.at].key, s.window), cmp.Compare(a.at, b.at))
	})
}

// spill writes what is in memory as a run.
func (s *sorter) spill() error {
	s.sort()
	f, err := s.create(s.name(len(s.runs)))
	if err != nil {
		return err
	}
	w := s2.NewWriter(f, s2.WriterConcurrency(1), s2.WriterBlockSize(64<<10))
	var head [spanHeadSize]byte
	for i := range s.order {
		ref := &s.spans[s.order[i].at]
		ref.put(&head)
		if _, err = w.Write(head[:]); err == nil {
			_, err = w.Write(s.arena[ref.at : ref.at+ref.size])
		}
		if err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	s.runs = append(s.runs, f)
	s.arena, s.spans = s.arena[:0], s.spans[:0]
	return nil
}

// A span in a run: start, trace ID, span ID, origin, ingest, size, bytes.
const spanHeadSize = 8 + 16 + 8 + 8 + 8 + 4

func (r *spanRef) put(head *[spanHeadSize]byte) {
	binary.LittleEndian.PutUint64(head[:], uint64(r.key.Start))
	copy(head[8:], r.key.TraceID[:])
	copy(head[24:], r.key.SpanID[:])
	binary.LittleEndian.PutUint64(head[32:], uint64(r.origin))
	binary.LittleEndian.PutUint64(head[40:], uint64(r.ingest))
	binary.LittleEndian.PutUint32(head[48:], r.size)
}

func (r *spanRef) get(head *[spanHeadSize]byte) {
	r.key.Start = int64(binary.LittleEndian.Uint64(head[:]))
	copy(r.key.TraceID[:], head[8:])
	copy(r.key.SpanID[:], head[24:])
	r.origin = int64(binary.LittleEndian.Uint64(head[32:]))
	r.ingest = int64(binary.LittleEndian.Uint64(head[40:]))
	r.size = binary.LittleEndian.Uint32(head[48:])
}

// cursor is the place in a run that the merge has reached.
type cursor struct {
	spanRef
	run   int
	bytes []byte
	next  func(c *cursor) error // io.EOF after the last
}

// merged calls use for all spans in the order of their keys. The bytes are
// valid until the next call.
func (s *sorter) merged(use func(ref *spanRef, span []byte) error) error {
	if len(s.runs) > 0 && len(s.spans) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
		s.arena, s.spans, s.order = nil, nil, nil // the merge has its own memory
	}
	s.sort()
	h := &cursors{window: s.window}
	for run, f := range s.runs {
		h.list = append(h.list, &cursor{run: run, next: fromRun(f)})
	}
	h.list = append(h.list, &cursor{run: len(s.runs), next: s.fromMemory()})
	for i := 0; i < len(h.list); {
		switch err := h.list[i].next(h.list[i]); {
		case err == io.EOF:
			h.list = slices.Delete(h.list, i, i+1)
		case err != nil:
			return err
		default:
			i++
		}
	}
	heap.Init(h)
	for len(h.list) > 0 {
		first := h.list[0]
		if err := use(&first.spanRef, first.bytes); err != nil {
			return err
		}
		switch err := first.next(first); {
		case err == io.EOF:
			heap.Pop(h)
		case err != nil:
			return err
		default:
			heap.Fix(h, 0)
		}
	}
	return nil
}

func (s *sorter) fromMemory() func(*cursor) error {
	n := 0
	return func(c *cursor) error {
		if n == len(s.spans) {
			return io.EOF
		}
		c.spanRef = s.spans[s.order[n].at]
		c.bytes = s.arena[c.at : c.at+c.size]
		n++
		return nil
	}
}

func fromRun(f spool.File) func(*cursor) error {
	r := s2.NewReader(io.NewSectionReader(f, 0, 1<<62), s2.ReaderMaxBlockSize(64<<10), s2.ReaderAllocBlock(64<<10))
	var head [spanHeadSize]byte
	return func(c *cursor) error {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if err == io.EOF {
				return err
			}
			return fmt.Errorf("read a run: %w", err)
		}
		c.get(&head)
		c.bytes = slices.Grow(c.bytes[:0], int(c.size))[:c.size]
		if _, err := io.ReadFull(r, c.bytes); err != nil {
			return fmt.Errorf("read a run: %w", err)
		}
		return nil
	}
}

// cursors is a heap: the first is the one that comes first.
type cursors struct {
	list   []*cursor
	window time.Duration
}

func (h *cursors) Len() int { return len(h.list) }
func (h *cursors) Less(i, j int) bool {
	a, b := h.list[i], h.list[j]
	return cmp.Or(a.key.Compare(b.key, h.window), cmp.Compare(a.run, b.run)) < 0
}
func (h *cursors) Swap(i, j int) { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *cursors) Push(x any)    { h.list = append(h.list, x.(*cursor)) }
func (h *cursors) Pop() any {
	last := len(h.list) - 1
	c := h.list[last]
	h.list = h.list[:last]
	return c
}

// origins keeps resources and scopes in a file: there are few as a rule, but
// nothing bounds them.
type origins struct {
	file  spool.File
	w     *bufio.Writer
	size  int64
	known map[string]int64 // where the file has those seen last
	bytes int              // of the names in known
}

// maxKnownOrigins bounds the memory of known. One that is forgotten is written
// again.
const maxKnownOrigins = 8 << 20

func newOrigins(f spool.File) *origins {
	return &origins{file: f, w: bufio.NewWriter(f), known: map[string]int64{}}
}

// add returns where the file has the cells of an origin.
func (s *origins) add(cells []byte) (int64, error) {
	if at, ok := s.known[string(cells)]; ok {
		return at, nil
	}
	at := s.size
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(cells)))
	if _, err := s.w.Write(length[:]); err != nil {
		return 0, err
	}
	if _, err := s.w.Write(cells); err != nil {
		return 0, err
	}
	s.size += int64(len(length) + len(cells))
	if s.bytes += len(cells); s.bytes > maxKnownOrigins {
		clear(s.known)
		s.bytes = len(cells)
	}
	s.known[string(cells)] = at
	return at, nil
}

// get returns the cells of an origin.
func (s *origins) get(at int64) ([]byte, error) {
	var length [4]byte
	if _, err := s.file.ReadAt(length[:], at); err != nil {
		return nil, err
	}
	out := make([]byte, binary.LittleEndian.Uint32(length[:]))
	if _, err := s.file.ReadAt(out, at+int64(len(length))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return out, nil
}
