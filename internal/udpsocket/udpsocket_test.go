package udpsocket

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func listen(t testing.TB, o Options) *Socket {
	s, err := Listen(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func dial(t testing.TB, s *Socket) *net.UDPConn {
	conn, err := net.DialUDP("udp", nil, s.LocalAddr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestReadWholeDatagrams(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			s, err := Listen(t.Context(), Options{Address: address, ReceiveBuffer: 1 << 20})
			if err != nil && strings.HasPrefix(address, "[") {
				t.Skipf("no IPv6 here: %v", err)
			}
			require.NoError(t, err)
			defer s.Close()
			conn := dial(t, s)
			sizes := []int{1, 0, 100, 65_507, 1500, 9000}
			if runtime.GOOS == "darwin" {
				sizes[3] = 9000 // its limit for a datagram
			}
			for i, size := range sizes {
				_, err := conn.Write(bytes.Repeat([]byte{byte('a' + i)}, size))
				require.NoError(t, err)
			}
			for i := 0; i < len(sizes); {
				batch, err := s.Read()
				require.NoError(t, err)
				require.NotEmpty(t, batch)
				for _, d := range batch {
					assert.Equal(t, bytes.Repeat([]byte{byte('a' + i)}, sizes[i]), append([]byte{}, d...))
					i++
				}
			}
		})
	}
}

func TestReadNowAfterInterrupt(t *testing.T) {
	s := listen(t, Options{Address: "127.0.0.1:0"})
	conn := dial(t, s)
	for i := range 5 {
		_, err := fmt.Fprintf(conn, "%d", i)
		require.NoError(t, err)
	}
	require.NoError(t, s.Interrupt())
	_, err := s.Read()
	require.ErrorIs(t, err, ErrInterrupted)
	var got string
	for {
		batch, err := s.ReadNow()
		require.NoError(t, err)
		if len(batch) == 0 {
			break
		}
		for _, d := range batch {
			got += string(d)
		}
	}
	assert.Equal(t, "01234", got)
}

func TestInterruptAndCloseEndARead(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(*Socket) error
		want error
	}{
		"interrupt": {(*Socket).Interrupt, ErrInterrupted},
		"close":     {(*Socket).Close, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, Options{Address: "127.0.0.1:0"})
			done := make(chan error)
			go func() {
				_, err := s.Read()
				done <- err
			}()
			require.NoError(t, tc.end(s))
			assert.ErrorIs(t, <-done, tc.want)
		})
	}
}

func TestAddressTaken(t *testing.T) {
	s := listen(t, Options{Address: "127.0.0.1:0"})
	_, err := Listen(t.Context(), Options{Address: s.LocalAddr().String()})
	require.Error(t, err)
	assert.True(t, AddressTaken(err), err)
	assert.False(t, AddressTaken(errors.New("another")))
}

func TestReceiveBuffer(t *testing.T) {
	small := listen(t, Options{Address: "127.0.0.1:0"})
	large := listen(t, Options{Address: "127.0.0.1:0", ReceiveBuffer: 300_000})
	if runtime.GOOS == "linux" {
		// The default is kept if it is more than what is asked for.
		assert.Positive(t, small.ReceiveBuffer())
		tiny := listen(t, Options{Address: "127.0.0.1:0", ReceiveBuffer: 1})
		assert.Equal(t, small.ReceiveBuffer(), tiny.ReceiveBuffer())
	}
	assert.GreaterOrEqual(t, large.ReceiveBuffer(), small.ReceiveBuffer())
}

func TestDropsAreCounted(t *testing.T) {
	s := listen(t, Options{Address: "127.0.0.1:0"})
	n, ok := s.Drops()
	if !ok {
		t.Skip("this system does not tell")
	}
	require.Zero(t, n)
	conn := dial(t, s)
	// Loopback delivers within the call, so the buffer is full for sure.
	size := 8 << 10
	sent := 4 * s.ReceiveBuffer() / size
	for range sent {
		_, err := conn.Write(make([]byte, size))
		require.NoError(t, err)
	}
	require.NoError(t, s.Interrupt())
	read := 0
	for {
		batch, err := s.ReadNow()
		require.NoError(t, err)
		if len(batch) == 0 {
			break
		}
		read += len(batch)
	}
	n, ok = s.Drops()
	require.True(t, ok)
	assert.Positive(t, n)
	assert.Equal(t, sent, read+int(n), "every datagram is either read or counted")
	require.NoError(t, s.Close())
	_, ok = s.Drops()
	assert.False(t, ok)
}

func TestReusePort(t *testing.T) {
	if !ReusePortSupported {
		_, err := Listen(t.Context(), Options{Address: "127.0.0.1:0", ReusePort: true})
		require.Error(t, err)
		return
	}
	a := listen(t, Options{Address: "127.0.0.1:0", ReusePort: true})
	b := listen(t, Options{Address: a.LocalAddr().String(), ReusePort: true})
	assert.Equal(t, a.LocalAddr().Port, b.LocalAddr().Port)
	_, err := Listen(t.Context(), Options{Address: a.LocalAddr().String()})
	assert.True(t, AddressTaken(err), "a socket that does not share is refused")
}

func TestReadAllocatesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux reads in batches")
	}
	s := listen(t, Options{Address: "127.0.0.1:0"})
	conn := dial(t, s)
	message := make([]byte, 700)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := conn.Write(message); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(); err != nil {
			t.Fatal(err)
		}
	})
	assert.Zero(t, allocs)
}

// BenchmarkRead reads what was queued before, so that only the reading counts:
// in batches, and one datagram a call as a plain reader does.
func BenchmarkRead(b *testing.B) {
	const queued = MaxBatch
	message := make([]byte, 700)
	fill := func(b *testing.B, conn *net.UDPConn) {
		for range queued {
			if _, err := conn.Write(message); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("batch", func(b *testing.B) {
		s := listen(b, Options{Address: "127.0.0.1:0", ReceiveBuffer: 1 << 20})
		conn := dial(b, s)
		b.ReportAllocs()
		for n := 0; n < b.N; n += queued {
			b.StopTimer()
			fill(b, conn)
			b.StartTimer()
			for got := 0; got < queued; {
				batch, err := s.Read()
				if err != nil {
					b.Fatal(err)
				}
				got += len(batch)
			}
		}
	})
	b.Run("single", func(b *testing.B) {
		pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		defer pc.Close()
		if err := pc.SetReadBuffer(1 << 20); err != nil {
			b.Fatal(err)
		}
		conn, err := net.DialUDP("udp", nil, pc.LocalAddr().(*net.UDPAddr))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		buffer := make([]byte, MaxDatagramBytes)
		b.ReportAllocs()
		for n := 0; n < b.N; n += queued {
			b.StopTimer()
			fill(b, conn)
			b.StartTimer()
			for range queued {
				if _, _, err := pc.ReadFromUDPAddrPort(buffer); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
