package segment_test

import (
	"strings"
	"testing"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

func TestAppendJSONLeavesOutWhatIsEmpty(t *testing.T) {
	s := root()
	want := string(s.AppendJSON(nil))
	s.Service = &segment.Service{}
	s.HTTP = &segment.HTTP{Request: &segment.HTTPRequest{}, Response: &segment.HTTPResponse{}}
	s.SQL = &segment.SQL{}
	s.Cause = &segment.Cause{Paths: []string{}, Exceptions: []segment.Exception{}}
	s.AWS = &segment.AWS{
		TableNames: []string{}, CloudWatchLogs: []segment.LogGroup{}, EC2: &segment.EC2{}, ECS: &segment.ECS{}, EKS: &segment.EKS{},
		ElasticBeanstalk: &segment.ElasticBeanstalk{}, XRay: &segment.XRay{},
	}
	s.Annotations, s.Metadata, s.Extra = []segment.Member{}, []segment.Member{}, []segment.Member{}
	s.PrecursorIDs, s.Links, s.Subsegments = []segment.ID{}, []segment.Link{}, []*segment.Segment{}
	if got := string(s.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppendJSONOrder(t *testing.T) {
	s, err := segment.Decode(string(segmenttest.Small()))
	if err != nil {
		t.Fatal(err)
	}
	s.Service, s.AWS, s.HTTP.Request = nil, nil, nil
	s.Extra = []segment.Member{{Name: "extra", Value: "[1]"}}
	s.Subsegments = []*segment.Segment{
		{Name: "one", ID: segment.ID{1}, StartTime: 1_500_000_000, InProgress: segment.True},
		{Name: "two", ID: segment.ID{2}, StartTime: 2_000_000_000, EndTime: 2_000_000_001},
	}
	const want = `before{"name":"orders.example.com","id":"%ID%","trace_id":"%TRACE%","start_time":1760797120.102334,"end_time":1760797120.147801,` +
		`"origin":"AWS::EC2::Instance","http":{"response":{"status":200,"content_length":1843}},"extra":[1],"subsegments":[` +
		`{"name":"one","id":"0100000000000000","start_time":1.5,"in_progress":true},` +
		`{"name":"two","id":"0200000000000000","start_time":2,"end_time":2.000000001}]}`
	r := strings.NewReplacer("%ID%", s.ID.String(), "%TRACE%", s.TraceID.String())
	if got := string(s.AppendJSON([]byte("before"))); got != r.Replace(want) {
		t.Errorf("got  %s\nwant %s", got, r.Replace(want))
	}
}
