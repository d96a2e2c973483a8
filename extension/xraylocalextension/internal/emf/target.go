package emf

import (
	"encoding/json"
	"fmt"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
)

// set is the form of a target that AWS's own libraries write and its
// specification does not name: a statistic set, or with Values a histogram.
type set struct {
	values, counts                *[]float64
	lowest, highest, sum, samples *float64
}

// samples reads the target of a metric: a number, an array of numbers, or an
// object.
func samples(raw json.RawMessage) (metric.Samples, error) {
	switch raw[0] {
	case '[':
		values, err := numbers(raw)
		if err != nil {
			return metric.Samples{}, err
		}
		return metric.CheckHistogram(values, nil, maxValues)
	case '{':
		return objectSamples(raw)
	}
	v, err := number(raw)
	if err != nil {
		return metric.Samples{}, err
	}
	return metric.Scalar(v), metric.CheckValue(v)
}

func objectSamples(raw json.RawMessage) (metric.Samples, error) {
	members, err := object(raw)
	if err != nil {
		return metric.Samples{}, err
	}
	var s set
	for name, to := range map[string]**float64{"Min": &s.lowest, "Max": &s.highest, "Sum": &s.sum, "Count": &s.samples} {
		if raw, ok := members[name]; ok {
			v, err := number(raw)
			if err != nil {
				return metric.Samples{}, fmt.Errorf("%s: %w", name, err)
			}
			if err := metric.CheckValue(v); err != nil {
				return metric.Samples{}, fmt.Errorf("%s: %w", name, err)
			}
			*to = &v
		}
	}
	for name, to := range map[string]**[]float64{"Values": &s.values, "Counts": &s.counts} {
		if raw, ok := members[name]; ok {
			v, err := numbers(raw)
			if err != nil {
				return metric.Samples{}, fmt.Errorf("%s: %w", name, err)
			}
			*to = &v
		}
	}
	if s.values == nil && s.counts == nil {
		return s.statistics()
	}
	return s.histogram()
}

func (s *set) statistics() (metric.Samples, error) {
	if s.samples == nil || s.sum == nil || s.lowest == nil || s.highest == nil {
		return metric.Samples{}, fmt.Errorf("an object must have Min, Max, Sum and Count, or Values and Counts")
	}
	return metric.CheckStatisticSet(*s.samples, *s.sum, *s.lowest, *s.highest)
}

// histogram takes the number of samples from Counts, whatever Count says, and
// Sum, Min and Max as they are written: a histogram that was split has its sum
// in the first part.
func (s *set) histogram() (metric.Samples, error) {
	if s.values == nil || s.counts == nil {
		return metric.Samples{}, fmt.Errorf("an object with Values must have Counts, and the other way round")
	}
	out, err := metric.CheckHistogram(*s.values, *s.counts, maxValues)
	if err != nil {
		return out, err
	}
	for from, to := range map[*float64]*float64{s.sum: &out.Sum, s.lowest: &out.Min, s.highest: &out.Max} {
		if from != nil {
			*to = *from
		}
	}
	if out.Min > out.Max {
		return out, fmt.Errorf("the minimum %v is above the maximum %v", out.Min, out.Max)
	}
	return out, nil
}

// number reads a JSON number; null and strings are none.
func number(raw json.RawMessage) (float64, error) {
	var n *float64
	if err := json.Unmarshal(raw, &n); err != nil || n == nil {
		return 0, fmt.Errorf("%s is no number", cut(raw))
	}
	return *n, nil
}

func numbers(raw json.RawMessage) ([]float64, error) {
	var list []*float64
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return nil, fmt.Errorf("%s is no array of numbers", cut(raw))
	}
	out := make([]float64, len(list))
	for i, v := range list {
		if v == nil {
			return nil, fmt.Errorf("null is no number")
		}
		out[i] = *v
	}
	return out, nil
}

func cut(raw []byte) string {
	if len(raw) > 40 {
		return string(raw[:40]) + "…"
	}
	return string(raw)
}
