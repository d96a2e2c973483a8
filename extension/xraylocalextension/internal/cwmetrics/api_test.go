package cwmetrics

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

var now = time.Unix(1760797200, 0)

type nobody struct{}

func (nobody) Request(string, int) {}

type rig struct {
	store   *metric.Store
	handler *rpc.Handler
}

func newRig() *rig {
	r := &rig{store: &metric.Store{MaxBytes: 64 << 20}}
	r.handler = (&API{Metrics: r.store, Observer: nobody{}, Now: func() time.Time { return now }}).Handler()
	return r
}

func (r *rig) call(t testing.TB, operation, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.handler.Serve(w, req, rpc.JSON, operation)
	var out map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out), w.Body.String())
	return w.Code, out
}

func (r *rig) ok(t testing.TB, operation, body string) map[string]any {
	t.Helper()
	status, out := r.call(t, operation, body)
	require.Equal(t, http.StatusOK, status, out)
	return out
}

// query is an element of MetricDataQueries.
func query(id, name, stat string) string {
	return fmt.Sprintf(`{"Id":%q,"MetricStat":{"Metric":{"Namespace":"Shop","MetricName":%q},"Period":60,"Stat":%q}}`, id, name, stat)
}

func ask(members string, queries ...string) string {
	return fmt.Sprintf(`{"StartTime":%d,"EndTime":%d,"MetricDataQueries":[%s]%s}`, now.Unix(), now.Unix()+3600, strings.Join(queries, ","), members)
}

// Pages are cut by time over all queries, in both directions; put together they
// are one answer.
func TestGetMetricDataPages(t *testing.T) {
	r := newRig()
	for i := range 10 {
		for _, name := range []string{"a", "b"} {
			r.store.Add(now, metric.Datum{ID: metric.ID{Namespace: "Shop", Name: name}, Time: now.Add(time.Duration(i) * time.Minute), Samples: metric.Scalar(float64(i))})
		}
	}
	for scan, first := range map[string]float64{"": 9, "TimestampDescending": 9, "TimestampAscending": 0} {
		t.Run(scan, func(t *testing.T) {
			got := map[string][]any{}
			token, pages := "", 0
			for ; pages < 20; pages++ {
				members := fmt.Sprintf(`,"MaxDatapoints":3,"NextToken":%q`, token)
				if scan != "" {
					members += fmt.Sprintf(`,"ScanBy":%q`, scan)
				}
				out := r.ok(t, "GetMetricData", ask(members, query("qa", "a", "Sum"), query("qb", "b", "Sum"), strings.Replace(query("hidden", "b", "Sum"), `{"Id"`, `{"ReturnData":false,"Id"`, 1)))
				results := out["MetricDataResults"].([]any)
				require.Len(t, results, 2)
				token, _ = out["NextToken"].(string)
				for _, v := range results {
					v := v.(map[string]any)
					got[v["Id"].(string)] = append(got[v["Id"].(string)], v["Values"].([]any)...)
					require.Len(t, v["Timestamps"], len(v["Values"].([]any)))
					require.Equal(t, map[bool]string{true: "Complete", false: "PartialData"}[token == ""], v["StatusCode"])
				}
				if token == "" {
					break
				}
			}
			require.Equal(t, 6, pages, "20 values, 3 a page")
			for _, id := range []string{"qa", "qb"} {
				require.Len(t, got[id], 10)
				require.Equal(t, first, got[id][0])
				require.Equal(t, 9-first, got[id][9])
			}
		})
	}
}

// A query without a unit adds all units up; one with a unit sees only that.
func TestGetMetricDataUnits(t *testing.T) {
	r := newRig()
	for i, unit := range []string{"", "Count", "Seconds"} {
		r.store.Add(now, metric.Datum{ID: metric.ID{Namespace: "Shop", Name: "a"}, Time: now, Unit: unit, Samples: metric.Scalar(float64(i + 1))})
	}
	out := r.ok(t, "GetMetricData", ask("", query("all", "a", "Sum"), strings.Replace(query("seconds", "a", "Sum"), `"Stat"`, `"Unit":"Seconds","Stat"`, 1),
		strings.Replace(query("labelled", "none", "Sum"), `{"Id"`, `{"Label":"nothing","Id"`, 1)))
	results := out["MetricDataResults"].([]any)
	values := func(i int) any { return results[i].(map[string]any)["Values"] }
	require.Equal(t, []any{6.0}, values(0))
	require.Equal(t, []any{3.0}, values(1))
	require.Equal(t, []any{}, values(2))
	require.Equal(t, "nothing", results[2].(map[string]any)["Label"])

	stats := r.ok(t, "GetMetricStatistics", fmt.Sprintf(`{"Namespace":"Shop","MetricName":"a","StartTime":%d,"EndTime":%d,"Period":60,"ExtendedStatistics":["p50"]}`, now.Unix(), now.Unix()+60))
	require.Len(t, stats["Datapoints"], 3, "here units stay apart")
}

