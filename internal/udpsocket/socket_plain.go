//go:build !linux

package udpsocket

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// MaxBatch is how many datagrams one read returns at most.
const MaxBatch = 1

// ReusePortSupported says whether Options.ReusePort spreads load here.
const ReusePortSupported = false

func controlBeforeBind(Options) func(network, address string, c syscall.RawConn) error { return nil }

// growReceiveBuffer asks for size bytes, and for half as long as the system
// refuses, which some do instead of granting their limit.
func growReceiveBuffer(conn *net.UDPConn, size int) (granted int, err error) {
	for ask := size; ask >= MaxDatagramBytes; ask /= 2 {
		if conn.SetReadBuffer(ask) == nil {
			return ask, nil
		}
	}
	return 0, nil
}

func drops(*net.UDPConn) (uint32, bool) { return 0, false }

// drainWait is how long readNow waits for a datagram that the kernel holds.
const drainWait = 5 * time.Millisecond

// batchReader reads one datagram at a time.
type batchReader struct {
	conn *net.UDPConn
	buf  []byte
	out  [1][]byte
}

func (r *batchReader) init(conn *net.UDPConn) error {
	r.conn, r.buf = conn, make([]byte, MaxDatagramBytes)
	return nil
}

func (r *batchReader) read() ([][]byte, error) {
	n, _, err := r.conn.ReadFromUDPAddrPort(r.buf) // unlike ReadFrom, allocates nothing
	if err != nil {
		return nil, err
	}
	r.out[0] = r.buf[:n]
	return r.out[:], nil
}

func (r *batchReader) readNow() ([][]byte, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(drainWait)); err != nil {
		return nil, err
	}
	batch, err := r.read()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	return batch, err
}
