// Package store keeps the newest traces in memory, within a bound in bytes, and
// tells a Keeper what to keep beyond the life of the process.
package store

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/trace"
	"github.com/tailwater-otel/tailwater/internal/filterexpr"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

// MaxTraceBytes is how much the documents of one trace may add up to. X-Ray
// guarantees 100 KB and takes up to 500 KB.
const MaxTraceBytes = 500 * 1024

// What is counted beside the text of the documents: what a trace and a document
// cost, and what an entity, and beside that one that calls another service, add
// to the summary, the flow and the view of filter expressions that are kept.
const (
	traceOverhead    = 2176
	documentOverhead = 160
	entityOverhead   = 128
	callOverhead     = 640
)

// ErrTraceTooLarge refuses a document that would make its trace larger than
// MaxTraceBytes.
var ErrTraceTooLarge = errors.New("trace size exceeded")

// ErrTooLarge refuses a document that does not fit in an empty store.
var ErrTooLarge = errors.New("larger than the whole store")

// Eviction is why a trace left the store.
type Eviction string

// The reasons for an Eviction.
const (
	EvictedForSpace Eviction = "max_bytes"
	EvictedForAge   Eviction = "retention"
)

// Store holds documents by trace. The exported fields are its settings and are
// not changed after the first call. It is safe for concurrent use.
type Store struct {
	// MaxBytes bounds what the store holds; the trace that was quiet for
	// longest leaves first. 0 holds nothing.
	MaxBytes int64
	// Retention is how long after its last document a trace is kept.
	// 0 means for ever.
	Retention time.Duration
	// Evicted, if set, is told of the traces that left. It must not call the store.
	Evicted func(reason Eviction, traces int)
	// Keeper, if set, is told of what comes and goes, in this order, so that it
	// can be loaded again. It must not call the store.
	Keeper Keeper

	mu     sync.Mutex
	traces map[segment.TraceID]*record
	oldest *record // the ends of the list of records in order of their last document
	newest *record
	bytes  int64
}

// Keeper keeps documents beyond the life of the process.
type Keeper interface {
	// Put keeps a document in place of an earlier one of the same entity.
	Put(trace segment.TraceID, id segment.ID, subsegment bool, at time.Time, json string)
	// Drop removes all documents of a trace.
	Drop(trace segment.TraceID)
}

// record is what is known of one trace.
type record struct {
	id         segment.TraceID
	docs       []document
	index      map[key]int // where a document is in docs
	start, end segment.Time
	updated    time.Time
	revision   int
	docBytes   int64
	bytes      int64
	limited    bool
	older      *record
	newer      *record
	digest     *Digest // of the current revision; nil if not worked out yet
}

// key tells documents of one trace apart. A subsegment may share the id of a
// segment where a caller and a callee report the same span.
type key struct {
	id  segment.ID
	sub bool
}

type document struct {
	json       string
	start, end segment.Time
	inProgress bool
	cost       int64
}

// Digest is what is kept of a merged trace, so that lists and graphs need not
// merge it again.
type Digest struct {
	Summary *trace.Summary
	Flow    trace.Flow
	Filter  *filterexpr.Trace // what filter expressions see
}

// Add takes one document in: its decoded form, which is not kept, and its text.
// Of two documents with the same id the complete one counts, else the later.
func (s *Store) Add(now time.Time, seg *segment.Segment, json string) error {
	return s.add(now, seg, json, s.Keeper)
}

// Load takes a document in that the Keeper has, and that arrived then. What
// cannot be read or does not fit any more is an error, and nothing is changed.
func (s *Store) Load(at time.Time, json string) error {
	seg, err := segment.Decode(json)
	if err != nil {
		return err
	}
	return s.add(at, seg, json, nil)
}

