package spool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func testOptions(t testing.TB) Options {
	return Options{Directory: t.TempDir(), RetryMin: time.Millisecond, RetryMax: time.Millisecond}
}

func open(t testing.TB, o Options) (*Spool, Recovery) {
	t.Helper()
	s, recovery, err := Open(o)
	require.NoError(t, err)
	return s, recovery
}

// finish delivers all that is left.
func finish(t testing.TB, s *Spool, b *bucket) {
	t.Helper()
	s.Close()
	require.NoError(t, s.Deliver(t.Context(), b))
	require.NoError(t, s.Unlock())
}

func appendAll(t testing.TB, s *Spool, records ...string) {
	t.Helper()
	for _, r := range records {
		require.NoError(t, s.Append([]byte(r), 1, 0))
	}
}

func names(t testing.TB, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Type().IsRegular() {
			list = append(list, e.Name())
		}
	}
	return list
}

func TestDeliver(t *testing.T) {
	o := testOptions(t)
	b := &bucket{dir: t.TempDir(), batch: 2}
	s, recovery := open(t, o)
	require.Equal(t, Recovery{}, recovery)
	appendAll(t, s, "a", "b", "c")
	finish(t, s, b)
	require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, b.lines(t))
	require.Len(t, names(t, b.dir), 2)
	require.ElementsMatch(t, []string{lockName, nodeName}, names(t, o.Directory))
	require.Empty(t, names(t, filepath.Join(o.Directory, readyDir)))
	require.Empty(t, names(t, filepath.Join(o.Directory, tmpDir)))
	require.ErrorIs(t, s.Append(nil, 0, 0), ErrClosed)

	// The second epoch uses no name of the first again.
	s, _ = open(t, o)
	appendAll(t, s, "d")
	finish(t, s, b)
	require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, b.lines(t))
}

func TestSegmentsCloseBySize(t *testing.T) {
	o := testOptions(t)
	o.SegmentBytes = 200
	b := &bucket{dir: t.TempDir()}
	s, _ := open(t, o)
	for i := range 20 {
		appendAll(t, s, fmt.Sprintf("%040d", i))
	}
	finish(t, s, b)
	require.Len(t, b.lines(t), 20)
	require.Equal(t, 7, b.delivered) // 36 bytes of header and 69 for each record: 3 to a log
}

func TestSegmentsCloseByAge(t *testing.T) {
	o := testOptions(t)
	b := &bucket{dir: t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		o.Deadline = func(first time.Time) time.Time { return first.Add(time.Minute) }
		s, _ := open(t, o)
		start := time.Now()
		appendAll(t, s, "a")
		time.Sleep(59 * time.Second)
		synctest.Wait()
		require.Zero(t, s.State().Segments)
		require.Equal(t, start, s.State().Oldest)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, 1, s.State().Segments)
		require.True(t, start.Equal(s.State().Oldest))
		finish(t, s, b)
	})
	require.Equal(t, map[string]int{"a": 1}, b.lines(t))
}

func TestSeal(t *testing.T) {
	s, _ := open(t, testOptions(t))
	b := &bucket{dir: t.TempDir()}
	done := make(chan error)
	go func() { done <- s.Deliver(context.Background(), b) }()
	appendAll(t, s, "a")
	s.Seal()
	require.Eventually(t, func() bool { return s.State() == State{Bytes: s.State().Bytes} }, time.Minute, time.Millisecond)
	require.Equal(t, map[string]int{"a": 1}, b.lines(t))
	s.Close()
	require.NoError(t, <-done)
	require.NoError(t, s.Unlock())
}

func TestOneOwner(t *testing.T) {
	o := testOptions(t)
	s, _ := open(t, o)
	_, _, err := Open(o)
	require.ErrorContains(t, err, o.Directory)
	require.ErrorContains(t, err, "in use by another process or exporter")
	finish(t, s, &bucket{dir: t.TempDir()})
	s, _ = open(t, o)
	finish(t, s, &bucket{dir: t.TempDir()})
}

