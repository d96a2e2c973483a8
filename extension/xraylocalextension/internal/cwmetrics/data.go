package cwmetrics

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

// The limits of GetMetricData.
const (
	maxQueries    = 500
	maxDatapoints = 100_800
	defaultPeriod = 60
)

type getMetricDataInput struct {
	MetricDataQueries []dataQuery
	StartTime         *rpc.Time
	EndTime           *rpc.Time
	ScanBy            string
	MaxDatapoints     *int32
	NextToken         string
}

type dataQuery struct {
	Id         string
	Label      string
	Expression string
	MetricStat *metricStat
	ReturnData *bool
	Period     *int32
}

type metricStat struct {
	Metric struct {
		Namespace  string
		MetricName string
		Dimensions []dimension
	}
	Period *int32
	Stat   string
	Unit   string
}

type getMetricDataOutput struct {
	MetricDataResults []dataResult
	NextToken         string `json:",omitempty"`
	Messages          []message
}

type dataResult struct {
	Id         string
	Label      string
	Timestamps []rpc.Time
	Values     []float64
	StatusCode string
	Messages   []message `json:",omitempty"`
}

type message struct {
	Code  string
	Value string
}

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,254}$`)

// value is one value of one query. Pages are cut from all values in order of
// time.
type value struct {
	at    time.Time
	query int
	value float64
}

// token is the last value of a page: time/query.
func (v value) token() string { return fmt.Sprintf("%d/%d", v.at.Unix(), v.query) }

func parseToken(token string) (value, error) {
	var v value
	var at int64
	if n, err := fmt.Sscanf(token, "%d/%d", &at, &v.query); n != 2 || err != nil {
		return v, rpc.Errorf("InvalidNextToken", "NextToken is %q, it must be one that was answered", cut(token))
	}
	v.at = time.Unix(at, 0)
	return v, nil
}

func (a *API) getMetricData(in *getMetricDataInput) (*getMetricDataOutput, error) {
	if err := checkRange(in.StartTime, in.EndTime); err != nil {
		return nil, err
	}
	if n := len(in.MetricDataQueries); n == 0 || n > maxQueries {
		return nil, invalid("MetricDataQueries has %d queries, it must have 1 to %d", n, maxQueries)
	}
	limit := maxDatapoints
	if in.MaxDatapoints != nil {
		if limit = int(*in.MaxDatapoints); limit < 1 || limit > maxDatapoints {
			return nil, invalid("MaxDatapoints is %d, it must be 1 to %d", limit, maxDatapoints)
		}
	}
	order := value.newestFirst
	switch in.ScanBy {
	case "", "TimestampDescending":
	case "TimestampAscending":
		order = value.oldestFirst
	default:
		return nil, invalid("ScanBy is %q, it must be TimestampDescending or TimestampAscending", cut(in.ScanBy))
	}
	out := &getMetricDataOutput{MetricDataResults: []dataResult{}, Messages: []message{}}
	var values []value
	ids := map[string]bool{}
	for i, q := range in.MetricDataQueries {
		if !queryID.MatchString(q.Id) || ids[q.Id] {
			return nil, invalid("MetricDataQueries[%d].Id is %q, it must begin with a lower-case letter, have letters, digits and _, and be there once", i, cut(q.Id))
		}
		ids[q.Id] = true
		found, err := a.run(i, q, in.StartTime.Time, in.EndTime.Time)
		if err != nil {
			return nil, err
		}
		if q.ReturnData == nil || *q.ReturnData {
			values = append(values, found...)
		}
	}
	slices.SortFunc(values, order)
	if in.NextToken != "" {
		last, err := parseToken(in.NextToken)
		if err != nil {
			return nil, err
		}
		i, found := slices.BinarySearchFunc(values, last, order)
		if found {
			i++
		}
		values = values[i:]
	}
	status := "Complete"
	if len(values) > limit {
		values = values[:limit]
		out.NextToken, status = values[limit-1].token(), "PartialData"
	}
	results := make([]dataResult, len(in.MetricDataQueries))
	for i, q := range in.MetricDataQueries {
		results[i] = dataResult{Id: q.Id, Label: cmp.Or(q.Label, q.name()), Timestamps: []rpc.Time{}, Values: []float64{}, StatusCode: status}
	}
	for _, v := range values {
		r := &results[v.query]
		r.Timestamps, r.Values = append(r.Timestamps, rpc.Time{Time: v.at}), append(r.Values, v.value)
	}
	for i, q := range in.MetricDataQueries {
		if q.ReturnData == nil || *q.ReturnData {
			out.MetricDataResults = append(out.MetricDataResults, results[i])
		}
	}
	return out, nil
}

func (v value) oldestFirst(o value) int {
	return cmp.Or(v.at.Compare(o.at), cmp.Compare(v.query, o.query))
}

func (v value) newestFirst(o value) int {
	return cmp.Or(o.at.Compare(v.at), cmp.Compare(v.query, o.query))
}

func (q dataQuery) name() string {
	if q.MetricStat != nil {
		return q.MetricStat.Metric.MetricName
	}
	return q.Id
}

// run answers one query.
func (a *API) run(index int, q dataQuery, start, end time.Time) ([]value, error) {
	where := "MetricDataQueries[" + strconv.Itoa(index) + "]"
	if q.Expression != "" {
		return nil, invalid("%s.Expression is %q: expressions (metric math, SEARCH, Metrics Insights) are not served here, ask with MetricStat", where, cut(q.Expression))
	}
	m := q.MetricStat
	if m == nil {
		return nil, missing(where + ".MetricStat")
	}
	if m.Metric.Namespace == "" || m.Metric.MetricName == "" {
		return nil, missing(where + ".MetricStat.Metric.Namespace or MetricName")
	}
	id, err := identify(m.Metric.Namespace, m.Metric.MetricName, m.Metric.Dimensions)
	if err != nil {
		return nil, err
	}
	seconds := int32(defaultPeriod)
	if m.Period != nil {
		seconds = *m.Period
	}
	period, err := checkPeriod(seconds)
	if err != nil {
		return nil, err
	}
	if m.Unit != "" {
		if err := metric.CheckUnit(m.Unit); err != nil {
			return nil, invalid("%s: %v", where, err)
		}
	}
	statistic, err := metric.ParseStatistic(m.Stat)
	if err != nil {
		return nil, invalid("%s.MetricStat.Stat: %v", where, err)
	}
	var out []value
	for _, p := range oneUnit(a.Metrics.Query(a.Now(), id, m.Unit, start, end, period)) {
		if v, ok := statistic(&p.Distribution); ok {
			out = append(out, value{p.Start, index, v})
		}
	}
	return out, nil
}

// oneUnit adds up what differs in its unit alone: a result has no room for more.
func oneUnit(periods []metric.Period) []metric.Period {
	var out []metric.Period
	for _, p := range periods {
		if n := len(out); n > 0 && out[n-1].Start.Equal(p.Start) {
			out[n-1].Merge(&p.Distribution)
			continue
		}
		out = append(out, p)
	}
	return out
}
