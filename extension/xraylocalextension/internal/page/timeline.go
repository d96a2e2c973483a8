package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/graph"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/trace"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

const (
	// maxRows bounds the timeline.
	maxRows = 2000
	// maxIndent is the depth from which rows are not indented further.
	maxIndent = 16
	// maxTextBytes bounds one text in the details.
	maxTextBytes = 64 << 10
	// ticks is how many marks the time axis has.
	ticks = 5
)

// traceView is what the page of a trace shows.
type traceView struct {
	ID            string
	Title         string
	Time, Machine string
	Took          string
	Status        int64
	State         string
	Badges        []string
	Segments      int
	Subsegments   int
	Documents     int
	Limited       bool
	Graph         *diagram
	Ticks         []string
	Rows          []row
	HiddenRows    int
	Links         []linked
}

// row is an entity in the timeline.
type row struct {
	Name, Note   string
	Indent       int
	Segment      bool // it is a segment, not a subsegment
	Orphan       bool // its parent is not there
	Running      bool
	State        string
	X, Width     float64 // of 1000
	Took         string
	Status       int64
	Groups       []group
	Exceptions   []exception
	OwnException string // the id of an exception that another entity describes
}

// group is a part of the details: pairs, or a text.
type group struct {
	Title string
	Pairs []pair
	Text  string
}

type pair struct{ Name, Value string }

type exception struct {
	Type, Message, Note string
	Frames              []string
}

type linked struct{ ID, Address, Note string }

func newTraceView(t store.Found) *traceView {
	s := t.Summarize()
	v := &traceView{
		ID:        s.ID.String(),
		Documents: t.Documents,
		Limited:   t.LimitExceeded,
		Took:      formatSeconds(s.Duration),
		Status:    s.HTTP.Status,
	}
	at := trace.Time(s.Start).Local()
	v.Time, v.Machine = at.Format("2006-01-02 15:04:05.000"), at.Format(time.RFC3339Nano)
	item := list(s, at, at)
	v.State, v.Badges = item.State, item.Badges
	v.Title = strings.TrimSpace(s.HTTP.Method + " " + s.HTTP.URL)
	if v.Title == "" {
		v.Title = item.Name
	}
	var b graph.Builder
	b.Add(t.Flow())
	v.Graph = drawGraph(b.Graph(), 0, func(*graph.Node) string { return "" })
	start, end := extent(t.Trace)
	for i := range ticks {
		v.Ticks = append(v.Ticks, formatSeconds(trace.Seconds(start, end)*float64(i)/(ticks-1)))
	}
	w := &waterfall{trace: t.Trace, view: v, start: start, end: end, shown: make(map[segment.ID]bool)}
	w.run()
	return v
}

// extent returns when the first entity of a trace started and the last one
// ended. Subsegments may start before and end after their segment.
func extent(t *trace.Trace) (start, end segment.Time) {
	start = t.Start()
	var grow func(s *segment.Segment)
	grow = func(s *segment.Segment) {
		start, end = min(start, s.StartTime), max(end, s.StartTime, s.EndTime)
		for _, n := range s.Subsegments {
			grow(n)
		}
	}
	for _, s := range t.Segments {
		grow(s)
	}
	return start, max(end, start+1)
}

// waterfall lists the entities of a trace: under each its subsegments and the
// segments of the services it called.
type waterfall struct {
	trace      *trace.Trace
	view       *traceView
	start, end segment.Time
	shown      map[segment.ID]bool // segments, which may call one another in a circle
}

func (w *waterfall) run() {
	for _, s := range w.trace.Segments {
		if s.Inferred != segment.True && w.trace.Owner(s.ParentID) == nil {
			w.segment(s, 0)
		}
	}
	for _, s := range w.trace.Segments {
		if s.Inferred != segment.True && !w.shown[s.ID] {
			w.segment(s, 0)
		}
	}
}

func (w *waterfall) segment(s *segment.Segment, depth int) {
	if w.shown[s.ID] {
		return
	}
	w.shown[s.ID] = true
	if s.Independent {
		w.view.Subsegments++
	} else {
		w.view.Segments++
	}
	w.add(s, depth, !s.Independent)
	w.below(s, depth)
}

func (w *waterfall) below(s *segment.Segment, depth int) {
	for _, n := range s.Subsegments {
		w.view.Subsegments++
		w.add(n, depth+1, false)
		w.below(n, depth+1)
	}
	for _, c := range w.trace.Callees(s.ID) {
		if c.Inferred != segment.True {
			w.segment(c, depth+1)
		}
	}
}

