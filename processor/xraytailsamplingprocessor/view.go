package xraytailsamplingprocessor

import (
	"time"

	"github.com/tailwater-otel/tailwater/internal/filterexpr"
	"github.com/tailwater-otel/tailwater/internal/samplingrule"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
)

// view shows a pending trace to filters and rules. Its memory is used again
// for the next trace.
type view struct {
	index tracebuffer.Index
	trace filterexpr.Trace

	nodes map[nodeKey]int
	edges map[[2]int]int
	owner []int32 // for each span, the node of its service plus one; 0 not known yet, -1 none
	path  []int32
}

type nodeKey struct{ name, kind, account string }

// maxKeptNodes bounds the memory that a view keeps.
const maxKeptNodes = 512

func (v *view) reset() {
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

func resourceOf(t *tracebuffer.Trace, s *tracebuffer.Span) *segmentspan.ResourceFacts {
	return t.Resource(s).Facts.(*segmentspan.ResourceFacts)
}

// entry returns the span that stands for the request: the entry, or where
// there is none the earliest. There is always one.
func (v *view) entry() int {
	if v.index.Entry >= 0 {
		return v.index.Entry
	}
	return v.index.First
}

// responseTime is how long the request took, or has taken so far. So far
// counts for one in progress, and where the entry is not there.
func (v *view) responseTime(t *tracebuffer.Trace, now time.Time) time.Duration {
	s := &t.Spans[v.entry()]
	if v.index.Entry >= 0 && s.Flags&tracebuffer.InProgress == 0 {
		return took(s)
	}
	return v.index.SoFar(t, s.Start, now)
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

// look fills the trace that filters see. The index has been built.
func (v *view) look(t *tracebuffer.Trace, want *filterexpr.Fields, now time.Time) *filterexpr.Trace {
	v.reset()
	f, x := &v.trace, &v.index
	f.Partial = x.Open > 0 || x.Root < 0 || x.Missing > 0
	if x.End > x.Start {
		f.Duration = max(0, time.Duration(x.End-x.Start)).Seconds()
	}
	entry := v.entry()
	f.Entry = v.call(t, entry, want)
	f.Entry.ResponseTime = v.responseTime(t, now).Seconds()

	if want.Users || len(want.Annotations) > 0 || want.Resources {
		for i := range t.Spans {
			if !t.Spans[i].Superseded() {
				v.lookAt(t, &t.Spans[i], want)
			}
		}
	}
	if want.Nodes || want.Edges {
		v.lookAtGraph(t, want)
	}
	return f
}

// call is a span as a call, with what the filters read of HTTP.
func (v *view) call(t *tracebuffer.Trace, i int, want *filterexpr.Fields) filterexpr.Call {
	s := &t.Spans[i]
	c := call(s)
	if !want.HTTP {
		return c
	}
	fs := factsOf(t, s)
	for tag, _, value := fs.next(); tag != factEnd; tag, _, value = fs.next() {
		switch tag {
		case factURL:
			c.URL = string(value)
		case factMethod:
			c.Method = string(value)
		case factUserAgent:
			c.UserAgent = string(value)
		case factClientIP:
			c.ClientIP = string(value)
		}
	}
	return c
}

// lookAt takes from a span what is of the trace as a whole.
func (v *view) lookAt(t *tracebuffer.Trace, s *tracebuffer.Span, want *filterexpr.Fields) {
	f := &v.trace
	if want.Resources {
		res := resourceOf(t, s)
		f.AvailabilityZones = include(f.AvailabilityZones, res.Zone)
		f.InstanceIDs = include(f.InstanceIDs, res.Instance)
		f.ResourceARNs = include(f.ResourceARNs, res.ARN)
	}
	fs := factsOf(t, s)
	for tag, key, value := fs.next(); tag != factEnd; tag, key, value = fs.next() {
		switch tag {
		case factUser:
			f.Users = include(f.Users, string(value))
		case factARN:
			if want.Resources {
				f.ResourceARNs = include(f.ResourceARNs, string(value))
			}
		case factString, factNumber, factBool:
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

// lookAtGraph makes the service graph: a node for each service and for each
// dependency that sent nothing, an edge for the calls from one to another.
func (v *view) lookAtGraph(t *tracebuffer.Trace, want *filterexpr.Fields) {
	f := &v.trace
	v.owner = append(v.owner[:0], make([]int32, len(t.Spans))...)
	for i := range t.Spans {
		s := &t.Spans[i]
		if s.Superseded() || s.Flags&tracebuffer.Segment == 0 {
			continue
		}
		n := v.node(v.service(t, s), false)
		f.Nodes[n].Root = f.Nodes[n].Root || i == v.index.Root || s.Parent == 0
		f.Nodes[n].Calls = append(f.Nodes[n].Calls, v.call(t, i, want))
		v.owner[i] = int32(n + 1)
		// Who called: the span above, where that is a call of another service.
		if p := v.index.Find(s.Parent); s.Parent != 0 && p >= 0 && p != i && t.Spans[p].Flags&tracebuffer.Call != 0 {
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
		fs := factsOf(t, s)
		for tag, _, value := fs.next(); tag != factEnd; tag, _, value = fs.next() {
			if tag != factCallee && tag != factCalleeAWS {
				continue
			}
			key := nodeKey{name: string(value), kind: "remote"}
			if tag == factCalleeAWS {
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
func (v *view) service(t *tracebuffer.Trace, s *tracebuffer.Span) nodeKey {
	res := resourceOf(t, s)
	key := nodeKey{res.Service, res.Type, res.AccountID}
	fs := factsOf(t, s)
	for tag, _, value := fs.next(); tag != factEnd; tag, _, value = fs.next() {
		switch tag {
		case factService:
			key.name = string(value)
		case factOrigin:
			key.kind = string(value)
		}
	}
	return key
}

// node returns the position of a node, which it adds if it is new.
func (v *view) node(key nodeKey, inferred bool) int {
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
func (v *view) edge(t *tracebuffer.Trace, i, to int, want *filterexpr.Fields) {
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
func (v *view) ownerOf(t *tracebuffer.Trace, i int) int {
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
		up := v.index.Find(s.Parent)
		if s.Parent == 0 || up < 0 || v.owner[up] < 0 {
			res := resourceOf(t, s)
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

// request is the entry span as sampling rules see it.
func (v *view) request(t *tracebuffer.Trace) samplingrule.Request {
	s := &t.Spans[v.entry()]
	res := resourceOf(t, s)
	q := samplingrule.Request{ServiceName: res.Service, ServiceType: res.Type, ResourceARN: res.ARN}
	fs := factsOf(t, s)
	attributes := fs
	for tag, _, value := fs.next(); tag != factEnd; tag, _, value = fs.next() {
		switch tag {
		case factService:
			q.ServiceName = string(value)
		case factOrigin:
			q.ServiceType = string(value)
		case factHost:
			q.Host = string(value)
		case factMethod:
			q.Method = string(value)
		case factPath:
			q.Path = string(value)
		case factARN:
			q.ResourceARN = string(value)
		}
	}
	q.Attribute = func(key string) (string, bool) {
		fs := attributes
		for tag, k, value := fs.next(); tag != factEnd; tag, k, value = fs.next() {
			if tag == factAttribute && string(k) == key {
				return string(value), true
			}
		}
		return "", false
	}
	return q
}