func TestFull(t *testing.T) {
	o := testOptions(t)
	o.MaxBytes, o.Reserve = 20_000, 10_000
	s, _ := open(t, o)
	b := &bucket{dir: t.TempDir()}
	record := []byte(strings.Repeat("x", 1000))
	n := 0
	for ; s.Append(record, 1, 0) == nil; n++ {
	}
	require.Equal(t, 9, n)
	require.True(t, s.State().Full == (s.State().Bytes > 9500))
	require.ErrorIs(t, s.Append(make([]byte, 5000), 1, 0), ErrFull)

	go func() { _ = s.Deliver(context.Background(), b) }()
	s.Seal()
	require.Eventually(t, func() bool { return s.Append(record, 1, 0) == nil }, time.Minute, time.Millisecond)
	require.False(t, s.State().Full)
	require.ErrorIs(t, s.Append(make([]byte, MaxPayload+1), 1, 0), ErrTooLarge)
	s.Close()
	require.Eventually(t, func() bool { return b.total(t) == n+1 }, time.Minute, time.Millisecond)
	require.Eventually(t, func() bool { return s.State().Segments == 0 }, time.Minute, time.Millisecond)
	// What is left is the identity; the account is exact.
	measured, err := s.measure()
	require.NoError(t, err)
	require.Equal(t, measured, s.State().Bytes)
	require.NoError(t, s.Unlock())
}

func (b *bucket) total(t testing.TB) (n int) {
	for _, times := range b.lines(t) {
		n += times
	}
	return n
}

// A log may end anywhere: what is whole stays, what is cut off is counted.
func TestCutTail(t *testing.T) {
	o := testOptions(t)
	s, _ := open(t, o)
	appendAll(t, s, "first", "second", "third")
	log, err := os.ReadFile(filepath.Join(o.Directory, openName(1, 1)))
	require.NoError(t, err)
	finish(t, s, &bucket{dir: t.TempDir()})
	ends := []int{headerSize, headerSize + frameHeaderSize + 5, headerSize + 2*frameHeaderSize + 11, len(log)}
	for size := range len(log) {
		for _, flip := range []bool{false, true} {
			if flip && size == 7 {
				continue // that is another version
			}
			o := testOptions(t)
			text := slices.Clone(log[:size])
			if flip { // a torn write: the right length, other bytes
				text = append(text, make([]byte, len(log)-size)...)
				for i := size; i < len(text); i++ {
					text[i] = log[i] ^ 0x5a
				}
			}
			require.NoError(t, os.WriteFile(filepath.Join(o.Directory, openName(1, 1)), text, 0o600))
			o.FS = &faultFS{}
			s, recovery := open(t, o)
			b := &bucket{dir: t.TempDir()}
			finish(t, s, b)
			whole := 0
			for i, end := range ends {
				if size >= end {
					whole = i
				}
			}
			cut := len(text) - ends[whole]
			if whole == 0 {
				cut = len(text)
			}
			require.Equal(t, int64(cut), recovery.CutBytes, "size %d", size)
			require.Equal(t, int64(whole), recovery.Items, "size %d", size)
			require.Len(t, b.lines(t), whole, "size %d", size)
		}
	}
}

// A record that the disk has spoilt costs what comes after it in its log; the
// log is kept.
func TestDamage(t *testing.T) {
	o := testOptions(t)
	s, _ := open(t, o)
	appendAll(t, s, "first", "second", "third")
	s.Close()
	require.NoError(t, s.Unlock())
	name := s.sealed[0].logName()
	path := filepath.Join(o.Directory, name)
	log, err := os.ReadFile(path)
	require.NoError(t, err)
	log[headerSize+frameHeaderSize+5+frameHeaderSize]++
	require.NoError(t, os.WriteFile(path, log, 0o600))

	s, recovery := open(t, o)
	require.Equal(t, Recovery{Segments: 1, Items: 3}, recovery)
	b := &bucket{dir: t.TempDir()}
	finish(t, s, b)
	require.Equal(t, map[string]int{"first": 1}, b.lines(t))
	require.Len(t, b.damage, 1)
	require.Equal(t, uint64(2), b.damage[0].Frames)
	require.Equal(t, int64(2), b.damage[0].Items)
	require.ErrorIs(t, b.damage[0].Err, ErrDamaged)
	require.Equal(t, []string{name}, names(t, filepath.Join(o.Directory, quarantineDir)))
	kept, err := os.ReadFile(filepath.Join(o.Directory, quarantineDir, name))
	require.NoError(t, err)
	require.Equal(t, log, kept)
}

