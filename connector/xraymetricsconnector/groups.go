package xraymetricsconnector

import (
	"fmt"
	"hash/maphash"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/filterexpr"
	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
	"github.com/tailwater-otel/tailwater/internal/tracesummary"
)

// groups counts whole traces by filter expressions. Of each trace it holds the
// summary that the filters read, until the trace is done.
type groups struct {
	list          []group
	fields        filterexpr.Fields
	want          tracesummary.Wanted
	ignoreMissing bool
	maxBytes      int64
	maxTraceBytes int64
	windows       *windows

	seed       maphash.Seed
	collectors sync.Pool
	shards     []*traceShard
	budget     tracebuffer.Budget
}

// group is a compiled group.
type group struct {
	name   string
	filter *filterexpr.Expr
}

// traceShard holds the traces whose ID hashes to it. mu guards all of it.
type traceShard struct {
	mu      sync.Mutex
	buffer  *tracebuffer.Buffer
	weights map[tracebuffer.ID]float64 // of the pending traces that stand for others
	decided recent
	view    tracesummary.View
	windows []*window // by group; nil without a trace
	left    []float64 // of weights, by group
	causes  [numCauses]int64
	late    int64 // spans
}

// cause is why a trace was taken as done when it was.
type cause uint8

const (
	causeComplete cause = iota
	causeWait
	causeMemory
	causeTraceSize
	causeShutdown
	numCauses
)

var causeNames = [numCauses]string{"complete", "wait", "memory", "trace_size", "shutdown"}

// compileGroups compiles the filters.
func compileGroups(configs []GroupConfig) (list []group, fields filterexpr.Fields, errs []error) {
	seen := map[string]bool{}
	for i, c := range configs {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf(fmt.Sprintf("groups::%d::", i)+format, args...))
		}
		if !validGroup(c.Name) {
			bad("name is %q, allowed are 1 to %d letters, digits and dashes", c.Name, maxGroupName)
		}
		if seen[c.Name] {
			bad("name is %q, which another group has too", c.Name)
		}
		seen[c.Name] = true
		expr, err := filterexpr.Parse(c.Filter)
		if err != nil {
			bad("filter: %w", err)
			continue
		}
		f := expr.Fields()
		if f.Groups {
			bad("filter is %q, but a group cannot ask for groups", c.Filter)
		}
		if f.RootCauses {
			bad("filter is %q, but root causes are not known here", c.Filter)
		}
		for _, key := range f.Annotations {
			if len(key) > maxAnnotationKey {
				bad("filter reads an annotation whose key has %d bytes, allowed are %d", len(key), maxAnnotationKey)
			}
			if !slices.Contains(fields.Annotations, key) {
				fields.Annotations = append(fields.Annotations, key)
			}
		}
		fields.HTTP = fields.HTTP || f.HTTP
		fields.Users = fields.Users || f.Users
		fields.Nodes = fields.Nodes || f.Nodes
		fields.Edges = fields.Edges || f.Edges
		fields.Resources = fields.Resources || f.Resources
		list = append(list, group{c.Name, expr})
	}
	return list, fields, errs
}

// What X-Ray takes as the name of a group, and the longest key of an
// annotation in a summary.
const (
	maxGroupName     = 32
	maxAnnotationKey = 250
)

