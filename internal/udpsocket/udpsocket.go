// Package udpsocket reads datagrams from UDP sockets in batches, into buffers
// that are used again, and tells what the kernel dropped.
//
// On Linux a batch is one recvmmsg call; elsewhere it is one plain read.
package udpsocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// MaxDatagramBytes is the size of each read buffer. UDP carries at most
// 65,527 payload bytes, so no datagram is ever cut.
const MaxDatagramBytes = 64 * 1024

// ErrInterrupted is what Read returns after Interrupt.
var ErrInterrupted = errors.New("read interrupted")

// Options say what to listen on.
type Options struct {
	// Address is host:port. Port 0 picks a free port.
	Address string
	// ReceiveBuffer is the size in bytes of the kernel's receive buffer to
	// ask for. 0 keeps the system's default. A larger default is never made smaller.
	ReceiveBuffer int
	// ReusePort lets several sockets share the address; the kernel spreads
	// senders over them. Listen refuses it where ReusePortSupported is false.
	ReusePort bool
}

// Socket is a bound UDP socket. Reads come from one goroutine at a time;
// the other methods may be called from any.
type Socket struct {
	conn    *net.UDPConn
	granted int
	reader  batchReader
}

// Listen binds a socket. When the address is taken, the error is one for
// which AddressTaken is true.
func Listen(ctx context.Context, o Options) (*Socket, error) {
	if o.ReusePort && !ReusePortSupported {
		return nil, errors.New("several sockets on one port are not supported on this system")
	}
	lc := net.ListenConfig{Control: controlBeforeBind(o)}
	pc, err := lc.ListenPacket(ctx, "udp", o.Address)
	if err != nil {
		return nil, err
	}
	conn, ok := pc.(*net.UDPConn)
	if !ok {
		_ = pc.Close()
		return nil, fmt.Errorf("listen on udp %s: unexpected connection type %T", o.Address, pc)
	}
	s := &Socket{conn: conn}
	if s.granted, err = growReceiveBuffer(conn, o.ReceiveBuffer); err == nil {
		err = s.reader.init(conn)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("prepare udp %s: %w", o.Address, err)
	}
	return s, nil
}

// LocalAddr returns the address the socket is bound to.
func (s *Socket) LocalAddr() *net.UDPAddr {
	addr, _ := s.conn.LocalAddr().(*net.UDPAddr)
	return addr
}

// ReceiveBuffer returns the payload bytes that the kernel granted, in the
// unit of Options.ReceiveBuffer, or 0 if the system does not tell.
func (s *Socket) ReceiveBuffer() int { return s.granted }

// Read waits for datagrams and returns those at hand, at least one. They are
// valid until the next Read or ReadNow. After Interrupt it returns
// ErrInterrupted, after Close an error that is net.ErrClosed.
func (s *Socket) Read() ([][]byte, error) {
	batch, err := s.reader.read()
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, ErrInterrupted
	}
	return batch, err
}

// ReadNow returns datagrams that the kernel holds already, or none. It is how
// a socket is emptied after Interrupt.
func (s *Socket) ReadNow() ([][]byte, error) { return s.reader.readNow() }

// Interrupt ends a Read that waits, and all later ones.
func (s *Socket) Interrupt() error { return s.conn.SetReadDeadline(time.Unix(1, 0)) }

// Drops returns how many datagrams the kernel has dropped at this socket since
// it was bound, modulo 2^32, mostly because the receive buffer was full.
// ok is false where the system does not tell.
func (s *Socket) Drops() (n uint32, ok bool) { return drops(s.conn) }

// Close closes the socket and ends a Read that waits.
func (s *Socket) Close() error { return s.conn.Close() }
