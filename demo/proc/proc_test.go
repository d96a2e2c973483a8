package proc

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The tests' children are this program again, told by this variable what to do.
const role = "PROC_TEST_ROLE"

func TestMain(m *testing.M) {
	if child := os.Getenv(role); child != "" {
		behave(child)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func behave(child string) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	switch child {
	case "polite":
		fmt.Println("ready")
		<-term
		fmt.Println("bye")
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		select {}
	case "failing":
		fmt.Fprintln(os.Stderr, "no good")
		os.Exit(3)
	}
}

func child(t *testing.T, as string, onLine func(string)) *Process {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+as)
	p, err := Start(as, cmd, onLine)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Kill()) })
	return p
}

func isReady(line string) bool { return line == "ready" }

func TestStop(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	p := child(t, "polite", func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	})
	line, err := p.WaitLine(t.Context(), isReady)
	require.NoError(t, err)
	assert.Equal(t, "ready", line)
	line, err = p.WaitLine(t.Context(), isReady)
	require.NoError(t, err, "a line that was printed already")
	assert.Equal(t, "ready", line)
	require.NoError(t, p.Stop(t.Context()))
	require.NoError(t, p.Stop(t.Context()), "twice")
	assert.Equal(t, []string{"ready", "bye"}, lines)
	assert.Equal(t, "ready\nbye", p.Log.String())
	assert.NoError(t, p.Err())
}

func TestStopKillsTheDeaf(t *testing.T) {
	p := child(t, "deaf", nil)
	_, err := p.WaitLine(t.Context(), isReady)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, p.Stop(ctx), "deaf did not stop in time and was killed")
	select {
	case <-p.Done():
	default:
		t.Fatal("still there")
	}
}

func TestWaitLineOfOneThatEnds(t *testing.T) {
	p := child(t, "failing", nil)
	_, err := p.WaitLine(t.Context(), isReady)
	require.ErrorContains(t, err, "failing ended (exit status 3) before it was ready")
	require.ErrorContains(t, err, "no good")
	require.Error(t, p.Stop(t.Context()), "it had failed")
}

func TestWaitLineGivesUp(t *testing.T) {
	p := child(t, "polite", nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := p.WaitLine(ctx, func(string) bool { return false })
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestStartOfNothing(t *testing.T) {
	_, err := Start("ghost", exec.Command("/nowhere/ghost"), nil)
	require.ErrorContains(t, err, "start ghost")
}

func TestLog(t *testing.T) {
	l := newLog(nil)
	for _, piece := range []string{"on", "e\ntw", "o\r\n", "\nthr"} {
		n, err := l.Write([]byte(piece))
		require.NoError(t, err)
		require.Equal(t, len(piece), n)
	}
	assert.Equal(t, []string{"one", "two", ""}, l.Lines())
	l.close()
	assert.Equal(t, []string{"one", "two", "", "thr"}, l.Lines())
	assert.Equal(t, "\nthr", l.Tail(2))
}

func TestLogIsBounded(t *testing.T) {
	l := newLog(nil)
	for i := range maxLines + 10 {
		fmt.Fprintln(l, i)
	}
	lines := l.Lines()
	assert.Len(t, lines, maxLines)
	assert.Equal(t, "10", lines[0])
	line, err := l.wait(t.Context(), func(line string) bool { return strings.HasSuffix(line, "7") })
	require.NoError(t, err)
	assert.Equal(t, "17", line)
}

func TestFreeAddress(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		address, err := FreeAddress()
		require.NoError(t, err)
		assert.False(t, seen[address], "given twice")
		seen[address] = true
	}
}

func TestTaken(t *testing.T) {
	address, err := FreeAddress()
	require.NoError(t, err)
	assert.Empty(t, Taken(address))
	tcp, err := net.Listen("tcp", address)
	require.NoError(t, err)
	assert.Equal(t, "tcp", Taken(address))
	require.NoError(t, tcp.Close())
	udp, err := net.ListenPacket("udp", address)
	require.NoError(t, err)
	assert.Equal(t, "udp", Taken(address))
	require.NoError(t, udp.Close())
}
