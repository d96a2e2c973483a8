package trace

import (
	"slices"

	"github.com/tailwater-otel/tailwater/internal/filterexpr"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

// Filter returns what filter expressions see of t, whose summary is sum.
//
// The callers from outside are no node here: the guide has no expression about
// them, and service("a") is about a itself.
func (t *Trace) Filter(sum *Summary) *filterexpr.Trace {
	f := &filterexpr.Trace{
		Duration:               sum.Duration,
		Partial:                sum.IsPartial,
		AvailabilityZones:      sum.AvailabilityZones,
		InstanceIDs:            sum.InstanceIDs,
		ResourceARNs:           sum.ResourceARNs,
		FaultRootCauses:        filterCauses(sum.FaultCauses),
		ErrorRootCauses:        filterCauses(sum.ErrorCauses),
		ResponseTimeRootCauses: filterCauses(sum.ResponseTimeCauses),
	}
	if root := t.Root(); root != nil {
		f.Entry = filterCall(root)
	}
	for _, a := range sum.Annotations {
		f.Annotations = append(f.Annotations, filterexpr.Annotation{Key: a.Key, Value: a.Value})
	}
	for _, u := range sum.Users {
		f.Users = append(f.Users, u.Name)
	}
	nodes := make(map[Service]int)
	for _, s := range t.Segments {
		if s.Independent {
			continue
		}
		svc, inferred := ServiceOf(s), s.Inferred == segment.True
		i, known := nodes[svc]
		if !known {
			i = len(f.Nodes)
			nodes[svc] = i
			f.Nodes = append(f.Nodes, filterexpr.Node{Name: svc.Name, Type: svc.Type, AccountID: svc.AccountID, Inferred: true})
		}
		n := &f.Nodes[i]
		n.Inferred = n.Inferred && inferred
		n.Root = n.Root || t.fromOutside(s)
		n.Calls = append(n.Calls, filterCall(s))
	}
	edges := make(map[[2]int]int)
	for _, s := range t.Segments {
		t.calls(s, func(from, to, seen *segment.Segment) {
			ends := [2]int{nodes[ServiceOf(from)], nodes[ServiceOf(to)]}
			i, known := edges[ends]
			if !known {
				i = len(f.Edges)
				edges[ends] = i
				f.Edges = append(f.Edges, filterexpr.Edge{From: ends[0], To: ends[1]})
			}
			f.Edges[i].Calls = append(f.Edges[i].Calls, filterCall(seen))
		})
	}
	// It is kept; what growing left over is not.
	f.Nodes, f.Edges = slices.Clone(f.Nodes), slices.Clone(f.Edges)
	return f
}

func filterCall(s *segment.Segment) filterexpr.Call {
	flags, http := FlagsOf(s), httpOf(s)
	return filterexpr.Call{
		Error: flags.Error, Throttle: flags.Throttle, Fault: flags.Fault,
		ResponseTime: Seconds(s.StartTime, s.EndTime),
		Status:       int(http.Status),
		URL:          http.URL, Method: http.Method, UserAgent: http.UserAgent, ClientIP: http.ClientIP,
	}
}

func filterCauses(causes []Cause) []filterexpr.RootCause {
	var list []filterexpr.RootCause
	for _, c := range causes {
		var services []filterexpr.CauseService
		for _, s := range c.Services {
			var entities []filterexpr.CauseEntity
			for _, e := range s.Path {
				x := filterexpr.CauseEntity{Name: e.Name, Coverage: e.Coverage, Remote: e.Remote}
				for _, ex := range e.Exceptions {
					x.Exceptions = append(x.Exceptions, filterexpr.CauseException(ex))
				}
				entities = append(entities, x)
			}
			services = append(services, filterexpr.CauseService{
				Name: s.Service.Name, Type: s.Service.Type, AccountID: s.Service.AccountID,
				Inferred: s.Inferred, Entities: entities,
			})
		}
		list = append(list, filterexpr.RootCause{Services: services})
	}
	return list
}
