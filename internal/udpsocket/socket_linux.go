//go:build linux

package udpsocket

import (
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxBatch is how many datagrams one read returns at most. Buffers that were
// never filled cost address space, not memory.
const MaxBatch = 32

// ReusePortSupported says whether Options.ReusePort spreads load here.
const ReusePortSupported = true

// ReceiveBufferHint names the setting that limits the receive buffer.
const ReceiveBufferHint = "sysctl -w net.core.rmem_max="

func controlBeforeBind(o Options) func(network, address string, c syscall.RawConn) error {
	if !o.ReusePort {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}); cerr != nil {
			return cerr
		}
		return os.NewSyscallError("setsockopt SO_REUSEPORT", err)
	}
}

// growReceiveBuffer asks for size bytes. SO_RCVBUFFORCE passes rmem_max but
// needs CAP_NET_ADMIN; SO_RCVBUF is cut to rmem_max without an error. The
// kernel keeps twice what was asked, for its own overhead, and reports that.
func growReceiveBuffer(conn *net.UDPConn, size int) (granted int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := raw.Control(func(fd uintptr) {
		granted, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		if err != nil || granted/2 >= size {
			return
		}
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) != nil {
			if err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, size); err != nil {
				return
			}
		}
		granted, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	if cerr != nil {
		return 0, cerr
	}
	return granted / 2, os.NewSyscallError("SO_RCVBUF", err)
}

// drops reads SO_MEMINFO, the counter behind SO_RXQ_OVFL. The control
// messages of SO_RXQ_OVFL cost room and time for every datagram and tell of a
// drop only with a datagram that was queued after it; this is exact at any time.
func drops(conn *net.UDPConn) (uint32, bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false
	}
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	var errno syscall.Errno
	if err := raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	}); err != nil || errno != 0 || size <= unix.SK_MEMINFO_DROPS*4 {
		return 0, false
	}
	return info[unix.SK_MEMINFO_DROPS], true
}

// mmsghdr is struct mmsghdr of recvmmsg(2). Go pads it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// batchReader is recvmmsg over the runtime's poller. golang.org/x/net has the
// same call, but parses and allocates the sender's address of each datagram,
// which nobody here asks for.
type batchReader struct {
	raw  syscall.RawConn
	hdrs [MaxBatch]mmsghdr
	iovs [MaxBatch]unix.Iovec
	bufs [MaxBatch][]byte
	out  [MaxBatch][]byte

	// The closures are made once, as a new one would be allocated for each read.
	wait func(fd uintptr) bool
	poll func(fd uintptr)
	n    int
	errn syscall.Errno
}

func (r *batchReader) init(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	r.raw = raw
	memory := make([]byte, MaxBatch*MaxDatagramBytes)
	for i := range r.bufs {
		r.bufs[i] = memory[i*MaxDatagramBytes : (i+1)*MaxDatagramBytes : (i+1)*MaxDatagramBytes]
		r.iovs[i].Base = &r.bufs[i][0]
		r.iovs[i].SetLen(MaxDatagramBytes)
		r.hdrs[i].hdr.Iov = &r.iovs[i]
		r.hdrs[i].hdr.SetIovlen(1)
	}
	r.poll = r.recvmmsg
	r.wait = func(fd uintptr) bool {
		r.recvmmsg(fd)
		return r.errn != unix.EAGAIN
	}
	return nil
}

func (r *batchReader) recvmmsg(fd uintptr) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.hdrs[0])), MaxBatch, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		r.n, r.errn = int(n), errno
		return
	}
}

func (r *batchReader) read() ([][]byte, error) {
	if err := r.raw.Read(r.wait); err != nil {
		return nil, err
	}
	return r.batch()
}

func (r *batchReader) readNow() ([][]byte, error) {
	// Control, unlike Read, also works after Interrupt.
	if err := r.raw.Control(r.poll); err != nil {
		return nil, err
	}
	if r.errn == unix.EAGAIN {
		return nil, nil
	}
	return r.batch()
}

func (r *batchReader) batch() ([][]byte, error) {
	if r.errn != 0 {
		return nil, os.NewSyscallError("recvmmsg", r.errn)
	}
	for i := range r.n {
		r.out[i] = r.bufs[i][:r.hdrs[i].len]
	}
	return r.out[:r.n], nil
}
