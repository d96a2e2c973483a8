package page

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/graph"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/trace"
	"github.com/tailwater-otel/tailwater/internal/filterexpr"
)

const (
	// listSize is how many traces the list shows at first, and how many more
	// each time.
	listSize = 50
	// maxListSize bounds what can be asked for.
	maxListSize = 1000
	// slowSeconds is what counts as slow unless the address says otherwise.
	slowSeconds = 1
)

// ranges are the time ranges on offer. A zero span means all there is.
var ranges = []struct {
	key  string
	text string
	span time.Duration
}{
	{"5m", "5 min", 5 * time.Minute},
	{"15m", "15 min", 15 * time.Minute},
	{"1h", "1 h", time.Hour},
	{"6h", "6 h", 6 * time.Hour},
	{"24h", "24 h", 24 * time.Hour},
	{"all", "all", 0},
}

const defaultRange = "1h"

// states are the filters on offer.
var states = []struct{ key, text string }{
	{"", "all"},
	{"ok", "ok"},
	{"error", "errors"},
	{"throttle", "throttled"},
	{"fault", "faults"},
	{"slow", "slow"},
}

// query is what the address asks for.
type query struct {
	rangeKey string
	span     time.Duration
	state    string
	slow     float64
	search   string // a filter expression
	service  string
	kind     string // the type of service, if withKind
	withKind bool
	limit    int
}

// parseQuery reads an address. What it does not understand takes its default.
func parseQuery(v url.Values) query {
	q := query{slow: slowSeconds, limit: listSize}
	for _, key := range []string{defaultRange, v.Get("range")} {
		for _, r := range ranges {
			if r.key == key {
				q.rangeKey, q.span = r.key, r.span
			}
		}
	}
	for _, s := range states {
		if s.key == v.Get("state") {
			q.state = s.key
		}
	}
	if s, err := strconv.ParseFloat(v.Get("slow"), 64); err == nil && s >= 0 && !math.IsInf(s, 0) {
		q.slow = s
	}
	if n, err := strconv.Atoi(v.Get("n")); err == nil {
		q.limit = min(max(n, 1), maxListSize)
	}
	q.search = strings.TrimSpace(v.Get("q"))
	q.service, q.kind, q.withKind = v.Get("service"), v.Get("type"), v.Has("type")
	return q
}

// address writes a query as an address.
func (q query) address() string {
	v := url.Values{}
	if q.rangeKey != defaultRange {
		v.Set("range", q.rangeKey)
	}
	if q.state != "" {
		v.Set("state", q.state)
	}
	if q.slow != slowSeconds {
		v.Set("slow", strconv.FormatFloat(q.slow, 'g', -1, 64))
	}
	if q.search != "" {
		v.Set("q", q.search)
	}
	if q.service != "" {
		v.Set("service", q.service)
		if q.withKind {
			v.Set("type", q.kind)
		}
	}
	if q.limit != listSize {
		v.Set("n", strconv.Itoa(q.limit))
	}
	if len(v) == 0 {
		return "/"
	}
	return "/?" + v.Encode()
}

// matches reports whether the list shows a trace.
func (q query) matches(s *trace.Summary) bool {
	switch q.state {
	case "ok":
		if s.HasFault || s.HasError || s.HasThrottle {
			return false
		}
	case "error":
		if !s.HasError && len(s.ErrorCauses) == 0 {
			return false
		}
	case "throttle":
		if !s.HasThrottle {
			return false
		}
	case "fault":
		if !s.HasFault && len(s.FaultCauses) == 0 {
			return false
		}
	case "slow":
		if s.ResponseTime < q.slow && s.Duration < q.slow {
			return false
		}
	}
	if q.service == "" {
		return true
	}
	for _, svc := range s.Services {
		if svc.Name == q.service && (!q.withKind || svc.Type == q.kind) {
			return true
		}
	}
	return false
}

// choice is one of several links of which one is chosen.
type choice struct {
	Text, Address string
	Chosen        bool
}

// overview is what the first page shows.
type overview struct {
	Empty    bool // the store holds nothing at all
	Endpoint string
	Ranges   []choice
	States   []choice
	Slow     string
	Service  string // the list is about
	AllLink  string
	Search   search
	Graph    *diagram
	Traces   []listed
	Matching int
	InRange  int
	Stored   int
	Used     string
	MoreLink string
}

// listed is a trace in the list.
type listed struct {
	ID, Address       string
	Time, Age         string
	Machine           string // the time for machines
	Method, URL, Name string
	Status            int64
	State             string
	Badges            []string
	Took              string
	Share             float64 // of the slowest in the list, in percent
	Services          []string
	MoreServices      int
	Users             string
}

// maxListedServices is how many services a line of the list names.
const maxListedServices = 6

