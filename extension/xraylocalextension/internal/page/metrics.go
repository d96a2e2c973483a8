package page

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
)

// shownStatistics are the statistics on offer; the first is the default.
var shownStatistics = []string{"Average", "Sum", "SampleCount", "Minimum", "p50", "p90", "p99", "Maximum"}

// metricsQuery is what the address of a page about metrics asks for.
type metricsQuery struct {
	rangeKey  string
	span      time.Duration
	statistic string
	namespace string
	text      string
	limit     int
}

// parseMetricsQuery reads an address. What it does not understand takes its
// default.
func parseMetricsQuery(v url.Values) metricsQuery {
	traces := parseQuery(v)
	q := metricsQuery{
		rangeKey: traces.rangeKey, span: traces.span, text: traces.search, limit: traces.limit,
		statistic: shownStatistics[0], namespace: v.Get("namespace"),
	}
	if s := v.Get("stat"); slices.Contains(shownStatistics, s) {
		q.statistic = s
	}
	return q
}

func (q metricsQuery) values() url.Values {
	v := url.Values{}
	if q.rangeKey != defaultRange {
		v.Set("range", q.rangeKey)
	}
	if q.statistic != shownStatistics[0] {
		v.Set("stat", q.statistic)
	}
	if q.namespace != "" {
		v.Set("namespace", q.namespace)
	}
	if q.text != "" {
		v.Set("q", q.text)
	}
	if q.limit != listSize {
		v.Set("n", strconv.Itoa(q.limit))
	}
	return v
}

func (q metricsQuery) address() string { return withQuery("/metrics", q.values()) }

