package api

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

// Whatever a document says is read back member for member; only its
// subsegments are put in the order of their start.
func TestDocumentsStayWhole(t *testing.T) {
	taken := 0
	for seed := range uint64(1000) {
		doc := string(segmenttest.Generate(rand.New(rand.NewPCG(seed, 11))))
		s, refused := check(doc)
		if refused != nil || repeats(s, map[segment.ID]bool{}) {
			continue
		}
		taken++
		r := newRig(t)
		_, out := r.call(t, "/TraceSegments", map[string]any{"TraceSegmentDocuments": []string{doc}})
		require.Empty(t, out["UnprocessedTraceSegments"])
		code, out := r.call(t, "/Traces", map[string]any{"TraceIds": []string{s.TraceID.String()}})
		require.Equal(t, http.StatusOK, code)
		got := out["Traces"].([]any)[0].(map[string]any)["Segments"].([]any)[0].(map[string]any)
		require.Equal(t, s.ID.String(), got["Id"])
		sortByStart(s)
		require.Empty(t, segmenttest.Equal(s.AppendJSON(nil), []byte(got["Document"].(string))), "seed %d", seed)
	}
	require.Greater(t, taken, 300)
}

// repeats reports whether an id occurs twice in s, where only one can count.
func repeats(s *segment.Segment, seen map[segment.ID]bool) bool {
	if seen[s.ID] {
		return true
	}
	seen[s.ID] = true
	return slices.ContainsFunc(s.Subsegments, func(n *segment.Segment) bool { return repeats(n, seen) })
}

func sortByStart(s *segment.Segment) {
	slices.SortStableFunc(s.Subsegments, func(a, b *segment.Segment) int { return cmp.Compare(a.StartTime, b.StartTime) })
	for _, n := range s.Subsegments {
		sortByStart(n)
	}
}
