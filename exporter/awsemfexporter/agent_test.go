package awsemfexporter

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/emf/emftest"
)

// lines collects what an agent reads.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *lines) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.all...)
}

// listen reads lines from one connection after another, until stop.
func listen(t *testing.T, to *lines) (listener net.Listener, stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var group sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			group.Go(func() {
				scanner := bufio.NewScanner(conn)
				scanner.Buffer(nil, 2<<20)
				for scanner.Scan() {
					to.add(scanner.Text())
				}
			})
		}
	})
	return listener, func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		group.Wait()
	}
}

func toAgentAt(endpoint string) func(*Config) {
	return func(c *Config) {
		byBatch(c)
		c.OutputDestination, c.AgentEndpoint = toAgent, endpoint
		c.RetryOnFailure.InitialInterval, c.RetryOnFailure.MaxInterval = 10*time.Millisecond, 50*time.Millisecond
	}
}

// Over TCP each document is a line that names its group and stream. An agent
// that comes late gets what waits.
func TestAgentOverTCP(t *testing.T) {
	var got lines
	listener, stop := listen(t, &got)
	f := newFixture(t, toAgentAt("tcp://"+listener.Addr().String())).start(t)
	a := f.destination.(*agent)
	dial := a.dial
	dials := 0
	a.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if dials++; dials < 4 {
			return nil, syscall.ECONNREFUSED // nobody is there at first
		}
		return dial(ctx, network, address)
	}
	require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 50).Metrics))
	require.Eventually(t, func() bool { return len(got.list()) == 50 }, time.Minute, 5*time.Millisecond)
	require.NoError(t, f.Shutdown(context.Background()))
	stop()
	for _, line := range got.list() {
		d, err := emftest.Check([]byte(line))
		require.NoError(t, err)
		metadata := d.Root["_aws"].(map[string]any)
		assert.Equal(t, "/metrics/Test", metadata["LogGroupName"])
		assert.Equal(t, f.translator.defaultStream, metadata["LogStreamName"])
	}
	assert.EqualValues(t, 50, f.sum(t, "events_sent"))
	assert.EqualValues(t, 3, f.sum(t, "requests", "outcome", "failed"))
}

// Over UDP each document is a datagram, and none is larger than one may be.
func TestAgentOverUDP(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer conn.Close()
	f := newFixture(t, toAgentAt("udp://"+conn.LocalAddr().String())).start(t)
	md := newMetrics()
	for i := range 60 {
		md.exponential(strings.Repeat("m", i+1), "ms", delta, time.Now(), 5, 0, 0, ones(160), 5000)
	}
	require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
	names := map[string]bool{}
	buffer := make([]byte, 1<<16)
	for len(names) < 60 {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		n, _, err := conn.ReadFrom(buffer)
		require.NoError(t, err)
		d, err := emftest.Check(buffer[:n])
		require.NoError(t, err)
		for _, name := range d.Metrics() {
			names[name] = true
		}
	}
	require.NoError(t, f.Shutdown(context.Background()))
	assert.Greater(t, f.sum(t, "events_sent"), int64(1))
}

// An agent that does not read does not hold up a shutdown.
func TestAgentThatDoesNotRead(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	f := newFixture(t, func(c *Config) {
		toAgentAt("tcp://" + listener.Addr().String())(c)
		c.ShutdownTimeout = 0
	}).start(t)
	for i := range 10 {
		md := newMetrics()
		md.scope.Scope().Attributes().PutEmptySlice(setsAttribute).AppendEmpty().SetEmptySlice()
		md.gauge("g", float64(i), time.Now(), "filler", strings.Repeat("x", 400_000))
		require.NoError(t, f.ConsumeMetrics(t.Context(), md.Metrics))
	}
	require.NoError(t, f.Shutdown(context.Background()))
	assert.EqualValues(t, 10, f.sum(t, "events_sent")+f.sum(t, "events_dropped"))
}

func TestAgentAddress(t *testing.T) {
	for option, want := range map[string]string{"": "tcp 127.0.0.1:25888", "udp://10.0.0.1:1": "udp 10.0.0.1:1", "tcp://agent:25888": "tcp agent:25888"} {
		network, address, err := agentAddress(option)
		require.NoError(t, err)
		assert.Equal(t, want, network+" "+address)
	}
	t.Setenv("AWS_EMF_AGENT_ENDPOINT", "udp://127.0.0.1:7")
	network, _, err := agentAddress("")
	require.NoError(t, err)
	assert.Equal(t, "udp", network)
	t.Setenv("AWS_EMF_AGENT_ENDPOINT", "127.0.0.1")
	_, _, err = agentAddress("")
	assert.ErrorContains(t, err, "AWS_EMF_AGENT_ENDPOINT")
}

func TestStdout(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OutputDestination = toStdout }).start(t)
	var out bytes.Buffer
	f.destination.(*writer).out = &out
	require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 100).Metrics))
	require.NoError(t, f.Shutdown(context.Background()))
	all := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Len(t, all, 100)
	for _, line := range all {
		_, err := emftest.Check([]byte(line))
		require.NoError(t, err)
	}
	assert.EqualValues(t, 100, f.sum(t, "events_sent"))
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestStdoutClosed(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.OutputDestination = toStdout }).start(t)
	f.destination.(*writer).out = closedPipe{}
	require.NoError(t, f.ConsumeMetrics(t.Context(), gauges(0, 100).Metrics))
	require.NoError(t, f.Shutdown(context.Background()))
	assert.EqualValues(t, 100, f.sum(t, "events_dropped", "reason", "refused"))

	f = newFixture(t, func(c *Config) { c.OutputDestination, c.SendingQueue = toStdout, noQueue }).start(t)
	f.destination.(*writer).out = closedPipe{}
	assert.True(t, errors.Is(f.ConsumeMetrics(t.Context(), gauges(0, 1).Metrics), io.ErrClosedPipe))
	require.NoError(t, f.Shutdown(context.Background()))
}
