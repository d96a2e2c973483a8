package metric

import (
	"fmt"
	"strconv"
	"strings"
)

// Statistic makes one number of a distribution. There is none where the
// distribution cannot tell.
type Statistic func(*Distribution) (value float64, ok bool)

var statistics = map[string]Statistic{
	"SampleCount": func(d *Distribution) (float64, bool) { return d.Count, true },
	"Sum":         func(d *Distribution) (float64, bool) { return d.Sum, true },
	"Average":     func(d *Distribution) (float64, bool) { return d.Average(), true },
	"Minimum":     func(d *Distribution) (float64, bool) { return d.Min, true },
	"Maximum":     func(d *Distribution) (float64, bool) { return d.Max, true },
}

// ParseStatistic reads the name of a statistic: SampleCount, Sum, Average,
// Minimum, Maximum, or a percentile from p0 to p100, with up to 10 decimals.
func ParseStatistic(name string) (Statistic, error) {
	if s, ok := statistics[name]; ok {
		return s, nil
	}
	digits, ok := strings.CutPrefix(name, "p")
	if ok && len(digits) <= len("100.0000000000") && strings.Trim(digits, "0123456789.") == "" {
		if p, err := strconv.ParseFloat(digits, 64); err == nil && p <= 100 {
			return func(d *Distribution) (float64, bool) { return d.Percentile(p) }, nil
		}
	}
	return nil, fmt.Errorf("the statistic %q is not served here: there are SampleCount, Sum, Average, Minimum, Maximum and p0 to p100", name)
}