func TestListMetricsPages(t *testing.T) {
	r := newRig()
	for i := range 1203 {
		r.store.Add(now.Add(-time.Duration(i)*time.Minute), metric.Datum{
			ID: metric.ID{Namespace: fmt.Sprint("n", i%2), Name: "m", Dimensions: []metric.Dimension{{Name: "i", Value: fmt.Sprint(i)}}}, Time: now, Samples: metric.Scalar(1),
		})
	}
	count := func(members string) (n, pages int) {
		token := ""
		seen := map[string]bool{}
		for {
			out := r.ok(t, "ListMetrics", fmt.Sprintf(`{"NextToken":%q%s}`, token, members))
			pages++
			for _, m := range out["Metrics"].([]any) {
				seen[fmt.Sprint(m)] = true
				n++
			}
			require.Len(t, seen, n)
			if token, _ = out["NextToken"].(string); token == "" {
				return n, pages
			}
		}
	}
	for members, want := range map[string][2]int{
		"":                                         {1203, 3},
		`,"Namespace":"n0"`:                        {602, 2},
		`,"Namespace":"n0","MetricName":"x"`:       {0, 1},
		`,"Dimensions":[{"Name":"i"}]`:             {1203, 3},
		`,"Dimensions":[{"Name":"j"}]`:             {0, 1},
		`,"RecentlyActive":"PT3H"`:                 {181, 1},
		`,"Dimensions":[{"Name":"i","Value":"7"}]`: {1, 1},
	} {
		n, pages := count(members)
		require.Equal(t, want, [2]int{n, pages}, members)
	}
}

func TestErrors(t *testing.T) {
	long := strings.Repeat("x", 300)
	stats := func(members string) string {
		return fmt.Sprintf(`{"Namespace":"Shop","MetricName":"a","StartTime":%d,"EndTime":%d%s}`, now.Unix(), now.Unix()+60, members)
	}
	put := func(datum string) string { return `{"Namespace":"Shop","MetricData":[` + datum + `]}` }
	for name, c := range map[string]struct{ operation, body, code, want string }{
		"no start":             {"GetMetricData", `{"EndTime":1,"MetricDataQueries":[]}`, "MissingRequiredParameterException", "StartTime"},
		"backwards":            {"GetMetricData", `{"StartTime":2,"EndTime":1}`, "InvalidParameterValueException", "before EndTime"},
		"no queries":           {"GetMetricData", ask(""), "InvalidParameterValueException", "0 queries"},
		"501 queries":          {"GetMetricData", ask("", strings.Repeat(`{},`, 500)+`{}`), "InvalidParameterValueException", "501 queries"},
		"an id":                {"GetMetricData", ask("", query("A", "a", "Sum")), "InvalidParameterValueException", "MetricDataQueries[0].Id"},
		"an id twice":          {"GetMetricData", ask("", query("a", "a", "Sum"), query("a", "a", "Sum")), "InvalidParameterValueException", "MetricDataQueries[1].Id"},
		"a statistic":          {"GetMetricData", ask("", query("a", "a", "tm99")), "InvalidParameterValueException", "MetricStat.Stat"},
		"an expression":        {"GetMetricData", ask("", `{"Id":"a","Expression":"SUM(METRICS())"}`), "InvalidParameterValueException", "expressions (metric math"},
		"no metric":            {"GetMetricData", ask("", `{"Id":"a"}`), "MissingRequiredParameterException", "MetricStat"},
		"no name":              {"GetMetricData", ask("", query("a", "", "Sum")), "MissingRequiredParameterException", "MetricName"},
		"a period":             {"GetMetricData", ask("", strings.Replace(query("a", "a", "Sum"), "60", "61", 1)), "InvalidParameterValueException", "Period is 61"},
		"a negative period":    {"GetMetricData", ask("", strings.Replace(query("a", "a", "Sum"), "60", "-60", 1)), "InvalidParameterValueException", "Period is -60"},
		"a unit":               {"GetMetricData", ask("", strings.Replace(query("a", "a", "Sum"), `"Stat"`, `"Unit":"Minutes","Stat"`, 1)), "InvalidParameterValueException", "Minutes"},
		"a scan":               {"GetMetricData", ask(`,"ScanBy":"x"`, query("a", "a", "Sum")), "InvalidParameterValueException", "ScanBy"},
		"a limit":              {"GetMetricData", ask(`,"MaxDatapoints":0`, query("a", "a", "Sum")), "InvalidParameterValueException", "MaxDatapoints"},
		"a token":              {"GetMetricData", ask(`,"NextToken":"x"`, query("a", "a", "Sum")), "InvalidNextToken", "NextToken"},
		"a token of a list":    {"ListMetrics", `{"NextToken":"*"}`, "InvalidNextToken", "NextToken"},
		"recently":             {"ListMetrics", `{"RecentlyActive":"PT1H"}`, "InvalidParameterValueException", "RecentlyActive"},
		"no statistics":        {"GetMetricStatistics", stats(`,"Period":60`), "MissingRequiredParameterException", "Statistics"},
		"both statistics":      {"GetMetricStatistics", stats(`,"Period":60,"Statistics":["Sum"],"ExtendedStatistics":["p50"]`), "InvalidParameterCombinationException", "only one"},
		"no period":            {"GetMetricStatistics", stats(`,"Statistics":["Sum"]`), "MissingRequiredParameterException", "Period"},
		"a dimension twice":    {"GetMetricStatistics", stats(`,"Period":60,"Statistics":["Sum"],"Dimensions":[{"Name":"a","Value":"1"},{"Name":"a","Value":"2"}]`), "InvalidParameterValueException", "named twice"},
		"a namespace":          {"PutMetricData", `{"Namespace":"AWS/X","MetricData":[{"MetricName":"a","Value":1}]}`, "InvalidParameterValueException", "begins with AWS/"},
		"no data":              {"PutMetricData", `{"Namespace":"Shop"}`, "MissingRequiredParameterException", "MetricData"},
		"1001 data":            {"PutMetricData", put(strings.Repeat(`{"MetricName":"a","Value":1},`, 1000) + `{}`), "InvalidParameterValueException", "1001"},
		"no value":             {"PutMetricData", put(`{"MetricName":"a"}`), "InvalidParameterCombinationException", "MetricData[0]"},
		"two values":           {"PutMetricData", put(`{"MetricName":"a","Value":1,"Values":[1]}`), "InvalidParameterCombinationException", "MetricData[0]"},
		"counts alone":         {"PutMetricData", put(`{"MetricName":"a","Value":1,"Counts":[1]}`), "InvalidParameterCombinationException", "MetricData[0]"},
		"151 values":           {"PutMetricData", put(`{"MetricName":"a","Values":[` + strings.Repeat("1,", 150) + `1]}`), "InvalidParameterValueException", "151 values"},
		"a large value":        {"PutMetricData", put(`{"MetricName":"a","Value":1e300}`), "InvalidParameterValueException", "2^360"},
		"an old value":         {"PutMetricData", put(`{"MetricName":"a","Value":1,"Timestamp":1}`), "InvalidParameterValueException", "14 days"},
		"a resolution":         {"PutMetricData", put(`{"MetricName":"a","Value":1,"StorageResolution":5}`), "InvalidParameterValueException", "1 or 60"},
		"a dimension":          {"PutMetricData", put(`{"MetricName":"a","Value":1,"Dimensions":[{"Name":"` + long + `","Value":"x"}]}`), "InvalidParameterValueException", "300 characters"},
		"half a statistic set": {"PutMetricData", put(`{"MetricName":"a","StatisticValues":{"Sum":1}}`), "MissingRequiredParameterException", "StatisticValues"},
		"one of two is wrong":  {"PutMetricData", put(`{"MetricName":"a","Value":1},{"MetricName":""}`), "InvalidParameterValueException", "MetricData[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			status, out := r.call(t, c.operation, c.body)
			require.Equal(t, http.StatusBadRequest, status)
			require.Equal(t, c.code, out["__type"])
			require.Contains(t, out["message"], c.want)
			_, series, _ := r.store.Size(now)
			require.Zero(t, series, "all or nothing is written")
		})
	}
}

