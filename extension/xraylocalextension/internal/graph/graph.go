// Package graph adds the calls of many traces up to a service graph.
package graph

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/trace"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

// Graph is a service graph.
type Graph struct {
	// Nodes are ordered: each entry service behind its client, then the rest,
	// by name and type.
	Nodes []*Node
}

// Node is a service.
type Node struct {
	ID      int // its index in Graph.Nodes
	Service trace.Service
	// Client says that it stands for callers outside the traces. Such a node
	// has no figures of its own.
	Client bool
	// Root says that requests from outside came in here.
	Root bool
	// Inferred says that the service sent no segment.
	Inferred bool
	Start    segment.Time
	End      segment.Time
	Stats    Stats
	Edges    []*Edge // ordered by the ID of To
}

// Edge is the calls from one service to another.
type Edge struct {
	To      *Node
	Aliases []string // other names that the caller used
	Start   segment.Time
	End     segment.Time
	Stats   Stats
}

// Stats are the figures of finished requests.
type Stats struct {
	OK, Error, Throttle, Fault int64   // each request counts once, by its gravest flag
	Seconds                    float64 // that they took together
	Histogram                  Histogram
}

// Total returns how many requests there were.
func (s *Stats) Total() int64 { return s.OK + s.Error + s.Throttle + s.Fault }

// Average returns the mean response time in seconds, 0 if there was no request.
func (s *Stats) Average() float64 {
	if n := s.Total(); n > 0 {
		return s.Seconds / float64(n)
	}
	return 0
}

func (s *Stats) add(span trace.Span) {
	if span.End == 0 {
		return
	}
	switch span.State {
	case trace.Fault:
		s.Fault++
	case trace.Throttle:
		s.Throttle++
	case trace.Error:
		s.Error++
	default:
		s.OK++
	}
	t := trace.Seconds(span.Start, span.End)
	s.Seconds += t
	s.Histogram.add(t)
}

// Histogram counts response times, rounded to two significant digits, so that
// it stays small however many there are. The zero value is empty.
type Histogram struct{ counts map[float64]int64 }

// Bucket is how often one rounded response time was seen.
type Bucket struct {
	Seconds float64
	Count   int64
}

func (h *Histogram) add(seconds float64) {
	if h.counts == nil {
		h.counts = make(map[float64]int64)
	}
	h.counts[round(seconds)]++
}

// round rounds to two significant digits, and to whole microseconds.
func round(seconds float64) float64 {
	us := math.Round(seconds * 1e6)
	if us >= 100 {
		step := math.Pow(10, math.Floor(math.Log10(us))-1)
		us = math.Round(us/step) * step
	}
	return us / 1e6
}

// Buckets returns the buckets in ascending order.
func (h *Histogram) Buckets() []Bucket {
	list := make([]Bucket, 0, len(h.counts))
	for v, n := range h.counts {
		list = append(list, Bucket{v, n})
	}
	slices.SortFunc(list, func(a, b Bucket) int { return cmp.Compare(a.Seconds, b.Seconds) })
	return list
}

// Quantile returns the response time that the share q of the requests did not
// exceed, 0 if there was none.
func (h *Histogram) Quantile(q float64) float64 {
	buckets := h.Buckets()
	var total, seen int64
	for _, b := range buckets {
		total += b.Count
	}
	for _, b := range buckets {
		if seen += b.Count; float64(seen) >= q*float64(total) {
			return b.Seconds
		}
	}
	return 0
}

// Builder adds flows up. The zero value is ready.
type Builder struct {
	nodes map[trace.Service]*Node
	edges map[[2]*Node]*Edge
}

// Add adds the flow of one trace.
func (b *Builder) Add(f trace.Flow) {
	for _, v := range f.Visits {
		n := b.node(v.Service)
		n.Root = n.Root || v.Root
		n.Inferred = n.Inferred && v.Inferred
		n.Stats.add(v.Span)
		extend(&n.Start, &n.End, v.Span)
	}
	for _, c := range f.Calls {
		from, to := b.node(c.From), b.node(c.To)
		if c.From.Type == "client" {
			from.Client = true
			extend(&from.Start, &from.End, c.Span)
		}
		e := b.edges[[2]*Node{from, to}]
		if e == nil {
			if b.edges == nil {
				b.edges = make(map[[2]*Node]*Edge)
			}
			e = &Edge{To: to}
			b.edges[[2]*Node{from, to}] = e
			from.Edges = append(from.Edges, e)
		}
		if c.Alias != "" && len(e.Aliases) < maxAliases && !slices.Contains(e.Aliases, c.Alias) {
			e.Aliases = append(e.Aliases, c.Alias)
		}
		e.Stats.add(c.Span)
		extend(&e.Start, &e.End, c.Span)
	}
}

// maxAliases bounds the names of one edge, which may hold ids.
const maxAliases = 20

func (b *Builder) node(s trace.Service) *Node {
	n := b.nodes[s]
	if n == nil {
		if b.nodes == nil {
			b.nodes = make(map[trace.Service]*Node)
		}
		n = &Node{Service: s, Inferred: true}
		b.nodes[s] = n
	}
	return n
}

func extend(start, end *segment.Time, span trace.Span) {
	if *start == 0 || span.Start < *start {
		*start = span.Start
	}
	*end = max(*end, span.Start, span.End)
}

// Graph returns what was added up. The builder must not be used after it.
func (b *Builder) Graph() *Graph {
	g := &Graph{Nodes: make([]*Node, 0, len(b.nodes))}
	for _, n := range b.nodes {
		g.Nodes = append(g.Nodes, n)
	}
	slices.SortFunc(g.Nodes, func(a, b *Node) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			strings.Compare(a.Service.Name, b.Service.Name),
			cmp.Compare(clientFirst(a), clientFirst(b)),
			strings.Compare(a.Service.Type, b.Service.Type),
			strings.Compare(a.Service.AccountID, b.Service.AccountID))
	})
	for i, n := range g.Nodes {
		n.ID = i
	}
	for _, n := range g.Nodes {
		slices.SortFunc(n.Edges, func(a, b *Edge) int { return cmp.Compare(a.To.ID, b.To.ID) })
		for _, e := range n.Edges {
			slices.Sort(e.Aliases)
		}
	}
	return g
}

func rank(n *Node) int {
	if n.Client || n.Root {
		return 0
	}
	return 1
}

func clientFirst(n *Node) int {
	if n.Client {
		return 0
	}
	return 1
}