func TestNewerVersionStays(t *testing.T) {
	o := testOptions(t)
	header := appendHeader(nil, [16]byte{1}, 1)
	header[7] = Version + 1
	sealed, opened := "00000001-0000000000000001-0000000000000002-2.sealed", openName(1, 3)
	require.NoError(t, os.WriteFile(filepath.Join(o.Directory, sealed), header, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(o.Directory, opened), header, 0o600))
	s, recovery := open(t, o)
	require.Equal(t, Recovery{Skipped: []string{sealed, opened}}, recovery)
	finish(t, s, &bucket{dir: t.TempDir()})
	require.Subset(t, names(t, o.Directory), []string{sealed, opened})

	require.NoError(t, os.WriteFile(filepath.Join(o.Directory, nodeName), []byte(`{"format":3,"node":"0d0a4a58-2f0e-4bd3-94b9-5b3b4a4b0f0b"}`), 0o600))
	_, _, err := Open(o)
	require.ErrorContains(t, err, "format 3")
}

func TestQuarantine(t *testing.T) {
	o := testOptions(t)
	s, _ := open(t, o)
	appendAll(t, s, "a", "b", "c")
	b := &bucket{dir: t.TempDir(), batch: 1}
	b.fail = func(n int) error {
		if n == 2 {
			return &Unacceptable{errors.New("another object has the key")}
		}
		return nil
	}
	finish(t, s, b)
	require.Equal(t, map[string]int{"a": 1, "c": 1}, b.lines(t))
	require.Len(t, b.quarantined, 1)
	kept, err := os.ReadFile(filepath.Join(o.Directory, quarantineDir, b.quarantined[0].File))
	require.NoError(t, err)
	require.Equal(t, "b\n", string(kept))
	measured, err := s.measure()
	require.NoError(t, err)
	require.Equal(t, measured, s.State().Bytes)
}

// A log that can never be built does not hold up those behind it.
func TestAbandon(t *testing.T) {
	o := testOptions(t)
	s, _ := open(t, o)
	appendAll(t, s, "a", "b")
	b := &bucket{dir: t.TempDir(), unbuildable: &Unacceptable{errors.New("out of order")}}
	finish(t, s, b)
	require.Len(t, b.abandoned, 1)
	require.Len(t, names(t, filepath.Join(o.Directory, quarantineDir)), 1)
	require.ElementsMatch(t, []string{lockName, nodeName}, names(t, o.Directory))
	measured, err := s.measure()
	require.NoError(t, err)
	require.Equal(t, measured, s.State().Bytes)
}

// A manifest fixes the keys: another configuration after a restart does not
// bring the same records under another key.
func TestManifestFixesKeys(t *testing.T) {
	o := testOptions(t)
	s, _ := open(t, o)
	appendAll(t, s, "a", "b")
	b := &bucket{dir: t.TempDir(), batch: 1}
	b.lost = func(int) error { return errors.New("reply lost") }
	ctx, cancel := context.WithCancel(t.Context())
	s.Close()
	done := make(chan error)
	go func() { done <- s.Deliver(ctx, b) }()
	require.Eventually(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.retried > 0 }, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, s.Unlock())
	require.Equal(t, map[string]int{"a": 1}, b.lines(t))

	for _, remove := range []bool{false, true} {
		if remove { // somebody tidied up: the files are built again
			require.NoError(t, os.RemoveAll(filepath.Join(o.Directory, readyDir)))
		}
		s, _ = open(t, o)
		moved := &moved{bucket: bucket{dir: b.dir, batch: 1}}
		if !remove {
			moved.fail = func(int) error { return errors.New("not now") }
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.Close()
		go func() { done <- s.Deliver(ctx, moved) }()
		if remove {
			require.NoError(t, <-done)
		} else {
			require.Eventually(t, func() bool { moved.mu.Lock(); defer moved.mu.Unlock(); return moved.retried > 0 }, time.Minute, time.Millisecond)
			cancel()
			<-done
		}
		cancel()
		require.NoError(t, s.Unlock())
	}
	require.Equal(t, map[string]int{"a": 1, "b": 1}, b.lines(t))
}

// moved is a bucket whose configuration has changed.
type moved struct{ bucket }

