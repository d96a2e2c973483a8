package page

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
)

// dot is one value of a series.
type dot struct {
	at    time.Time
	value float64
}

// chart is a series drawn as a line over time.
type chart struct {
	Width, Height    int
	Area, Line, Dots string // paths
	Text             string // for who cannot see it
	Lowest, Highest  float64
}

// few is how many values are marked each; more would run into a band.
const few = 40

// drawChart draws dots, which are in order of time, over the time from start to
// end. The line breaks where more than two steps are missing. The scale begins
// at zero, so that heights can be compared.
func drawChart(dots []dot, start, end time.Time, step time.Duration, width, height int) chart {
	c := chart{Width: width, Height: height, Text: "no values"}
	if len(dots) == 0 || !start.Before(end) {
		return c
	}
	c.Lowest, c.Highest = math.Inf(1), math.Inf(-1)
	for _, d := range dots {
		c.Lowest, c.Highest = min(c.Lowest, d.value), max(c.Highest, d.value)
	}
	const edge = 3 // half of a dot
	bottom, top := min(c.Lowest, 0), max(c.Highest, 0)
	if bottom == top {
		top = bottom + 1
	}
	x := func(d dot) float64 {
		return edge + (float64(width)-2*edge)*float64(d.at.Sub(start))/float64(end.Sub(start))
	}
	y := func(v float64) float64 {
		// Halved, so that the largest numbers do not overflow.
		return float64(height) - edge - (float64(height)-2*edge)*((v/2-bottom/2)/(top/2-bottom/2))
	}
	var line, area, marks strings.Builder
	ground := y(max(bottom, 0))
	for i, d := range dots {
		first := i == 0 || d.at.Sub(dots[i-1].at) > 2*step
		last := i == len(dots)-1 || dots[i+1].at.Sub(d.at) > 2*step
		if first {
			fmt.Fprintf(&line, "M%.1f %.1f", x(d), y(d.value))
			fmt.Fprintf(&area, "M%.1f %.1fL%.1f %.1f", x(d), ground, x(d), y(d.value))
		} else {
			fmt.Fprintf(&line, "L%.1f %.1f", x(d), y(d.value))
			fmt.Fprintf(&area, "L%.1f %.1f", x(d), y(d.value))
		}
		if last {
			fmt.Fprintf(&area, "L%.1f %.1fz", x(d), ground)
		}
		if len(dots) <= few || first && last {
			fmt.Fprintf(&marks, "M%.1f %.1fh.01", x(d), y(d.value)) // a round cap makes it a dot
		}
	}
	c.Line, c.Area, c.Dots = line.String(), area.String(), marks.String()
	return c
}

// unitless are the statistics that count samples whatever their unit.
var unitless = map[string]bool{"SampleCount": true}

// formatValue writes a value of a metric with its unit.
func formatValue(v float64, unit string) string {
	switch unit {
	case "Seconds":
		return formatTime(v)
	case "Milliseconds":
		return formatTime(v / 1e3)
	case "Microseconds":
		return formatTime(v / 1e6)
	case "Percent":
		return formatNumber(v) + " %"
	case "", metric.NoUnit, "Count":
		return formatNumber(v)
	case "Bytes":
		for _, prefix := range []string{"", "k", "M", "G", "T"} {
			if math.Abs(v) < 1000 || prefix == "T" {
				return formatNumber(v) + " " + prefix + "B"
			}
			v /= 1000
		}
	}
	return formatNumber(v) + " " + unit
}

func formatTime(seconds float64) string {
	if seconds < 0 {
		return "-" + formatSeconds(-seconds)
	}
	return formatSeconds(seconds)
}

// formatNumber writes whole numbers below a million in full, and others with
// three digits or more.
func formatNumber(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e6 {
		return fmt.Sprintf("%.0f", v)
	}
	if a := math.Abs(v); a >= 100 && a < 1e6 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
