package metric

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
)

// What CloudWatch takes. The sources are the specification of the embedded
// metric format and the API reference of PutMetricData.
const (
	maxNamespace       = 256
	maxName            = 1024
	maxDimensionName   = 250
	maxDimensionValue  = 1024
	MaxDimensions      = 30                  // of one series
	MaxAge             = 14 * 24 * time.Hour // of a data point
	MaxAhead           = 2 * time.Hour       // of the clock
	NoUnit             = "None"
	lowResolution      = 60
	highResolution     = 1
	namespaceCharacter = " ._#:/-"
)

var maxValue = math.Pow(2, 360)

var units = func() map[string]bool {
	set := map[string]bool{}
	for _, u := range strings.Fields(`Seconds Microseconds Milliseconds
		Bytes Kilobytes Megabytes Gigabytes Terabytes Bits Kilobits Megabits Gigabits Terabits Percent Count
		Bytes/Second Kilobytes/Second Megabytes/Second Gigabytes/Second Terabytes/Second
		Bits/Second Kilobits/Second Megabits/Second Gigabits/Second Terabits/Second Count/Second None`) {
		set[u] = true
	}
	return set
}()

// CheckNamespace says what is wrong with a namespace that clients write to.
func CheckNamespace(s string) error {
	if len(s) > maxNamespace {
		return fmt.Errorf("the namespace has %d characters, at most %d are allowed", len(s), maxNamespace)
	}
	if strings.TrimSpace(s) == "" {
		return fmt.Errorf("the namespace is blank")
	}
	for _, c := range s {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(namespaceCharacter, c)) {
			return fmt.Errorf("the namespace %q has the character %q, allowed are letters, digits and %q", s, c, namespaceCharacter)
		}
	}
	if strings.HasPrefix(s, "AWS/") {
		return fmt.Errorf("the namespace %q begins with AWS/, which is for AWS services", s)
	}
	return nil
}

// CheckName says what is wrong with the name of a metric.
func CheckName(s string) error {
	if strings.TrimSpace(s) == "" {
		return fmt.Errorf("the name of a metric is blank")
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("the name of the metric %q has a control character", s)
	}
	if len(s) > maxName {
		return fmt.Errorf("the name of a metric has %d bytes, at most %d are allowed", len(s), maxName)
	}
	return nil
}

// CheckDimension says what is wrong with a dimension.
func CheckDimension(d Dimension) error {
	if d.Name == "" || len(d.Name) > maxDimensionName {
		return fmt.Errorf("the name of a dimension has %d characters, it must have 1 to %d", len(d.Name), maxDimensionName)
	}
	if d.Name[0] == ':' {
		return fmt.Errorf("the dimension %q begins with a colon", d.Name)
	}
	if d.Value == "" || len(d.Value) > maxDimensionValue {
		return fmt.Errorf("the value of dimension %q has %d characters, it must have 1 to %d", d.Name, len(d.Value), maxDimensionValue)
	}
	for what, s := range map[string]string{"name": d.Name, "value": d.Value} {
		if strings.TrimSpace(s) == "" {
			return fmt.Errorf("the %s of dimension %q is blank", what, d.Name)
		}
		for i := range len(s) {
			if s[i] < ' ' || s[i] > '~' {
				return fmt.Errorf("the %s of dimension %q is not printable ASCII: %q", what, d.Name, s)
			}
		}
	}
	return nil
}

// CheckUnit says what is wrong with a unit that is written.
func CheckUnit(s string) error {
	if !units[s] {
		return fmt.Errorf("the unit %q is none of CloudWatch's", s)
	}
	return nil
}

// CheckResolution says what is wrong with a storage resolution.
func CheckResolution(seconds int64) error {
	if seconds != lowResolution && seconds != highResolution {
		return fmt.Errorf("the storage resolution is %d, it must be 1 or 60", seconds)
	}
	return nil
}

// CheckValue says what is wrong with a value or a count.
func CheckValue(v float64) error {
	if math.IsNaN(v) || v < -maxValue || v > maxValue {
		return fmt.Errorf("the value %v is not between -2^360 and 2^360", v)
	}
	return nil
}

// CheckTime says whether a data point is too old or too new.
func CheckTime(at, now time.Time) error {
	if at.Before(now.Add(-MaxAge)) || at.After(now.Add(MaxAhead)) {
		return fmt.Errorf("the time %s is not within 14 days back and 2 hours ahead of %s", at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// CheckHistogram makes samples of values and counts, which must be as many; if
// there are no counts, each value counts once.
func CheckHistogram(values, counts []float64, limit int) (Samples, error) {
	if len(values) == 0 || len(values) > limit {
		return Samples{}, fmt.Errorf("there are %d values, there must be 1 to %d", len(values), limit)
	}
	if counts != nil && len(counts) != len(values) {
		return Samples{}, fmt.Errorf("there are %d values and %d counts", len(values), len(counts))
	}
	w := make([]Weighted, len(values))
	for i, v := range values {
		if err := CheckValue(v); err != nil {
			return Samples{}, err
		}
		w[i] = Weighted{v, 1}
		if counts != nil {
			if err := CheckValue(counts[i]); err != nil || counts[i] < 0 {
				return Samples{}, fmt.Errorf("the count %v is not between 0 and 2^360", counts[i])
			}
			w[i].Count = counts[i]
		}
	}
	s := Histogram(w)
	if s.Count == 0 {
		return Samples{}, fmt.Errorf("all counts are 0")
	}
	return s, nil
}

// CheckStatisticSet makes samples of a statistic set.
func CheckStatisticSet(count, sum, lowest, highest float64) (Samples, error) {
	for _, v := range []float64{count, sum, lowest, highest} {
		if err := CheckValue(v); err != nil {
			return Samples{}, err
		}
	}
	if count <= 0 {
		return Samples{}, fmt.Errorf("the count %v of a statistic set is not above 0", count)
	}
	if lowest > highest {
		return Samples{}, fmt.Errorf("the minimum %v is above the maximum %v", lowest, highest)
	}
	return StatisticSet(count, sum, lowest, highest), nil
}
