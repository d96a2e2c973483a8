//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// A generator sends items at a fixed rate until it is stopped.
type generator struct {
	sent     atomic.Int64 // items
	perTrace int          // entities that arrive for one trace
	perItem  int          // entities that arrive for one item
	batch    int          // items in one call of a lane
	lanes    []lane       // each gets an equal share of the rate
	conn     io.Closer
}

// A lane sends the items from number first on. It is used by one goroutine.
type lane func(ctx context.Context, first uint64) error

// laneShift keeps the numbers of the lanes apart in the 48 bits that a trace
// id has for them.
const laneShift = 40

// otlpLanes is how many OTLP requests can be under way.
const otlpLanes = 4

// newGenerator connects the generator of a load to a collector.
func newGenerator(l load, p ports) (*generator, error) {
	now := time.Now()
	if !l.datagrams() {
		conn, err := grpc.NewClient(loopback(p.otlp), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		if l == otlpPoints {
			return newPointGenerator(conn, now), nil
		}
		g := &generator{perTrace: spansPerTrace, perItem: 1, batch: spansPerRequest, conn: conn}
		client := ptraceotlp.NewGRPCClient(conn)
		for range otlpLanes {
			request := newSpanRequest(now)
			g.lanes = append(g.lanes, func(ctx context.Context, first uint64) error {
				_, err := client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(request.number(first/spansPerTrace)))
				return err
			})
		}
		return g, nil
	}
	d, err := newDatagram(l.document(), now)
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("udp", loopback(p.xray))
	if err != nil {
		return nil, err
	}
	write := func(_ context.Context, n uint64) error {
		_, err := conn.Write(d.number(n))
		return err
	}
	return &generator{perTrace: d.entities, perItem: d.entities, batch: 1, lanes: []lane{write}, conn: conn}, nil
}

// newPointGenerator sends data points. What arrives is told apart by its
// request, as traces are by their number.
func newPointGenerator(conn *grpc.ClientConn, now time.Time) *generator {
	g := &generator{perTrace: pointsPerRequest, perItem: 1, batch: pointsPerRequest, conn: conn}
	client := pmetricotlp.NewGRPCClient(conn)
	for lane := range uint64(otlpLanes) {
		request := newPointRequest(now)
		g.lanes = append(g.lanes, func(ctx context.Context, first uint64) error {
			n := (first & (1<<laneShift - 1)) / pointsPerRequest
			_, err := client.Export(ctx, pmetricotlp.NewExportRequestFromMetrics(request.number(n*otlpLanes+lane)))
			return err
		})
	}
	return g
}

func (g *generator) close() { _ = g.conn.Close() }

// start sends rate items a second until stop is called, which returns what
// went wrong. The last request of each lane is sent whole.
func (g *generator) start(ctx context.Context, rate int) (stop func() error) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	errs := make([]error, len(g.lanes))
	for i := range g.lanes {
		wg.Go(func() { errs[i] = g.run(ctx, quit, i, float64(rate)/float64(len(g.lanes))) })
	}
	return func() error {
		close(quit)
		wg.Wait()
		return errors.Join(errs...)
	}
}

func (g *generator) run(ctx context.Context, quit <-chan struct{}, n int, rate float64) error {
	p := newPacer(rate, g.batch, time.Now())
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for due := p.due(time.Now()); due >= g.batch; due -= g.batch {
			if err := g.lanes[n](ctx, uint64(n)<<laneShift+uint64(p.sent)); err != nil {
				return fmt.Errorf("send item %d: %w", p.sent, err)
			}
			p.sent += int64(g.batch)
			g.sent.Add(int64(g.batch))
		}
		select {
		case <-quit:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// maxBurst is how much time's worth of items may be sent at once. A generator
// that was kept from running would make a larger burst, and what a burst loses
// is the generator's loss and not the collector's.
const maxBurst = 5 * time.Millisecond

// pacer says how many items are due.
type pacer struct {
	rate  float64 // items a second
	most  time.Duration
	begin time.Time
	sent  int64
}

// newPacer returns one to which the first batch is due at once.
func newPacer(rate float64, batch int, now time.Time) *pacer {
	p := &pacer{rate: rate}
	p.most = max(maxBurst, p.span(int64(2*batch)))
	p.begin = now.Add(-p.span(int64(batch)) - time.Microsecond) // a little more, as span rounds down
	return p
}

// span is the time that n items take.
func (p *pacer) span(n int64) time.Duration {
	return time.Duration(float64(n) / p.rate * float64(time.Second))
}

// due returns how many items are to be sent now. What is later than the
// largest burst is forgiven: the schedule moves.
func (p *pacer) due(now time.Time) int {
	late := now.Sub(p.begin) - p.span(p.sent)
	if late > p.most {
		p.begin = p.begin.Add(late - p.most)
		late = p.most
	}
	return int(late.Seconds() * p.rate)
}
