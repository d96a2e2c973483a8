package segmentspan

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// entity is a segment or subsegment in the making, with the memory for all of
// its blocks, so that a batch of spans needs few allocations.
type entity struct {
	seg segment.Segment

	http      segment.HTTP
	req       segment.HTTPRequest
	resp      segment.HTTPResponse
	aws       segment.AWS
	ec2       segment.EC2
	ecs       segment.ECS
	eks       segment.EKS
	beanstalk segment.ElasticBeanstalk
	xray      segment.XRay
	sql       segment.SQL
	cause     segment.Cause
	service   segment.Service

	buffers

	// The span it is made of.
	span    ptrace.Span
	kind    ptrace.SpanKind
	born    role
	spelled string
	traceID segment.TraceID
	parent  segment.ID
	res     int  // its resource
	sub     bool // it is no segment
	skip    bool // superseded
	twins   bool // a member may be there twice

	// Its place among the others. See tree.go.
	above *entity
	next  *entity // of the same trace
	depth int
	state visit
}

// buffers are the parts of an entity whose memory is kept for the next.
type buffers struct {
	tableNames  []string
	paths       []string
	precursors  []segment.ID
	annotations []segment.Member
	metadata    []segment.Member
	exceptions  []segment.Exception
	links       []segment.Link
	subs        []*segment.Segment
	unparsed    []int // events whose stack trace has no frames that we can read
}

// reset makes e ready for another span.
func (e *entity) reset() {
	s := e.buffers
	clear(s.tableNames)
	clear(s.paths)
	clear(s.annotations)
	clear(s.metadata)
	clear(s.exceptions)
	clear(s.links)
	clear(s.subs)
	*e = entity{buffers: buffers{
		tableNames:  s.tableNames[:0],
		paths:       s.paths[:0],
		precursors:  s.precursors[:0],
		annotations: s.annotations[:0],
		metadata:    s.metadata[:0],
		exceptions:  s.exceptions[:0],
		links:       s.links[:0],
		subs:        s.subs[:0],
		unparsed:    s.unparsed[:0],
	}}
}

// Each of these returns a block and makes it part of the entity.

func (e *entity) httpBlock() *segment.HTTP {
	e.seg.HTTP = &e.http
	return &e.http
}

func (e *entity) request() *segment.HTTPRequest {
	e.httpBlock().Request = &e.req
	return &e.req
}

func (e *entity) response() *segment.HTTPResponse {
	e.httpBlock().Response = &e.resp
	return &e.resp
}

func (e *entity) awsBlock() *segment.AWS {
	e.seg.AWS = &e.aws
	return &e.aws
}

func (e *entity) xrayBlock() *segment.XRay {
	e.awsBlock().XRay = &e.xray
	return &e.xray
}

func (e *entity) sqlBlock() *segment.SQL {
	e.seg.SQL = &e.sql
	return &e.sql
}

func (e *entity) causeBlock() *segment.Cause {
	e.seg.Cause = &e.cause
	return &e.cause
}

func (e *entity) serviceBlock() *segment.Service {
	e.seg.Service = &e.service
	return &e.service
}
