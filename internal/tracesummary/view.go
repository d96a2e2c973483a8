package tracesummary

import (
	"time"

	"github.com/tailwater-otel/tailwater/internal/filterexpr"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
)

// View shows a pending trace to filters and rules. Its memory is used again
// for the next trace.
type View struct {
	// Index is built on the trace before anything else is asked.
	Index tracebuffer.Index
	trace filterexpr.Trace

	nodes map[nodeKey]int
	edges map[[2]int]int
	owner []int32 // for each span, the node of its service plus one; 0 not known yet, -1 none
	path  []int32
}

type nodeKey struct{ name, kind, account string }

// maxKeptNodes bounds the memory that a view keeps.
const maxKeptNodes = 512

func (v *View) reset() {
	if v.nodes == nil || len(v.nodes) > maxKeptNodes || len(v.edges) > maxKeptNodes {
		v.nodes, v.edges = map[nodeKey]int{}, map[[2]int]int{}
	} else {
		clear(v.nodes)
		clear(v.edges)
	}
	t := &v.trace
	clear(t.Annotations)
	clear(t.Users)
	v.trace = filterexpr.Trace{
		Nodes: t.Nodes[:0], Edges: t.Edges[:0], Annotations: t.Annotations[:0], Users: t.Users[:0],
		AvailabilityZones: t.AvailabilityZones[:0], InstanceIDs: t.InstanceIDs[:0], ResourceARNs: t.ResourceARNs[:0],
	}
}

// ResourceOf is what is known of the resource of a span of a trace.
func ResourceOf(t *tracebuffer.Trace, s *tracebuffer.Span) *segmentspan.ResourceFacts {
	return t.Resource(s).Facts.(*segmentspan.ResourceFacts)
}

// Entry returns the span that stands for the request: the entry, or where
// there is none the earliest. There is always one.
func (v *View) Entry() int {
	if v.Index.Entry >= 0 {
		return v.Index.Entry
	}
	return v.Index.First
}

// ResponseTime is how long the request took, or has taken so far. So far
// counts for one in progress, and where the entry is not there.
func (v *View) ResponseTime(t *tracebuffer.Trace, now time.Time) time.Duration {
	s := &t.Spans[v.Entry()]
	if v.Index.Entry >= 0 && s.Flags&tracebuffer.InProgress == 0 {
		return took(s)
	}
	return v.Index.SoFar(t, s.Start, now)
}

func took(s *tracebuffer.Span) time.Duration {
	if s.End <= s.Start {
		return 0
	}
	return max(0, time.Duration(s.End-s.Start))
}

func call(s *tracebuffer.Span) filterexpr.Call {
	return filterexpr.Call{
		Error: s.Flags&tracebuffer.Error != 0, Throttle: s.Flags&tracebuffer.Throttle != 0,
		Fault: s.Flags&tracebuffer.Fault != 0, ResponseTime: took(s).Seconds(), Status: int(s.Status),
	}
}

// Failures are those that the spans of the trace show.
func (v *View) Failures() (f filterexpr.Failures) {
	if v.Index.Flags&tracebuffer.Error != 0 {
		f |= filterexpr.Errors
	}
	if v.Index.Flags&tracebuffer.Throttle != 0 {
		f |= filterexpr.Throttles
	}
	if v.Index.Flags&tracebuffer.Fault != 0 {
		f |= filterexpr.Faults
	}
	return f
}

// Look fills the trace that filters see. It is valid until the next call.
func (v *View) Look(t *tracebuffer.Trace, want *filterexpr.Fields, now time.Time) *filterexpr.Trace {
	f := v.LookOutside(t, want, now)
	v.LookInside(t, want)
	return f
}

