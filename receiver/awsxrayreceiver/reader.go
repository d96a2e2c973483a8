package awsxrayreceiver

import (
	"errors"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/udpsocket"
)

// A reader that is kept busy waits a little before it reads again, so that
// datagrams come many at a time: waking up, and handing on, costs more than
// decoding a small segment. A datagram that comes alone is not held up.
const (
	maxLinger = 20 * time.Millisecond
	// minLinger is the shortest wait that is worth a timer.
	minLinger = maxLinger / 80
	// lingerShare is the part of the receive buffer that may fill meanwhile. The
	// rest is for bursts: one sender can write 2,000 datagrams in 10 ms.
	lingerShare = 1.0 / 8
	// kernelOverhead is about what the kernel adds to a datagram in its buffer:
	// 1,600 bytes to 700, 900 to 19,000.
	kernelOverhead = 1600
)

// lingerFor returns how long to wait after bytes have arrived in elapsed, with
// the given receive buffer: 0 if they came alone, or too fast.
func lingerFor(elapsed time.Duration, bytes, receiveBuffer int) time.Duration {
	if elapsed > 2*maxLinger {
		return 0
	}
	wait := time.Duration(float64(elapsed) * lingerShare * float64(receiveBuffer) / float64(max(bytes, 1)))
	if wait < minLinger {
		return 0
	}
	return min(wait, maxLinger)
}

// dropsEvery is how often a busy reader asks the kernel what it dropped.
const dropsEvery = time.Second

// Waits after a read error that is not the end of the socket.
const (
	firstReadWait = time.Millisecond
	maxReadWait   = time.Second
)

// reader moves datagrams from one socket to the queue.
type reader struct {
	r      *xrayReceiver
	socket *udpsocket.Socket

	mu        sync.Mutex
	drops     uint32 // the kernel's count when it was last asked
	nextLog   time.Time
	dropsLost uint64 // not told of yet
}

// run reads until the socket is interrupted, and then what the kernel still holds.
func (rd *reader) run() {
	var copies []string
	var lastDrops time.Time
	var waited time.Time // when the reader last began to wait
	var bytes int        // what has arrived since
	wait := firstReadWait
	for {
		batch, err := rd.socket.Read()
		switch {
		case errors.Is(err, udpsocket.ErrInterrupted):
			rd.drain(copies)
			rd.countDrops()
			return
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			rd.r.logger.Error("Cannot read from the socket; trying again", zap.Error(err), zap.Duration("next_try_in", wait))
			rd.r.status.loss(troubleSocket, err)
			time.Sleep(wait)
			wait = min(2*wait, maxReadWait)
			continue
		}
		wait = firstReadWait
		copies = rd.enqueue(batch, copies)

		now := time.Now()
		if now.Sub(lastDrops) >= dropsEvery {
			rd.countDrops()
			lastDrops = now
		}
		for _, b := range batch {
			bytes += len(b) + kernelOverhead
		}
		if len(batch) == udpsocket.MaxBatch {
			continue // there is more
		}
		linger := lingerFor(now.Sub(waited), bytes, rd.socket.ReceiveBuffer())
		waited, bytes = now, 0
		if linger > 0 {
			time.Sleep(linger)
		}
	}
}

// enqueue copies each datagram into a string of its own size, which the spans
// will share. scratch is a slice to use again; enqueue returns it.
func (rd *reader) enqueue(batch [][]byte, scratch []string) []string {
	scratch = scratch[:0]
	for _, b := range batch {
		scratch = append(scratch, string(b))
	}
	rd.r.enqueue(scratch)
	clear(scratch)
	return scratch
}

// drain reads what the kernel holds. Senders that never stop cannot keep it
// busy for longer than it takes to read a full receive buffer.
func (rd *reader) drain(scratch []string) {
	for left := max(rd.socket.ReceiveBuffer(), udpsocket.MaxDatagramBytes); left > 0; {
		batch, err := rd.socket.ReadNow()
		if err != nil || len(batch) == 0 {
			return
		}
		for _, b := range batch {
			left -= max(len(b), 1)
		}
		scratch = rd.enqueue(batch, scratch)
	}
}

// countDrops counts what the kernel has dropped since the last call.
func (rd *reader) countDrops() {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	total, ok := rd.socket.Drops()
	if !ok || total == rd.drops {
		return
	}
	fresh := total - rd.drops // modulo 2^32
	rd.drops = total
	rd.r.counters.dropped(reasonKernel, int64(fresh))
	rd.r.status.loss(troubleKernel, errKernelDrops)
	rd.dropsLost += uint64(fresh)
	if now := time.Now(); !now.Before(rd.nextLog) {
		rd.nextLog = now.Add(refusedLogEvery)
		rd.r.logger.Warn("The kernel dropped datagrams because the receive buffer was full",
			zap.Uint64("datagrams", rd.dropsLost), zap.Int("receive_buffer_bytes", rd.socket.ReceiveBuffer()))
		rd.dropsLost = 0
	}
}
