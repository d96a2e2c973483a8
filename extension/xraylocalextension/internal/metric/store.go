// Package metric keeps the newest data points of CloudWatch metrics in memory,
// within a bound in bytes, and gives statistics over them.
package metric

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Dimension is a name and a value that tell a series from others.
type Dimension struct{ Name, Value string }

// ID is what CloudWatch calls a metric: a series of data points.
type ID struct {
	Namespace, Name string
	// Dimensions are in order of their names, each once. Sort brings them there.
	Dimensions []Dimension
}

// Sort puts dimensions in the order of an ID.
func Sort(d []Dimension) {
	slices.SortFunc(d, func(a, b Dimension) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
}

// key tells series apart and orders them. No checked name holds the separator.
func (id ID) key() string {
	var b strings.Builder
	b.WriteString(id.Namespace)
	b.WriteByte(0)
	b.WriteString(id.Name)
	for _, d := range id.Dimensions {
		b.WriteByte(0)
		b.WriteString(d.Name)
		b.WriteByte(0)
		b.WriteString(d.Value)
	}
	return b.String()
}

// Datum is a data point as it comes in. It must have been checked.
type Datum struct {
	ID
	Time time.Time
	// Unit is one of CloudWatch's; "" stands for None.
	Unit string
	// HighResolution keeps seconds apart instead of minutes.
	HighResolution bool
	Samples        Samples
}

// What is counted beside the names and the values: a series, its entry in the
// map, and a data point.
const (
	seriesOverhead    = 320
	dimensionOverhead = 32
	pointOverhead     = 208
	valueBytes        = 16
)

// Eviction is why data points left the store.
type Eviction string

// The reasons for an Eviction.
const (
	EvictedForSpace Eviction = "max_bytes"
	EvictedForAge   Eviction = "retention"
)

// Store holds data points by series. The exported fields are its settings and
// are not changed after the first call. It is safe for concurrent use.
type Store struct {
	// MaxBytes bounds what the store holds; the data point that was begun first
	// leaves first, and a series with its last one. 0 holds nothing.
	MaxBytes int64
	// Retention is how long after its first sample a data point is kept.
	// 0 means for ever.
	Retention time.Duration
	// Evicted, if set, is told of the data points that left. It must not call
	// the store.
	Evicted func(reason Eviction, points int)

	mu     sync.Mutex
	series map[string]*series
	oldest *point // the ends of the list of points in order of their arrival
	newest *point
	bytes  int64
	points int
}

type series struct {
	id      ID
	key     string
	points  []*point // in order of their place
	updated time.Time
	cost    int64
}

// place is where a point stands in its series: its second, and its unit, because
// CloudWatch keeps units apart.
type place struct {
	second int64
	unit   string
}

type point struct {
	place
	series  *series
	arrived time.Time
	samples Distribution
	cost    int64
	older   *point
	newer   *point
}

func (p *point) compare(to place) int {
	return cmp.Or(cmp.Compare(p.second, to.second), strings.Compare(p.unit, to.unit))
}

// Add takes a data point in. What came for the same series, time and unit is
// added up.
func (s *Store) Add(now time.Time, d Datum) {
	if d.Samples.Count == 0 {
		return
	}
	at := place{d.Time.Unix(), d.Unit}
	if !d.HighResolution {
		at.second -= mod(at.second, lowResolution)
	}
	if at.unit == "" {
		at.unit = NoUnit
	}
	key := d.key()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	r := s.series[key]
	if r == nil {
		r = &series{id: d.ID, key: key, cost: seriesOverhead + int64(len(d.Dimensions))*dimensionOverhead + 2*int64(len(key))}
		if s.series == nil {
			s.series = make(map[string]*series)
		}
		s.series[key] = r
		s.bytes += r.cost
	}
	r.updated = now
	i, found := slices.BinarySearchFunc(r.points, at, (*point).compare)
	if !found {
		p := &point{place: at, series: r, arrived: now, older: s.newest}
		r.points = slices.Insert(r.points, i, p)
		if s.newest != nil {
			s.newest.newer = p
		} else {
			s.oldest = p
		}
		s.newest = p
		s.points++
	}
	p := r.points[i]
	p.samples.Add(d.Samples)
	cost := pointOverhead + valueBytes*int64(cap(p.samples.values))
	s.bytes += cost - p.cost
	p.cost = cost
	n := 0
	for s.bytes > s.MaxBytes && s.oldest != nil {
		s.remove(s.oldest)
		n++
	}
	s.tell(EvictedForSpace, n)
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }

// expire evicts the points that are past the retention. The caller holds mu.
func (s *Store) expire(now time.Time) {
	if s.Retention <= 0 {
		return
	}
	n := 0
	for s.oldest != nil && now.Sub(s.oldest.arrived) > s.Retention {
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

func (s *Store) remove(p *point) {
	if p.older != nil {
		p.older.newer = p.newer
	} else {
		s.oldest = p.newer
	}
	if p.newer != nil {
		p.newer.older = p.older
	} else {
		s.newest = p.older
	}
	r := p.series
	if r.points[0] == p {
		r.points[0] = nil
		r.points = r.points[1:]
	} else if i, found := slices.BinarySearchFunc(r.points, p.place, (*point).compare); found {
		r.points = slices.Delete(r.points, i, i+1)
	}
	s.bytes -= p.cost
	s.points--
	if len(r.points) == 0 {
		delete(s.series, r.key)
		s.bytes -= r.cost
	}
}

// Size returns how many bytes the store holds, how many series and how many
// data points.
func (s *Store) Size(now time.Time) (bytes int64, series, points int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	return s.bytes, len(s.series), s.points
}

// Period is the sum of a series over one period in one unit.
type Period struct {
	Start time.Time
	Unit  string
	Distribution
}

// Query returns the periods of a series that have data, oldest first, and
// within a period by unit. Periods begin at multiples of period since 1970. The
// range from start to end holds the periods that begin in it; the end is not
// part of it. A unit of "" returns all units.
func (s *Store) Query(now time.Time, id ID, unit string, start, end time.Time, period time.Duration) []Period {
	seconds := max(int64(period/time.Second), 1)
	first := start.Unix() - mod(start.Unix(), seconds)
	key := id.key()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	r := s.series[key]
	if r == nil {
		return nil
	}
	i, _ := slices.BinarySearchFunc(r.points, place{second: first}, (*point).compare)
	var out []Period
	begin, newest := 0, int64(0) // of the periods that are being summed up
	for _, p := range r.points[i:] {
		from := p.second - mod(p.second, seconds)
		if !time.Unix(from, 0).Before(end) {
			break
		}
		if unit != "" && p.unit != unit {
			continue
		}
		if len(out) == 0 || from != newest {
			begin, newest = len(out), from
		}
		at := begin + slices.IndexFunc(out[begin:], func(o Period) bool { return o.Unit == p.unit })
		if at < begin {
			at = len(out)
			out = append(out, Period{Start: time.Unix(from, 0).UTC(), Unit: p.unit})
		}
		out[at].Merge(&p.samples)
	}
	slices.SortStableFunc(out, func(a, b Period) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.Unit, b.Unit))
	})
	return out
}

// Series is a series in a list.
type Series struct {
	ID
	Updated time.Time
	key     string
}

// Key orders series, and tells where a list goes on.
func (s Series) Key() string { return s.key }

// List returns the series that match says yes to, in order. It is called with
// the store locked.
func (s *Store) List(now time.Time, match func(Series) bool) []Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	var out []Series
	for _, r := range s.series {
		if v := (Series{r.id, r.updated, r.key}); match(v) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b Series) int { return strings.Compare(a.key, b.key) })
	return out
}
