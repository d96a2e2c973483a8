package cwmetrics

import (
	"encoding/base64"
	"slices"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

const (
	maxListed  = 500 // metrics of an answer
	maxFilters = 10
	// recent is what RecentlyActive can ask for.
	recent     = "PT3H"
	recentSpan = 3 * time.Hour
)

type listMetricsInput struct {
	Namespace      string
	MetricName     string
	Dimensions     []dimensionFilter
	RecentlyActive string
	NextToken      string
}

type dimensionFilter struct {
	Name  string
	Value *string
}

type listMetricsOutput struct {
	Metrics   []wireMetric
	NextToken string `json:",omitempty"`
}

type wireMetric struct {
	Namespace  string
	MetricName string
	Dimensions []dimension
}

func (a *API) listMetrics(in *listMetricsInput) (*listMetricsOutput, error) {
	if len(in.Dimensions) > maxFilters {
		return nil, invalid("there are %d dimension filters, at most %d are allowed", len(in.Dimensions), maxFilters)
	}
	if in.RecentlyActive != "" && in.RecentlyActive != recent {
		return nil, invalid("RecentlyActive is %q, it must be %s", cut(in.RecentlyActive), recent)
	}
	after, err := base64.RawURLEncoding.DecodeString(in.NextToken)
	if err != nil {
		return nil, rpc.Errorf("InvalidNextToken", "NextToken is %q, it must be one that was answered", cut(in.NextToken))
	}
	now := a.Now()
	list := a.Metrics.List(now, func(s metric.Series) bool {
		if in.Namespace != "" && s.Namespace != in.Namespace || in.MetricName != "" && s.Name != in.MetricName || s.Key() <= string(after) {
			return false
		}
		if in.RecentlyActive != "" && now.Sub(s.Updated) > recentSpan {
			return false
		}
		for _, f := range in.Dimensions {
			if !slices.ContainsFunc(s.Dimensions, func(d metric.Dimension) bool { return d.Name == f.Name && (f.Value == nil || d.Value == *f.Value) }) {
				return false
			}
		}
		return true
	})
	out := &listMetricsOutput{Metrics: []wireMetric{}}
	if len(list) > maxListed {
		list = list[:maxListed]
		out.NextToken = base64.RawURLEncoding.EncodeToString([]byte(list[maxListed-1].Key()))
	}
	for _, s := range list {
		m := wireMetric{s.Namespace, s.Name, []dimension{}}
		for _, d := range s.Dimensions {
			m.Dimensions = append(m.Dimensions, dimension(d))
		}
		out.Metrics = append(out.Metrics, m)
	}
	return out, nil
}
