package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/graph"
)

const (
	// maxNodes and maxEdges bound what is drawn: the busiest.
	maxNodes = 150
	maxEdges = 400

	nodeRadius = 34
	margin     = 96
	// ringLength is the length that the ring around a node is told to have, so
	// that its parts are written as percentages.
	ringLength = 100
)

// diagram is a service graph as the template draws it.
type diagram struct {
	Width, Height float64
	Nodes         []diagramNode
	Edges         []diagramEdge
	Hidden        int // nodes that are not drawn
}

type diagramNode struct {
	X, Y                 float64
	Name, FullName, Kind string
	Query                string // what lists the traces of the service
	Client, Inferred     bool
	Average, Rate        string
	Title                string
	Ring                 []ringPart
}

// States are the states that an edge may have.
func (*diagram) States() []string { return []string{"ok", "error", "throttle", "fault"} }

// ringPart is an arc of the ring around a node.
type ringPart struct {
	State          string
	Length, Offset float64
}

type diagramEdge struct {
	Path           string
	Label, Title   string
	LabelX, LabelY float64
	State          string
}

// drawGraph lays a graph out. The figures are for a range of time; a zero range
// leaves the rates out.
func drawGraph(g *graph.Graph, span time.Duration, link func(*graph.Node) string) *diagram {
	nodes := busiest(g.Nodes, maxNodes, func(n *graph.Node) int64 {
		if n.Client || n.Root {
			return math.MaxInt64
		}
		return n.Stats.Total()
	})
	slices.SortFunc(nodes, func(a, b *graph.Node) int { return cmp.Compare(a.ID, b.ID) })
	index := make(map[*graph.Node]int, len(nodes))
	for i, n := range nodes {
		index[n] = i
	}
	type drawn struct {
		from, to int
		edge     *graph.Edge
	}
	var all []drawn
	for i, n := range nodes {
		for _, e := range n.Edges {
			if j, ok := index[e.To]; ok {
				all = append(all, drawn{i, j, e})
			}
		}
	}
	all = busiest(all, maxEdges, func(d drawn) int64 { return d.edge.Stats.Total() })
	slices.SortFunc(all, func(a, b drawn) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	pairs := make([][2]int, len(all))
	for i, d := range all {
		pairs[i] = [2]int{d.from, d.to}
	}

	l := place(len(nodes), pairs)
	d := &diagram{Hidden: len(g.Nodes) - len(nodes)}
	for i, p := range l.points {
		l.points[i].x += margin
		d.Width = max(d.Width, p.x+2*margin)
		d.Height = max(d.Height, p.y+rowHeight/2)
	}
	for i, n := range nodes {
		p := l.points[i]
		d.Nodes = append(d.Nodes, drawNode(n, p.x, p.y, span, link(n)))
	}
	for i, r := range l.routes {
		d.Edges = append(d.Edges, drawEdge(all[i].edge, l, r, nodes[all[i].from].Service.Name))
	}
	return d
}

// busiest returns the limit elements with the highest weight.
func busiest[T any](list []T, limit int, weight func(T) int64) []T {
	list = slices.Clone(list)
	if len(list) > limit {
		slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(weight(b), weight(a)) })
		list = list[:limit]
	}
	return list
}

func drawNode(n *graph.Node, x, y float64, span time.Duration, query string) diagramNode {
	d := diagramNode{
		X: x, Y: y - 14,
		Name: shorten(n.Service.Name, 27), FullName: n.Service.Name,
		Kind:   shorten(kindOf(n), 32),
		Query:  query,
		Client: n.Client, Inferred: n.Inferred && !n.Client,
	}
	if n.Client {
		d.Title = "Callers of " + n.Service.Name
		d.Name = "Client"
		d.Kind = ""
		return d
	}
	s := &n.Stats
	total := s.Total()
	d.Title = n.Service.Name
	if k := kindOf(n); k != "" {
		d.Title += "\n" + k
	}
	d.Title += "\n" + statsText(s)
	if total == 0 {
		d.Average = "–"
		d.Ring = []ringPart{{"none", ringLength, 0}}
		return d
	}
	d.Average = formatSeconds(s.Average())
	if span > 0 {
		d.Rate = formatRate(float64(total)/span.Minutes()) + "/min"
	}
	offset := 0.0
	for _, part := range []struct {
		state string
		count int64
	}{{"ok", s.OK}, {"error", s.Error}, {"throttle", s.Throttle}, {"fault", s.Fault}} {
		if part.count == 0 {
			continue
		}
		length := ringLength * float64(part.count) / float64(total)
		d.Ring = append(d.Ring, ringPart{part.state, length, -offset})
		offset += length
	}
	return d
}

func kindOf(n *graph.Node) string {
	if n.Service.Type == "" {
		return "service"
	}
	return n.Service.Type
}

func statsText(s *graph.Stats) string {
	t := fmt.Sprintf("%s, %d ok", plural(s.Total(), "request"), s.OK)
	for _, part := range []struct {
		name  string
		count int64
	}{{"error", s.Error}, {"throttle", s.Throttle}, {"fault", s.Fault}} {
		if part.count > 0 {
			t += ", " + plural(part.count, part.name)
		}
	}
	if s.Total() > 0 {
		t += fmt.Sprintf("\naverage %s, median %s, 95 %% under %s", formatSeconds(s.Average()),
			formatSeconds(s.Histogram.Quantile(0.5)), formatSeconds(s.Histogram.Quantile(0.95)))
	}
	return t
}

func drawEdge(e *graph.Edge, l *layout, r route, from string) diagramEdge {
	d := diagramEdge{
		Title: from + " → " + e.To.Service.Name + "\n" + statsText(&e.Stats),
		Label: formatCount(e.Stats.Total()),
		State: "ok",
	}
	if len(e.Aliases) > 0 {
		d.Title += "\ncalled as " + strings.Join(e.Aliases, ", ")
	}
	switch {
	case e.Stats.Fault > 0:
		d.State = "fault"
	case e.Stats.Throttle > 0:
		d.State = "throttle"
	case e.Stats.Error > 0:
		d.State = "error"
	}
	var at []point
	for _, p := range r.points {
		q := l.points[p]
		if p < l.nodes {
			q.y -= 14 // circles sit above the middle of their room, for the text below
		}
		at = append(at, q)
	}
	var b strings.Builder
	if r.points[0] == r.points[1] {
		x, y := at[0].x, at[0].y-nodeRadius
		fmt.Fprintf(&b, "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", x-12, y+2, x-40, y-44, x+40, y-44, x+14, y-2)
		d.Path, d.LabelX, d.LabelY = b.String(), x, y-30
		return d
	}
	const gap = nodeRadius + 3
	direction, bow := 1.0, 0.0
	if r.back {
		direction, bow = -1, 40
	}
	at[0].x += direction * gap
	at[len(at)-1].x -= direction * (gap + 6)
	if r.back {
		at[0].y += 8
		at[len(at)-1].y += 8
	}
	fmt.Fprintf(&b, "M%.1f %.1f", at[0].x, at[0].y)
	for i := 1; i < len(at); i++ {
		p, q := at[i-1], at[i]
		mid := (p.x + q.x) / 2
		fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f %.1f %.1f", mid, p.y+bow, mid, q.y+bow, q.x, q.y)
	}
	d.Path = b.String()
	// The middle of the middle piece.
	i := (len(at) + 1) / 2
	if len(at) == 2 {
		i = 1
	}
	p, q := at[i-1], at[i]
	d.LabelX, d.LabelY = (p.x+q.x)/2, (p.y+q.y)/2+bow*0.75
	return d
}