func (s *Store) add(now time.Time, seg *segment.Segment, json string, keeper Keeper) error {
	d := document{
		start:      seg.StartTime,
		end:        max(seg.StartTime, seg.EndTime),
		inProgress: seg.InProgress == segment.True,
		cost:       documentOverhead + int64(len(json)) + overhead(seg),
	}
	if d.cost+traceOverhead > s.MaxBytes {
		return ErrTooLarge
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	r := s.traces[seg.TraceID]
	k := key{seg.ID, seg.Independent}
	at, replaces := -1, false
	if r != nil {
		at, replaces = lookup(r, k)
		grown := r.docBytes + int64(len(json))
		if replaces {
			grown -= int64(len(r.docs[at].json))
		}
		if grown > MaxTraceBytes {
			r.limited = true
			return ErrTraceTooLarge
		}
	}
	if r == nil {
		r = &record{id: seg.TraceID, index: make(map[key]int), bytes: traceOverhead}
		if s.traces == nil {
			s.traces = make(map[segment.TraceID]*record)
		}
		s.traces[seg.TraceID] = r
		s.bytes += traceOverhead
	} else {
		s.unlink(r)
	}
	r.updated = now
	s.link(r)
	if replaces && d.inProgress && !r.docs[at].inProgress {
		return nil // late: the complete document is here
	}
	// The text may be part of a larger request, which must not be kept for it.
	d.json = strings.Clone(json)
	if replaces {
		old := r.docs[at]
		r.docBytes -= int64(len(old.json))
		r.bytes -= old.cost
		s.bytes -= old.cost
		// Readers may hold the old slice.
		r.docs = slices.Clone(r.docs)
		r.docs[at] = d
	} else {
		r.index[k] = len(r.docs)
		r.docs = append(r.docs, d)
	}
	r.docBytes += int64(len(d.json))
	r.bytes += d.cost
	s.bytes += d.cost
	r.revision++
	r.digest = nil
	if keeper != nil {
		keeper.Put(r.id, k.id, k.sub, now, d.json)
	}
	if replaces {
		r.start, r.end = 0, 0
		for _, d := range r.docs {
			r.span(d)
		}
	} else {
		r.span(d)
	}
	s.makeRoom()
	return nil
}

func lookup(r *record, k key) (int, bool) {
	i, ok := r.index[k]
	return i, ok
}

func (r *record) span(d document) {
	if r.start == 0 || d.start < r.start {
		r.start = d.start
	}
	r.end = max(r.end, d.end)
}

// overhead returns what is counted for s and all that it holds.
func overhead(s *segment.Segment) int64 {
	n := int64(entityOverhead)
	if s.Namespace != "" {
		n += callOverhead
	}
	for _, sub := range s.Subsegments {
		n += overhead(sub)
	}
	return n
}

// makeRoom evicts the longest quiet traces until the bound is kept.
// The caller holds mu.
func (s *Store) makeRoom() {
	n := 0
	for s.bytes > s.MaxBytes && s.oldest != nil {
		s.remove(s.oldest)
		n++
	}
	s.tell(EvictedForSpace, n)
}

// expire evicts the traces that are past the retention. The caller holds mu.
func (s *Store) expire(now time.Time) {
	if s.Retention <= 0 {
		return
	}
	n := 0
	for s.oldest != nil && now.Sub(s.oldest.updated) > s.Retention {
		s.remove(s.oldest)
		n++
	}
	s.tell(EvictedForAge, n)
}

func (s *Store) tell(reason Eviction, n int) {
	if n > 0 && s.Evicted != nil {
		s.Evicted(reason, n)
	}
}

func (s *Store) remove(r *record) {
	s.unlink(r)
	delete(s.traces, r.id)
	s.bytes -= r.bytes
	if s.Keeper != nil {
		s.Keeper.Drop(r.id)
	}
}

func (s *Store) link(r *record) {
	r.older, r.newer = s.newest, nil
	if s.newest != nil {
		s.newest.newer = r
	} else {
		s.oldest = r
	}
	s.newest = r
}

func (s *Store) unlink(r *record) {
	if r.older != nil {
		r.older.newer = r.newer
	} else {
		s.oldest = r.newer
	}
	if r.newer != nil {
		r.newer.older = r.older
	} else {
		s.newest = r.older
	}
	r.older, r.newer = nil, nil
}

// Size returns how many bytes the store holds and how many traces.
func (s *Store) Size(now time.Time) (bytes int64, traces int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	return s.bytes, len(s.traces)
}

// Found is a trace that was asked for.
type Found struct {
	*trace.Trace
	// Documents counts the documents that it was merged from.
	Documents int
	// LimitExceeded says that documents were refused because the trace is too large.
	LimitExceeded bool
}

// Trace returns the merged trace with this id.
func (s *Store) Trace(now time.Time, id segment.TraceID) (Found, bool) {
	s.mu.Lock()
	s.expire(now)
	r := s.traces[id]
	if r == nil {
		s.mu.Unlock()
		return Found{}, false
	}
	docs, limited := r.docs, r.limited
	s.mu.Unlock()
	return Found{Trace: merge(id, docs), Documents: len(docs), LimitExceeded: limited}, true
}

func merge(id segment.TraceID, docs []document) *trace.Trace {
	segs := make([]*segment.Segment, 0, len(docs))
	for _, d := range docs {
		// It was decoded when it came in, so there is no error now.
		if s, err := segment.Decode(d.json); err == nil {
			segs = append(segs, s)
		}
	}
	return trace.Merge(id, segs)
}

// By says which time of a trace a range is about.
type By uint8

// The times of a trace.
const (
	ByStart  By = iota // the start of its first segment
	ByUpdate           // the arrival of its last document
	ByEnd              // the end of its last segment
)

// Entry is a trace in a list.
type Entry struct {
	ID       segment.TraceID
	At       time.Time // the time that the list is ordered by
	Updated  time.Time
	Revision int

	store  *Store
	record *record
	docs   []document
}

// List returns the traces whose time lies in [from, to], newest first. Zero
// times leave the range open.
func (s *Store) List(now time.Time, by By, from, to time.Time) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	var list []Entry
	for r := s.newest; r != nil; r = r.older {
		at := r.updated
		switch by {
		case ByStart:
			at = trace.Time(r.start)
		case ByEnd:
			at = trace.Time(r.end)
		}
		if !from.IsZero() && at.Before(from) || !to.IsZero() && at.After(to) {
			continue
		}
		list = append(list, Entry{ID: r.id, At: at, Updated: r.updated, Revision: r.revision, store: s, record: r, docs: r.docs})
	}
	slices.SortFunc(list, func(a, b Entry) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return strings.Compare(string(b.ID[:]), string(a.ID[:]))
	})
	return list
}

// After returns the entries of a list that come after the one with this time
// and id.
func After(list []Entry, at time.Time, id segment.TraceID) []Entry {
	i, found := slices.BinarySearchFunc(list, Entry{At: at, ID: id}, func(e, target Entry) int {
		return cmp.Or(target.At.Compare(e.At), strings.Compare(string(target.ID[:]), string(e.ID[:])))
	})
	if found {
		i++
	}
	return list[i:]
}

// Digest returns the digest of the trace as it was listed, and keeps it for
// the next time if the trace has not changed since.
func (e Entry) Digest() *Digest {
	e.store.mu.Lock()
	if d := e.record.digest; d != nil && e.record.revision == e.Revision {
		e.store.mu.Unlock()
		return d
	}
	e.store.mu.Unlock()
	t := merge(e.ID, e.docs)
	sum := t.Summarize()
	d := &Digest{Summary: sum, Flow: t.Flow(), Filter: t.Filter(sum)}
	e.store.mu.Lock()
	defer e.store.mu.Unlock()
	if e.record.revision == e.Revision {
		e.record.digest = d
	}
	return d
}
