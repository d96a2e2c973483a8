package emf

import (
	"math"
	"strconv"
)

// size is how many numbers the metric's value takes.
func (m *Metric) size() int {
	if m.Distribution != nil {
		return 2*len(m.Distribution.Values) + 4
	}
	return len(m.Numbers)
}

func (m *Metric) appendValue(dst []byte) []byte {
	switch d := m.Distribution; {
	case d != nil:
		dst = append(dst, `{"Values":`...)
		dst = appendNumbers(dst, d.Values)
		dst = append(dst, `,"Counts":[`...)
		for i, n := range d.Counts {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendUint(dst, n, 10)
		}
		dst = append(dst, `],"Max":`...)
		dst = appendNumber(dst, d.Max)
		dst = append(dst, `,"Min":`...)
		dst = appendNumber(dst, d.Min)
		dst = append(dst, `,"Count":`...)
		dst = strconv.AppendUint(dst, d.Count, 10)
		dst = append(dst, `,"Sum":`...)
		dst = appendNumber(dst, d.Sum)
		return append(dst, '}')
	case len(m.Numbers) == 1:
		return appendNumber(dst, m.Numbers[0])
	default:
		return appendNumbers(dst, m.Numbers)
	}
}

func appendNumbers(dst []byte, numbers []float64) []byte {
	dst = append(dst, '[')
	for i, v := range numbers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendNumber(dst, v)
	}
	return append(dst, ']')
}

// appendNumber appends a finite number as JSON.
func appendNumber(dst []byte, v float64) []byte {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.AppendInt(dst, int64(v), 10)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}
