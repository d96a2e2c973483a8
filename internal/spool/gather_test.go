package spool

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// syncFS calls a function at each fsync of a log.
type syncFS struct {
	OS
	sync func()
}

type syncFile struct {
	File
	fs *syncFS
}

func (f *syncFS) Create(name string) (File, error) {
	file, err := f.OS.Create(name)
	return &syncFile{file, f}, err
}

func (f *syncFile) Sync() error {
	f.fs.sync()
	return f.File.Sync()
}

// TestGather: once records came at the same time, a commit waits for more; when
// they come one by one, it does not.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &syncFS{sync: func() {}}
		o := testOptions(t)
		o.FS = fs
		s, _ := open(t, o)
		var wg sync.WaitGroup
		add := func(record string) { wg.Go(func() { _ = s.Append([]byte(record), 1, 0) }) }
		// took is how long a record takes if nothing else comes.
		took := func() time.Duration {
			begin := time.Now()
			appendAll(t, s, "one")
			return time.Since(begin)
		}
		require.Zero(t, took())
		require.Zero(t, took())

		// Two records come while one is written.
		var syncs atomic.Int64
		fs.sync = func() {
			if syncs.Add(1) > 1 {
				return
			}
			add("b")
			add("c")
			for waiting := false; !waiting; runtime.Gosched() {
				s.mu.Lock()
				waiting = s.gather != nil && s.gather.last == s.gather.first+1
				s.mu.Unlock()
			}
		}
		add("a")
		wg.Wait()
		require.EqualValues(t, 2, syncs.Load())

		// Now the first of two waits for the second.
		add("d")
		synctest.Wait()
		add("e")
		synctest.Wait()
		require.EqualValues(t, 2, syncs.Load())
		wg.Wait()
		require.EqualValues(t, 3, syncs.Load())

		for range lately {
			require.Equal(t, gatherTime, took())
		}
		require.Zero(t, took())
		b := &bucket{dir: t.TempDir()}
		finish(t, s, b)
		require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "one": 2 + lately + 1}, b.lines(t))
	})
}