func withQuery(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// period is the width of what one value of a chart stands for.
func (q metricsQuery) period() time.Duration {
	switch {
	case q.span == 0 || q.span > 6*time.Hour:
		return 15 * time.Minute
	case q.span > time.Hour:
		return 5 * time.Minute
	}
	return time.Minute
}

// matches reports whether a series has the namespace and all words of a query.
func (q metricsQuery) matches(s metric.Series) bool {
	if q.namespace != "" && s.Namespace != q.namespace {
		return false
	}
	if q.text == "" {
		return true
	}
	text := strings.ToLower(s.Namespace + " " + s.Name)
	for _, d := range s.Dimensions {
		text += " " + strings.ToLower(d.Name+"="+d.Value)
	}
	for _, word := range strings.Fields(strings.ToLower(q.text)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// metricList is what the page of all metrics shows.
type metricList struct {
	Empty              bool
	Endpoint           string
	Ranges, Statistics []choice
	Namespaces         []choice
	Text, ClearLink    string
	Keep               []field
	Statistic          string
	Period             string
	Series             []listedSeries
	Matching, Stored   int
	Points             int
	Used               string
	MoreLink           string
}

type listedSeries struct {
	Namespace, Name, Address string
	Dimensions               []metric.Dimension
	Last, Highest            string
	Chart                    chart
}

func (h *Handler) metricList(w http.ResponseWriter, r *http.Request) {
	q := parseMetricsQuery(r.URL.Query())
	h.render(w, http.StatusOK, "metrics.html", h.newMetricList(q, r.Host))
}

func (h *Handler) newMetricList(q metricsQuery, host string) *metricList {
	now := h.now()
	bytes, series, points := h.metrics.Size(now)
	v := &metricList{
		Empty: series == 0, Endpoint: host, Text: q.text, Statistic: q.statistic, Period: plural(int64(q.period()/time.Minute), "minute"),
		Stored: series, Points: points, Used: strconv.FormatFloat(float64(bytes)/(1<<20), 'f', 1, 64) + " MiB",
	}
	v.Ranges, v.Statistics = q.choices(metricsQuery.address)
	namespaces := map[string]int{}
	list := h.metrics.List(now, func(s metric.Series) bool {
		namespaces[s.Namespace]++
		return q.matches(s)
	})
	v.Namespaces = q.namespaces(namespaces)
	c := q
	c.text, c.limit = "", listSize
	v.ClearLink = c.address()
	for name, value := range c.values() {
		v.Keep = append(v.Keep, field{name, value[0]})
	}
	slices.SortFunc(v.Keep, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	v.Matching = len(list)
	for _, s := range list[:min(len(list), q.limit)] {
		v.Series = append(v.Series, h.listSeries(q, s, now))
	}
	if len(list) > q.limit && q.limit < maxListSize {
		c := q
		c.limit = min(q.limit+4*listSize, maxListSize)
		v.MoreLink = c.address()
	}
	return v
}

// choices are the links to other time ranges and statistics.
func (q metricsQuery) choices(address func(metricsQuery) string) (spans, statistics []choice) {
	for _, r := range ranges {
		c := q
		c.rangeKey = r.key
		spans = append(spans, choice{r.text, address(c), r.key == q.rangeKey})
	}
	for _, s := range shownStatistics {
		c := q
		c.statistic = s
		statistics = append(statistics, choice{s, address(c), s == q.statistic})
	}
	return spans, statistics
}

func (q metricsQuery) namespaces(series map[string]int) []choice {
	names := []string{""}
	for n := range series {
		names = append(names, n)
	}
	slices.Sort(names)
	var out []choice
	for _, n := range names {
		c := q
		c.namespace, c.limit = n, listSize
		text := "all"
		if n != "" {
			text = fmt.Sprintf("%s %d", n, series[n])
		}
		out = append(out, choice{text, c.address(), n == q.namespace})
	}
	return out
}

// The sizes of the charts, in pixels before they are stretched.
const (
	smallWidth, smallHeight = 300, 44
	largeWidth, largeHeight = 1000, 220
)

func (h *Handler) listSeries(q metricsQuery, s metric.Series, now time.Time) listedSeries {
	v := listedSeries{Namespace: s.Namespace, Name: s.Name, Dimensions: s.Dimensions, Address: oneAddress(q, s.ID), Last: "–"}
	periods, start, end := h.periods(q, s.ID, now)
	dots, unit := q.dots(periods)
	v.Chart = drawChart(dots, start, end, q.period(), smallWidth, smallHeight)
	if n := len(dots); n > 0 {
		v.Last, v.Highest = formatValue(dots[n-1].value, unit), formatValue(v.Chart.Highest, unit)
		v.Chart.Text = fmt.Sprintf("%s, %s of %s to %s", q.statistic, plural(int64(n), "value"), formatValue(v.Chart.Lowest, unit), v.Highest)
	}
	return v
}

// periods returns what a series has in the time range, and the range: from its
// first value if it is open.
func (h *Handler) periods(q metricsQuery, id metric.ID, now time.Time) (periods []metric.Period, start, end time.Time) {
	end = now.Add(q.period())
	if q.span > 0 {
		start = now.Add(-q.span)
	}
	if q.span == 0 {
		end = now.Add(metric.MaxAhead)
		start = now.Add(-metric.MaxAge)
	}
	periods = h.metrics.Query(now, id, "", start, end, q.period())
	if len(periods) > 0 && q.span == 0 {
		start = periods[0].Start.Add(-q.period())
	}
	if n := len(periods); n > 0 && periods[n-1].Start.Before(now) {
		end = now
	}
	return periods, start, end
}

// dots returns the values of a statistic, and their unit: that of the newest.
// Values in other units are left out, they have no place on the same scale.
func (q metricsQuery) dots(periods []metric.Period) (dots []dot, unit string) {
	statistic, err := metric.ParseStatistic(q.statistic)
	if err != nil || len(periods) == 0 {
		return nil, ""
	}
	unit = periods[len(periods)-1].Unit
	for _, p := range periods {
		if v, ok := statistic(&p.Distribution); ok && p.Unit == unit {
			dots = append(dots, dot{p.Start, v})
		}
	}
	if unitless[q.statistic] {
		unit = ""
	}
	return dots, unit
}
