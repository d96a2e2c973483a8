package segment_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

// bigTree hangs generated documents under one another, some of them swollen.
func bigTree(t *testing.T, rng *rand.Rand) *segment.Segment {
	t.Helper()
	var all []*segment.Segment
	for range 1 + rng.IntN(12) {
		s, err := segment.Decode(string(segmenttest.Generate(rng)))
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 0 {
			above := all[rng.IntN(len(all))]
			above.Extra = slices.DeleteFunc(above.Extra, func(m segment.Member) bool { return m.Name == "subsegments" })
			above.Subsegments = append(above.Subsegments, s)
		}
		all = append(all, s)
		all = append(all, s.Subsegments...)
	}
	for rng.IntN(3) > 0 {
		swell(rng, all[rng.IntN(len(all))])
	}
	return all[0]
}

func swell(rng *rand.Rand, s *segment.Segment) {
	// Members that come as typed ones must not be there as odd ones.
	s.Extra = nil
	long := strings.Repeat(`long "text" ⌘ `, 1+rng.IntN(2_000))
	value := string(segment.AppendString(nil, long))
	switch rng.IntN(8) {
	case 0:
		s.Metadata = append(s.Metadata, segment.Member{Name: "swollen", Value: value})
	case 1:
		s.SQL = &segment.SQL{SanitizedQuery: long}
	case 2:
		e := segment.Exception{ID: segment.ID{1}, Message: "m"}
		for i := range 3_000 {
			e.Stack = append(e.Stack, segment.Frame{Path: "/app/main.go", Line: segment.Int{Value: int64(i), Form: segment.NumberInt}})
		}
		s.Cause = &segment.Cause{Exceptions: []segment.Exception{e, e}}
	case 3:
		s.HTTP = &segment.HTTP{Request: &segment.HTTPRequest{URL: long}}
	case 4:
		s.Extra = append(s.Extra, segment.Member{Name: long, Value: value})
	case 5:
		for i := range 1_000 {
			s.Annotations = append(s.Annotations, segment.Member{Name: fmt.Sprint("swollen", i), Value: `"some annotation"`})
		}
	case 6:
		s.AWS = &segment.AWS{TableNames: slices.Repeat([]string{"table"}, 5_000)}
	case 7:
		s.Name, s.User, s.Origin, s.Namespace, s.ResourceARN = long, long, long, strings.Repeat("\x01", 70_000), long
		s.PrecursorIDs = make([]segment.ID, 5_000)
		s.Links = make([]segment.Link, 5_000)
	}
}

func TestSplitLosesNothing(t *testing.T) {
	trees := 120
	if testing.Short() || race {
		trees = 30
	}
	split, whole := 0, 0
	for seed := range uint64(trees) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := bigTree(t, rng)
		maxBytes := segment.MinSplitBytes << rng.IntN(4)
		want := entities(t, s.AppendJSON(nil), "")
		trace := s.TraceID

		parts, cut := s.Split(nil, maxBytes)

		got := map[string]entity{}
		for i, part := range parts {
			if len(part.JSON) > maxBytes {
				t.Fatalf("seed %d: part %d has %d bytes, more than %d", seed, i, len(part.JSON), maxBytes)
			}
			d, err := segment.Decode(string(part.JSON))
			if err != nil {
				t.Fatalf("seed %d: part %d: %v", seed, i, err)
			}
			if d.ID != part.ID || d.TraceID != trace || part.TraceID != trace {
				t.Fatalf("seed %d: part %d is %v of %v", seed, i, d.ID, d.TraceID)
			}
			if i > 0 && !d.Independent {
				t.Fatalf("seed %d: part %d is not independent", seed, i)
			}
			if _, ok := got[d.ParentID.String()]; i > 0 && !ok {
				t.Fatalf("seed %d: part %d comes before its parent", seed, i)
			}
			for id, e := range entities(t, part.JSON, d.ParentID.String()) {
				if _, ok := got[id]; ok {
					t.Fatalf("seed %d: %s twice", seed, id)
				}
				got[id] = e
			}
		}

		if len(got) != len(want) {
			t.Fatalf("seed %d: %d entities became %d", seed, len(want), len(got))
		}
		marked := 0
		for id, w := range want {
			g := got[id]
			if id != s.ID.String() && g.parent != w.parent {
				t.Fatalf("seed %d: %s had parent %s, has %s", seed, id, w.parent, g.parent)
			}
			diff := segmenttest.Equal(w.own, g.own)
			if strings.Contains(string(g.own), `"tailwater":{`) && strings.Contains(string(g.own), `"cut":[`) && diff != "" {
				marked++
			} else if diff != "" {
				t.Fatalf("seed %d: %s: %s", seed, id, diff)
			}
		}
		if marked != cut {
			t.Fatalf("seed %d: %d entities are marked as cut, %d counted", seed, marked, cut)
		}
		if len(parts) > 1 {
			split++
		} else {
			whole++
		}
	}
	if split == 0 || whole == 0 {
		t.Errorf("%d split and %d whole: the test looks at too little", split, whole)
	}
}

