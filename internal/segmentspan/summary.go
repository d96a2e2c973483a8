package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// Describer tells what the document of a span will say, without making the
// document. It derives everything as an Encoder does. It is not safe for
// concurrent use.
type Describer struct {
	m   mapper
	e   entity
	res resource

	remote string // of the span that was counted last
}

// NewDescriber returns a Describer.
func NewDescriber() *Describer {
	return &Describer{m: mapper{options: &settings{}}}
}

// ResourceFacts is what a resource says about the service that its spans are of.
type ResourceFacts struct {
	Service   string // its name; "" in the resource of an X-Ray subsegment
	Type      string // its origin, such as AWS::ECS::Container
	AccountID string
	Zone      string // the availability zone
	Instance  string // the EC2 instance
	ARN       string // of the AWS resource
}

// Facts is what a span says about itself. Its strings may share memory with
// the span.
type Facts struct {
	// Unsampled: the Encoder would skip the span, which was recorded only.
	Unsampled  bool
	InProgress bool
	// Segment: the document is a segment, that is a request that Service
	// served. With Subsegment too it is both, as a client span without parent.
	Segment, Subsegment bool
	Service, Origin     string // of the segment
	// Callee is the name of what a subsegment calls, and Namespace its kind,
	// aws or remote. Both are "" when the subsegment is work of the service.
	Callee, Namespace string

	Error, Throttle, Fault bool

	Status                           int64 // of HTTP; 0 if there is none
	Method, URL, UserAgent, ClientIP string
	User, ResourceARN                string
}

// Resource describes a resource.
func (d *Describer) Resource(from pcommon.Resource) ResourceFacts {
	r := &d.m.r
	r.read(from.Attributes())
	id := readIdentity(r)
	f := ResourceFacts{Service: id.serviceName, Type: id.origin(), AccountID: id.account, Zone: id.zone}
	if id.onEC2() {
		f.Instance = id.hostID
	}
	if f.ARN = r.peek(keyResourceARN); f.ARN == "" {
		if arn := r.peek(keyCloudResourceID); strings.HasPrefix(arn, "arn:") {
			f.ARN = arn
		}
	}
	return f
}

// Span describes a span of a resource. The members of http are read only if
// withHTTP is true or the span is of a segment, the status always.
func (d *Describer) Span(span ptrace.Span, of *ResourceFacts, withHTTP bool) Facts {
	m, e, r := &d.m, &d.e, &d.m.r
	r.read(span.Attributes())
	if m.text.Len() > maxKeptText {
		m.text = strings.Builder{}
	}
	// Only this is written below. The whole entity is many times as large.
	s := &e.seg
	s.Name, s.Namespace, s.HTTP = "", "", nil
	s.Error, s.Throttle, s.Fault = segment.Absent, segment.Absent, segment.Absent
	e.http.Request, e.http.Response = nil, nil
	e.span, e.kind, e.parent = span, span.Kind(), segment.ID(span.ParentSpanID())
	e.born = roleOf(r.peek(keyDocument))
	d.res.serviceName = of.Service
	f := Facts{Unsampled: m.isUnsampled()}

	switch {
	case e.born != roleNone:
		f.Segment, f.Subsegment = e.born == roleSegment, e.born != roleSegment
		e.sub = f.Subsegment
		s.Name = span.Name()
		if f.Segment && of.Service != "" {
			s.Name = of.Service
		}
		if e.sub {
			s.Namespace = namespaceOf(e.kind, r)
		}
		f.InProgress = m.boolOf(keyInProgress) == segment.True
	default:
		root := m.rootOf(e)
		f.Segment, f.Subsegment = root != subsegmentSpan, root == splitSpan || root == subsegmentSpan
		e.sub = f.Subsegment
		m.nameOf(e, &d.res)
		open, _ := r.boolean(keyInProgress)
		f.InProgress = open || span.EndTimestamp() == 0
	}
	if namespace := r.peek(keyNamespace); namespace != "" {
		s.Namespace = namespace
	}
	if withHTTP || f.Segment {
		m.httpOf(e)
		if e.http.Response != nil {
			f.Status = e.resp.Status.Value
		}
		if e.http.Request != nil {
			f.Method, f.URL, f.UserAgent, f.ClientIP = e.req.Method, e.req.URL, e.req.UserAgent, e.req.ClientIP
		}
	} else {
		f.Status = m.intOf(keyHTTPResponseStatusCode, keyHTTPStatusCode).Value
	}
	setFlags(s, r, outcomeOf(span.Status().Code(), f.Status, rpcStatus(r)))
	f.Error, f.Throttle, f.Fault = s.Error == segment.True, s.Throttle == segment.True, s.Fault == segment.True
	switch {
	case f.Segment && f.Subsegment:
		f.Service = m.segmentName(e, &d.res)
	case f.Segment:
		f.Service = s.Name
	}
	if f.Subsegment && s.Namespace != "" {
		f.Callee, f.Namespace = s.Name, s.Namespace
	}
	f.Origin = r.peek(keyOrigin)
	f.User = r.peek(keyEnduserID)
	f.ResourceARN = r.peek(keyResourceARN)
	return f
}

// maxKeptText bounds the text that a Describer keeps between spans.
const maxKeptText = 4096
