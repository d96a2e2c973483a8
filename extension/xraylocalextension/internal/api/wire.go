package api

import (
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/graph"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/trace"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

// The types of this file are the answers as they stand on the wire, with the
// API's names. Times are seconds since 1970.

type getTraceSummariesOutput struct {
	ApproximateTime      float64
	TracesProcessedCount int
	NextToken            *string
	TraceSummaries       []traceSummary
}

type traceSummary struct {
	Id                     string
	StartTime              float64
	Duration               float64
	ResponseTime           float64
	HasFault               bool
	HasError               bool
	HasThrottle            bool
	IsPartial              bool
	Revision               int
	MatchedEventTime       float64
	Http                   wireHTTP
	Annotations            map[string][]valueWithServices
	Users                  []user
	ServiceIds             []serviceID
	EntryPoint             *serviceID `json:",omitempty"`
	ResourceARNs           []resourceARN
	InstanceIds            []instanceID
	AvailabilityZones      []zone
	FaultRootCauses        []rootCause
	ErrorRootCauses        []rootCause
	ResponseTimeRootCauses []rootCause
}

type wireHTTP struct {
	HttpURL    string `json:",omitempty"`
	HttpStatus int64  `json:",omitempty"`
	HttpMethod string `json:",omitempty"`
	UserAgent  string `json:",omitempty"`
	ClientIp   string `json:",omitempty"`
}

type valueWithServices struct {
	AnnotationValue annotationValue
	ServiceIds      []serviceID
}

// annotationValue is a union: one member is set.
type annotationValue struct {
	StringValue  *string  `json:",omitempty"`
	NumberValue  *float64 `json:",omitempty"`
	BooleanValue *bool    `json:",omitempty"`
}

type user struct {
	UserName   string
	ServiceIds []serviceID
}

type serviceID struct {
	Name      string
	Names     []string
	AccountId string `json:",omitempty"`
	Type      string `json:",omitempty"`
}

type (
	resourceARN struct{ ARN string }
	instanceID  struct{ Id string }
	zone        struct{ Name string }
)

type rootCause struct {
	ClientImpacting bool
	Services        []rootCauseService
}

type rootCauseService struct {
	serviceID
	Inferred   bool
	EntityPath []rootCauseEntity
}

type rootCauseEntity struct {
	Name       string
	Coverage   *float64 `json:",omitempty"`
	Remote     bool
	Exceptions []rootCauseException `json:",omitempty"`
}

type rootCauseException struct{ Name, Message string }

type wireService struct {
	ReferenceId int
	serviceID
	Root                  bool `json:",omitempty"`
	State                 string
	StartTime, EndTime    float64
	Edges                 []wireEdge
	SummaryStatistics     *wireStats   `json:",omitempty"`
	DurationHistogram     []wireBucket `json:",omitempty"`
	ResponseTimeHistogram []wireBucket `json:",omitempty"`
}

type wireEdge struct {
	ReferenceId           int
	StartTime, EndTime    float64
	SummaryStatistics     wireStats
	ResponseTimeHistogram []wireBucket
	Aliases               []alias
}

type alias struct {
	Name  string
	Names []string
	Type  string `json:",omitempty"`
}

type wireStats struct {
	OkCount         int64
	ErrorStatistics struct {
		ThrottleCount, OtherCount, TotalCount int64
	}
	FaultStatistics struct {
		OtherCount, TotalCount int64
	}
	TotalCount        int64
	TotalResponseTime float64
}

type wireBucket struct {
	Value float64
	Count int64
}

// epoch returns t in seconds, to the microsecond or so that a float64 can tell.
func epoch(t time.Time) float64 { return float64(t.Unix()) + float64(t.Nanosecond())/1e9 }

func seconds(t segment.Time) float64 { return epoch(trace.Time(t)) }

func wireServiceID(s trace.Service) serviceID {
	return serviceID{Name: s.Name, Names: []string{s.Name}, AccountId: s.AccountID, Type: s.Type}
}

// list turns each element of in into its form on the wire. It is never nil.
func list[T, W any](in []T, f func(T) W) []W {
	out := make([]W, 0, len(in))
	for _, v := range in {
		out = append(out, f(v))
	}
	return out
}

func wireSummary(s *trace.Summary) traceSummary {
	w := traceSummary{
		Id:           s.ID.String(),
		StartTime:    seconds(s.Start),
		Duration:     s.Duration,
		ResponseTime: s.ResponseTime,
		HasFault:     s.HasFault,
		HasError:     s.HasError,
		HasThrottle:  s.HasThrottle,
		IsPartial:    s.IsPartial,
		Http: wireHTTP{
			HttpURL: s.HTTP.URL, HttpStatus: s.HTTP.Status, HttpMethod: s.HTTP.Method,
			UserAgent: s.HTTP.UserAgent, ClientIp: s.HTTP.ClientIP,
		},
		Annotations:            make(map[string][]valueWithServices),
		Users:                  list(s.Users, func(u trace.User) user { return user{u.Name, list(u.Services, wireServiceID)} }),
		ServiceIds:             list(s.Services, wireServiceID),
		ResourceARNs:           list(s.ResourceARNs, func(v string) resourceARN { return resourceARN{v} }),
		InstanceIds:            list(s.InstanceIDs, func(v string) instanceID { return instanceID{v} }),
		AvailabilityZones:      list(s.AvailabilityZones, func(v string) zone { return zone{v} }),
		FaultRootCauses:        list(s.FaultCauses, func(c trace.Cause) rootCause { return wireCause(c, false) }),
		ErrorRootCauses:        list(s.ErrorCauses, func(c trace.Cause) rootCause { return wireCause(c, false) }),
		ResponseTimeRootCauses: list(s.ResponseTimeCauses, func(c trace.Cause) rootCause { return wireCause(c, true) }),
	}
	for _, a := range s.Annotations {
		v := valueWithServices{ServiceIds: list(a.Services, wireServiceID)}
		switch x := a.Value.(type) {
		case string:
			v.AnnotationValue.StringValue = &x
		case float64:
			v.AnnotationValue.NumberValue = &x
		case bool:
			v.AnnotationValue.BooleanValue = &x
		}
		w.Annotations[a.Key] = append(w.Annotations[a.Key], v)
	}
	if s.EntryPoint != nil {
		id := wireServiceID(*s.EntryPoint)
		w.EntryPoint = &id
	}
	return w
}

func wireCause(c trace.Cause, coverage bool) rootCause {
	return rootCause{c.ClientImpacting, list(c.Services, func(s trace.CauseService) rootCauseService {
		return rootCauseService{wireServiceID(s.Service), s.Inferred, list(s.Path, func(e trace.CauseEntity) rootCauseEntity {
			w := rootCauseEntity{Name: e.Name, Remote: e.Remote}
			if coverage {
				w.Coverage = &e.Coverage
			} else {
				w.Exceptions = list(e.Exceptions, func(x trace.CauseException) rootCauseException { return rootCauseException(x) })
			}
			return w
		})}
	})}
}

func wireServices(g *graph.Graph) []wireService {
	return list(g.Nodes, func(n *graph.Node) wireService {
		w := wireService{
			ReferenceId: n.ID,
			serviceID:   wireServiceID(n.Service),
			Root:        n.Root,
			State:       "active",
			StartTime:   seconds(n.Start),
			EndTime:     seconds(n.End),
			Edges:       list(n.Edges, wireEdgeOf),
		}
		if n.Inferred || n.Client {
			w.State = "unknown"
		}
		if !n.Client {
			stats := wireStatsOf(&n.Stats)
			w.SummaryStatistics = &stats
			w.DurationHistogram = wireHistogram(&n.Stats)
			w.ResponseTimeHistogram = w.DurationHistogram
		}
		return w
	})
}

func wireEdgeOf(e *graph.Edge) wireEdge {
	return wireEdge{
		ReferenceId:           e.To.ID,
		StartTime:             seconds(e.Start),
		EndTime:               seconds(e.End),
		SummaryStatistics:     wireStatsOf(&e.Stats),
		ResponseTimeHistogram: wireHistogram(&e.Stats),
		Aliases: list(e.Aliases, func(name string) alias {
			return alias{Name: name, Names: []string{name}, Type: e.To.Service.Type}
		}),
	}
}

func wireStatsOf(s *graph.Stats) wireStats {
	var w wireStats
	w.OkCount = s.OK
	w.ErrorStatistics.ThrottleCount = s.Throttle
	w.ErrorStatistics.OtherCount = s.Error
	w.ErrorStatistics.TotalCount = s.Throttle + s.Error
	w.FaultStatistics.OtherCount = s.Fault
	w.FaultStatistics.TotalCount = s.Fault
	w.TotalCount = s.Total()
	w.TotalResponseTime = s.Seconds
	return w
}

func wireHistogram(s *graph.Stats) []wireBucket {
	return list(s.Histogram.Buckets(), func(b graph.Bucket) wireBucket { return wireBucket{b.Seconds, b.Count} })
}
