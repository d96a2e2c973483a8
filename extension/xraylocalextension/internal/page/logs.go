package page

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/emf"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
)

const (
	// maxLine is how much of a message a line of the list shows, and maxMessage
	// how much opens below it.
	maxLine    = 300
	maxMessage = 64 << 10
	// maxStreams bounds the streams that are listed.
	maxStreams = 100
)

// logsQuery is what the address of the page of logs asks for.
type logsQuery struct {
	group, stream, text string
	limit               int
}

func parseLogsQuery(v url.Values) logsQuery {
	q := logsQuery{group: v.Get("group"), stream: v.Get("stream"), text: strings.TrimSpace(v.Get("q")), limit: listSize}
	if n, err := strconv.Atoi(v.Get("n")); err == nil {
		q.limit = min(max(n, 1), maxListSize)
	}
	return q
}

func (q logsQuery) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"group": q.group, "stream": q.stream, "q": q.text} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.limit != listSize {
		v.Set("n", strconv.Itoa(q.limit))
	}
	return v
}

func (q logsQuery) address() string { return withQuery("/logs", q.values()) }

// logList is what the page of logs shows.
type logList struct {
	Empty            bool
	Endpoint         string
	Groups           []listedGroup
	Group, Stream    string
	AllLink          string // all groups
	GroupLink        string // all streams of the group
	Streams          []listedStream
	HiddenStreams    int
	Text, ClearLink  string
	Keep             []field
	Events           []listedEvent
	Matching, Stored int
	Used             string
	MoreLink         string
}

type listedGroup struct {
	Name, Address    string
	Class, Retention string
	KMSKey           string
	Tags             []field
	Streams          int
	Bytes            string
	Extracted        bool // metrics are taken out of its events
	Chosen           bool
}

type listedStream struct {
	Name, Address string
	Events        int
	Last          string
	Chosen        bool
}

type listedEvent struct {
	Time, Machine, Age string
	Stream             string
	Line, Message      string
	Cut                bool
	Metrics            int    // that were taken out of it
	Invalid            string // why there were none
	Traces             []string
}

// maxLinks is how many traces an event links to.
const maxLinks = 5

var traceID = regexp.MustCompile(`\b1-[0-9a-f]{8}-[0-9a-f]{24}\b`)

func (h *Handler) logGroups(w http.ResponseWriter, r *http.Request) {
	q := parseLogsQuery(r.URL.Query())
	v, err := h.newLogList(q, r.Host)
	if err != nil {
		h.render(w, http.StatusNotFound, "message.html", message{Title: "No such log group", Text: "There is no log group " + q.group + " in the store."})
		return
	}
	h.render(w, http.StatusOK, "logs.html", v)
}

func (h *Handler) newLogList(q logsQuery, host string) (*logList, error) {
	now := h.now()
	bytes, groups, events := h.logs.Size(now)
	v := &logList{
		Empty: groups == 0, Endpoint: host, Group: q.group, Stream: q.stream, AllLink: "/logs", Text: q.text, Stored: events,
		GroupLink: logsQuery{group: q.group, text: q.text, limit: listSize}.address(),
		Used:      strconv.FormatFloat(float64(bytes)/(1<<20), 'f', 1, 64) + " MiB",
	}
	for _, g := range h.logs.Groups(now) {
		if q.group == "" || q.group == g.Name {
			v.Groups = append(v.Groups, listGroup(g, g.Name == q.group))
		}
	}
	if q.group == "" {
		return v, nil
	}
	return v, h.listEvents(v, q, now)
}

func listGroup(g logs.Group, chosen bool) listedGroup {
	v := listedGroup{
		Name: g.Name, Address: logsQuery{group: g.Name, limit: listSize}.address(), Class: g.Class, Retention: "never expires",
		KMSKey: g.KMSKey, Streams: g.Streams, Bytes: formatValue(float64(g.Bytes), "Bytes"),
		Extracted: g.Class == "STANDARD", Chosen: chosen,
	}
	if g.RetentionDays > 0 {
		v.Retention = plural(int64(g.RetentionDays), "day")
	}
	for name, value := range g.Tags {
		v.Tags = append(v.Tags, field{name, value})
	}
	slices.SortFunc(v.Tags, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return v
}

// listEvents adds the streams of the chosen group, the fresh ones first, and the
// newest events.
func (h *Handler) listEvents(v *logList, q logsQuery, now time.Time) error {
	streams, err := h.logs.Streams(now, q.group)
	if err != nil {
		return err
	}
	slices.SortStableFunc(streams, func(a, b logs.Stream) int { return b.LastArrival.Compare(a.LastArrival) })
	for _, s := range streams {
		if len(v.Streams) == maxStreams {
			v.HiddenStreams = len(streams) - maxStreams
			break
		}
		l := listedStream{Name: s.Name, Address: logsQuery{group: q.group, stream: s.Name, text: q.text, limit: listSize}.address(), Events: s.Events, Last: "empty", Chosen: s.Name == q.stream}
		if !s.LastArrival.IsZero() {
			l.Last = formatAge(now.Sub(s.LastArrival))
		}
		v.Streams = append(v.Streams, l)
	}
	c := q
	c.text, c.limit = "", listSize
	v.ClearLink = c.address()
	for _, f := range []field{{"group", q.group}, {"stream", q.stream}} {
		if f.Value != "" {
			v.Keep = append(v.Keep, f)
		}
	}
	events, err := h.logs.Events(now, q.group, func(s string) bool { return q.stream == "" || s == q.stream }, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(events) {
		if !strings.Contains(e.Message, q.text) {
			continue
		}
		if v.Matching++; len(v.Events) < q.limit {
			v.Events = append(v.Events, listEvent(e, now, v.Groups[0].Extracted))
		}
	}
	if v.Matching > len(v.Events) && q.limit < maxListSize {
		c := q
		c.limit = min(q.limit+4*listSize, maxListSize)
		v.MoreLink = c.address()
	}
	return nil
}

func listEvent(e logs.Stored, now time.Time, extracted bool) listedEvent {
	at := e.Time.Local()
	v := listedEvent{
		Time: at.Format("15:04:05.000"), Machine: at.Format(time.RFC3339Nano), Age: formatAge(now.Sub(e.Time)), Stream: e.Stream,
		Line: e.Message,
	}
	if len(v.Line) > maxLine {
		v.Line = cutText(v.Line, maxLine) + "…"
	}
	v.Message = e.Message
	if len(v.Message) > maxMessage {
		v.Message, v.Cut = cutText(v.Message, maxMessage), true
	} else {
		v.Message = indentJSON(v.Message)
	}
	for _, id := range traceID.FindAllString(v.Message, -1) {
		if len(v.Traces) < maxLinks && !slices.Contains(v.Traces, id) {
			v.Traces = append(v.Traces, id)
		}
	}
	if !extracted {
		return v
	}
	data, err := emf.Extract(e.Message, e.Arrived)
	v.Metrics = len(data)
	if err != nil {
		v.Invalid = err.Error()
	}
	return v
}

// cutText returns at most n bytes of s, of whole characters.
func cutText(s string, n int) string {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
