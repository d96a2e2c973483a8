package page

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
)

// maxPeriods is how many periods the table of one metric shows.
const maxPeriods = 60

// oneMetric is what the page of one metric shows.
type oneMetric struct {
	Namespace, Name    string
	Dimensions         []metric.Dimension
	Unit, Statistic    string
	Period             string
	Ranges, Statistics []choice
	AllLink            string
	Chart              chart
	Highest, Lowest    string
	Ticks              []string
	Columns            []string
	Rows               []metricRow
	Hidden             int
}

type metricRow struct {
	Time, Machine string
	Values        []string
}

// oneAddress is the address of the page of one metric. Its dimensions are
// d=name and v=value, in order.
func oneAddress(q metricsQuery, id metric.ID) string {
	q.limit, q.text, q.namespace = listSize, "", id.Namespace
	v := q.values()
	v.Set("name", id.Name)
	for _, d := range id.Dimensions {
		v.Add("d", d.Name)
		v.Add("v", d.Value)
	}
	return withQuery("/metrics/one", v)
}

// parseID reads the metric that an address is about.
func parseID(v url.Values) metric.ID {
	id := metric.ID{Namespace: v.Get("namespace"), Name: v.Get("name")}
	names, values := v["d"], v["v"]
	for i := range min(len(names), len(values), metric.MaxDimensions) {
		id.Dimensions = append(id.Dimensions, metric.Dimension{Name: names[i], Value: values[i]})
	}
	metric.Sort(id.Dimensions)
	return id
}

func (h *Handler) metricOne(w http.ResponseWriter, r *http.Request) {
	q, id := parseMetricsQuery(r.URL.Query()), parseID(r.URL.Query())
	now := h.now()
	// Is there anything at all, outside the time range too?
	if h.metrics.Query(now, id, "", now.Add(-2*metric.MaxAge), now.Add(2*metric.MaxAhead), 24*time.Hour) == nil {
		h.render(w, http.StatusNotFound, "message.html", message{
			Title: "No such metric", Text: fmt.Sprintf("There is no %q with these dimensions in the store. It never came, or it has left to make room.", id.Name),
		})
		return
	}
	h.render(w, http.StatusOK, "metric.html", h.newOneMetric(q, id, now))
}

func (h *Handler) newOneMetric(q metricsQuery, id metric.ID, now time.Time) *oneMetric {
	v := &oneMetric{
		Namespace: id.Namespace, Name: id.Name, Dimensions: id.Dimensions, Statistic: q.statistic,
		Period: plural(int64(q.period()/time.Minute), "minute"), Columns: shownStatistics,
	}
	v.Ranges, v.Statistics = q.choices(func(q metricsQuery) string { return oneAddress(q, id) })
	all := q
	all.namespace, all.limit, all.text = id.Namespace, listSize, ""
	v.AllLink = all.address()
	periods, start, end := h.periods(q, id, now)
	dots, unit := q.dots(periods)
	v.Chart = drawChart(dots, start, end, q.period(), largeWidth, largeHeight)
	if len(dots) == 0 {
		return v
	}
	v.Highest, v.Lowest = formatValue(max(v.Chart.Highest, 0), unit), formatValue(min(v.Chart.Lowest, 0), unit)
	v.Chart.Text = fmt.Sprintf("%s of %s to %s", q.statistic, formatValue(v.Chart.Lowest, unit), formatValue(v.Chart.Highest, unit))
	layout := "15:04"
	if end.Sub(start) > 24*time.Hour {
		layout = "01-02 15:04"
	}
	for i := range 5 {
		v.Ticks = append(v.Ticks, start.Add(end.Sub(start)*time.Duration(i)/4).Local().Format(layout))
	}
	for _, p := range slices.Backward(periods) {
		if len(v.Rows) == maxPeriods {
			v.Hidden = len(periods) - maxPeriods
			break
		}
		v.Rows = append(v.Rows, describePeriod(p))
	}
	return v
}

func describePeriod(p metric.Period) metricRow {
	at := p.Start.Local()
	row := metricRow{Time: at.Format("01-02 15:04:05"), Machine: at.Format(time.RFC3339)}
	for _, name := range shownStatistics {
		unit := p.Unit
		if unitless[name] {
			unit = ""
		}
		text := "–"
		if statistic, err := metric.ParseStatistic(name); err == nil {
			if v, ok := statistic(&p.Distribution); ok {
				text = formatValue(v, unit)
			}
		}
		row.Values = append(row.Values, text)
	}
	return row
}
