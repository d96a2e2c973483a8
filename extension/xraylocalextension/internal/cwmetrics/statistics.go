package cwmetrics

import (
	"slices"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

// The limits of GetMetricStatistics.
const (
	maxStatistics = 1_440 // data points of an answer
	maxExtended   = 10    // percentiles
)

type getMetricStatisticsInput struct {
	Namespace          string
	MetricName         string
	Dimensions         []dimension
	StartTime          *rpc.Time
	EndTime            *rpc.Time
	Period             *int32
	Statistics         []string
	ExtendedStatistics []string
	Unit               string
}

type getMetricStatisticsOutput struct {
	Label      string
	Datapoints []datapoint
}

type datapoint struct {
	Timestamp          rpc.Time
	Unit               string
	SampleCount        *float64           `json:",omitempty"`
	Sum                *float64           `json:",omitempty"`
	Average            *float64           `json:",omitempty"`
	Minimum            *float64           `json:",omitempty"`
	Maximum            *float64           `json:",omitempty"`
	ExtendedStatistics map[string]float64 `json:",omitempty"`
}

func (a *API) getMetricStatistics(in *getMetricStatisticsInput) (*getMetricStatisticsOutput, error) {
	switch {
	case in.Namespace == "":
		return nil, missing("Namespace")
	case in.MetricName == "":
		return nil, missing("MetricName")
	case in.Period == nil:
		return nil, missing("Period")
	case len(in.Statistics) == 0 && len(in.ExtendedStatistics) == 0:
		return nil, missing("Statistics or ExtendedStatistics")
	case len(in.Statistics) > 0 && len(in.ExtendedStatistics) > 0:
		return nil, rpc.Errorf("InvalidParameterCombinationException", "only one of Statistics and ExtendedStatistics may be there")
	case len(in.Statistics) > 5:
		return nil, invalid("there are %d Statistics, at most 5 are allowed", len(in.Statistics))
	case len(in.ExtendedStatistics) > maxExtended:
		return nil, invalid("there are %d ExtendedStatistics, at most %d are allowed", len(in.ExtendedStatistics), maxExtended)
	}
	if err := checkRange(in.StartTime, in.EndTime); err != nil {
		return nil, err
	}
	period, err := checkPeriod(*in.Period)
	if err != nil {
		return nil, err
	}
	if in.Unit != "" {
		if err := metric.CheckUnit(in.Unit); err != nil {
			return nil, invalid("%v", err)
		}
	}
	id, err := identify(in.Namespace, in.MetricName, in.Dimensions)
	if err != nil {
		return nil, err
	}
	statistics := map[string]metric.Statistic{}
	for _, name := range slices.Concat(in.Statistics, in.ExtendedStatistics) {
		if statistics[name], err = metric.ParseStatistic(name); err != nil {
			return nil, invalid("%v", err)
		}
	}
	out := &getMetricStatisticsOutput{Label: in.MetricName, Datapoints: []datapoint{}}
	for _, p := range a.Metrics.Query(a.Now(), id, in.Unit, in.StartTime.Time, in.EndTime.Time, period) {
		if len(out.Datapoints) == maxStatistics {
			return nil, rpc.Errorf("InvalidParameterCombinationException", "there are more than %d data points: ask for a shorter time or a longer period", maxStatistics)
		}
		if d, ok := describe(p, statistics); ok {
			out.Datapoints = append(out.Datapoints, d)
		}
	}
	return out, nil
}

// describe makes a data point of a period. It is left out if the period has none
// of the statistics.
func describe(p metric.Period, statistics map[string]metric.Statistic) (datapoint, bool) {
	d := datapoint{Timestamp: rpc.Time{Time: p.Start}, Unit: p.Unit}
	fields := map[string]**float64{"SampleCount": &d.SampleCount, "Sum": &d.Sum, "Average": &d.Average, "Minimum": &d.Minimum, "Maximum": &d.Maximum}
	some := false
	for name, statistic := range statistics {
		v, ok := statistic(&p.Distribution)
		if !ok {
			continue
		}
		some = true
		if field := fields[name]; field != nil {
			*field = &v
			continue
		}
		if d.ExtendedStatistics == nil {
			d.ExtendedStatistics = map[string]float64{}
		}
		d.ExtendedStatistics[name] = v
	}
	return d, some
}