// LookOutside is Look without the service graph, of which LookInside adds what
// is wanted. Most traces are decided without it.
func (v *View) LookOutside(t *tracebuffer.Trace, want *filterexpr.Fields, now time.Time) *filterexpr.Trace {
	v.reset()
	f, x := &v.trace, &v.Index
	f.Partial = x.Open > 0 || x.Root < 0 || x.Missing > 0
	if x.End > x.Start {
		f.Duration = max(0, time.Duration(x.End-x.Start)).Seconds()
	}
	entry := v.Entry()
	f.Entry = v.call(t, entry, want)
	f.Entry.ResponseTime = v.ResponseTime(t, now).Seconds()

	if want.Users || len(want.Annotations) > 0 || want.Resources {
		for i := range t.Spans {
			if !t.Spans[i].Superseded() {
				v.lookAt(t, &t.Spans[i], want)
			}
		}
	}
	return f
}

// call is a span as a call, with what the filters read of HTTP.
func (v *View) call(t *tracebuffer.Trace, i int, want *filterexpr.Fields) filterexpr.Call {
	s := &t.Spans[i]
	c := call(s)
	if !want.HTTP {
		return c
	}
	fs := FactsOf(t, s)
	for tag, _, value := fs.Next(); tag != TagEnd; tag, _, value = fs.Next() {
		switch tag {
		case TagURL:
			c.URL = string(value)
		case TagMethod:
			c.Method = string(value)
		case TagUserAgent:
			c.UserAgent = string(value)
		case TagClientIP:
			c.ClientIP = string(value)
		}
	}
	return c
}

// lookAt takes from a span what is of the trace as a whole.
func (v *View) lookAt(t *tracebuffer.Trace, s *tracebuffer.Span, want *filterexpr.Fields) {
	f := &v.trace
	if want.Resources {
		res := ResourceOf(t, s)
		f.AvailabilityZones = include(f.AvailabilityZones, res.Zone)
		f.InstanceIDs = include(f.InstanceIDs, res.Instance)
		f.ResourceARNs = include(f.ResourceARNs, res.ARN)
	}
	fs := FactsOf(t, s)
	for tag, key, value := fs.Next(); tag != TagEnd; tag, key, value = fs.Next() {
		switch tag {
		case TagUser:
			f.Users = include(f.Users, string(value))
		case TagARN:
			if want.Resources {
				f.ResourceARNs = include(f.ResourceARNs, string(value))
			}
		case TagString, TagNumber, TagBool:
			f.Annotations = append(f.Annotations, filterexpr.Annotation{Key: string(key), Value: annotationValue(tag, value)})
		}
	}
}

// include appends what is not the latest already, so that equal neighbours,
// which are the rule, take no room.
func include(list []string, value string) []string {
	if value == "" || len(list) > 0 && list[len(list)-1] == value {
		return list
	}
	return append(list, value)
}

// LookInside adds the service graph, if it is wanted: a node for each service
// and for each dependency that sent nothing, an edge for the calls from one to
// another.
func (v *View) LookInside(t *tracebuffer.Trace, want *filterexpr.Fields) {
	if !want.Nodes && !want.Edges {
		return
	}
	f := &v.trace
	v.owner = append(v.owner[:0], make([]int32, len(t.Spans))...)
	for i := range t.Spans {
		s := &t.Spans[i]
		if s.Superseded() || s.Flags&tracebuffer.Segment == 0 {
			continue
		}
		n := v.node(v.service(t, s), false)
		f.Nodes[n].Root = f.Nodes[n].Root || i == v.Index.Root || s.Parent == 0
		f.Nodes[n].Calls = append(f.Nodes[n].Calls, v.call(t, i, want))
		v.owner[i] = int32(n + 1)
		// Who called: the span above, where that is a call of another service.
		if p := v.Index.Find(s.Parent); s.Parent != 0 && p >= 0 && p != i && t.Spans[p].Flags&tracebuffer.Call != 0 {
			v.edge(t, p, n, want)
			t.Spans[p].Flags |= answered
		}
	}
	for i := range t.Spans {
		s := &t.Spans[i]
		if s.Flags&answered != 0 {
			s.Flags &^= answered
			continue
		}
		if s.Superseded() || s.Flags&tracebuffer.Call == 0 {
			continue
		}
		fs := FactsOf(t, s)
		for tag, _, value := fs.Next(); tag != TagEnd; tag, _, value = fs.Next() {
			if tag != TagCallee && tag != TagCalleeAWS {
				continue
			}
			key := nodeKey{name: string(value), kind: "remote"}
			if tag == TagCalleeAWS {
				key.kind = "AWS::" + key.name
			}
			n := v.node(key, true)
			f.Nodes[n].Calls = append(f.Nodes[n].Calls, v.call(t, i, want))
			v.edge(t, i, n, want)
		}
	}
}

