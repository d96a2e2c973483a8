package awsemfexporter

import (
	"encoding/binary"
	"slices"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// target is where an event goes.
type target struct {
	namespace, group, stream string
}

// A sample is one metric's value at one time, in CloudWatch's unit.
type sample struct {
	name       string
	unit       string
	resolution int // 1 or 0
	timestamp  int64
	kind       kind
	number     float64          // of increments and gauges
	counted    bool             // it is about the time before timestamp, and not of that moment
	values     emf.Distribution // of distributions
}

// kind says how values of one series in one minute become one.
type kind uint8

const (
	increment    kind = iota // they add up
	gauge                    // each of them counts
	distribution             // likewise
)

// grouping gathers samples into events: those of one series set and minute
// share one.
type grouping struct {
	rules  *setRules
	groups map[string]*group
	order  []*group // as they came, so that the result does not depend on the map
	key    []byte
	size   size
}

// size is how much is held: values, of one metric and series each, and an
// estimate of their memory.
type size struct{ values, bytes int }

func (s *size) add(o size) { s.values, s.bytes = s.values+o.values, s.bytes+o.bytes }

func (s *size) sub(o size) { s.values, s.bytes = s.values-o.values, s.bytes-o.bytes }

// over tells whether s is more than most.
func (s size) over(most size) bool { return s.values > most.values || s.bytes > most.bytes }

// What the parts of a group cost beside their texts, with the map's and the
// slices' own share.
const (
	groupBytes  = 400
	fieldBytes  = 32
	memberBytes = 200
	bucketBytes = 24
)

// group becomes one event, or several if it does not fit into one.
type group struct {
	in        *grouping
	target    target
	timestamp int64
	labels    labels
	entity    []emf.Field
	fields    []emf.Field // ids of traces
	metrics   []member
	index     map[string]int // of metrics, once there are many
	bytes     int            // estimate of its memory
}

// member is the values of one metric in one group.
type member struct {
	name       string
	unit       string
	resolution int
	sets       [][]int
	kind       kind
	number     float64
	numbers    []float64 // of a gauge with several
	values     emf.Distribution
}

const (
	// manyMetrics is when an index is faster than looking at all.
	manyMetrics = 16
	// maxTraceFields bounds the trace ids in one event.
	maxTraceFields = 10
)

func newGrouping(rules *setRules) *grouping {
	return &grouping{rules: rules, groups: map[string]*group{}}
}

// add puts a sample into its group and returns the group. scope are the
// dimension sets that its scope names, if any. point stays the caller's.
func (g *grouping) add(to target, point labels, entity []emf.Field, scope [][]string, s *sample) *group {
	sets, tooLarge := g.rules.sets(s.name, point, scope)
	if tooLarge > 0 {
		g.rules.tooLarge += tooLarge
		g.rules.tooLargeOf = s.name
	}
	names := point.renamed(s.name)
	for attempt := byte(0); ; attempt++ {
		group := g.find(to, names, entity, s, attempt)
		n := group.find(s.name)
		if n < 0 {
			group.insert(s, sets)
			group.grow(1, group.metrics[len(group.metrics)-1].bytes())
			return group
		}
		// The same name with another unit or other sets cannot be in the same
		// document. Increments add up, and each of other values counts: together
		// they would depend on the order in which they come.
		if m := &group.metrics[n]; m.unit == s.unit && (m.kind == increment) == (s.kind == increment) &&
			slices.EqualFunc(m.sets, sets, slices.Equal[[]int]) || attempt == 255 {
			group.timestamp = max(group.timestamp, s.timestamp)
			before := m.bytes()
			m.merge(s)
			group.grow(0, m.bytes()-before)
			return group
		}
	}
}

// grow counts what a group has more than before.
func (g *group) grow(values, bytes int) {
	g.bytes += bytes
	g.in.size.add(size{values, bytes})
}

func (g *group) size() size { return size{len(g.metrics), g.bytes} }

// find returns the group of a sample, which may be new.
func (g *grouping) find(to target, names labels, entity []emf.Field, s *sample, attempt byte) *group {
	// A metric is stored for each minute, or for each second; several values of
	// one of them are joined.
	window := int64(60_000)
	if s.resolution == 1 {
		window = 1000
	}
	key := append(g.key[:0], attempt, byte(s.resolution))
	key = binary.AppendVarint(key, s.timestamp/window)
	for _, text := range [...]string{to.namespace, to.group, to.stream} {
		key = appendText(key, text)
	}
	key = binary.AppendUvarint(key, uint64(len(names)))
	for i := range names {
		key = appendText(appendText(key, names[i].Name), names[i].Value)
	}
	for i := range entity {
		key = appendText(appendText(key, entity[i].Name), entity[i].Value)
	}
	g.key = key
	if found, ok := g.groups[string(key)]; ok {
		return found
	}
	made := &group{in: g, target: to, timestamp: s.timestamp, labels: slices.Clone(names), entity: entity}
	g.groups[string(key)] = made
	g.order = append(g.order, made)
	held := groupBytes + len(key) // which has all texts once
	for _, l := range made.labels {
		held += len(l.Name) + len(l.Value) + fieldBytes
	}
	made.grow(0, held+len(entity)*fieldBytes)
	return made
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func (g *group) find(name string) int {
	if g.index != nil {
		if n, ok := g.index[name]; ok {
			return n
		}
		return -1
	}
	return slices.IndexFunc(g.metrics, func(m member) bool { return m.name == name })
}

func (g *group) insert(s *sample, sets [][]int) {
	g.timestamp = max(g.timestamp, s.timestamp)
	g.metrics = append(g.metrics, member{
		name: s.name, unit: s.unit, resolution: s.resolution, sets: sets,
		kind: s.kind, number: s.number, values: s.values,
	})
	switch n := len(g.metrics); {
	case n == manyMetrics:
		g.index = make(map[string]int, 2*n)
		for i := range g.metrics {
			g.index[g.metrics[i].name] = i
		}
	case n > manyMetrics:
		g.index[s.name] = n - 1
	}
}

// merge joins a further value of the same series and minute.
func (m *member) merge(s *sample) {
	switch {
	case m.kind == increment && s.kind == increment:
		m.number = emf.Clamp(m.number + s.number)
	case m.kind == gauge && s.kind == gauge && len(m.numbers) < emf.MaxValues:
		if m.numbers == nil {
			m.numbers = append(m.numbers, m.number)
		}
		if len(m.numbers) < emf.MaxValues {
			m.numbers = append(m.numbers, s.number)
			return
		}
		m.toDistribution()
		m.values.Add(s.number)
	default:
		m.toDistribution()
		if s.kind == distribution {
			m.values.Merge(s.values)
		} else {
			m.values.Add(s.number)
		}
	}
}

func (m *member) toDistribution() {
	switch {
	case m.kind == distribution:
	case m.numbers != nil:
		for _, v := range m.numbers {
			m.values.Add(v)
		}
	default:
		m.values.Add(m.number)
	}
	m.kind, m.numbers = distribution, nil
}

// bytes is an estimate of the memory of the value.
func (m *member) bytes() int {
	return memberBytes + len(m.name) + bucketBytes*cap(m.values.Buckets) + 8*cap(m.numbers)
}

// trace adds the id of a trace as a field.
func (g *group) trace(field, id string) {
	if len(g.fields) < maxTraceFields && !slices.ContainsFunc(g.fields, func(f emf.Field) bool { return f.Name == field }) {
		g.fields = append(g.fields, emf.Field{Name: field, Value: id})
		g.grow(0, fieldBytes+len(field)+len(id))
	}
}

// event returns the group as an event of the format.
func (g *group) event() *emf.Event {
	e := &emf.Event{
		Timestamp: g.timestamp,
		Namespace: g.target.namespace,
		Labels:    g.labels,
		Fields:    make([]emf.Field, 0, len(g.entity)+len(g.fields)),
		Metrics:   make([]emf.Metric, 0, len(g.metrics)),
	}
	for _, f := range g.entity {
		// A label of that name says the same, and better.
		if !slices.ContainsFunc(g.labels, func(l emf.Field) bool { return l.Name == f.Name }) {
			e.Fields = append(e.Fields, f)
		}
	}
	e.Fields = append(e.Fields, g.fields...)
	for i := range g.metrics {
		m := &g.metrics[i]
		out := emf.Metric{Name: m.name, Unit: m.unit, Resolution: m.resolution, Sets: m.sets}
		switch {
		case m.kind == distribution:
			w := m.values.Weighted()
			out.Distribution = &w
		case m.numbers != nil:
			out.Numbers = m.numbers
		default:
			out.Numbers = []float64{m.number}
		}
		e.Metrics = append(e.Metrics, out)
	}
	return e
}
