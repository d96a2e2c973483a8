//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// report makes the table of a run and says whether every row with a verdict
// is within what it must be.
func report(rows []row, runs []result) (ok bool, table string) {
	var b strings.Builder
	b.WriteString("| row | item | rate /s | ours µs | peer µs | ours/peer | must be | aim | lost, ours | lost, peer | RSS MB, ours | RSS MB, peer | verdict |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	ok = true
	for _, r := range rows {
		ours, peer := summarize(r, runs, "ours"), summarize(r, runs, "peer")
		verdict := r.verdict(ours)
		ok = ok && verdict != "FAIL"
		ratio := "–"
		if ours.runs > 0 && peer.runs > 0 && peer.cpu > 0 {
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
			ours.lostText(), peer.lostText(), ours.peakText(), peer.peakText(), verdict)
	}
	return ok, b.String()
}

// summary is all rounds of one side of a row.
type summary struct {
	runs     int
	cpu      float64 // median, µs an item
	low, top float64 // of the rounds
	lost     float64 // worst share
	lostN    float64 // worst number
	peak     float64 // MB, worst
	rate     float64 // items a second really sent, worst
}

func summarize(r row, runs []result, side string) summary {
	var s summary
	var cpu []float64
	for _, x := range runs {
		if x.Row != r.name || x.Side != side || x.Pipeline != toXRay {
			continue
		}
		v := x.CPU
		if r.beyondNop {
			v -= nopCost(runs, x)
		}
		cpu = append(cpu, v)
		s.lost, s.lostN = max(s.lost, x.lostShare()), max(s.lostN, x.Lost)
		s.peak = max(s.peak, x.PeakMB)
		if s.runs == 0 || x.Rate < s.rate {
			s.rate = x.Rate
		}
		s.runs++
	}
	if s.runs > 0 {
		slices.Sort(cpu)
		s.low, s.top, s.cpu = cpu[0], cpu[len(cpu)-1], median(cpu)
	}
	return s
}

// nopCost is what the same round of the same side took for the nop exporter.
func nopCost(runs []result, of result) float64 {
	for _, x := range runs {
		if x.Row == of.Row && x.Side == of.Side && x.Round == of.Round && x.Pipeline == toNop {
			return x.CPU
		}
	}
	return 0
}

// median of sorted values.
func median(v []float64) float64 {
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// minRate is the share of the rate that must really have been sent: below it
// the machine had no room for the generator, and the row says nothing.
const minRate = 0.9

func (r row) verdict(ours summary) string {
	switch {
	case ours.runs == 0:
		return "–"
	case ours.rate < minRate*float64(r.rate):
		return fmt.Sprintf("void: only %.0f/s sent", ours.rate)
	case r.noVerdict:
		return "–"
	case ours.lostN > 0, r.must > 0 && ours.cpu > r.must:
		return "FAIL"
	default:
		return "PASS"
	}
}

func (s summary) cpuText() string {
	switch {
	case s.runs == 0:
		return "–"
	case s.runs == 1:
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

func (s summary) peakText() string {
	if s.runs == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", s.peak)
}