func (w *waterfall) add(s *segment.Segment, depth int, isSegment bool) {
	for _, l := range s.Links {
		if len(w.view.Links) < 100 && l.TraceID != (segment.TraceID{}) {
			w.view.Links = append(w.view.Links, linked{l.TraceID.String(), "/traces/" + l.TraceID.String(), s.Name})
		}
	}
	if len(w.view.Rows) == maxRows {
		w.view.HiddenRows++
		return
	}
	r := row{
		Name:    s.Name,
		Indent:  min(depth, maxIndent),
		Segment: isSegment,
		Orphan:  s.Independent,
		Running: s.InProgress == segment.True,
		State:   trace.StateOf(s).String(),
	}
	end := s.EndTime
	if r.Running || end < s.StartTime {
		end = w.end
	}
	total := float64(w.end - w.start)
	r.X = 1000 * float64(s.StartTime-w.start) / total
	r.Width = max(2, 1000*float64(end-s.StartTime)/total)
	r.X = min(r.X, 1000-r.Width)
	r.Took = formatSeconds(trace.Seconds(s.StartTime, s.EndTime))
	if r.Running {
		r.Took = "running"
	}
	if s.HTTP != nil && s.HTTP.Response != nil {
		r.Status = s.HTTP.Response.Status.Value
	}
	r.Note = note(s, isSegment)
	r.Groups = details(s, w.start)
	r.Exceptions, r.OwnException = exceptions(s.Cause)
	w.view.Rows = append(w.view.Rows, r)
}

// note says in a few words what an entity did.
func note(s *segment.Segment, isSegment bool) string {
	if isSegment {
		if s.HTTP != nil && s.HTTP.Request != nil && s.HTTP.Request.URL != "" {
			return strings.TrimSpace(s.HTTP.Request.Method + " " + pathOf(s.HTTP.Request.URL))
		}
		return s.Origin
	}
	switch {
	case s.SQL != nil:
		return firstOf(s.SQL.SanitizedQuery, s.SQL.DatabaseType)
	case s.AWS != nil && s.AWS.Operation != "":
		if name := trace.CalledName(s); name != s.Name {
			return s.AWS.Operation + " " + name
		}
		return s.AWS.Operation
	case s.HTTP != nil && s.HTTP.Request != nil:
		return strings.TrimSpace(s.HTTP.Request.Method + " " + pathOf(s.HTTP.Request.URL))
	}
	return ""
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// pairs collects the pairs of a group whose value is not empty.
type pairs []pair

func (p *pairs) add(name, value string) {
	if value != "" {
		*p = append(*p, pair{name, clip(value)})
	}
}

func (p *pairs) flag(name string, b segment.Bool) {
	if b != segment.Absent {
		p.add(name, strconv.FormatBool(b == segment.True))
	}
}

func (p *pairs) number(name string, n segment.Int) {
	if n.Form != segment.NoInt {
		p.add(name, strconv.FormatInt(n.Value, 10))
	}
}

// members adds what has no field of its own.
func (p *pairs) members(prefix string, list []segment.Member) {
	for _, m := range list {
		p.add(prefix+m.Name, plainJSON(m.Value))
	}
}

func clip(s string) string {
	if len(s) <= maxTextBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxTextBytes], "") + fmt.Sprintf(" … %d bytes more", len(s)-maxTextBytes)
}

// details lists what an entity says, in groups.
func details(s *segment.Segment, start segment.Time) []group {
	var groups []group
	put := func(title string, p pairs) {
		if len(p) > 0 {
			groups = append(groups, group{Title: title, Pairs: p})
		}
	}
	var p pairs
	p.add("id", s.ID.String())
	p.add("start", "+"+formatSeconds(trace.Seconds(start, s.StartTime))+", "+trace.Time(s.StartTime).Local().Format("15:04:05.000000"))
	if s.ParentID != (segment.ID{}) {
		p.add("parent", s.ParentID.String())
	}
	p.add("namespace", s.Namespace)
	p.add("origin", s.Origin)
	p.add("user", s.User)
	p.add("resource ARN", s.ResourceARN)
	p.flag("fault", s.Fault)
	p.flag("error", s.Error)
	p.flag("throttle", s.Throttle)
	for _, id := range s.PrecursorIDs {
		p.add("after", id.String())
	}
	p.members("", s.Extra)
	put("Overview", p)
	put("HTTP", httpPairs(s.HTTP))
	put("SQL", sqlPairs(s.SQL))
	put("AWS", awsPairs(s.AWS))
	put("Service", servicePairs(s.Service))
	p = nil
	p.members("", s.Annotations)
	put("Annotations", p)
	for _, m := range s.Metadata {
		groups = append(groups, group{Title: "Metadata " + m.Name, Text: clip(indentJSON(m.Value))})
	}
	return groups
}