func newOverview(st *store.Store, clock func() time.Time, q query, host string) *overview {
	now := clock()
	v := &overview{Endpoint: host, Service: q.service, Slow: formatSeconds(q.slow)}
	bytes, traces := st.Size(now)
	v.Empty, v.Stored = traces == 0, traces
	v.Used = strconv.FormatFloat(float64(bytes)/(1<<20), 'f', 1, 64) + " MiB"
	for _, r := range ranges {
		c := q
		c.rangeKey, c.limit = r.key, listSize
		v.Ranges = append(v.Ranges, choice{r.text, c.address(), r.key == q.rangeKey})
	}
	for _, s := range states {
		c := q
		c.state, c.limit = s.key, listSize
		v.States = append(v.States, choice{s.text, c.address(), s.key == q.state})
	}
	c := q
	c.service, c.limit = "", listSize
	v.AllLink = c.address()
	var filter *filterexpr.Expr
	v.Search, filter = newSearch(q)

	var from time.Time
	if q.span > 0 {
		from = now.Add(-q.span)
	}
	// Traces are in the range by their arrival, so that a clock that is off, or
	// recorded traces that are played back, show all the same.
	entries := st.List(now, store.ByUpdate, from, time.Time{})
	v.InRange = len(entries)
	var b graph.Builder
	for _, e := range entries {
		d := e.Digest()
		b.Add(d.Flow)
		if v.Search.Error != "" || !q.matches(d.Summary) || filter != nil && !v.Search.matches(filter, d.Filter, clock) {
			continue
		}
		if v.Matching++; len(v.Traces) < q.limit {
			v.Traces = append(v.Traces, list(d.Summary, e.Updated, now))
		}
	}
	slowest := 0.0
	for i := range v.Traces {
		slowest = max(slowest, v.Traces[i].Share)
	}
	for i := range v.Traces {
		if slowest > 0 {
			v.Traces[i].Share *= 100 / slowest
		}
	}
	if v.Matching > len(v.Traces) && q.limit < maxListSize {
		c := q
		c.limit = min(q.limit+4*listSize, maxListSize)
		v.MoreLink = c.address() + "#traces"
	}
	if g := b.Graph(); len(g.Nodes) > 0 {
		span := q.span
		if span == 0 || span > now.Sub(entries[len(entries)-1].Updated) {
			// The range began before the first trace.
			span = max(now.Sub(entries[len(entries)-1].Updated), time.Minute)
		}
		v.Graph = drawGraph(g, span, func(n *graph.Node) string {
			c := q
			c.service, c.kind, c.withKind, c.limit = n.Service.Name, n.Service.Type, !n.Client, listSize
			return c.address() + "#traces"
		})
	}
	return v
}

// list describes a trace for the list. Its Share is still in seconds.
func list(s *trace.Summary, updated, now time.Time) listed {
	at := trace.Time(s.Start).Local()
	v := listed{
		ID:      s.ID.String(),
		Address: "/traces/" + s.ID.String(),
		Time:    at.Format("15:04:05.000"),
		Machine: at.Format(time.RFC3339Nano),
		Age:     formatAge(now.Sub(updated)),
		Method:  s.HTTP.Method,
		URL:     pathOf(s.HTTP.URL),
		Status:  s.HTTP.Status,
		State:   "ok",
		Took:    formatSeconds(s.ResponseTime),
		Share:   s.ResponseTime,
	}
	if s.ResponseTime == 0 {
		v.Took, v.Share = formatSeconds(s.Duration), s.Duration
	}
	if s.EntryPoint != nil {
		v.Name = s.EntryPoint.Name
	} else if len(s.Services) > 0 {
		v.Name = s.Services[0].Name
	}
	switch {
	case s.HasFault:
		v.State = "fault"
	case s.HasError && s.HTTP.Status == 429:
		v.State = "throttle"
	case s.HasError:
		v.State = "error"
	}
	if s.HasFault {
		v.Badges = append(v.Badges, "fault")
	} else if len(s.FaultCauses) > 0 {
		v.Badges = append(v.Badges, "fault inside")
	}
	if s.HasError && v.State != "throttle" {
		v.Badges = append(v.Badges, "error")
	} else if len(s.ErrorCauses) > 0 && !s.HasThrottle {
		v.Badges = append(v.Badges, "error inside")
	}
	if s.HasThrottle {
		v.Badges = append(v.Badges, "throttle")
	}
	if s.IsPartial {
		v.Badges = append(v.Badges, "partial")
	}
	for i, svc := range s.Services {
		if i == maxListedServices {
			v.MoreServices = len(s.Services) - i
			break
		}
		v.Services = append(v.Services, shorten(svc.Name, 24))
	}
	return v
}

// pathOf returns the path and query of a URL, or all of it if it is none.
func pathOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return text
	}
	return u.RequestURI()
}
