package logs

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var now = time.Unix(1760797200, 0)

func all(string) bool { return true }

func TestStoreEvents(t *testing.T) {
	s := &Store{MaxBytes: 1 << 20}
	require.ErrorIs(t, s.Put(now, "g", "s", nil), ErrNoGroup)
	require.ErrorIs(t, s.CreateStream(now, "g", "s"), ErrNoGroup)
	require.NoError(t, s.CreateGroup(now, Group{Name: "g"}))
	require.ErrorIs(t, s.CreateGroup(now, Group{Name: "g"}), ErrExists)
	require.ErrorIs(t, s.Put(now, "g", "s", nil), ErrNoStream)
	for _, name := range []string{"s", "r"} {
		require.NoError(t, s.CreateStream(now, "g", name))
	}
	require.ErrorIs(t, s.CreateStream(now, "g", "s"), ErrExists)
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	require.NoError(t, s.Put(at(10), "g", "s", []Event{{at(2), "two"}, {at(4), "four"}}))
	require.NoError(t, s.Put(at(11), "g", "r", []Event{{at(1), "one"}, {at(2), "two of r"}}))
	read := func(match func(string) bool, start, end time.Time) []string {
		list, err := s.Events(at(12), "g", match, start, end)
		require.NoError(t, err)
		var out []string
		for _, e := range list {
			out = append(out, e.Message)
		}
		return out
	}
	require.Equal(t, []string{"one", "two", "two of r", "four"}, read(all, time.Time{}, time.Time{}))
	require.Equal(t, []string{"two", "two of r"}, read(all, at(2), at(4)))
	require.Equal(t, []string{"two", "four"}, read(func(name string) bool { return name == "s" }, time.Time{}, time.Time{}))
	streams, err := s.Streams(now, "g")
	require.NoError(t, err)
	require.Equal(t, []Stream{{"r", now, at(1), at(2), at(11), 2}, {"s", now, at(2), at(4), at(10), 2}}, streams)
	g, err := s.Group("g")
	require.NoError(t, err)
	require.Equal(t, Group{Name: "g", Created: now, Streams: 2, Bytes: int64(len("onetwotwo of rfour"))}, g)
}

func TestStoreKeepsItsBound(t *testing.T) {
	evicted := map[Eviction]int{}
	s := &Store{MaxBytes: 50_000, Retention: time.Hour, Evicted: func(reason Eviction, n int) { evicted[reason] += n }}
	random := rand.New(rand.NewPCG(5, 6))
	for g := range 3 {
		require.NoError(t, s.CreateGroup(now, Group{Name: fmt.Sprint(g)}))
		for r := range 2 {
			require.NoError(t, s.CreateStream(now, fmt.Sprint(g), fmt.Sprint(r)))
		}
	}
	put := 0
	for i := range 2000 {
		var events []Event
		for range random.IntN(5) {
			events = append(events, Event{now, strings.Repeat("x", random.IntN(300))})
		}
		put += len(events)
		require.NoError(t, s.Put(now.Add(time.Duration(i)*time.Second), fmt.Sprint(random.IntN(3)), fmt.Sprint(random.IntN(2)), events))
		require.LessOrEqual(t, s.bytes, s.MaxBytes)
	}
	_, _, kept := s.Size(now.Add(2000 * time.Second))
	require.NotZero(t, kept)
	require.Equal(t, put, kept+evicted[EvictedForSpace])
	cost, bytes := s.frame, int64(0)
	for _, g := range s.groups {
		for _, r := range g.streams {
			n := 0
			for _, b := range r.batches {
				cost += b.cost
				n += len(b.events)
			}
			require.Equal(t, n, r.events)
		}
		bytes += g.Bytes
	}
	require.Equal(t, s.bytes, cost)

	_, groups, kept := s.Size(now.Add(3 * time.Hour))
	require.Zero(t, kept)
	require.Equal(t, 3, groups, "groups stay")
	require.Equal(t, put, evicted[EvictedForSpace]+evicted[EvictedForAge])
	require.Equal(t, s.frame, s.bytes)

	require.ErrorIs(t, s.Put(now, "0", "0", []Event{{now, strings.Repeat("x", 50_000)}}), ErrTooLarge)
}

// Groups, streams and tags cannot crowd out events.
func TestStoreFull(t *testing.T) {
	s := &Store{MaxBytes: 40_000}
	var err error
	made := 0
	for ; err == nil; made++ {
		err = s.CreateGroup(now, Group{Name: fmt.Sprint(made)})
	}
	require.ErrorIs(t, err, ErrFull)
	require.Greater(t, made, 10)
	require.ErrorIs(t, s.CreateStream(now, "0", strings.Repeat("s", 512)), ErrFull)
	require.ErrorIs(t, s.SetTags("0", map[string]string{"a": strings.Repeat("v", 1000)}), ErrFull)
	require.LessOrEqual(t, s.frame, s.MaxBytes/frameShare)
}
