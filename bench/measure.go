//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	settle    = 1500 * time.Millisecond // from ready to the reading of idle memory
	drainIdle = 3 * time.Second         // nothing arrived for so long: nothing more will
	drainMost = 30 * time.Second
)

// measurement is one run of one collector under one load.
type measurement struct {
	row            row
	pipeline       pipeline
	side           side
	round          int
	warmUp, window time.Duration
	profiles       string
}

// result is what one run showed.
type result struct {
	Row      string   `json:"row"`
	Pipeline pipeline `json:"pipeline"`
	Side     string   `json:"side"`
	Round    int      `json:"round"`

	Rate        float64 `json:"rate"`          // items a second that were really sent in the window
	Sent        int64   `json:"sent"`          // items in the whole run
	Lost        float64 `json:"lost"`          // items that never arrived; 0 with nop
	KernelDrops int64   `json:"kernel_drops"`  // of them, dropped at the socket
	Surplus     int64   `json:"surplus"`       // entities that arrived more than once
	CPU         float64 `json:"cpu_us"`        // user and system time an item that arrived, in the window
	PeakMB      float64 `json:"peak_rss_mb"`   // resident
	IdleMB      float64 `json:"idle_anon_mb"`  // anonymous, before the load
	Heap        int64   `json:"heap_bytes"`    // live at the end of the window; rows of the tail sampler only
	Pending     float64 `json:"pending"`       // items that a tail sampler held then
	BytesOut    float64 `json:"bytes_item"`    // request bytes an item that arrived
	Documents   float64 `json:"docs_item"`     // documents an item that arrived
	Requests    float64 `json:"requests_item"` // requests an item that arrived

	// OwnLosses are the collector's own counters that count losses, where not 0.
	OwnLosses map[string]float64 `json:"own_losses,omitempty"`
}

func (r result) lostShare() float64 { return r.Lost / float64(max(r.Sent, 1)) }

func (r result) String() string {
	s := fmt.Sprintf("%-11s %-7s %s round %d: %.1f µs/item at %.0f/s, RSS %.0f MB, idle anonymous %.0f MB",
		r.Row, r.Pipeline, r.Side, r.Round, r.CPU, r.Rate, r.PeakMB, r.IdleMB)
	if r.Heap > 0 {
		s += fmt.Sprintf(", heap %.1f MB with %.0f pending", megabytes(r.Heap), r.Pending)
	}
	if r.Requests == 0 {
		return s
	}
	s += fmt.Sprintf(", lost %.0f of %d (%.2f %%; kernel %d), %.0f B, %.2f documents and 1/%.1f requests an item",
		r.Lost, r.Sent, 100*r.lostShare(), r.KernelDrops, r.BytesOut, r.Documents, 1/r.Requests)
	if r.Surplus > 0 {
		s += fmt.Sprintf(", %d entities more than once", r.Surplus)
	}
	return s
}

