package metric

import (
	"math"
	"slices"
)

// Weighted is a value and how often it was seen.
type Weighted struct{ Value, Count float64 }

// Samples is what one data point reports: some values, or what is known of them.
// Make it with Scalar, Array, Histogram or StatisticSet.
type Samples struct {
	Count, Sum, Min, Max float64
	// Values are in order and each once. They are empty for a statistic set
	// whose values cannot be told, which has no percentiles.
	Values []Weighted
}

// Scalar is one value.
func Scalar(v float64) Samples {
	return Samples{Count: 1, Sum: v, Min: v, Max: v, Values: []Weighted{{v, 1}}}
}

// Array is values that were seen once each. There must be one at least.
func Array(values []float64) Samples {
	w := make([]Weighted, len(values))
	for i, v := range values {
		w[i] = Weighted{v, 1}
	}
	return Histogram(w)
}

// Histogram is values with their counts, in any order. Values that were never
// seen are left out. The count is 0 if nothing is left.
func Histogram(values []Weighted) Samples {
	values = slices.DeleteFunc(values, func(w Weighted) bool { return w.Count <= 0 })
	if len(values) == 0 {
		return Samples{}
	}
	slices.SortFunc(values, byValue)
	s := Samples{Min: values[0].Value, Max: values[len(values)-1].Value}
	once := values[:1]
	for i, w := range values {
		s.Count += w.Count
		s.Sum += w.Value * w.Count
		if i == 0 {
			continue
		}
		if last := &once[len(once)-1]; last.Value == w.Value {
			last.Count += w.Count
		} else {
			once = append(once, w)
		}
	}
	s.Values = once
	return s
}

// StatisticSet is a summary of values that are not known. Only where the
// summary leaves no doubt about them are there percentiles, as in CloudWatch:
// one sample, or the same value each time.
func StatisticSet(count, sum, lowest, highest float64) Samples {
	s := Samples{Count: count, Sum: sum, Min: lowest, Max: highest}
	if count == 1 || lowest == highest {
		s.Values = []Weighted{{lowest, count}}
	}
	return s
}

func byValue(a, b Weighted) int {
	switch {
	case a.Value < b.Value:
		return -1
	case a.Value > b.Value:
		return 1
	}
	return 0
}

const (
	// maxExact is how many different values a distribution keeps as they are.
	maxExact = 1024
	// growth is the width of the steps that values are rounded to beyond that:
	// 1 %, so that a percentile is off by half of it at most.
	growth = 1.01
)

// Distribution is the sum of samples. The zero value has none.
type Distribution struct {
	Count, Sum, Min, Max float64

	values  []Weighted // in order, each once
	rounded bool       // values are rounded to steps
	blind   bool       // there were samples whose values are not known
}

// Add counts samples in.
func (d *Distribution) Add(s Samples) {
	if s.Count == 0 {
		return
	}
	d.count(s.Count, s.Sum, s.Min, s.Max)
	if len(s.Values) == 0 {
		d.blind = true
	}
	d.take(s.Values, false)
}

// Merge counts the samples of another distribution in, which stays as it is.
func (d *Distribution) Merge(o *Distribution) {
	if o.Count == 0 {
		return
	}
	d.count(o.Count, o.Sum, o.Min, o.Max)
	d.blind = d.blind || o.blind
	d.take(o.values, o.rounded)
}

func (d *Distribution) count(count, sum, lowest, highest float64) {
	if d.Count == 0 {
		d.Min, d.Max = lowest, highest
	}
	d.Count += count
	d.Sum += sum
	d.Min, d.Max = min(d.Min, lowest), max(d.Max, highest)
}

func (d *Distribution) take(values []Weighted, rounded bool) {
	if rounded && !d.rounded {
		d.round()
	}
	if d.rounded && !rounded {
		values = roundAll(values)
	}
	d.values = union(d.values, values)
	if len(d.values) > maxExact && !d.rounded {
		d.round()
	}
}

func (d *Distribution) round() {
	d.rounded = true
	d.values = roundAll(d.values)
}

// union merges two lists that are in order. It may append to a.
func union(a, b []Weighted) []Weighted {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 {
		return slices.Clone(b)
	}
	if len(b) == 1 {
		i, found := slices.BinarySearchFunc(a, b[0], byValue)
		if found {
			a[i].Count += b[0].Count
			return a
		}
		return slices.Insert(a, i, b[0])
	}
	out := make([]Weighted, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := byValue(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Weighted{a[0].Value, a[0].Count + b[0].Count})
			a, b = a[1:], b[1:]
		}
	}
	out = append(out, a...)
	return slices.Clip(append(out, b...))
}

// roundAll rounds values that are in order; they stay in order.
func roundAll(values []Weighted) []Weighted {
	out := make([]Weighted, 0, min(len(values), maxExact))
	for _, w := range values {
		w.Value = step(w.Value)
		if n := len(out); n > 0 && out[n-1].Value == w.Value {
			out[n-1].Count += w.Count
		} else {
			out = append(out, w)
		}
	}
	return slices.Clip(out)
}

// step returns the middle of the step that v is in, by ratio. A middle is its
// own step's middle.
func step(v float64) float64 {
	if v == 0 {
		return 0
	}
	m := math.Pow(growth, math.Floor(math.Log(math.Abs(v))/math.Log(growth))+0.5)
	return math.Copysign(m, v)
}

// Average returns the sum over the count.
func (d *Distribution) Average() float64 { return d.Sum / d.Count }

// Percentile returns the smallest value that at least p percent of the samples
// do not exceed. As in CloudWatch there is none if values are not known or one
// is negative.
func (d *Distribution) Percentile(p float64) (float64, bool) {
	if d.blind || d.Count == 0 || d.Min < 0 {
		return 0, false
	}
	total := 0.0
	for _, w := range d.values {
		total += w.Count
	}
	// A rank that is off by rounding must not be the next value's.
	rank := total*p/100 - 1e-9*total
	seen := 0.0
	for _, w := range d.values {
		seen += w.Count
		if seen >= rank {
			return min(max(w.Value, d.Min), d.Max), true
		}
	}
	return d.Max, true
}
