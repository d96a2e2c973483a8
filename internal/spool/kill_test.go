package spool

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// childEnv makes the test binary the process that TestKill kills.
const childEnv = "TAILWATER_SPOOL_TEST_CHILD"

func childOptions(dir string) Options {
	return Options{Directory: dir + "/spool", SegmentBytes: 2000, RetryMin: time.Millisecond, RetryMax: time.Millisecond}
}

// runChild appends and delivers until it is killed. It prints each record that
// is acknowledged.
func runChild(dir string) {
	s, _, err := Open(childOptions(dir))
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("started")
	b := &bucket{dir: dir + "/bucket", batch: 7}
	b.lost = func(n int) error { // each third answer is lost
		if n%3 == 0 {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	var print sync.Mutex
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				for s.State().Segments > 1 { // so that kills hit delivery as often as appending
					time.Sleep(100 * time.Microsecond)
				}
				id := fmt.Sprintf("%s-%d-%d-%d", s.Node()[:4], s.node.Epoch, worker, i)
				if err := s.Append([]byte(id), 1, 0); err != nil {
					fmt.Println("error", err)
					return
				}
				print.Lock()
				fmt.Println(id)
				print.Unlock()
			}
		}()
	}
	_ = s.Deliver(context.Background(), b)
}

// The process is killed 200 times at any point of its work. What it
// acknowledged is in exactly one object in the end.
func TestKill(t *testing.T) {
	times := 200
	if testing.Short() || raceEnabled { // make test runs it without the race detector too
		times = 20
	}
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(dir+"/bucket", 0o700))
	var acknowledged []string
	for range times {
		acknowledged = append(acknowledged, killOnce(t, dir)...)
	}
	s, recovery, err := Open(childOptions(dir))
	require.NoError(t, err)
	b := &bucket{dir: dir + "/bucket", batch: 7}
	s.Close()
	require.NoError(t, s.Deliver(t.Context(), b))
	require.NoError(t, s.Unlock())

	lines := b.lines(t)
	require.Greater(t, len(acknowledged), times)
	for _, id := range acknowledged {
		require.Equal(t, 1, lines[id], id)
	}
	for id, n := range lines {
		require.Equal(t, 1, n, id)
	}
	t.Logf("%d records acknowledged, %d in objects, last recovery %+v", len(acknowledged), len(lines), recovery)
}

// killOnce starts the process, kills it after a random number of lines of its
// output and a random time, and returns what it acknowledged.
func killOnce(t *testing.T, dir string) (ids []string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	r := bufio.NewReader(out)
	after := rand.IntN(100)
	for n := 0; ; n++ {
		line, err := r.ReadString('\n')
		if err != nil { // a line that is cut off was not acknowledged
			break
		}
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "error") {
			t.Error(line)
		}
		if n > 0 {
			ids = append(ids, line)
		}
		if n == after {
			time.AfterFunc(rand.N(2*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait()
	return ids
}
