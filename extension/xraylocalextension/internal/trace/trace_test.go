package trace

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// parse decodes documents that lack what is the same in all.
func parse(t *testing.T, members string) *segment.Segment {
	t.Helper()
	s, err := segment.Decode(`{"id":"0000000000000001","trace_id":"1-00000000-000000000000000000000001","start_time":1,"end_time":2,` + members + `}`)
	require.NoError(t, err)
	return s
}

func TestCalled(t *testing.T) {
	for _, c := range []struct{ call, name, kind string }{
		{`"name":"DynamoDB","namespace":"aws","aws":{"table_name":"orders"}`, "orders", "AWS::DynamoDB::Table"},
		{`"name":"dynamodb","namespace":"aws","aws":{"table_names":["orders"]}`, "orders", "AWS::DynamoDB::Table"},
		{`"name":"DynamoDB","namespace":"aws","aws":{"table_names":["orders","stock"]}`, "DynamoDB", "AWS::DynamoDB"},
		{`"name":"DynamoDB","namespace":"aws"`, "DynamoDB", "AWS::DynamoDB"},
		{`"name":"SQS","namespace":"aws","aws":{"queue_url":"https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"}`, "jobs", "AWS::SQS::Queue"},
		{`"name":"SQS","namespace":"aws","aws":{"queue_url":"/"}`, "SQS", "AWS::SQS"},
		{`"name":"SNS","namespace":"aws","aws":{"topic_arn":"arn:aws:sns:eu-west-1:123456789012:news"}`, "news", "AWS::SNS"},
		{`"name":"S3","namespace":"aws","aws":{"bucket_name":"labels","key":"x"}`, "labels", "AWS::S3::Bucket"},
		{`"name":"S3","namespace":"aws","aws":{"bucket_name":7}`, "S3", "AWS::S3"},
		{`"name":"Lambda","namespace":"aws","aws":{"function_name":"resize"}`, "resize", "AWS::Lambda"},
		{`"name":"Kinesis","namespace":"aws","aws":{"stream_arn":"arn:aws:kinesis:eu-west-1:1:stream/clicks"}`, "clicks", "AWS::Kinesis::Stream"},
		{`"name":"products","namespace":"aws","aws":{"table_name":"products"}`, "products", "AWS::DynamoDB::Table"},
		{`"name":"jobs","namespace":"aws","aws":{"queue_url":"https://sqs.eu-west-1.amazonaws.com/123456789012/work"}`, "work", "AWS::SQS::Queue"},
		{`"name":"Bedrock Runtime","namespace":"aws"`, "Bedrock Runtime", "AWS::BedrockRuntime"},
		{`"name":"orders@db","namespace":"remote","sql":{"url":"x"}`, "orders@db", "Database::SQL"},
		{`"name":"pay.example.net","namespace":"remote"`, "pay.example.net", "remote"},
	} {
		call := parse(t, c.call)
		got := ServiceOf(inferredSegment(traceID, call))
		require.Equal(t, Service{Name: c.name, Type: c.kind}, got, c.call)
		require.Equal(t, c.name, CalledName(call), c.call)
	}
}

func TestState(t *testing.T) {
	for _, c := range []struct {
		members string
		flags   Flags
		state   State
	}{
		{`"name":"a"`, Flags{}, OK},
		{`"name":"a","error":true`, Flags{Error: true}, Error},
		{`"name":"a","throttle":true`, Flags{Error: true, Throttle: true}, Throttle},
		{`"name":"a","error":true,"throttle":true,"fault":true`, Flags{true, true, true}, Fault},
		{`"name":"a","http":{"response":{"status":200}}`, Flags{}, OK},
		{`"name":"a","http":{"response":{"status":404}}`, Flags{Error: true}, Error},
		{`"name":"a","http":{"response":{"status":"429"}}`, Flags{Error: true, Throttle: true}, Throttle},
		{`"name":"a","http":{"response":{"status":503}}`, Flags{Fault: true}, Fault},
		{`"name":"a","fault":false,"http":{"response":{"status":503}}`, Flags{}, OK},
	} {
		s := parse(t, c.members)
		require.Equal(t, c.flags, FlagsOf(s), c.members)
		require.Equal(t, c.state, StateOf(s), c.members)
	}
}

