//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// What the archive must be and we aim for. The budget's time was measured with
// uniform spans, where otlp_json + gzip took 5.2 µs; for mixed ones, which cost
// both sides more, the same ratio counts. Size counts for mixed spans.
const (
	archiveMustCPU, archiveAimCPU   = 6.0, 4.0 // µs a uniform span, beyond nop
	archiveBudgetPeer               = 5.2      // µs, of otlp_json + gzip when the budget was made
	archiveMustRatio                = archiveMustCPU / archiveBudgetPeer
	archiveMustSize, archiveAimSize = 0.7, 0.5 // beside otlp_json + gzip
	archiveMustMB                   = 256.0
)

// archiveRuns are all runs of the archive.
type archiveRuns []archiveRun

// of returns the values of the runs of one way, sorted. Where time counts, runs
// that could not keep their rate do not.
func (runs archiveRuns) of(load archiveLoad, name string, timed bool, value func(archiveRun) float64) (values []float64) {
	for _, r := range runs {
		if r.way.load == load && r.way.name == name && (!timed || r.rate >= minRate) {
			values = append(values, value(r))
		}
	}
	slices.Sort(values)
	return values
}

// beyondNop returns the CPU time of a way less that of the same spans into nop;
// 0 if it was not measured.
func (runs archiveRuns) beyondNop(load archiveLoad, side, name string) float64 {
	cpu := func(r archiveRun) float64 { return r.cpu }
	mine, nop := runs.of(load, name, true, cpu), runs.of(load, side+", nop", true, cpu)
	if len(mine) == 0 || len(nop) == 0 {
		return 0
	}
	return median(mine) - median(nop)
}

// size returns the bytes a span of a way; 0 if it was not measured.
func (runs archiveRuns) size(load archiveLoad, name string) float64 {
	sizes := runs.of(load, name, false, func(r archiveRun) float64 { return r.bytes })
	if len(sizes) == 0 {
		return 0
	}
	return median(sizes)
}

// reportArchive makes the table of the archive and says whether ours is within
// what it must be. What could not be measured is not; the peer may be left out.
func reportArchive(runs archiveRuns) (ok bool, table string) {
	var b strings.Builder
	b.WriteString("| archive, spans | | µs a span, beyond nop | beside otlp_json + gzip | B a span | beside otlp_json + gzip | spans lost | RSS MB | verdict |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	ok = true
	for _, way := range archiveWays {
		lost := runs.of(way.load, way.name, false, func(r archiveRun) float64 { return float64(r.spans - r.stored) })
		if way.marshaler == "" || len(lost) == 0 {
			continue
		}
		peak := slices.Max(runs.of(way.load, way.name, false, func(r archiveRun) float64 { return r.peakMB }))
		cpu, size := runs.beyondNop(way.load, way.side, way.name), runs.size(way.load, way.name)
		slower, larger := ratio(cpu, runs.beyondNop(way.load, "peer", jsonWay)), ratio(size, runs.size(way.load, jsonWay))
		verdict := noVerdict
		if way.side == "ours" {
			measured := len(runs.of(way.load, way.name, true, func(archiveRun) float64 { return 0 })) > 0
			within := measured && lost[len(lost)-1] == 0
			switch way.load {
			case uniformSpans:
				within = within && cpu > 0 && cpu <= archiveMustCPU
			case mixedSpans:
				within = within && cpu > 0 && slower <= archiveMustRatio && larger <= archiveMustSize
			case partitionedSpans:
				within = within && peak <= archiveMustMB
			}
			switch {
			case within:
				verdict = passed
			case !measured:
				verdict = void
			default:
				verdict = failed
			}
			ok = ok && within
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.1f | %s | %.0f | %.0f | %s |\n", way.load, way.name,
			figure(cpu), figure(slower), size, figure(larger), lost[len(lost)-1], peak, verdict)
	}
	fmt.Fprintf(&b, "\nMust be: uniform spans ≤ %g µs (the aim is %g); mixed ones ≤ %.2f of the CPU and ≤ %g of the bytes (the aim is %g) of otlp_json + gzip. "+
		"Memory (%d spans/s for %d s in %d partitions) ≤ %g MB.\n",
		archiveMustCPU, archiveAimCPU, archiveMustRatio, archiveMustSize, archiveAimSize, memoryRate, memorySeconds, memoryPartitions, archiveMustMB)
	return ok, b.String()
}

// ratio is 0 if there is nothing to compare with.
func ratio(mine, other float64) float64 {
	if other == 0 {
		return 0
	}
	return mine / other
}

// figure leaves out what was not measured.
func figure(v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", v)
}