func httpPairs(h *segment.HTTP) (p pairs) {
	if h == nil {
		return nil
	}
	if r := h.Request; r != nil {
		p.add("method", r.Method)
		p.add("url", r.URL)
		p.add("user agent", r.UserAgent)
		p.add("client IP", r.ClientIP)
		p.flag("client IP was forwarded", r.XForwardedFor)
		p.flag("traced", r.Traced)
		p.members("request ", r.Extra)
	}
	if r := h.Response; r != nil {
		p.number("status", r.Status)
		p.number("content length", r.ContentLength)
		p.members("response ", r.Extra)
	}
	p.members("", h.Extra)
	return p
}

func sqlPairs(q *segment.SQL) (p pairs) {
	if q == nil {
		return nil
	}
	p.add("query", q.SanitizedQuery)
	p.add("url", q.URL)
	p.add("connection string", q.ConnectionString)
	p.add("database", strings.TrimSpace(q.DatabaseType+" "+q.DatabaseVersion))
	p.add("driver", q.DriverVersion)
	p.add("user", q.User)
	p.add("preparation", q.Preparation)
	p.members("", q.Extra)
	return p
}

func awsPairs(a *segment.AWS) (p pairs) {
	if a == nil {
		return nil
	}
	p.add("operation", a.Operation)
	p.add("region", a.Region)
	p.add("account", a.AccountID)
	p.add("request id", a.RequestID)
	p.add("table", a.TableName)
	p.add("tables", strings.Join(a.TableNames, ", "))
	p.add("queue", a.QueueURL)
	p.number("retries", a.Retries)
	p.members("", a.Extra)
	for _, l := range a.CloudWatchLogs {
		p.add("log group", firstOf(l.Name, l.ARN))
	}
	if e := a.EC2; e != nil {
		p.add("EC2 instance", strings.TrimSpace(e.InstanceID+" "+e.InstanceSize))
		p.add("EC2 image", e.AMIID)
		p.add("EC2 zone", e.AvailabilityZone)
		p.members("EC2 ", e.Extra)
	}
	if e := a.ECS; e != nil {
		p.add("ECS container", firstOf(e.Container, e.ContainerARN))
		p.add("ECS container id", e.ContainerID)
		p.add("ECS cluster", e.ClusterARN)
		p.add("ECS task", firstOf(e.TaskARN, e.TaskFamily))
		p.add("ECS launch type", e.LaunchType)
		p.add("ECS zone", e.AvailabilityZone)
		p.members("ECS ", e.Extra)
	}
	if e := a.EKS; e != nil {
		p.add("EKS cluster", e.ClusterName)
		p.add("EKS pod", e.Pod)
		p.add("EKS container id", e.ContainerID)
		p.members("EKS ", e.Extra)
	}
	if e := a.ElasticBeanstalk; e != nil {
		p.add("Beanstalk environment", e.EnvironmentName)
		p.add("Beanstalk version", e.VersionLabel)
		p.number("Beanstalk deployment", e.DeploymentID)
		p.members("Beanstalk ", e.Extra)
	}
	if e := a.XRay; e != nil {
		p.add("SDK", strings.TrimSpace(e.SDK+" "+e.SDKVersion))
		p.add("sampling rule", e.SamplingRuleName)
		p.flag("auto-instrumentation", e.AutoInstrumentation)
		p.members("SDK ", e.Extra)
	}
	return p
}

func servicePairs(s *segment.Service) (p pairs) {
	if s == nil {
		return nil
	}
	p.add("name", s.Name)
	p.add("version", s.Version)
	p.add("runtime", strings.TrimSpace(s.Runtime+" "+s.RuntimeVersion))
	p.add("compiler", strings.TrimSpace(s.Compiler+" "+s.CompilerVersion))
	p.members("", s.Extra)
	return p
}

// exceptions lists the exceptions of a cause, or the id of one that another
// entity describes.
func exceptions(c *segment.Cause) (list []exception, elsewhere string) {
	if c == nil {
		return nil, ""
	}
	if c.ID != (segment.ID{}) {
		elsewhere = c.ID.String()
	}
	for _, x := range c.Exceptions {
		e := exception{Type: x.Type, Message: clip(x.Message)}
		if x.Remote == segment.True {
			e.Note = "in the called service"
		}
		for _, f := range x.Stack {
			text := firstOf(f.Label, "?")
			if f.Path != "" {
				text += "  " + f.Path
				if f.Line.Form != segment.NoInt {
					text += ":" + strconv.FormatInt(f.Line.Value, 10)
				}
			}
			e.Frames = append(e.Frames, text)
		}
		if x.Truncated.Value > 0 {
			e.Frames = append(e.Frames, "… "+plural(x.Truncated.Value, "frame")+" more")
		}
		list = append(list, e)
	}
	return list, elsewhere
}
