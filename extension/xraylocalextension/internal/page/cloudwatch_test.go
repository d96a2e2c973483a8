package page

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
)

// show returns the status and the body of a page over logs and metrics.
func show(t testing.TB, l *logs.Store, m *metric.Store, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	New(&store.Store{}, l, m, func() time.Time { return now }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	wellFormed(t, w.Body.String())
	return w.Code, w.Body.String()
}

func latency(service string) metric.ID {
	return metric.ID{Namespace: "Tailwater", Name: "Latency", Dimensions: []metric.Dimension{{Name: "Environment", Value: "dev"}, {Name: "Service", Value: service}}}
}

func shopMetrics() *metric.Store {
	m := &metric.Store{MaxBytes: 16 << 20}
	for i := range 30 {
		at := now.Add(-time.Duration(30-i) * time.Minute)
		for n, service := range []string{"checkout", "orders"} {
			m.Add(now, metric.Datum{ID: latency(service), Time: at, Unit: "Milliseconds", Samples: metric.Array([]float64{float64(10 + i + 100*n), 900})})
		}
		m.Add(now, metric.Datum{ID: metric.ID{Namespace: "Shop", Name: "Orders"}, Time: at, Unit: "Count", Samples: metric.Scalar(float64(i))})
	}
	return m
}

var seriesName = regexp.MustCompile(`class="request"><b>([^<]*)</b>`)

func TestMetricList(t *testing.T) {
	m := shopMetrics()
	for path, want := range map[string][]string{
		"/metrics":                                  {"Orders", "Latency", "Latency"},
		"/metrics?namespace=Shop":                   {"Orders"},
		"/metrics?q=latency+service%3Dch":           {"Latency"},
		"/metrics?q=nothing":                        nil,
		"/metrics?n=1":                              {"Orders"},
		"/metrics?stat=p99&range=5m":                {"Orders", "Latency", "Latency"},
		"/metrics?stat=nonsense&range=nonsense&n=x": {"Orders", "Latency", "Latency"},
	} {
		code, body := show(t, &logs.Store{}, m, path)
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, want, all(seriesName, body), path)
	}
	_, body := show(t, &logs.Store{}, m, "/metrics?stat=Maximum")
	require.Contains(t, body, "3 metrics with 90 data points kept")
	require.Contains(t, body, "900 ms")
	require.Contains(t, body, "Maximum, 30 values of 0 to 29")
	_, body = show(t, &logs.Store{}, m, "/metrics?n=1")
	require.Contains(t, body, `href="/metrics?n=201">Show more`)
	_, body = show(t, &logs.Store{}, &metric.Store{}, "/metrics")
	require.Contains(t, body, "No metrics yet")
	require.Contains(t, body, "AWS_ENDPOINT_URL_CLOUDWATCH=http://example.com")
}

// Every line of the list leads to a page of its own.
func TestMetricOne(t *testing.T) {
	m := shopMetrics()
	_, list := show(t, &logs.Store{}, m, "/metrics?stat=p90")
	links := regexp.MustCompile(`class="item series" href="([^"]*)"`).FindAllStringSubmatch(list, -1)
	require.Len(t, links, 3)
	for i, link := range links {
		code, body := show(t, &logs.Store{}, m, html.UnescapeString(link[1]))
		require.Equal(t, http.StatusOK, code)
		require.Len(t, elements(t, body, "tr"), 31)
		require.Contains(t, body, []string{"Shop", "checkout", "orders"}[i])
		charts := 0
		for _, svg := range elements(t, body, "svg") {
			if svg["class"] == "chart" {
				charts++
			}
		}
		require.Equal(t, 1, charts)
	}
	code, body := show(t, &logs.Store{}, m, "/metrics/one?namespace=Tailwater&name=Latency")
	require.Equal(t, http.StatusNotFound, code)
	require.Contains(t, body, "No such metric")

	old := &metric.Store{MaxBytes: 1 << 20}
	old.Add(now, metric.Datum{ID: latency("a"), Time: now.Add(-3 * time.Hour), Samples: metric.StatisticSet(2, 3, 1, 2)})
	_, body = show(t, &logs.Store{}, old, oneAddress(parseMetricsQuery(nil), latency("a")))
	require.Contains(t, body, "There is no Average in this time range")
	_, body = show(t, &logs.Store{}, old, oneAddress(parseMetricsQuery(url.Values{"range": {"all"}}), latency("a")))
	require.Len(t, elements(t, body, "tr"), 2)
}

