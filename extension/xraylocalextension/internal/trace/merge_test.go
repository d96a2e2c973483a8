package trace

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

var traceID = segment.TraceID{15: 1}

func id(n uint64) (id segment.ID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

// seg returns a segment named after its id, from start to end in seconds.
func seg(n, parent uint64, start, end float64, subs ...*segment.Segment) *segment.Segment {
	s := sub(n, start, end, subs...)
	s.TraceID, s.ParentID = traceID, id(parent)
	return s
}

func sub(n uint64, start, end float64, subs ...*segment.Segment) *segment.Segment {
	return &segment.Segment{
		Name: fmt.Sprint(n), ID: id(n), Subsegments: subs,
		StartTime: segment.Time(start * 1e9), EndTime: segment.Time(end * 1e9),
	}
}

// alone makes a document of its own of a subsegment.
func alone(parent uint64, s *segment.Segment) *segment.Segment {
	s.Independent, s.TraceID, s.ParentID = true, traceID, id(parent)
	return s
}

func running(s *segment.Segment) *segment.Segment {
	s.InProgress, s.EndTime = segment.True, 0
	return s
}

func calling(namespace string, s *segment.Segment) *segment.Segment {
	s.Namespace = namespace
	return s
}

// draw writes a trace as its names and nesting: "1(2 3(4)) ~5" where ~ marks
// an orphan and ^ an inferred segment.
func draw(t *Trace) string {
	var list []string
	for _, s := range t.Segments {
		mark := ""
		if s.Independent {
			mark = "~"
		}
		if s.Inferred == segment.True {
			mark = "^"
		}
		list = append(list, mark+nesting(s))
	}
	return strings.Join(list, " ")
}

func nesting(s *segment.Segment) string {
	text := s.Name
	if s.InProgress == segment.True {
		text += "…"
	}
	if len(s.Subsegments) > 0 {
		var subs []string
		for _, n := range s.Subsegments {
			subs = append(subs, nesting(n))
		}
		text += "(" + strings.Join(subs, " ") + ")"
	}
	return text
}

func TestMerge(t *testing.T) {
	for name, c := range map[string]struct {
		docs []*segment.Segment
		want string
	}{
		"embedded": {[]*segment.Segment{seg(1, 0, 1, 9, sub(2, 2, 3), sub(3, 4, 5, sub(4, 4, 5)))}, "1(2 3(4))"},
		"subsegments before and after their parent": {
			[]*segment.Segment{alone(2, sub(3, 3, 4)), alone(1, sub(2, 2, 5)), seg(1, 0, 1, 9), alone(1, sub(4, 6, 7))},
			"1(2(3) 4)",
		},
		"under an embedded subsegment": {[]*segment.Segment{seg(1, 0, 1, 9, sub(2, 2, 5)), alone(2, sub(3, 3, 4))}, "1(2(3))"},
		"ordered by start":             {[]*segment.Segment{seg(1, 0, 1, 9, sub(2, 7, 8), sub(3, 2, 3))}, "1(3 2)"},
		"complete after in progress":   {[]*segment.Segment{running(seg(1, 0, 1, 0, sub(2, 2, 3))), seg(1, 0, 1, 9, sub(3, 2, 3))}, "1(2 3)"},
		"in progress after complete":   {[]*segment.Segment{seg(1, 0, 1, 9, sub(3, 2, 3)), running(seg(1, 0, 1, 0))}, "1(3)"},
		"in progress twice":            {[]*segment.Segment{running(seg(1, 0, 1, 0)), running(seg(1, 0, 1, 0))}, "1…"},
		"in progress, children alone":  {[]*segment.Segment{running(seg(1, 0, 1, 0)), alone(1, sub(2, 2, 3)), seg(1, 0, 1, 9)}, "1(2)"},
		"a subsegment embedded in progress and complete alone": {
			[]*segment.Segment{running(seg(1, 0, 1, 0, running(sub(2, 2, 0)))), alone(1, sub(2, 2, 3))}, "1…(2)"},
		"a subsegment in progress alone and complete embedded": {
			[]*segment.Segment{alone(1, running(sub(2, 2, 0))), seg(1, 0, 1, 9, sub(2, 2, 3, sub(3, 2, 3)))}, "1(2(3))"},
		"orphan":                           {[]*segment.Segment{seg(1, 0, 1, 9), alone(77, sub(2, 2, 3, sub(3, 2, 3)))}, "1 ~2(3)"},
		"its own parent":                   {[]*segment.Segment{alone(2, sub(2, 2, 3))}, "~2"},
		"a circle":                         {[]*segment.Segment{alone(3, sub(2, 2, 9)), alone(2, sub(3, 3, 4)), seg(1, 0, 5, 9)}, "~2(3) 1"},
		"a circle through an embedded one": {[]*segment.Segment{alone(3, sub(2, 2, 9, sub(3, 3, 4)))}, "~2(3)"},
		"segment and subsegment share an id": {
			[]*segment.Segment{seg(1, 0, 1, 9, sub(2, 2, 8)), seg(2, 2, 3, 7, sub(4, 4, 5)), alone(2, sub(5, 6, 7))}, "1(2(5)) 2(4)"},
		"callee":         {[]*segment.Segment{seg(3, 2, 3, 4), seg(1, 0, 1, 9, calling("remote", sub(2, 2, 5)))}, "1(2) 3"},
		"no callee":      {[]*segment.Segment{seg(1, 0, 1, 9, calling("remote", sub(2, 2, 5)), calling("aws", sub(3, 6, 7)), calling("local", sub(4, 7, 8)))}, "1(2 3 4) ^2 ^3"},
		"orphan's calls": {[]*segment.Segment{alone(9, calling("aws", sub(2, 2, 5)))}, "~2 ^2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Merge(traceID, c.docs)
			require.Equal(t, c.want, draw(got))
			for _, s := range got.Segments {
				require.Equal(t, traceID, s.TraceID)
				walk(s, func(e *segment.Segment) {
					if e != s {
						require.Zero(t, e.TraceID)
						require.Zero(t, e.ParentID)
						require.False(t, e.Independent)
					}
				})
			}
			got.Summarize()
			got.Flow()
		})
	}
}