func (m *moved) Build(ctx context.Context, g *Segment, create, temporary func(string) (File, error)) ([]Output, Damage, error) {
	outputs, damage, err := m.bucket.Build(ctx, g, create, temporary)
	for i := range outputs {
		outputs[i].Key = "elsewhere-" + outputs[i].Key
	}
	return outputs, damage, err
}

// Each step that changes the disk, and each put, fails once; the process lives.
func TestFaultAtEachStep(t *testing.T) {
	steps := workload(t, &faultFS{}, 0).steps
	require.Greater(t, len(steps), 30)
	for at := 1; at <= len(steps)+10; at++ {
		workload(t, &faultFS{at: at}, 0)
	}
	for n := 1; n <= 10; n++ {
		workload(t, &faultFS{}, n)
	}
}

// The power goes at each step, and the disk keeps nothing, half or all of what
// was not synced.
func TestPowerLossAtEachStep(t *testing.T) {
	steps := len(workload(t, &faultFS{}, 0).steps)
	for at := 1; at <= steps; at++ {
		for _, torn := range []int{0, 50, 100} {
			workload(t, &faultFS{at: at, power: true, torn: torn}, 0)
		}
	}
}

// workload appends, delivers, recovers and delivers the rest, and requires that
// each acknowledged record is in one object.
func workload(t *testing.T, fs *faultFS, failPut int) *faultFS {
	t.Helper()
	o := Options{Directory: t.TempDir(), SegmentBytes: 300, FS: fs, RetryMin: time.Microsecond, RetryMax: time.Microsecond}
	b := &bucket{dir: t.TempDir(), batch: 2}
	once := func(n int) error {
		if n == failPut {
			return errors.New("no answer")
		}
		return nil
	}
	if failPut > 5 {
		failPut -= 5
		b.lost = once
	} else {
		b.fail = once
	}
	var acknowledged []string
	if s, _, err := Open(o); err == nil {
		for i := range 7 {
			record := fmt.Sprintf("record-%060d", i)
			if s.Append([]byte(record), 1, 0) == nil {
				acknowledged = append(acknowledged, record)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		b.stop = func() { // after the power is gone nothing succeeds
			fs.mu.Lock()
			defer fs.mu.Unlock()
			if fs.cut {
				cancel()
			}
		}
		s.Close()
		err := s.Deliver(ctx, b)
		require.True(t, err == nil || fs.cut, "%v", err)
		cancel()
		require.NoError(t, s.Unlock())
	} else {
		require.True(t, errors.Is(err, errFault) || errors.Is(err, errPower), "%v", err)
	}
	if fs.power {
		fs.restore()
	}
	o.FS = &faultFS{}
	s, _ := open(t, o)
	b.stop = nil
	finish(t, s, b)
	lines := b.lines(t)
	for _, record := range acknowledged {
		require.Equal(t, 1, lines[record], "%s, step %d of %v", record, fs.at, fs.steps)
	}
	for record, n := range lines {
		require.Equal(t, 1, n, "%s, step %d of %v", record, fs.at, fs.steps)
	}
	require.Empty(t, names(t, filepath.Join(o.Directory, quarantineDir)))
	require.Empty(t, names(t, filepath.Join(o.Directory, readyDir)))
	require.ElementsMatch(t, []string{lockName, nodeName}, names(t, o.Directory))
	return fs
}

func TestManyAppend(t *testing.T) {
	o := testOptions(t)
	o.SegmentBytes = 4000
	fs := &faultFS{}
	o.FS = fs
	s, _ := open(t, o)
	b := &bucket{dir: t.TempDir()}
	done := make(chan error)
	go func() { done <- s.Deliver(context.Background(), b) }()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 100 {
				if err := s.Append([]byte(fmt.Sprintf("%d-%d", worker, i)), 1, 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s.Close()
	require.NoError(t, <-done)
	require.NoError(t, s.Unlock())
	require.Len(t, b.lines(t), 800)
	require.Equal(t, 800, b.total(t))
}

func BenchmarkAppend(b *testing.B) {
	s, _, err := Open(Options{Directory: b.TempDir(), SegmentBytes: 1 << 30})
	require.NoError(b, err)
	payload := make([]byte, 8<<10)
	for i := range payload {
		payload[i] = byte(rand.Uint32())
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.Append(payload, 100, 0); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	s.Close()
	require.NoError(b, s.Unlock())
}
