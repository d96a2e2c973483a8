package trace

import (
	"slices"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

const (
	// maxCauses bounds how many root causes of one kind a summary lists.
	maxCauses = 10
	// maxCauseSteps bounds how many entities one root cause names.
	maxCauseSteps = 100
)

// Cause is the way from the first service that shows a problem to the deepest
// one that does.
type Cause struct {
	// ClientImpacting says that the problem reached the caller of the trace.
	ClientImpacting bool
	Services        []CauseService
}

// CauseService is a service on the way.
type CauseService struct {
	Service  Service
	Inferred bool
	Path     []CauseEntity
}

// CauseEntity is a segment or subsegment on the way.
type CauseEntity struct {
	Name       string
	Remote     bool    // it is a call to another service
	Coverage   float64 // its share of the root's response time, for slow traces
	Exceptions []CauseException
}

// CauseException is an exception of an entity on the way.
type CauseException struct{ Name, Message string }

// step is an entity on the way, and the service that it is in.
type step struct {
	entity  *segment.Segment
	service *segment.Segment
}

// causes returns the ways along which entities are bad.
//
// X-Ray's choice is not published. Ours: a way starts at each bad entity that no
// other way passes, follows bad subsegments and the bad segments they called,
// and ends where nothing below is bad.
func (t *Trace) causes(root *segment.Segment, bad func(*segment.Segment) bool) []Cause {
	var found []Cause
	passed := make(map[*segment.Segment]bool)
	var follow func(way []step)
	follow = func(way []step) {
		last := way[len(way)-1]
		passed[last.entity] = true
		deeper := false
		next := func(e, service *segment.Segment) {
			if bad(e) && !passed[e] && len(way) < maxCauseSteps && len(found) < maxCauses {
				deeper = true
				follow(append(slices.Clip(way), step{e, service}))
			}
		}
		for _, n := range last.entity.Subsegments {
			next(n, last.service)
		}
		for _, c := range t.callees[last.entity.ID] {
			next(c, c)
		}
		if !deeper && len(found) < maxCauses {
			found = append(found, Cause{ClientImpacting: way[0].entity == root, Services: causeServices(way, 0)})
		}
	}
	for _, s := range t.Segments {
		if s.Independent || s.Inferred == segment.True {
			continue // an inferred segment is as bad as the call it was inferred from
		}
		walk(s, func(e *segment.Segment) {
			if bad(e) && !passed[e] && len(found) < maxCauses {
				follow([]step{{e, s}})
			}
		})
	}
	return found
}

// slowest returns the way along which most of the root's response time went.
//
// X-Ray's choice is not published. Ours: from each entity on to the longest
// below it, as long as that covers at least half of it.
func (t *Trace) slowest(root *segment.Segment) []Cause {
	if root == nil {
		return nil
	}
	total := Seconds(root.StartTime, root.EndTime)
	if total == 0 {
		return nil
	}
	way := []step{{root, root}}
	for len(way) < maxCauseSteps {
		last := way[len(way)-1]
		var next step
		longest := segment.Time(0)
		consider := func(e, service *segment.Segment) {
			if e.EndTime > e.StartTime && e.EndTime-e.StartTime > longest {
				next, longest = step{e, service}, e.EndTime-e.StartTime
			}
		}
		for _, n := range last.entity.Subsegments {
			consider(n, last.service)
		}
		for _, c := range t.callees[last.entity.ID] {
			consider(c, c)
		}
		if next.entity == nil || longest*2 < last.entity.EndTime-last.entity.StartTime {
			break
		}
		way = append(way, next)
	}
	return []Cause{{ClientImpacting: true, Services: causeServices(way, total)}}
}

// causeServices puts the steps of a way under their services. A total above 0
// asks for the coverage of each.
func causeServices(way []step, total float64) []CauseService {
	var list []CauseService
	for i, s := range way {
		if i == 0 || s.service != way[i-1].service {
			list = append(list, CauseService{Service: ServiceOf(s.service), Inferred: s.service.Inferred == segment.True})
		}
		e := CauseEntity{Name: s.entity.Name, Remote: isCall(s.entity)}
		if total > 0 {
			e.Coverage = min(1, Seconds(s.entity.StartTime, s.entity.EndTime)/total)
		} else if c := s.entity.Cause; c != nil {
			for _, x := range c.Exceptions {
				e.Exceptions = append(e.Exceptions, CauseException{Name: x.Type, Message: x.Message})
			}
		}
		last := &list[len(list)-1]
		last.Path = append(last.Path, e)
	}
	return list
}
