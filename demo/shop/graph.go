package shop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/aws/aws-sdk-go-v2/service/xray/types"
)

// Counts are the figures of a node or an edge of the graph.
type Counts struct{ Total, OK, Error, Throttle, Fault int64 }

func (c *Counts) add(o Outcome) {
	c.Total++
	switch o {
	case OK:
		c.OK++
	case Error:
		c.Error++
	case Throttle:
		c.Throttle++
	case Fault:
		c.Fault++
	}
}

// Graph is a service graph without its clients: nodes by name, edges by the
// names of both ends.
type Graph struct {
	Nodes map[string]Counts
	Edges map[[2]string]Counts
	Roots map[string]bool
}

// WantGraph returns the graph that the requests must have drawn. What sends no
// segments has the figures of the calls to it.
func WantGraph(sent []Sent) Graph {
	g := Graph{map[string]Counts{}, map[[2]string]Counts{}, map[string]bool{}}
	for _, s := range sent {
		serves := map[string]bool{}
		for i, v := range s.Scenario.Visits {
			serves[v.Service] = true
			addTo(g.Nodes, v.Service, v.Outcome)
			if i == 0 {
				g.Roots[v.Service] = true
			}
		}
		for _, c := range s.Scenario.Calls {
			addTo(g.Edges, [2]string{c.From, c.To}, c.Outcome)
			if !serves[c.To] {
				addTo(g.Nodes, c.To, c.Outcome)
			}
		}
	}
	return g
}

func addTo[K comparable](m map[K]Counts, key K, o Outcome) {
	c := m[key]
	c.add(o)
	m[key] = c
}

// Graph reads the service graph of the time between from and to.
func (r *Reader) Graph(ctx context.Context, from, to time.Time) (Graph, error) {
	g := Graph{map[string]Counts{}, map[[2]string]Counts{}, map[string]bool{}}
	names := map[int32]string{}
	type edge struct {
		from    string
		to      int32
		figures Counts
	}
	var edges []edge
	pages := xray.NewGetServiceGraphPaginator(r.client, &xray.GetServiceGraphInput{StartTime: &from, EndTime: &to})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return g, fmt.Errorf("get service graph: %w", err)
		}
		for _, service := range page.Services {
			if aws.ToString(service.Type) == "client" {
				continue
			}
			name := aws.ToString(service.Name)
			if _, twice := g.Nodes[name]; twice {
				return g, fmt.Errorf("the graph has two nodes %q", name)
			}
			names[aws.ToInt32(service.ReferenceId)] = name
			if s := service.SummaryStatistics; s != nil {
				g.Nodes[name] = counts(s.TotalCount, s.OkCount, s.ErrorStatistics, s.FaultStatistics)
			} else {
				g.Nodes[name] = Counts{}
			}
			if aws.ToBool(service.Root) {
				g.Roots[name] = true
			}
			for _, e := range service.Edges {
				var figures Counts
				if s := e.SummaryStatistics; s != nil {
					figures = counts(s.TotalCount, s.OkCount, s.ErrorStatistics, s.FaultStatistics)
				}
				edges = append(edges, edge{name, aws.ToInt32(e.ReferenceId), figures})
			}
		}
	}
	for _, e := range edges {
		to, ok := names[e.to]
		if !ok {
			return g, fmt.Errorf("an edge of %q leads to a node %d that is not there", e.from, e.to)
		}
		g.Edges[[2]string{e.from, to}] = e.figures
	}
	return g, nil
}

func counts(total, ok *int64, errors *types.ErrorStatistics, faults *types.FaultStatistics) Counts {
	c := Counts{Total: aws.ToInt64(total), OK: aws.ToInt64(ok)}
	if errors != nil {
		c.Error, c.Throttle = aws.ToInt64(errors.OtherCount), aws.ToInt64(errors.ThrottleCount)
	}
	if faults != nil {
		c.Fault = aws.ToInt64(faults.TotalCount)
	}
	return c
}

func (r *Reader) lookAtGraph(ctx context.Context, sent []Sent, start time.Time, report *Report) (misses []string, err error) {
	got, err := r.Graph(ctx, start, time.Now().Add(time.Second))
	if err != nil {
		return nil, err
	}
	want := WantGraph(sent)
	report.Services, report.Edges = len(got.Nodes), len(got.Edges)
	for _, name := range slices.Sorted(maps.Keys(union(want.Nodes, got.Nodes))) {
		if w, g := want.Nodes[name], got.Nodes[name]; w != g {
			misses = append(misses, fmt.Sprintf("graph node %s: %+v, not %+v", name, g, w))
		}
		if w, g := want.Roots[name], got.Roots[name]; w != g {
			misses = append(misses, fmt.Sprintf("graph node %s: root is %t, not %t", name, g, w))
		}
	}
	for key := range union(want.Edges, got.Edges) {
		if w, g := want.Edges[key], got.Edges[key]; w != g {
			misses = append(misses, fmt.Sprintf("graph edge %s -> %s: %+v, not %+v", key[0], key[1], g, w))
		}
	}
	slices.Sort(misses)
	return misses, nil
}

func union[K comparable](a, b map[K]Counts) map[K]Counts {
	u := maps.Clone(a)
	maps.Copy(u, b)
	return u
}