// answered marks, while the graph is made, a call whose other side is there.
const answered tracebuffer.Flags = 1 << 15

// service is the node of a segment.
func (v *View) service(t *tracebuffer.Trace, s *tracebuffer.Span) nodeKey {
	res := ResourceOf(t, s)
	key := nodeKey{res.Service, res.Type, res.AccountID}
	fs := FactsOf(t, s)
	for tag, _, value := fs.Next(); tag != TagEnd; tag, _, value = fs.Next() {
		switch tag {
		case TagService:
			key.name = string(value)
		case TagOrigin:
			key.kind = string(value)
		}
	}
	return key
}

// node returns the position of a node, which it adds if it is new.
func (v *View) node(key nodeKey, inferred bool) int {
	n, known := v.nodes[key]
	if !known {
		n = len(v.trace.Nodes)
		v.nodes[key] = n
		node := filterexpr.Node{Name: key.name, Type: key.kind, AccountID: key.account, Inferred: inferred}
		if n < cap(v.trace.Nodes) { // the calls of an earlier trace's node lend their memory
			node.Calls = v.trace.Nodes[:n+1][n].Calls[:0]
		}
		v.trace.Nodes = append(v.trace.Nodes, node)
	}
	v.trace.Nodes[n].Inferred = v.trace.Nodes[n].Inferred && inferred
	return n
}

// edge adds a call to the edge from the service of span i to a node.
func (v *View) edge(t *tracebuffer.Trace, i, to int, want *filterexpr.Fields) {
	ends := [2]int{v.ownerOf(t, i), to}
	f := &v.trace
	n, known := v.edges[ends]
	if !known {
		n = len(f.Edges)
		v.edges[ends] = n
		edge := filterexpr.Edge{From: ends[0], To: ends[1]}
		if n < cap(f.Edges) {
			edge.Calls = f.Edges[:n+1][n].Calls[:0]
		}
		f.Edges = append(f.Edges, edge)
	}
	f.Edges[n].Calls = append(f.Edges[n].Calls, v.call(t, i, want))
}

// ownerOf returns the node of the service that did the work of span i: that of
// the segment above it, or, where that is not there, of the span's resource.
func (v *View) ownerOf(t *tracebuffer.Trace, i int) int {
	v.path = v.path[:0]
	owner := int32(0)
	for at := i; ; {
		if v.owner[at] > 0 {
			owner = v.owner[at]
			break
		}
		s := &t.Spans[at]
		v.owner[at] = -1 // on the path: parents may go round in a circle
		v.path = append(v.path, int32(at))
		if s.Flags&tracebuffer.Segment != 0 {
			owner = int32(v.node(v.service(t, s), false) + 1)
			break
		}
		up := v.Index.Find(s.Parent)
		if s.Parent == 0 || up < 0 || v.owner[up] < 0 {
			res := ResourceOf(t, s)
			owner = int32(v.node(nodeKey{res.Service, res.Type, res.AccountID}, false) + 1)
			break
		}
		at = up
	}
	for _, at := range v.path {
		v.owner[at] = owner
	}
	return int(owner - 1)
}