func (m measurement) run(ctx context.Context) (res result, err error) {
	res = result{Row: m.row.name, Pipeline: m.pipeline, Side: m.side.name, Round: m.round}
	sink, err := startEndpoint(m.row.latency)
	if err != nil {
		return res, err
	}
	defer sink.close()
	p, err := freePorts()
	if err != nil {
		return res, err
	}
	config, err := renderConfig(m.side.name, m.row, m.pipeline, p, sink.url)
	if err != nil {
		return res, err
	}
	var env []string
	if m.row.cores > 0 {
		env = append(env, fmt.Sprintf("GOMAXPROCS=%d", m.row.cores))
	}
	c, err := startCollector(ctx, m.side.binary, config, env...)
	if err != nil {
		return res, err
	}
	defer func() {
		stopErr := c.stop()
		switch {
		case err == nil:
			err = stopErr
		case stopErr != nil: // why the load went wrong
			err = errors.Join(err, stopErr, errors.New(c.log()))
		}
	}()
	pid := c.cmd.Process.Pid

	if err := wait(ctx, settle); err != nil {
		return res, err
	}
	idle, err := processMemory(pid)
	if err != nil {
		return res, err
	}
	res.IdleMB = megabytes(idle.Anonymous)

	g, err := newGenerator(m.row.load, p)
	if err != nil {
		return res, err
	}
	defer g.close()
	stop := g.start(ctx, m.row.rate)
	profiled := m.startProfile(ctx, p.pprof)
	cpu, sent, took, windowErr := m.observe(ctx, pid, g)
	if m.row.tail && windowErr == nil {
		// While the load goes on, so that traces are pending. It costs a
		// collection of garbage, which is not in the window any more.
		res.Heap, windowErr = liveHeap(ctx, p.pprof)
		res.Pending = pending(g.sent.Load(), m.warmUp+took)
	}
	windowErr = errors.Join(windowErr, profiled())
	if err := stop(); err != nil {
		return res, err
	}
	if windowErr != nil {
		return res, windowErr
	}
	res.Sent = g.sent.Load()
	res.Rate = float64(sent) / took.Seconds()

	arrivedShare := 1.0
	if m.pipeline.delivers() {
		if err := drain(ctx, sink, res.Sent*int64(g.perItem)); err != nil {
			return res, err
		}
		a := sink.arrived()
		if a.Foreign > 0 {
			return res, fmt.Errorf("%d documents arrived that were not sent", a.Foreign)
		}
		res.Surplus = sink.surplus(g.perTrace)
		items := float64(a.Entities-res.Surplus) / float64(g.perItem)
		if items == 0 {
			return res, fmt.Errorf("nothing arrived; the collector's log ends with\n%s", c.log())
		}
		res.Lost = float64(res.Sent) - items
		res.BytesOut = float64(a.Bytes) / items
		res.Documents = float64(a.Documents) / items
		res.Requests = float64(a.Requests) / items
		arrivedShare = items / float64(res.Sent)
	}
	if sent > 0 { // else the machine was too busy, and Rate says so
		// What was lost did not cost a delivery: charge the rest with all of it.
		res.CPU = float64(cpu.Nanoseconds()) / 1e3 / (float64(sent) * arrivedShare)
	}

	peak, err := processMemory(pid)
	if err != nil {
		return res, err
	}
	res.PeakMB = megabytes(peak.Peak)
	if m.row.load.datagrams() {
		if res.KernelDrops, err = kernelDrops(p.xray); err != nil {
			return res, err
		}
	}
	res.OwnLosses, err = ownLosses(ctx, p.metrics)
	return res, err
}

// observe waits for the warm-up and returns the collector's CPU time and the
// items sent in the window behind it.
func (m measurement) observe(ctx context.Context, pid int, g *generator) (cpu time.Duration, sent int64, took time.Duration, err error) {
	if err := wait(ctx, m.warmUp); err != nil {
		return 0, 0, 0, err
	}
	begin, sentBefore := time.Now(), g.sent.Load()
	before, err := cpuTime(pid)
	if err != nil {
		return 0, 0, 0, err
	}
	if err := wait(ctx, m.window); err != nil {
		return 0, 0, 0, err
	}
	after, err := cpuTime(pid)
	if err != nil {
		return 0, 0, 0, err
	}
	took, sent = time.Since(begin), g.sent.Load()-sentBefore
	return after - before, sent, took, nil
}

// pending returns how many of the items that were sent in a time a tail sampler
// still holds at its end.
func pending(sent int64, took time.Duration) float64 {
	return float64(sent) * min(1, hold.Seconds()/took.Seconds())
}

// drain waits until the expected entities have arrived or no more come.
func drain(ctx context.Context, sink *endpoint, expected int64) error {
	begin := time.Now()
	last, lastChange := int64(-1), begin
	for {
		n, now := sink.arrived().Entities, time.Now()
		if n != last {
			last, lastChange = n, now
		}
		if n >= expected || now.Sub(lastChange) > drainIdle || now.Sub(begin) > drainMost {
			return nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func megabytes(n int64) float64 { return float64(n) / (1 << 20) }
