package cwmetrics

import (
	"errors"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

// The limits of PutMetricData.
const (
	maxData   = 1000
	maxValues = 150 // of one element; the embedded metric format has 100
)

type putMetricDataInput struct {
	Namespace        string
	MetricData       []datum
	EntityMetricData []struct{ MetricData []datum }
}

type datum struct {
	MetricName        string
	Dimensions        []dimension
	Timestamp         *rpc.Time
	Value             *float64
	Values            []float64
	Counts            []float64
	StatisticValues   *statisticSet
	Unit              string
	StorageResolution *int32
}

type statisticSet struct {
	SampleCount *float64
	Sum         *float64
	Minimum     *float64
	Maximum     *float64
}

// putMetricData takes all data points or, if one is wrong, none.
func (a *API) putMetricData(in *putMetricDataInput) (*rpc.Empty, error) {
	if err := metric.CheckNamespace(in.Namespace); err != nil {
		return nil, invalid("Namespace: %v", err)
	}
	data := in.MetricData
	for _, e := range in.EntityMetricData {
		data = append(data, e.MetricData...)
	}
	if len(data) == 0 {
		return nil, missing("MetricData")
	}
	if len(data) > maxData {
		return nil, invalid("MetricData has %d elements, at most %d are allowed", len(data), maxData)
	}
	now := a.Now()
	checked := make([]metric.Datum, 0, len(data))
	for i, d := range data {
		m, err := d.check(a)
		if e := (*rpc.Error)(nil); errors.As(err, &e) {
			return nil, rpc.Errorf(e.Code, "MetricData[%d]: %s", i, e.Message)
		}
		if err != nil {
			return nil, invalid("MetricData[%d]: %v", i, err)
		}
		m.Namespace = in.Namespace
		checked = append(checked, m)
	}
	for _, m := range checked {
		a.Metrics.Add(now, m)
	}
	return &rpc.Empty{}, nil
}

func (d *datum) check(a *API) (m metric.Datum, err error) {
	if err := metric.CheckName(d.MetricName); err != nil {
		return m, err
	}
	if m.ID, err = identify("", d.MetricName, d.Dimensions); err != nil {
		return m, err
	}
	for _, dim := range m.Dimensions {
		if err := metric.CheckDimension(dim); err != nil {
			return m, err
		}
	}
	if m.Unit = d.Unit; m.Unit != "" {
		if err := metric.CheckUnit(m.Unit); err != nil {
			return m, err
		}
	}
	if d.StorageResolution != nil {
		if err := metric.CheckResolution(int64(*d.StorageResolution)); err != nil {
			return m, err
		}
		m.HighResolution = *d.StorageResolution == 1
	}
	m.Time = a.Now()
	if d.Timestamp != nil {
		if err := metric.CheckTime(d.Timestamp.Time, m.Time); err != nil {
			return m, err
		}
		m.Time = d.Timestamp.Time
	}
	m.Samples, err = d.samples()
	return m, err
}

func (d *datum) samples() (metric.Samples, error) {
	given := 0
	for _, is := range []bool{d.Value != nil, d.Values != nil, d.StatisticValues != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1 || d.Values == nil && d.Counts != nil:
		return metric.Samples{}, rpc.Errorf("InvalidParameterCombinationException", "exactly one of Value, Values (with or without Counts) and StatisticValues must be there")
	case d.Value != nil:
		return metric.Scalar(*d.Value), metric.CheckValue(*d.Value)
	case d.Values != nil:
		return metric.CheckHistogram(d.Values, d.Counts, maxValues)
	}
	s := d.StatisticValues
	if s.SampleCount == nil || s.Sum == nil || s.Minimum == nil || s.Maximum == nil {
		return metric.Samples{}, missing("a member of StatisticValues")
	}
	return metric.CheckStatisticSet(*s.SampleCount, *s.Sum, *s.Minimum, *s.Maximum)
}
