package trace

import (
	"hash/fnv"
	"slices"
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// infer adds a segment for each call to an AWS service or a remote host that
// no segment answers, as X-Ray does. When the called service sends a segment
// of its own, that one stands there instead.
func (t *Trace) infer() {
	var inferred []*segment.Segment
	for _, s := range t.Segments {
		walk(s, func(e *segment.Segment) {
			if isCall(e) && len(t.callees[e.ID]) == 0 {
				inferred = append(inferred, inferredSegment(t.ID, e))
			}
		})
	}
	for _, s := range inferred {
		t.callees[s.ParentID] = append(t.callees[s.ParentID], s)
		t.owners[s.ID] = s
	}
	t.Segments = append(t.Segments, inferred...)
}

// isCall reports whether e is a subsegment that calls another service.
func isCall(e *segment.Segment) bool {
	return e.Namespace == "aws" || e.Namespace == "remote"
}

// inferredSegment returns the segment that stands for the service that the
// subsegment call called.
func inferredSegment(trace segment.TraceID, call *segment.Segment) *segment.Segment {
	s := &segment.Segment{
		Name:       call.Name,
		ID:         inferredID(trace, call.ID),
		TraceID:    trace,
		ParentID:   call.ID,
		StartTime:  call.StartTime,
		EndTime:    call.EndTime,
		InProgress: call.InProgress,
		Origin:     calledType(call),
		Inferred:   segment.True,
		Error:      call.Error,
		Throttle:   call.Throttle,
		Fault:      call.Fault,
		SQL:        call.SQL,
		AWS:        call.AWS,
	}
	if s.Origin == remoteType {
		s.Origin = ""
	}
	if call.HTTP != nil {
		h := &segment.HTTP{Response: call.HTTP.Response}
		if call.Namespace == "remote" && call.HTTP.Request != nil {
			h.Request = &segment.HTTPRequest{Method: call.HTTP.Request.Method, URL: call.HTTP.Request.URL}
		}
		if h.Request != nil || h.Response != nil {
			s.HTTP = h
		}
	}
	return s
}

// inferredID derives the id of an inferred segment from its caller's, so that
// every reader sees the same one.
func inferredID(trace segment.TraceID, call segment.ID) segment.ID {
	h := fnv.New64a()
	h.Write(trace[:])
	h.Write(call[:])
	h.Write([]byte("inferred"))
	var id segment.ID
	h.Sum(id[:0])
	if id == (segment.ID{}) {
		id[7] = 1
	}
	return id
}

const (
	remoteType = "remote"
	sqlType    = "Database::SQL"
)

// resource says how calls to one AWS service name what they call.
type resource struct {
	names   []string // of subsegments, in lower case
	service string   // in the type, as AWS spells it
	kind    string   // what follows in the type when the resource has a name
	members []string // of the block "aws"
}

// resources are the AWS services whose calls name a resource.
var resources = []resource{
	{[]string{"dynamodb"}, "DynamoDB", "Table", []string{"table_name", "table_names"}},
	{[]string{"sqs"}, "SQS", "Queue", []string{"queue_url", "queue_name"}},
	{[]string{"sns"}, "SNS", "", []string{"topic_arn", "target_arn"}},
	{[]string{"s3"}, "S3", "Bucket", []string{"bucket_name", "bucket"}},
	{[]string{"lambda"}, "Lambda", "", []string{"function_name"}},
	{[]string{"kinesis"}, "Kinesis", "Stream", []string{"stream_name", "stream_arn"}},
	{[]string{"firehose"}, "Firehose", "DeliveryStream", []string{"delivery_stream_name"}},
	{[]string{"sfn", "stepfunctions"}, "StepFunctions", "StateMachine", []string{"state_machine_arn"}},
	{[]string{"secretsmanager", "secrets manager"}, "SecretsManager", "Secret", []string{"secret_id"}},
	{[]string{"events", "eventbridge"}, "Events", "EventBus", []string{"event_bus_name"}},
}

// resourceOf returns the AWS service that a call reaches and the name of the
// resource there, which may be empty. A subsegment that does not bear the name
// of a service is told by the kind of resource that it names.
func resourceOf(call *segment.Segment) (r resource, name string, ok bool) {
	service := strings.ToLower(call.Name)
	for _, r := range resources {
		if slices.Contains(r.names, service) {
			return r, resourceName(call, r), true
		}
	}
	for _, r := range resources {
		if name := resourceName(call, r); name != "" {
			return r, name, true
		}
	}
	return resource{}, "", false
}

// calledType returns the X-Ray type of what a call reaches.
func calledType(call *segment.Segment) string {
	if call.SQL != nil {
		return sqlType
	}
	if call.Namespace != "aws" {
		return remoteType
	}
	r, name, ok := resourceOf(call)
	switch {
	case !ok:
		return "AWS::" + strings.ReplaceAll(call.Name, " ", "")
	case r.kind == "" || name == "":
		return "AWS::" + r.service
	}
	return "AWS::" + r.service + "::" + r.kind
}

// CalledName returns the name of what a call reaches: the resource if the call
// names it, else the service.
func CalledName(call *segment.Segment) string {
	if call.Namespace == "aws" || strings.HasPrefix(call.Origin, "AWS::") {
		if _, name, ok := resourceOf(call); ok && name != "" {
			return name
		}
	}
	return call.Name
}

// resourceName returns the name of the table, queue, bucket … that a call
// names, or "".
func resourceName(call *segment.Segment, r resource) string {
	if call.AWS == nil {
		return ""
	}
	for _, m := range r.members {
		var v string
		switch m {
		case "table_name":
			v = call.AWS.TableName
		case "table_names":
			if len(call.AWS.TableNames) == 1 {
				v = call.AWS.TableNames[0]
			}
		case "queue_url":
			v = call.AWS.QueueURL
		default:
			v = extraString(call.AWS.Extra, m)
		}
		if v == "" {
			continue
		}
		switch {
		case m == "queue_url":
			v = strings.TrimRight(v, "/")
			v = v[strings.LastIndexByte(v, '/')+1:]
		case strings.HasPrefix(v, "arn:"):
			v = v[strings.LastIndexByte(v, ':')+1:]
			v = v[strings.LastIndexByte(v, '/')+1:]
		}
		if v != "" {
			return v
		}
	}
	return ""
}