// Whatever is asked, in either protocol, there is an answer and no panic.
func FuzzOperations(f *testing.F) {
	operations := []string{"GetMetricData", "GetMetricStatistics", "ListMetrics", "PutMetricData"}
	f.Add(byte(0), false, []byte(ask("", query("a", "a", "p99"))))
	f.Add(byte(1), false, []byte(`{"Namespace":"Shop","MetricName":"a","StartTime":-1e300,"EndTime":1e300,"Period":86400,"Statistics":["Sum"]}`))
	f.Add(byte(2), false, []byte(`{"NextToken":"YQ"}`))
	f.Add(byte(3), false, []byte(`{"Namespace":"Shop","MetricData":[{"MetricName":"a","Values":[1,2],"Counts":[1,0]}]}`))
	f.Add(byte(2), true, []byte("\xa1\x69Namespace\x61a"))
	f.Fuzz(func(t *testing.T, operation byte, binary bool, body []byte) {
		r := newRig()
		for i := range 3 {
			r.store.Add(now, metric.Datum{ID: metric.ID{Namespace: "Shop", Name: "a"}, Time: now.Add(time.Duration(i) * time.Minute), Samples: metric.Scalar(float64(i))})
		}
		p, contentType := rpc.JSON, "application/json"
		if binary {
			p, contentType = rpc.CBOR, "application/cbor"
		}
		w := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		req.Header.Set("Content-Type", contentType)
		r.handler.Serve(w, req, p, operations[int(operation)%len(operations)])
		require.Contains(t, []int{200, 400}, w.Code, w.Body.String())
		require.NotEmpty(t, w.Body.Bytes())
	})
}