// Only strings, numbers and booleans are indexed, at most 50 keys of a trace,
// each value once with all services that set it.
func TestAnnotations(t *testing.T) {
	a := parse(t, `"name":"a","annotations":{"tenant":"blue","n":1e2,"yes":true,"list":[1],"none":null,"map":{}},"user":"u"`)
	b := parse(t, `"name":"b","parent_id":"0000000000000001","annotations":{"tenant":"blue","n":100,"yes":false},"user":"u"`)
	b.ID = id(2)
	sum := Merge(traceID, []*segment.Segment{a, b}).Summarize()
	svcA, svcB := Service{Name: "a"}, Service{Name: "b"}
	require.Equal(t, []Annotation{
		{"tenant", "blue", []Service{svcA, svcB}},
		{"n", 100.0, []Service{svcA, svcB}},
		{"yes", true, []Service{svcA}},
		{"yes", false, []Service{svcB}},
	}, sum.Annotations)
	require.Equal(t, []User{{"u", []Service{svcA, svcB}}}, sum.Users)

	many := parse(t, `"name":"a"`)
	for i := range 60 {
		many.Annotations = append(many.Annotations, segment.Member{Name: fmt.Sprint("k", i), Value: "1"})
	}
	require.Len(t, Merge(traceID, []*segment.Segment{many}).Summarize().Annotations, MaxAnnotations)
}

func TestIsPartial(t *testing.T) {
	promise := func(s *segment.Segment) *segment.Segment {
		s.Traced = segment.True
		return calling("remote", s)
	}
	for name, c := range map[string]struct {
		docs []*segment.Segment
		want bool
	}{
		"whole":            {[]*segment.Segment{seg(1, 0, 1, 9, sub(2, 2, 3))}, false},
		"running":          {[]*segment.Segment{running(seg(1, 0, 1, 9))}, true},
		"running inside":   {[]*segment.Segment{seg(1, 0, 1, 9, running(sub(2, 2, 3)))}, true},
		"orphan":           {[]*segment.Segment{seg(1, 0, 1, 9), alone(7, sub(2, 2, 3))}, true},
		"promised":         {[]*segment.Segment{seg(1, 0, 1, 9, promise(sub(2, 2, 3)))}, true},
		"promise kept":     {[]*segment.Segment{seg(1, 0, 1, 9, promise(sub(2, 2, 3))), seg(3, 2, 2, 3)}, false},
		"caller elsewhere": {[]*segment.Segment{seg(1, 99, 1, 9)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, Merge(traceID, c.docs).Summarize().IsPartial)
		})
	}
}

// Many ways, long ways: root causes stay within bounds.
func TestCausesAreBounded(t *testing.T) {
	bad := func(s *segment.Segment) *segment.Segment {
		s.Fault = segment.True
		return s
	}
	wide := bad(seg(1, 0, 1, 9))
	for n := range uint64(1000) {
		wide.Subsegments = append(wide.Subsegments, bad(sub(n+2, 2, 3)))
	}
	require.Len(t, Merge(traceID, []*segment.Segment{wide}).Summarize().FaultCauses, maxCauses)

	docs := []*segment.Segment{bad(seg(1, 0, 1, 9))}
	for n := uint64(2); n < 300; n++ {
		docs = append(docs, bad(seg(n, n-1, 1, 9)))
	}
	causes := Merge(traceID, docs).Summarize().FaultCauses
	require.Len(t, causes, 3)
	require.Len(t, causes[0].Services, maxCauseSteps)
	require.True(t, causes[0].ClientImpacting)
	require.False(t, causes[1].ClientImpacting)
}
