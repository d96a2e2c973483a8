package awsemfexporter

import (
	"hash/maphash"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	// deltaLife is how long the last value of a series that is silent is kept.
	deltaLife = time.Hour
	// deltaSweep is how often silent series are looked for.
	deltaSweep = 5 * time.Minute
)

// seriesID identifies a series by the attributes of its resource, its scope,
// its name and its attributes. 128 bits: two series never share one.
type seriesID [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// add mixes a text in. Texts are told apart by place.
func (id seriesID) add(text string) seriesID {
	for i := range id {
		id[i] = id[i]*0x9E3779B97F4A7C15 + maphash.String(seeds[i], text)
	}
	return id
}

// addMap mixes attributes in, in any order.
func (id seriesID) addMap(attributes pcommon.Map) seriesID {
	var sum seriesID
	for key, value := range attributes.All() {
		one := seriesID{uint64(value.Type()) + 1, 7}.add(key).add(value.AsString())
		for i := range sum {
			sum[i] += one[i] ^ one[i]>>29
		}
	}
	for i := range id {
		id[i] = id[i]*0xBF58476D1CE4E5B9 + sum[i]
	}
	return id
}

// total is the last value of a cumulative series.
type total struct {
	start, at pcommon.Timestamp
	seen      time.Time

	number float64 // of a sum
	whole  int64   // of a sum of integers, which a float64 may not hold

	sum      float64 // of a histogram or summary, as the rest
	count    uint64
	buckets  []uint64 // of an explicit histogram, with its bounds
	bounds   []float64
	exponent exponential
}

// deltas turns cumulative points into increments. It is not safe for
// concurrent use: points of one series must come in order.
type deltas struct {
	most    int       // series
	born    time.Time // what series began before then is not known
	initial bool      // retain_initial_value_of_delta_metric

	series map[seriesID]total
	swept  time.Time
	final  bool // nothing is ever rolled back
	undo   []undo
}

// undo is what a series was before the last batch.
type undo struct {
	id     seriesID
	before total
	known  bool
	at     pcommon.Timestamp // of the point that changed it
}

func newDeltas(most int, initial bool, now time.Time) *deltas {
	return &deltas{most: most, initial: initial, born: now, swept: now, series: map[seriesID]total{}}
}

// Why a cumulative point has no increment.
const (
	reasonBase        = "first_value"
	reasonOutOfOrder  = "out_of_order"
	reasonTooMany     = "too_many_series"
	reasonUnsupported = "unsupported"
)

// next remembers a point and returns the one before it. If there is none, or
// the series began anew since, whole is true: all of the point is the
// increment. A reason says that the point has no increment.
func (d *deltas) next(id seriesID, point total) (before total, whole bool, reason string) {
	before, known := d.series[id]
	switch {
	case known && point.at <= before.at:
		return before, false, reasonOutOfOrder
	case !known && len(d.series) >= d.most:
		return before, false, reasonTooMany
	}
	if !d.final {
		d.undo = append(d.undo, undo{id, before, known, point.at})
	}
	d.series[id] = point
	if !known {
		// What began after this process did is known from its beginning.
		if d.initial || point.start != 0 && !point.start.AsTime().Before(d.born) {
			return total{}, true, ""
		}
		return before, false, reasonBase
	}
	if point.start != 0 && point.start > before.start && point.start >= before.at {
		return total{}, true, "" // it was started again
	}
	return before, false, ""
}

// commit makes what next remembered since the last commit final.
func (d *deltas) commit(now time.Time) {
	d.undo = d.undo[:0]
	if now.Sub(d.swept) < deltaSweep {
		return
	}
	d.swept = now
	for id, t := range d.series {
		if now.Sub(t.seen) > deltaLife {
			delete(d.series, id)
			d.born = now // it may come back, and its beginning was sent
		}
	}
}

// take returns what rollBack needs to forget what next remembered since the
// last commit.
func (d *deltas) take() []undo { return slices.Clone(d.undo) }

// rollBack forgets points whose increments could not be sent, so that the next
// point of the series carries them. A series that has gone on since stays.
func (d *deltas) rollBack(list []undo) {
	for _, u := range slices.Backward(list) {
		if d.series[u.id].at != u.at {
			continue
		}
		if u.known {
			d.series[u.id] = u.before
		} else {
			delete(d.series, u.id)
		}
	}
}

// sum returns the increment of a cumulative sum.
func (d *deltas) sum(id seriesID, point total) (float64, string) {
	before, whole, reason := d.next(id, point)
	switch {
	case reason != "":
		return 0, reason
	case whole:
		return point.value(), ""
	case point.value() < before.value(): // it was started again
		return point.value(), ""
	}
	return (point.number - before.number) + float64(point.whole-before.whole), ""
}

func (t total) value() float64 { return t.number + float64(t.whole) }