func validGroup(name string) bool {
	for i := range len(name) {
		if c := name[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return name != "" && len(name) <= maxGroupName
}

func newGroups(cfg *Config, now time.Time) (*groups, error) {
	list, fields, errs := compileGroups(cfg.Groups)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	g := &groups{
		list: list, fields: fields, want: tracesummary.Wanted{Fields: fields},
		ignoreMissing: cfg.MissingParent == missingIgnore,
		maxBytes:      maxBytes(cfg.Buffer.MaxBytes),
		windows:       newWindows(cfg.Histogram.MaxSize),
		seed:          maphash.MakeSeed(),
	}
	g.maxTraceBytes = min(cfg.Buffer.MaxTraceBytes, g.maxBytes/2)
	g.collectors.New = func() any { return newCollector(g.seed) }
	count := runtime.GOMAXPROCS(0)
	for range count {
		g.shards = append(g.shards, &traceShard{
			buffer:  tracebuffer.New(&g.budget, cfg.DecisionWait, cfg.DecisionIdle, now),
			weights: map[tracebuffer.ID]float64{},
			decided: recent{limit: rememberedTraces / count},
			windows: make([]*window, len(list)), left: make([]float64, len(list)),
		})
	}
	return g, nil
}

// rememberedTraces is how many traces that were counted are remembered at
// least, of about 10 bytes each, so that spans that come late are not taken for
// traces of their own. Up to twice as many are.
const rememberedTraces = 100_000

// maxBytes is buffer::max_bytes as it is used.
func maxBytes(configured int64) int64 {
	if configured > 0 {
		return configured
	}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return max(minBufferBytes, limit/8)
	}
	return fallbackBytes
}

// fallbackBytes is max_bytes where the process has no memory limit.
const fallbackBytes = 128 << 20

// take puts a batch into the traces. It returns the spans without a trace ID.
func (g *groups) take(td ptrace.Traces, now time.Time) (invalid int64) {
	c := g.collectors.Get().(*collector)
	defer g.collectors.Put(c)
	defer c.release()
	c.collect(td, &g.want)
	for i, s := range g.shards {
		g.takeInto(s, c, uint64(i), now)
	}
	return c.invalid
}

func (g *groups) takeInto(s *traceShard, c *collector, shard uint64, now time.Time) {
	count := uint64(len(g.shards))
	locked := false
	for i := range c.runs {
		r := &c.runs[i]
		if r.hash%count != shard {
			continue
		}
		if !locked {
			s.mu.Lock()
			defer s.mu.Unlock()
			locked = true
		}
		if s.decided.has(r.hash) {
			s.late += int64(r.to - r.from)
			continue
		}
		t := s.buffer.Add(r.id, tracebuffer.Group{
			Resource: r.resource, Spans: c.spans[r.from:r.to], Facts: c.facts[r.factsFrom:r.factsTo],
		}, now)
		if r.weight != 1 {
			s.weights[r.id] = r.weight
		}
		if t.Size() > g.maxTraceBytes {
			s.view.Index.Build(t, g.ignoreMissing)
			g.settle(s, t, r.hash, causeTraceSize, now)
		}
		for g.budget.Used() > g.maxBytes {
			oldest := s.buffer.Oldest()
			if oldest == nil {
				break
			}
			s.view.Index.Build(oldest, g.ignoreMissing)
			g.settle(s, oldest, g.hash(oldest.ID), causeMemory, now)
		}
	}
}

func (g *groups) hash(id tracebuffer.ID) uint64 { return maphash.Bytes(g.seed, id[:]) }

// due counts the traces that are done.
func (g *groups) due(now time.Time) {
	for _, s := range g.shards {
		for more := true; more; {
			more = g.dueIn(s, now)
		}
	}
}

// batchOfDue is how many traces of a shard are looked at before others are let
// in.
const batchOfDue = 64

func (g *groups) dueIn(s *traceShard, now time.Time) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range batchOfDue {
		t := s.buffer.Next(now)
		if t == nil {
			return false
		}
		s.view.Index.Build(t, g.ignoreMissing)
		why := causeWait
		if s.view.Index.Complete(g.ignoreMissing) {
			why = causeComplete
		} else if !s.buffer.Expired(t, now) {
			s.buffer.Wait(t)
			continue
		}
		g.settle(s, t, g.hash(t.ID), why, now)
	}
	return true
}

// empty counts what is pending.
func (g *groups) empty(now time.Time) {
	for _, s := range g.shards {
		s.mu.Lock()
		for t := s.buffer.Oldest(); t != nil; t = s.buffer.Oldest() {
			s.view.Index.Build(t, g.ignoreMissing)
			g.settle(s, t, g.hash(t.ID), causeShutdown, now)
		}
		s.mu.Unlock()
	}
}

// settle counts a trace whose index has been built, and takes it out.
func (g *groups) settle(s *traceShard, t *tracebuffer.Trace, hash uint64, why cause, now time.Time) {
	s.causes[why]++
	weight, found := s.weights[t.ID]
	if !found {
		weight = 1
	}
	delete(s.weights, t.ID)
	seen := s.view.Look(t, &g.fields, now)
	o := observation{example: example{
		trace: pcommon.TraceID(t.ID), value: seen.Entry.ResponseTime, end: pcommon.Timestamp(t.Spans[s.view.Entry()].End),
	}}
	for _, f := range [...]struct {
		set bool
		bit uint8
	}{{seen.Entry.Error, isError}, {seen.Entry.Throttle, isThrottle}, {seen.Entry.Fault, isFault}} {
		if f.set {
			o.flags |= f.bit
		}
	}
	for i := range g.list {
		if !g.list[i].filter.Match(seen) {
			continue
		}
		if s.windows[i] == nil {
			s.windows[i] = g.windows.get()
		}
		s.windows[i].add(&o, whole(weight, &s.left[i]))
	}
	s.buffer.Remove(t)
	s.decided.add(hash)
}

// counted takes what was counted since the last time, by group; nil where there
// was no trace.
func (g *groups) counted() (all []*window, causes [numCauses]int64, late int64) {
	all = make([]*window, len(g.list))
	for _, s := range g.shards {
		s.mu.Lock()
		for i, w := range s.windows {
			switch {
			case w == nil:
				continue
			case all[i] == nil:
				all[i] = w
			default:
				all[i].merge(w)
				g.windows.put(w)
			}
			s.windows[i] = nil
		}
		for i := range causes {
			causes[i] += s.causes[i]
			s.causes[i] = 0
		}
		late += s.late
		s.late = 0
		s.mu.Unlock()
	}
	return all, causes, late
}

// pending counts the traces that are not done.
func (g *groups) pending() (n int64) {
	for _, s := range g.shards {
		s.mu.Lock()
		n += int64(s.buffer.Len())
		s.mu.Unlock()
	}
	return n
}

// recent is a set that forgets: of two halves the older goes when the newer is
// full.
type recent struct {
	limit      int
	young, old map[uint64]struct{}
}

func (r *recent) has(hash uint64) bool {
	_, found := r.young[hash]
	if !found {
		_, found = r.old[hash]
	}
	return found
}

func (r *recent) add(hash uint64) {
	if r.young == nil || len(r.young) >= r.limit {
		r.old, r.young = r.young, map[uint64]struct{}{}
	}
	r.young[hash] = struct{}{}
}
