package awsemfexporter

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

func eventsOf(first, n, size int) []event {
	out := make([]event, n)
	for i := range out {
		out[i] = event{
			group: fmt.Sprint("g", (first+i)/3), stream: "s", timestamp: int64(first + i),
			message: bytes.Repeat([]byte{byte('a' + (first+i)%26)}, size),
		}
	}
	return out
}

func TestPortionOnDisk(t *testing.T) {
	for _, p := range []*portion{newPortion(nil), newPortion(eventsOf(0, 1, 0)), newPortion(eventsOf(-5, 20, 100))} {
		again, err := unmarshalPortion(p.marshal())
		require.NoError(t, err)
		assert.Equal(t, p.bytes, again.bytes)
		require.Len(t, again.events, len(p.events))
		for i := range p.events {
			assert.Equal(t, p.events[i].group, again.events[i].group)
			assert.Equal(t, p.events[i].stream, again.events[i].stream)
			assert.Equal(t, p.events[i].timestamp, again.events[i].timestamp)
			assert.Equal(t, string(p.events[i].message), string(again.events[i].message))
		}
	}
}

func TestDamagedPortions(t *testing.T) {
	whole := newPortion(eventsOf(0, 3, 10)).marshal()
	for n := range whole {
		_, err := unmarshalPortion(whole[:n])
		assert.ErrorIs(t, err, errPortion, "%d bytes", n)
	}
	_, err := unmarshalPortion(append(whole, 0))
	assert.ErrorContains(t, err, "1 bytes too many")
	whole[0] = 9
	_, err = unmarshalPortion(whole)
	assert.ErrorContains(t, err, "version 9")
	_, err = unmarshalPortion([]byte{portionVersion, 1, 0, 0, 0})
	assert.ErrorIs(t, err, errPortion, "no group at all")
}

func FuzzPortion(f *testing.F) {
	f.Add(newPortion(eventsOf(0, 3, 10)).marshal())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := unmarshalPortion(in)
		if err != nil {
			require.ErrorIs(t, err, errPortion)
			return
		}
		again, err := unmarshalPortion(p.marshal())
		require.NoError(t, err)
		require.Equal(t, len(p.events), len(again.events))
		require.Equal(t, p.bytes, again.bytes)
	})
}

// Whatever is joined and cut, every event is there once, in order, and no
// result is too large.
func TestMergeSplit(t *testing.T) {
	for _, test := range []struct {
		a, b, size int
		max        int
		sizer      exporterhelper.RequestSizerType
		want       []int // events of each result
	}{
		{10, 0, 100, 0, exporterhelper.RequestSizerTypeBytes, []int{10}},
		{10, 5, 100, 0, exporterhelper.RequestSizerTypeBytes, []int{15}},
		{0, 5, 100, 0, exporterhelper.RequestSizerTypeBytes, []int{5}},
		{3, 5, 100, 4 * 126, exporterhelper.RequestSizerTypeBytes, []int{4, 4}},
		{3, 5, 100, 2, exporterhelper.RequestSizerTypeItems, []int{3, 2, 2, 1}}, // all of the first in the first
		{20_000, 0, 1, 0, exporterhelper.RequestSizerTypeBytes, []int{10_000, 10_000}},
		{3, 0, emf.MaxMessage, 0, exporterhelper.RequestSizerTypeBytes, []int{1, 1, 1}},
		{0, 0, 1, 0, exporterhelper.RequestSizerTypeBytes, []int{0}},
	} {
		first, second := newPortion(eventsOf(0, test.a, test.size)), newPortion(eventsOf(test.a, test.b, test.size))
		// A portion that comes alone is cut, as the queue's items are.
		results, err := first.MergeSplit(context.Background(), test.max, test.sizer, nil)
		if test.b > 0 {
			results, err = first.MergeSplit(context.Background(), test.max, test.sizer, second)
		}
		require.NoError(t, err)
		var got []int
		next := int64(0)
		for _, r := range results {
			p := r.(*portion)
			got = append(got, p.ItemsCount())
			bytes := 0
			for _, e := range p.events {
				assert.Equal(t, next, e.timestamp)
				next++
				bytes += e.size()
			}
			assert.Equal(t, bytes, p.BytesSize())
		}
		assert.Equal(t, test.want, got)
		assert.EqualValues(t, test.a+test.b, next)
	}
}