// A chain that is longer than documents may nest is cut, not lost.
func TestMergeDeep(t *testing.T) {
	docs := []*segment.Segment{seg(1, 0, 1, 1000)}
	for n := uint64(2); n <= 500; n++ {
		docs = append(docs, alone(n-1, sub(n, float64(n), 1000)))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	got := Merge(traceID, docs)
	require.Len(t, got.Segments, 4)
	entities := 0
	for _, s := range got.Segments {
		walk(s, func(*segment.Segment) { entities++ })
		_, err := segment.Decode(string(s.AppendJSON(nil)))
		require.NoError(t, err)
	}
	require.Equal(t, 500, entities)
}

// However a trace is cut into documents and in whatever order these come, the
// same trace comes out.
func TestMergeAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		n := uint64(1)
		var grow func(depth int) *segment.Segment
		grow = func(depth int) *segment.Segment {
			n++
			s := sub(n, float64(n), 1000)
			if r.IntN(3) == 0 {
				s.Namespace = "remote"
			}
			for range r.IntN(4) {
				if depth < 5 {
					s.Subsegments = append(s.Subsegments, grow(depth+1))
				}
			}
			return s
		}
		root := seg(1, 0, 1, 1000)
		for range 3 {
			root.Subsegments = append(root.Subsegments, grow(0))
		}
		want := draw(Merge(traceID, []*segment.Segment{clone(root)}))

		var docs []*segment.Segment
		var cut func(s *segment.Segment) *segment.Segment
		cut = func(s *segment.Segment) *segment.Segment {
			c := *s
			c.Subsegments = nil
			for _, n := range s.Subsegments {
				if part := cut(n); r.IntN(2) == 0 {
					c.Subsegments = append(c.Subsegments, part)
				} else {
					part.Independent, part.TraceID, part.ParentID = true, traceID, c.ID
					docs = append(docs, part)
				}
			}
			return &c
		}
		docs = append(docs, cut(root), running(seg(1, 0, 1, 0)))
		r.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
		require.Equal(t, want, draw(Merge(traceID, docs)), "seed %d", seed)
	}
}

func clone(s *segment.Segment) *segment.Segment {
	c := *s
	c.Subsegments = nil
	for _, n := range s.Subsegments {
		c.Subsegments = append(c.Subsegments, clone(n))
	}
	return &c
}

// Segments that claim to call one another end nowhere, and nothing hangs.
func TestSegmentsInACircle(t *testing.T) {
	a := seg(1, 12, 1, 9, calling("remote", sub(11, 2, 8)))
	b := seg(2, 11, 2, 8, calling("remote", sub(12, 3, 7)))
	for _, s := range []*segment.Segment{a, b, a.Subsegments[0], b.Subsegments[0]} {
		s.Fault = segment.True
	}
	got := Merge(traceID, []*segment.Segment{a, b})
	require.Equal(t, "1(11) 2(12)", draw(got))
	require.Nil(t, got.Root())
	sum := got.Summarize()
	require.True(t, sum.IsPartial)
	require.Len(t, sum.FaultCauses, 1)
	require.Len(t, got.Flow().Calls, 2)
}