func TestMetricsAddress(t *testing.T) {
	for _, address := range []string{"/metrics", "/metrics?range=5m&stat=p99", "/metrics?n=250&namespace=a+b&q=x%3Dy"} {
		r := httptest.NewRequest(http.MethodGet, address, nil)
		require.Equal(t, address, parseMetricsQuery(r.URL.Query()).address())
	}
	for _, address := range []string{"/logs", "/logs?group=%2Fa%2Fb&n=250&q=x&stream=s"} {
		r := httptest.NewRequest(http.MethodGet, address, nil)
		require.Equal(t, address, parseLogsQuery(r.URL.Query()).address())
	}
}

// Charts stay inside their frame, whatever the values.
func TestDrawChart(t *testing.T) {
	number := regexp.MustCompile(`-?[0-9.]+|NaN|Inf`)
	start, end := now.Add(-time.Hour), now
	for name, values := range map[string][]float64{
		"nothing": nil, "one": {5}, "zero": {0, 0}, "negative": {-5, 5, -1}, "all negative": {-5, -1}, "large": {math.Pow(2, 360), -math.Pow(2, 360)}, "many": make([]float64, 100),
	} {
		t.Run(name, func(t *testing.T) {
			var dots []dot
			for i, v := range values {
				dots = append(dots, dot{start.Add(end.Sub(start) * time.Duration(i) / time.Duration(len(values))), v})
			}
			c := drawChart(dots, start, end, time.Minute, 300, 44)
			require.Equal(t, len(values) == 0, c.Line == "")
			for _, path := range []string{c.Line, c.Area} {
				for i, n := range number.FindAllString(path, -1) {
					var v float64
					_, err := fmt.Sscan(n, &v)
					require.NoError(t, err)
					require.GreaterOrEqual(t, v, 0.0)
					require.LessOrEqual(t, v, []float64{300, 44}[i%2])
				}
			}
		})
	}
	c := drawChart([]dot{{start, 1}, {start.Add(time.Minute), 1}, {start.Add(10 * time.Minute), 1}}, start, end, time.Minute, 300, 44)
	require.Equal(t, 2, strings.Count(c.Line, "M"), "the line breaks where values are missing")
}

func TestFormatValue(t *testing.T) {
	for _, c := range []struct {
		value float64
		unit  string
		want  string
	}{
		{0.0123, "Seconds", "12 ms"}, {12.5, "Milliseconds", "12 ms"}, {1500, "Microseconds", "1.5 ms"}, {-12.5, "Milliseconds", "-12 ms"},
		{12, "Percent", "12 %"}, {12, "None", "12"}, {0.0051, "", "0.0051"}, {1234567, "Count", "1.23e+06"}, {123.4, "Count", "123"},
		{1_500_000, "Bytes", "1.5 MB"}, {999, "Bytes", "999 B"}, {5, "Count/Second", "5 Count/Second"},
	} {
		require.Equal(t, c.want, formatValue(c.value, c.unit))
	}
}

