//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// report makes the table of a run and says whether every row with a verdict
// was measured and is within what it must be.
func report(rows []row, runs []result) (ok bool, table string) {
	var b strings.Builder
	b.WriteString("| row | item | rate /s | ours µs | peer µs | ours/peer | must be | aim | lost, ours | lost, peer | MB, ours | MB, peer | verdict |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	ok = true
	for _, r := range rows {
		ours, peer := summarize(r, runs, "ours"), summarize(r, runs, "peer")
		verdict := r.verdict(ours)
		ok = ok && (verdict == passed || verdict == noVerdict)
		ratio := "–"
		if ours.valid > 0 && peer.valid > 0 && peer.cpu > 0 {
			ratio = fmt.Sprintf("%.2f", ours.cpu/peer.cpu)
		}
		must, aim := "no loss", "no loss"
		switch {
		case r.must > 0:
			must, aim = fmt.Sprintf("≤ %g µs", r.must), fmt.Sprintf("≤ %g µs", r.aim)
		case r.noVerdict:
			must = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
			r.name, r.item, r.rate, ours.cpuText(), peer.cpuText(), ratio, must, aim,
			ours.lostText(), peer.lostText(), ours.memoryText(), peer.memoryText(), verdict)
	}
	ok = reportMemory(&b, rows, runs) && ok
	return ok, b.String()
}

// reportMemory adds a table of the memory that a tail sampler needs for what it
// holds, if there are rows of that. It says whether all are within what they
// must be.
func reportMemory(b *strings.Builder, rows []row, runs []result) (ok bool) {
	ok = true
	rows = slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.mustBytes == 0 })
	if len(rows) == 0 {
		return ok
	}
	b.WriteString("\n| row | bytes a pending span, ours | peer | ours/peer | must be | aim | verdict |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		ours, peer := perPending(r, runs, "ours"), perPending(r, runs, "peer")
		verdict, ratio := passed, "–"
		switch {
		case ours == 0:
			verdict = void
		case ours > r.mustBytes:
			verdict = failed
		}
		if ours > 0 && peer > 0 {
			ratio = fmt.Sprintf("%.2f", ours/peer)
		}
		ok = ok && verdict == passed
		fmt.Fprintf(b, "| %s | %.0f | %.0f | %s | ≤ %g | ≤ %g | %s |\n", r.name, ours, peer, ratio, r.mustBytes, r.aimBytes, verdict)
	}
	return ok
}

// perPending is the median of what the live heap with the tail sampler has
// more than without, for each span that it held; 0 if there is none.
func perPending(r row, runs []result, side string) float64 {
	var all []float64
	for _, x := range runs {
		if x.Row != r.name || x.Side != side || x.Pipeline != toTail || x.Pending == 0 {
			continue
		}
		for _, nop := range runs {
			if nop.Row == x.Row && nop.Side == side && nop.Round == x.Round && nop.Pipeline == toNop {
				all = append(all, float64(x.Heap-nop.Heap)/x.Pending)
			}
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return median(all)
}

// The verdicts on a row.
const (
	passed    = "PASS"
	failed    = "FAIL"
	void      = "void" // the machine had no room for the generator
	noVerdict = "–"
)

// minRate is the share of the rate that a round must really have sent for its
// CPU time to count: fewer items share the wake-ups, so each costs more.
const minRate = 0.9

// summary is all rounds of one side of a row.
type summary struct {
	runs     int
	valid    int     // rounds that kept the rate; only their CPU time counts
	cpu      float64 // median, µs an item
	low, top float64 // of the rounds
	lost     float64 // worst share
	lostN    float64 // worst number
	peak     float64 // resident MB, worst
	idle     float64 // anonymous MB before the load, worst
}

func summarize(r row, runs []result, side string) summary {
	var s summary
	var cpu []float64
	for _, x := range runs {
		if x.Row != r.name || x.Side != side || x.Pipeline != r.target() {
			continue
		}
		s.runs++
		s.lost, s.lostN = max(s.lost, x.lostShare()), max(s.lostN, x.Lost)
		s.peak, s.idle = max(s.peak, x.PeakMB), max(s.idle, x.IdleMB)
		nop, valid := nopCost(r, runs, x)
		if valid && x.Rate >= minRate*float64(r.rate) {
			cpu = append(cpu, x.CPU-nop)
		}
	}
	if s.valid = len(cpu); s.valid > 0 {
		slices.Sort(cpu)
		s.low, s.top, s.cpu = cpu[0], cpu[len(cpu)-1], median(cpu)
	}
	return s
}

// nopCost is what the same round of the same side took for the nop exporter,
// if the row asks for that, and whether that round kept the rate.
func nopCost(r row, runs []result, of result) (cost float64, valid bool) {
	if !r.beyondNop {
		return 0, true
	}
	for _, x := range runs {
		if x.Row == of.Row && x.Side == of.Side && x.Round == of.Round && x.Pipeline == toNop {
			return x.CPU, x.Rate >= minRate*float64(r.rate)
		}
	}
	return 0, false
}

// median of sorted values.
func median(v []float64) float64 {
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

func (r row) verdict(ours summary) string {
	switch {
	case ours.runs == 0, r.noVerdict:
		return noVerdict
	case ours.lostN > 0:
		return failed
	case ours.valid == 0:
		return void
	case r.must > 0 && ours.cpu > r.must:
		return failed
	default:
		return passed
	}
}

func (s summary) cpuText() string {
	switch {
	case s.valid == 0:
		return "–"
	case s.valid == 1:
		return fmt.Sprintf("%.1f", s.cpu)
	default:
		return fmt.Sprintf("%.1f (%.1f–%.1f)", s.cpu, s.low, s.top)
	}
}

func (s summary) lostText() string {
	switch {
	case s.runs == 0:
		return "–"
	case s.lostN == 0:
		return "0"
	default:
		return fmt.Sprintf("%.2f %%", 100*s.lost)
	}
}

func (s summary) memoryText() string {
	if s.runs == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f (%.0f)", s.peak, s.idle)
}