type entity struct {
	parent string
	own    []byte // without subsegments and what makes it independent
}

// entities takes a document apart, by id.
func entities(t *testing.T, doc []byte, parent string) map[string]entity {
	t.Helper()
	all := map[string]entity{}
	var walk func(doc []byte, parent string)
	walk = func(doc []byte, parent string) {
		var o map[string]json.RawMessage
		if err := json.Unmarshal(doc, &o); err != nil {
			t.Fatal(err)
		}
		var subs []json.RawMessage
		var id string
		if err := json.Unmarshal(o["id"], &id); err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal(o["subsegments"], &subs) == nil && len(subs) > 0 {
			delete(o, "subsegments")
		}
		delete(o, "trace_id")
		delete(o, "parent_id")
		delete(o, "type")
		own, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		all[id] = entity{parent, own}
		for _, sub := range subs {
			walk(sub, id)
		}
	}
	walk(doc, parent)
	return all
}

func leaf(n uint64, bytes int) *segment.Segment {
	s := &segment.Segment{Name: "leaf", StartTime: 1e18, EndTime: 2e18}
	binary.BigEndian.PutUint64(s.ID[:], n)
	s.Metadata = []segment.Member{{Name: "default", Value: `"` + strings.Repeat("x", bytes-len(s.AppendJSON(nil))-len(`,"metadata":{"default":""}`)) + `"`}}
	return s
}

func root(subs ...*segment.Segment) *segment.Segment {
	return &segment.Segment{
		Name: "root", ID: segment.ID{1}, TraceID: segment.TraceID{1}, StartTime: 1e18, EndTime: 2e18, Subsegments: subs,
	}
}

func TestSplitDetachesTheLargestAndNoMore(t *testing.T) {
	s := root(leaf(1, 2_000), leaf(2, 5_000), leaf(3, 1_000), leaf(4, 4_000), leaf(5, 3_000))
	parts, cut := s.Split(nil, segment.MinSplitBytes)
	var ids []string
	for _, p := range parts {
		ids = append(ids, p.ID.String())
	}
	if len(parts) != 3 || cut != 0 {
		t.Errorf("%d parts %v, %d cut", len(parts), ids, cut)
	}
	d, err := segment.Decode(string(parts[0].JSON))
	if err != nil {
		t.Fatal(err)
	}
	var left []byte
	for _, sub := range d.Subsegments {
		left = append(left, sub.ID[7])
	}
	if !slices.Equal(left, []byte{1, 3, 5}) {
		t.Errorf("left are %v", left)
	}
}

func TestSplitKeepsWhatFits(t *testing.T) {
	s := root()
	whole := len(s.AppendJSON(nil))
	s.Subsegments = []*segment.Segment{leaf(1, segment.MinSplitBytes-whole-len(`,"subsegments":[]`))}
	parts, _ := s.Split(nil, segment.MinSplitBytes)
	if len(parts) != 1 || len(parts[0].JSON) != segment.MinSplitBytes {
		t.Errorf("%d parts, the first of %d bytes", len(parts), len(parts[0].JSON))
	}
}

func TestSplitOfTooDeepNesting(t *testing.T) {
	s := root()
	at := s
	const levels = 3*segment.MaxDepth + 7
	for i := range levels {
		at.Subsegments = []*segment.Segment{{Name: "s", ID: segment.ID{2, byte(i >> 8), byte(i)}, StartTime: 1e18, EndTime: 2e18}}
		at = at.Subsegments[0]
	}
	parts, cut := s.Split(nil, segment.MaxDocumentBytes)
	if cut != 0 {
		t.Errorf("%d cut", cut)
	}
	total := 0
	for _, p := range parts {
		if _, err := segment.Decode(string(p.JSON)); err != nil {
			t.Error(err)
		}
		total += len(entities(t, p.JSON, ""))
	}
	if total != levels+1 {
		t.Errorf("%d entities, not %d", total, levels+1)
	}
}

