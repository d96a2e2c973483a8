package trace

import "github.com/tailwater-otel/tailwater/internal/segment"

// Service names a node of the service graph. It is comparable.
type Service struct {
	Name      string
	Type      string // the origin of its segments, "remote", "client", or "" when not known
	AccountID string
}

// ServiceOf returns the service that sent s, or that s was inferred for.
func ServiceOf(s *segment.Segment) Service {
	svc := Service{Name: s.Name, Type: s.Origin}
	if s.AWS != nil {
		svc.AccountID = s.AWS.AccountID
	}
	if s.Inferred == segment.True {
		svc.Name = CalledName(s)
		if svc.Type == "" {
			svc.Type = remoteType
		}
	}
	return svc
}

// services returns the services of a trace, each once, in the order of their
// first segment.
func (t *Trace) services() []Service {
	var list []Service
	seen := make(map[Service]bool)
	for _, s := range t.Segments {
		if s.Independent {
			continue // whose it is is not known until its parent comes
		}
		if svc := ServiceOf(s); !seen[svc] {
			seen[svc] = true
			list = append(list, svc)
		}
	}
	return list
}

// Root returns the segment where the trace came in: the earliest without a
// caller, else the earliest whose caller is not there, else nil.
func (t *Trace) Root() *segment.Segment {
	var root *segment.Segment
	for _, s := range t.Segments {
		if s.Independent || s.Inferred == segment.True {
			continue
		}
		if s.ParentID == (segment.ID{}) {
			return s
		}
		if root == nil && t.owners[s.ParentID] == nil {
			root = s
		}
	}
	return root
}
