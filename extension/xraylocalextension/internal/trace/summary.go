package trace

import (
	"encoding/json"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// MaxAnnotations is how many annotation keys of a trace are indexed.
const MaxAnnotations = 50

// Summary is what a list of traces says about one of them.
type Summary struct {
	ID           segment.TraceID
	Start        segment.Time
	Duration     float64 // seconds from the first segment's start to the last one's end
	ResponseTime float64 // seconds the root segment took
	HasFault     bool    // of the root segment
	HasError     bool    // of the root segment
	HasThrottle  bool    // of any entity
	IsPartial    bool    // something is in progress, promised or without its parent

	HTTP        HTTP // of the root segment
	EntryPoint  *Service
	Services    []Service
	Annotations []Annotation
	Users       []User

	ResourceARNs      []string
	InstanceIDs       []string
	AvailabilityZones []string

	FaultCauses        []Cause
	ErrorCauses        []Cause
	ResponseTimeCauses []Cause
}

// HTTP is the request and response of the root segment.
type HTTP struct {
	URL, Method, UserAgent, ClientIP string
	Status                           int64 // 0 if not known
}

// Annotation is one value of one key, and the services that set it.
type Annotation struct {
	Key      string
	Value    any // string, float64 or bool
	Services []Service
}

// User is a user and the services that named it.
type User struct {
	Name     string
	Services []Service
}

// Summarize works out the summary of t.
func (t *Trace) Summarize() *Summary {
	sum := &Summary{ID: t.ID, Start: t.Start(), Services: t.services()}
	sum.Duration = Seconds(sum.Start, t.End())
	root := t.Root()
	if root != nil {
		f := FlagsOf(root)
		sum.HasFault, sum.HasError = f.Fault, f.Error
		sum.ResponseTime = Seconds(root.StartTime, root.EndTime)
		sum.HTTP = httpOf(root)
		entry := ServiceOf(root)
		sum.EntryPoint = &entry
	} else {
		sum.IsPartial = true
	}
	ix := indexer{sum: sum, keys: make(map[string]bool)}
	for _, s := range t.Segments {
		if s.Inferred == segment.True {
			continue
		}
		svc := ServiceOf(s)
		sum.IsPartial = sum.IsPartial || s.Independent
		ix.segment(s)
		walk(s, func(e *segment.Segment) {
			sum.HasThrottle = sum.HasThrottle || FlagsOf(e).Throttle
			sum.IsPartial = sum.IsPartial || e.InProgress == segment.True || (promises(e) && !t.answered(e))
			ix.entity(e, svc)
		})
	}
	sum.FaultCauses = t.causes(root, func(e *segment.Segment) bool { return FlagsOf(e).Fault })
	sum.ErrorCauses = t.causes(root, func(e *segment.Segment) bool { return FlagsOf(e).Error })
	sum.ResponseTimeCauses = t.slowest(root)
	return sum
}

// promises reports whether e says that the service it called sends a segment.
func promises(e *segment.Segment) bool {
	return e.Traced == segment.True ||
		e.HTTP != nil && e.HTTP.Request != nil && e.HTTP.Request.Traced == segment.True
}

// answered reports whether a service that e called has sent a segment.
func (t *Trace) answered(e *segment.Segment) bool {
	for _, c := range t.callees[e.ID] {
		if c.Inferred != segment.True {
			return true
		}
	}
	return false
}

func httpOf(s *segment.Segment) HTTP {
	h := HTTP{Status: httpStatus(s)}
	if s.HTTP != nil && s.HTTP.Request != nil {
		r := s.HTTP.Request
		h.URL, h.Method, h.UserAgent, h.ClientIP = r.URL, r.Method, r.UserAgent, r.ClientIP
	}
	return h
}

// indexer collects what a summary lists, each thing once.
type indexer struct {
	sum  *Summary
	keys map[string]bool
}

func (ix *indexer) segment(s *segment.Segment) {
	addString(&ix.sum.ResourceARNs, s.ResourceARN)
	if s.AWS == nil {
		return
	}
	if ec2 := s.AWS.EC2; ec2 != nil {
		addString(&ix.sum.InstanceIDs, ec2.InstanceID)
		addString(&ix.sum.AvailabilityZones, ec2.AvailabilityZone)
	}
	if ecs := s.AWS.ECS; ecs != nil {
		addString(&ix.sum.AvailabilityZones, ecs.AvailabilityZone)
	}
}

func (ix *indexer) entity(e *segment.Segment, svc Service) {
	for _, m := range e.Annotations {
		if v, ok := annotationValue(m.Value); ok {
			ix.annotation(m.Name, v, svc)
		}
	}
	if e.User == "" {
		return
	}
	for i := range ix.sum.Users {
		if u := &ix.sum.Users[i]; u.Name == e.User {
			addService(&u.Services, svc)
			return
		}
	}
	ix.sum.Users = append(ix.sum.Users, User{Name: e.User, Services: []Service{svc}})
}

func (ix *indexer) annotation(key string, value any, svc Service) {
	if !ix.keys[key] {
		if len(ix.keys) == MaxAnnotations {
			return
		}
		ix.keys[key] = true
	}
	for i := range ix.sum.Annotations {
		if a := &ix.sum.Annotations[i]; a.Key == key && a.Value == value {
			addService(&a.Services, svc)
			return
		}
	}
	ix.sum.Annotations = append(ix.sum.Annotations, Annotation{Key: key, Value: value, Services: []Service{svc}})
}

// annotationValue returns the value of an annotation that X-Ray indexes.
func annotationValue(text string) (any, bool) {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil, false
	}
	switch v.(type) {
	case string, float64, bool:
		return v, true
	}
	return nil, false
}

func addString(list *[]string, s string) {
	if s == "" {
		return
	}
	for _, have := range *list {
		if have == s {
			return
		}
	}
	*list = append(*list, s)
}

func addService(list *[]Service, svc Service) {
	for _, have := range *list {
		if have == svc {
			return
		}
	}
	*list = append(*list, svc)
}
