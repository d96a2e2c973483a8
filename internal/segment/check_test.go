package segment_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

func TestCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(*segment.Segment)
		want   []string
	}{
		{"all is well", func(*segment.Segment) {}, nil},
		{"no end", func(s *segment.Segment) { s.EndTime = 0 }, []string{"MissingEndTime end_time"}},
		{"in progress", func(s *segment.Segment) { s.EndTime, s.InProgress = 0, segment.True }, nil},
		{"not in progress", func(s *segment.Segment) { s.EndTime, s.InProgress = 0, segment.False }, []string{"MissingEndTime end_time"}},
		{"name with brackets", func(s *segment.Segment) { s.Name = "f()" }, []string{"InvalidName name"}},
		{"brackets in a subsegment", func(s *segment.Segment) { s.Subsegments[1].Name = "f()" }, nil},
		{"brackets in an independent one", func(s *segment.Segment) { s.Name, s.Independent = "f()", true }, nil},
		{"longest name", func(s *segment.Segment) { s.Name = strings.Repeat("é", 200) }, nil},
		{"long name", func(s *segment.Segment) { s.Subsegments[1].Name = strings.Repeat("é", 201) }, []string{"InvalidName subsegments[1].name"}},
		{"independent without parent", func(s *segment.Segment) { s.Independent, s.ParentID = true, segment.ID{} }, []string{"MissingParentId parent_id"}},
		{"nothing at all", func(s *segment.Segment) { *s = segment.Segment{} }, []string{
			"MissingTraceId trace_id", "MissingName name", "MissingId id", "MissingStartTime start_time", "MissingEndTime end_time",
		}},
		{"several, deep", func(s *segment.Segment) {
			s.Subsegments[0].Subsegments = []*segment.Segment{{Name: "a", ID: segment.ID{1}, StartTime: 1}}
			s.Subsegments[4].ID = segment.ID{}
		}, []string{"MissingEndTime subsegments[0].subsegments[0].end_time", "MissingId subsegments[4].id"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := segment.Decode(string(segmenttest.Mid()))
			if err != nil {
				t.Fatal(err)
			}
			test.change(s)
			var got []string
			for _, e := range s.Check() {
				got = append(got, e.Code+" "+e.Path)
				if e.Reason == "" || e.Kind == "" {
					t.Errorf("%+v", e)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
