// Package logs keeps log groups, their streams and the newest log events in
// memory, within a bound in bytes.
package logs

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"
)

// The errors of a Store.
var (
	ErrNoGroup  = errors.New("the specified log group does not exist")
	ErrNoStream = errors.New("the specified log stream does not exist")
	ErrExists   = errors.New("the specified resource already exists")
	// ErrFull refuses a group, a stream or tags when these take too much of the
	// store already.
	ErrFull = errors.New("the store has no room for more log groups and streams")
	// ErrTooLarge refuses events that do not fit in an empty store.
	ErrTooLarge = errors.New("the events are larger than the whole store")
)

// What is counted beside names, tags and messages.
const (
	groupOverhead  = 512
	streamOverhead = 320
	batchOverhead  = 160
	eventOverhead  = 48
	tagOverhead    = 64
	// frameShare is the part of the store that groups and streams may take;
	// they stay, while events leave.
	frameShare = 4
)

// Group is what is known of a log group.
type Group struct {
	Name    string
	Class   string
	KMSKey  string
	Created time.Time
	// RetentionDays is 0 if events never expire.
	RetentionDays int
	// Protected says that deletion protection was asked for.
	Protected bool
	Tags      map[string]string
	Streams   int   // how many there are
	Bytes     int64 // of the messages
}

// Stream is what is known of a log stream. Times are zero if it is empty.
type Stream struct {
	Name                     string
	Created                  time.Time
	First, Last, LastArrival time.Time
	Events                   int
}

// Event is a log event.
type Event struct {
	Time    time.Time
	Message string
}

// Stored is a log event as it was kept.
type Stored struct {
	Event
	Arrived  time.Time
	Stream   string
	Sequence uint64 // its place in the order of arrival; unique
}

// Eviction is why log events left the store.
type Eviction string

// The reasons for an Eviction.
const (
	EvictedForSpace Eviction = "max_bytes"
	EvictedForAge   Eviction = "retention"
)

// Store holds log events by group and stream. The exported fields are its
// settings and are not changed after the first call. It is safe for concurrent
// use.
type Store struct {
	// MaxBytes bounds what the store holds; the events that came first leave
	// first, by requests. 0 holds nothing.
	MaxBytes int64
	// Retention is how long after their arrival events are kept. 0 means for
	// ever.
	Retention time.Duration
	// Evicted, if set, is told of the events that left. It must not call the
	// store.
	Evicted func(reason Eviction, events int)

	mu       sync.Mutex
	groups   map[string]*group
	oldest   *batch // the ends of the list of batches in order of their arrival
	newest   *batch
	bytes    int64 // of everything
	frame    int64 // of groups and streams
	events   int
	sequence uint64
}

type group struct {
	Group
	streams map[string]*stream
}

type stream struct {
	group   *group
	name    string
	created time.Time
	batches []*batch // in order of their arrival
	first   time.Time
	last    time.Time
	arrived time.Time
	events  int
}

// batch is the events of one request.
type batch struct {
	stream   *stream
	arrived  time.Time
	events   []Event
	sequence uint64 // of the first
	messages int64  // bytes
	cost     int64
	newer    *batch
}

// Put adds events to a stream. It keeps the slice.
func (s *Store) Put(now time.Time, groupName, streamName string, events []Event) error {
	b := &batch{arrived: now, events: events}
	for _, e := range events {
		b.messages += int64(len(e.Message))
	}
	b.cost = batchOverhead + b.messages + eventOverhead*int64(len(events))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	g := s.groups[groupName]
	if g == nil {
		return ErrNoGroup
	}
	b.stream = g.streams[streamName]
	if b.stream == nil {
		return ErrNoStream
	}
	if len(events) == 0 {
		return nil
	}
	if s.frame+b.cost > s.MaxBytes {
		return ErrTooLarge
	}
	b.sequence = s.sequence
	s.sequence += uint64(len(events))
	if s.newest != nil {
		s.newest.newer = b
	} else {
		s.oldest = b
	}
	s.newest = b
	s.bytes += b.cost
	s.events += len(events)
	r := b.stream
	r.batches = append(r.batches, b)
	r.events += len(events)
	r.arrived = now
	r.spread(events)
	g.Bytes += b.messages
	s.makeRoom()
	return nil
}

// spread widens the times of a stream.
func (r *stream) spread(events []Event) {
	for _, e := range events {
		if r.first.IsZero() || e.Time.Before(r.first) {
			r.first = e.Time
		}
		if e.Time.After(r.last) {
			r.last = e.Time
		}
	}
}

// makeRoom evicts the oldest events until the bound is kept. The caller holds
// mu.
func (s *Store) makeRoom() {
	n := 0
	for s.bytes > s.MaxBytes && s.oldest != nil {
		n += s.removeOldest()
	}
	s.tell(EvictedForSpace, n)
}

// expire evicts the events that are past the retention. The caller holds mu.
func (s *Store) expire(now time.Time) {
	if s.Retention <= 0 {
		return
	}
	n := 0
	for s.oldest != nil && now.Sub(s.oldest.arrived) > s.Retention {
		n += s.removeOldest()
	}
	s.tell(EvictedForAge, n)
}

func (s *Store) tell(reason Eviction, n int) {
	if n > 0 && s.Evicted != nil {
		s.Evicted(reason, n)
	}
}

func (s *Store) removeOldest() int {
	b := s.oldest
	if s.oldest = b.newer; s.oldest == nil {
		s.newest = nil
	}
	r := b.stream
	r.batches[0] = nil // the oldest of all is the oldest of its stream
	r.batches = r.batches[1:]
	r.events -= len(b.events)
	r.group.Bytes -= b.messages
	s.bytes -= b.cost
	s.events -= len(b.events)
	if len(r.batches) == 0 {
		r.batches, r.first, r.last = nil, time.Time{}, time.Time{}
	}
	return len(b.events)
}

// Size returns how many bytes the store holds, how many groups and how many
// events.
func (s *Store) Size(now time.Time) (bytes int64, groups, events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	return s.bytes, len(s.groups), s.events
}

// Events returns the events from start to end, the end not included, of the
// streams of a group that match says yes to, in order of time and then of
// arrival. Zero times leave the range open.
func (s *Store) Events(now time.Time, groupName string, match func(stream string) bool, start, end time.Time) ([]Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	g := s.groups[groupName]
	if g == nil {
		return nil, ErrNoGroup
	}
	var out []Stored
	for _, r := range g.streams {
		if !match(r.name) {
			continue
		}
		for _, b := range r.batches {
			for i, e := range b.events {
				if !start.IsZero() && e.Time.Before(start) || !end.IsZero() && !e.Time.Before(end) {
					continue
				}
				out = append(out, Stored{e, b.arrived, r.name, b.sequence + uint64(i)})
			}
		}
	}
	slices.SortFunc(out, Stored.Compare)
	return out, nil
}

// Compare orders events by time and then by arrival.
func (e Stored) Compare(o Stored) int {
	return cmp.Or(e.Time.Compare(o.Time), cmp.Compare(e.Sequence, o.Sequence))
}