func TestCutIsMarked(t *testing.T) {
	big := func(n int) string { return `"` + strings.Repeat("m", n) + `"` }
	tests := []struct {
		name string
		s    func(*segment.Segment)
		want string
	}{
		{
			"largest metadata first",
			func(s *segment.Segment) {
				s.Metadata = []segment.Member{{Name: "a", Value: big(3_000)}, {Name: "b", Value: big(7_000)}, {Name: "c", Value: `{"k":1}`}}
				s.SQL = &segment.SQL{SanitizedQuery: strings.Repeat("q", 3_000)}
			},
			`{"cut":["metadata.b"]}`,
		},
		{
			"own namespace is kept",
			func(s *segment.Segment) {
				s.Metadata = []segment.Member{{Name: "tailwater", Value: `{"k":1,"cut":["x"]}`}, {Name: "b", Value: big(9_000)}}
			},
			`{"k":1,"cut":["metadata.b"]}`,
		},
		{
			"then SQL",
			func(s *segment.Segment) {
				s.Metadata = []segment.Member{{Name: "a", Value: big(300)}}
				s.SQL = &segment.SQL{SanitizedQuery: strings.Repeat("q", 12_000)}
			},
			`{"cut":["metadata.a","sql.sanitized_query"]}`,
		},
		{
			"cut between characters",
			func(s *segment.Segment) {
				s.SQL = &segment.SQL{SanitizedQuery: "q" + strings.Repeat("⌘", 4_000)}
			},
			`{"cut":["sql.sanitized_query"]}`,
		},
		{
			"metadata that is no object makes room",
			func(s *segment.Segment) {
				s.Extra = []segment.Member{{Name: "metadata", Value: "[1]"}}
				s.User = strings.Repeat("u", 9_000)
			},
			`{"cut":["user","metadata"]}`,
		},
		{
			"then the rest, named in short",
			func(s *segment.Segment) {
				for i := range 20 {
					s.Extra = append(s.Extra, segment.Member{Name: fmt.Sprintf("%02d%s", i, strings.Repeat("é", 100)), Value: big(2_000)})
				}
			},
			`{"cut":["` + strings.Join([]string{
				"00", "01", "02", "03", "04", "05", "06", "07",
			}, strings.Repeat("?", 28)+`…","`) + strings.Repeat("?", 28) + `…"],"cut_more":9}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := root()
			test.s(s)
			parts, cut := s.Split(nil, segment.MinSplitBytes)
			if len(parts) != 1 || cut != 1 {
				t.Fatalf("%d parts, %d cut", len(parts), cut)
			}
			d, err := segment.Decode(string(parts[0].JSON))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range d.Metadata {
				if m.Name == "tailwater" {
					if diff := segmenttest.Equal([]byte(test.want), []byte(m.Value)); diff != "" {
						t.Errorf("%s: %s", diff, m.Value)
					}
					return
				}
			}
			t.Errorf("not marked: %s", parts[0].JSON)
		})
	}
}

func TestCutFramesAreCounted(t *testing.T) {
	s := root()
	e := segment.Exception{ID: segment.ID{9}, Truncated: segment.Int{Value: 5, Form: segment.StringInt}}
	for range 400 {
		e.Stack = append(e.Stack, segment.Frame{Path: "/app/main.go", Label: "main"})
	}
	s.Cause = &segment.Cause{Exceptions: []segment.Exception{e}}
	parts, _ := s.Split(nil, segment.MinSplitBytes)
	d, err := segment.Decode(string(parts[0].JSON))
	if err != nil {
		t.Fatal(err)
	}
	got := d.Cause.Exceptions[0]
	if len(got.Stack) < 100 || got.Truncated != (segment.Int{Value: int64(405 - len(got.Stack)), Form: segment.StringInt}) {
		t.Errorf("%d frames, truncated %+v", len(got.Stack), got.Truncated)
	}
}
