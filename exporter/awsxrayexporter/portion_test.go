package awsxrayexporter

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

var testFailure = awsclient.Failure{Kind: awsclient.Permanent, Status: 400, Code: "InvalidRequestException", Message: "no"}

// traces makes documents of traces with the given numbers of documents.
func traces(counts ...int) (parts []segment.Part) {
	for trace, n := range counts {
		for range n {
			parts = append(parts, document(trace, len(parts)))
		}
	}
	return parts
}

func TestLimitsFirst(t *testing.T) {
	for _, test := range []struct {
		name   string
		counts []int
		keep   int
		want   []int // sizes of the requests
	}{
		{"all fit", []int{10, 20}, 0, []int{30}},
		{"exactly full", []int{25, 25}, 0, []int{50}},
		{"a trace is not torn", []int{30, 30, 10}, 0, []int{30, 40}},
		{"a trace of 50 stays whole", []int{1, 50}, 0, []int{1, 50}},
		{"a trace of more is torn at the limit", []int{10, 60}, 0, []int{50, 20}},
		{"a trace of many requests", []int{130}, 0, []int{50, 50, 30}},
	} {
		t.Run(test.name, func(t *testing.T) {
			parts := traces(test.counts...)
			var got []int
			for len(parts) > 0 {
				n := requestLimits.first(parts, test.keep)
				got = append(got, n)
				parts = parts[n:]
			}
			assert.Equal(t, test.want, got)
		})
	}
	t.Run("bytes", func(t *testing.T) {
		parts := documents(0, 40)
		for i := range parts {
			parts[i].JSON = bytes.Repeat([]byte("x"), 64<<10)
		}
		n := requestLimits.first(parts, 0)
		assert.Equal(t, 15, n)
		assert.LessOrEqual(t, sizeOf(parts[:n]), maxPortionBytes)
		parts[0].JSON = bytes.Repeat([]byte("x"), 2*maxPortionBytes)
		assert.Equal(t, 1, requestLimits.first(parts, 0), "one document always goes")
	})
}

// Whatever is merged: nothing is lost, doubled or reordered, no request is
// past a limit, what the first portion held is in the first result, and no
// trace that fits is torn unless it came torn.
func TestMergeSplitProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		next := 0
		some := func(most int) []segment.Part {
			var parts []segment.Part
			for len(parts) < most && random.IntN(8) > 0 {
				trace := random.IntN(6)
				for range 1 + random.IntN(12) {
					p := document(trace, next)
					if random.IntN(20) == 0 {
						p.JSON = bytes.Repeat([]byte("y"), random.IntN(64<<10))
					}
					parts = append(parts, p)
					next++
				}
			}
			return parts
		}
		first, second := some(maxDocuments), some(200)
		first = first[:min(len(first), requestLimits.first(append(first, document(9, 99999)), 0))]
		all := slices.Concat(first, second)
		if len(first) == 0 || len(second) == 0 {
			continue
		}
		maxSize := []int{0, 10, 50, 8192}[random.IntN(4)]
		if maxSize == 10 {
			first, second = first[:min(len(first), 10)], all[min(len(first), 10):]
		}
		requests, err := newPortion(first).MergeSplit(t.Context(), maxSize, exporterhelper.RequestSizerTypeItems, newPortion(second))
		require.NoError(t, err)
		var got []segment.Part
		for i, r := range requests {
			p := r.(*portion)
			require.NotEmpty(t, p.parts)
			require.LessOrEqual(t, len(p.parts), maxDocuments)
			if maxSize > 0 {
				require.LessOrEqual(t, len(p.parts), maxSize)
			}
			require.Equal(t, sizeOf(p.parts), p.bytes)
			if len(p.parts) > 1 {
				require.LessOrEqual(t, p.bytes, maxPortionBytes)
			}
			if i == 0 {
				require.GreaterOrEqual(t, len(p.parts), len(first))
			}
			got = append(got, p.parts...)
		}
		require.Equal(t, all, got)
	}
}

func TestMergeSplitAlone(t *testing.T) {
	parts := documents(0, 70)
	requests, err := newPortion(parts).MergeSplit(t.Context(), 0, exporterhelper.RequestSizerTypeItems, nil)
	require.NoError(t, err)
	require.Len(t, requests, 2)
	assert.Equal(t, 50, requests[0].ItemsCount())

	// A byte limit of the batch applies as well.
	one := sizeOf(parts[:1])
	requests, err = newPortion(parts).MergeSplit(t.Context(), 3*one, exporterhelper.RequestSizerTypeBytes, nil)
	require.NoError(t, err)
	assert.Equal(t, 3, requests[0].ItemsCount())
	assert.Len(t, requests, 24)
}

func TestPortionOnDisk(t *testing.T) {
	for _, parts := range [][]segment.Part{{}, documents(0, 1), traces(3, 1, 40)} {
		want := newPortion(parts)
		got, err := unmarshalPortion(want.marshal())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	good := newPortion(documents(0, 2)).marshal()
	for name, in := range map[string][]byte{
		"empty":          {},
		"future version": append([]byte{9}, good[1:]...),
		"cut off":        good[:len(good)-1],
		"too long":       append(slices.Clone(good), 0),
		"huge count":     {portionVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	} {
		_, err := unmarshalPortion(in)
		assert.ErrorIs(t, err, errPortion, name)
	}
}

func TestDamagedItemIsCounted(t *testing.T) {
	f := newFixture(t, nil)
	e := encoding{damaged: func() { f.count.dropped(t.Context(), reasonUnreadable, 1) }}
	text, err := e.Marshal(t.Context(), newPortion(documents(0, 2)))
	require.NoError(t, err)
	_, r, err := e.Unmarshal(text)
	require.NoError(t, err)
	assert.Equal(t, 2, r.ItemsCount())
	_, _, err = e.Unmarshal(text[:20])
	require.ErrorIs(t, err, errPortion)
	assert.EqualValues(t, 1, f.sum(t, "documents_dropped", "reason", "unreadable"))
	require.NoError(t, f.Shutdown(t.Context()), "an exporter that was never started stops as well")
	require.NoError(t, f.Shutdown(t.Context()), "and twice")
}

func FuzzPortion(f *testing.F) {
	f.Add(newPortion(nil).marshal())
	f.Add(newPortion(documents(0, 3)).marshal())
	f.Add([]byte{portionVersion, 2, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := unmarshalPortion(in)
		if err != nil {
			return
		}
		again, err := unmarshalPortion(p.marshal())
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}

func TestBody(t *testing.T) {
	parts := documents(0, 3)
	parts[1].JSON = []byte(`{"name":"a \"b\" \\ /é"}`)
	var got struct{ TraceSegmentDocuments []string }
	require.NoError(t, json.Unmarshal(appendBody(nil, parts), &got))
	require.Len(t, got.TraceSegmentDocuments, 3)
	for i, text := range got.TraceSegmentDocuments {
		assert.Equal(t, string(parts[i].JSON), text)
	}
}