func shopLogs(t testing.TB) *logs.Store {
	l := &logs.Store{MaxBytes: 16 << 20}
	require.NoError(t, l.CreateGroup(now, logs.Group{Name: "/metrics/shop", Class: "STANDARD", RetentionDays: 7, Tags: map[string]string{"team": "shop"}}))
	require.NoError(t, l.CreateGroup(now, logs.Group{Name: "/cheap", Class: "INFREQUENT_ACCESS", KMSKey: "arn:aws:kms:x"}))
	for _, name := range []string{"host-1", "host-2"} {
		require.NoError(t, l.CreateStream(now, "/metrics/shop", name))
	}
	require.NoError(t, l.CreateStream(now, "/cheap", "s"))
	doc := func(value string) string {
		return fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[[]],"Metrics":[{"Name":"Orders"}]}]},"Orders":%s}`, now.UnixMilli(), value)
	}
	require.NoError(t, l.Put(now, "/metrics/shop", "host-1", []logs.Event{{Time: now, Message: doc("1")}, {Time: now, Message: doc(`"1"`)}, {Time: now, Message: "plain text of 1-68f3a1c0-00000000000000000000000a, 1-68f3a1c0-00000000000000000000000a and 21-68f3a1c0-00000000000000000000000b"}}))
	require.NoError(t, l.Put(now, "/metrics/shop", "host-2", []logs.Event{{Time: now.Add(time.Second), Message: strings.Repeat("é", maxMessage)}}))
	require.NoError(t, l.Put(now, "/cheap", "s", []logs.Event{{Time: now, Message: doc("1")}}))
	return l
}

func TestLogs(t *testing.T) {
	l, m := shopLogs(t), &metric.Store{}
	code, body := show(t, l, m, "/logs")
	require.Equal(t, http.StatusOK, code)
	for _, want := range []string{"/metrics/shop", "/cheap", "7 days", "never expires", "INFREQUENT_ACCESS", "team=shop", "5 events kept"} {
		require.Contains(t, body, want)
	}
	require.Empty(t, elements(t, body, "details"))

	events := func(path string) int {
		code, body := show(t, l, m, path)
		require.Equal(t, http.StatusOK, code)
		return len(elements(t, body, "details"))
	}
	require.Equal(t, 4, events("/logs?group=%2Fmetrics%2Fshop"))
	require.Equal(t, 3, events("/logs?group=%2Fmetrics%2Fshop&stream=host-1"))
	require.Equal(t, 1, events("/logs?group=%2Fmetrics%2Fshop&q=plain"))
	require.Equal(t, 2, events("/logs?group=%2Fmetrics%2Fshop&n=2"))
	require.Zero(t, events("/logs?group=%2Fmetrics%2Fshop&stream=none"))

	_, body = show(t, l, m, "/logs?group=%2Fmetrics%2Fshop")
	require.Contains(t, body, "1 data points")
	require.Contains(t, body, "EMF invalid")
	require.Contains(t, html.UnescapeString(body), `"1" is no number`)
	require.Contains(t, body, "The message is longer")
	require.Equal(t, 1, strings.Count(body, `href="/traces/`), "a trace that is named is one click away")
	_, body = show(t, l, m, "/logs?group=%2Fcheap")
	require.NotContains(t, body, "data points", "no metrics come from this class")

	code, body = show(t, l, m, "/logs?group=none")
	require.Equal(t, http.StatusNotFound, code)
	require.Contains(t, body, "No such log group")
	_, body = show(t, &logs.Store{}, m, "/logs")
	require.Contains(t, body, "No log groups yet")
}

// Text from a metric or a log stays text, wherever a page shows it.
func TestHostileLogsAndMetrics(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'` + "`" + `javascript:alert(1)`
	l, m := &logs.Store{MaxBytes: 1 << 20}, &metric.Store{MaxBytes: 1 << 20}
	require.NoError(t, l.CreateGroup(now, logs.Group{Name: evil, Class: evil, KMSKey: evil, Tags: map[string]string{evil: evil}}))
	require.NoError(t, l.CreateStream(now, evil, evil))
	require.NoError(t, l.Put(now, evil, evil, []logs.Event{{Time: now, Message: evil}}))
	id := metric.ID{Namespace: evil, Name: evil, Dimensions: []metric.Dimension{{Name: evil, Value: evil}}}
	m.Add(now, metric.Datum{ID: id, Time: now, Unit: evil, Samples: metric.Scalar(1)})
	for _, path := range []string{"/metrics", "/logs", "/metrics?q=script", logsQuery{group: evil, stream: evil, limit: listSize}.address(), logsQuery{group: evil, text: evil, limit: listSize}.address(), oneAddress(parseMetricsQuery(nil), id)} {
		code, body := show(t, l, m, path)
		require.Equal(t, http.StatusOK, code, path)
		scripts := elements(t, body, "script")
		require.Len(t, scripts, 1)
		require.Equal(t, "/assets/page.js", scripts[0]["src"])
		for _, tag := range []string{"a", "span", "img", "td", "time", "details", "path", "svg", "em", "input"} {
			for _, e := range elements(t, body, tag) {
				for name, value := range e {
					require.False(t, strings.HasPrefix(name, "on"), "%s %s", tag, name)
					require.NotEqual(t, "style", name)
					if name == "href" {
						require.Regexp(t, `^/($|\?|metrics|logs)`, value)
					}
				}
			}
		}
		require.Contains(t, html.UnescapeString(body), "<script>alert(1)</script>", "the text is shown all the same")
	}
}
