package api

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/graph"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
	"github.com/tailwater-otel/tailwater/internal/filterexpr"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

const (
	// maxTraceIDs is how many traces one call may ask for.
	maxTraceIDs = 5
	// pageSize is how many summaries a page holds.
	pageSize = 100
	// maxScan and maxScanTime bound how many traces are held against a filter
	// expression for one page, which may therefore hold fewer, or none.
	maxScan     = 1000
	maxScanTime = 2 * time.Second
)

type getTraceSummariesInput struct {
	StartTime, EndTime *float64
	TimeRangeType      string
	FilterExpression   string
	NextToken          string
	// Sampling and SamplingStrategy ask for a part of the traces; the store is
	// small enough to answer with all of them.
}

func (h *Handler) getTraceSummaries(in *getTraceSummariesInput) (*getTraceSummariesOutput, error) {
	from, to, err := timeRange(in.StartTime, in.EndTime)
	if err != nil {
		return nil, err
	}
	var filter *filterexpr.Expr
	if in.FilterExpression != "" {
		if filter, err = filterexpr.Parse(in.FilterExpression); err != nil {
			return nil, invalid("FilterExpression: %v", err)
		}
	}
	by, ok := map[string]store.By{"": store.ByStart, "TraceId": store.ByStart, "Event": store.ByUpdate, "Service": store.ByEnd}[in.TimeRangeType]
	if !ok {
		return nil, invalid("TimeRangeType %q is none of TraceId, Event, Service", cut(in.TimeRangeType, 50))
	}
	list := h.store.List(h.now(), by, from, to)
	if in.NextToken != "" {
		at, id, err := parseToken(in.NextToken)
		if err != nil {
			return nil, err
		}
		list = store.After(list, at, id)
	}
	out := &getTraceSummariesOutput{ApproximateTime: epoch(to), TraceSummaries: []traceSummary{}}
	if len(list) > 0 {
		out.ApproximateTime = epoch(list[0].At)
	}
	started := h.now()
	for i, e := range list {
		d := e.Digest()
		out.TracesProcessedCount++
		if filter == nil || filter.Match(d.Filter) {
			s := wireSummary(d.Summary)
			s.Revision = e.Revision
			s.MatchedEventTime = epoch(e.Updated)
			out.TraceSummaries = append(out.TraceSummaries, s)
		}
		if full := len(out.TraceSummaries) == pageSize || out.TracesProcessedCount == maxScan || h.now().Sub(started) > maxScanTime; full && i < len(list)-1 {
			token := formatToken(e.At, e.ID)
			out.NextToken = &token
			break
		}
	}
	return out, nil
}

// timeRange reads the two times that every query by time must have.
func timeRange(start, end *float64) (from, to time.Time, err error) {
	switch {
	case start == nil:
		return from, to, invalid("StartTime is missing")
	case end == nil:
		return from, to, invalid("EndTime is missing")
	case *start < 0 || *end < 0 || *start > maxEpoch || *end > maxEpoch:
		return from, to, invalid("StartTime and EndTime must be seconds since 1970")
	case *start > *end:
		return from, to, invalid("StartTime is after EndTime")
	}
	return fromEpoch(*start), fromEpoch(*end), nil
}

// maxEpoch is the last second whose nanoseconds fit an int64.
const maxEpoch = math.MaxInt64 / 1e9

func fromEpoch(seconds float64) time.Time {
	whole, frac := math.Modf(seconds)
	return time.Unix(int64(whole), int64(math.Round(frac*1e9))).UTC()
}

// formatToken makes a NextToken that names the last trace of a page, so that
// traces that come or go between two pages shift nothing.
func formatToken(at time.Time, id segment.TraceID) string {
	b := binary.BigEndian.AppendUint64([]byte{tokenVersion}, uint64(at.UnixNano()))
	return base64.RawURLEncoding.EncodeToString(append(b, id[:]...))
}

const tokenVersion = 1

func parseToken(token string) (time.Time, segment.TraceID, error) {
	var id segment.TraceID
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 1+8+len(id) || b[0] != tokenVersion {
		return time.Time{}, id, invalid("NextToken is none that was given out here")
	}
	copy(id[:], b[9:])
	return time.Unix(0, int64(binary.BigEndian.Uint64(b[1:9]))), id, nil
}

type traceIDsInput struct {
	TraceIds  []string
	NextToken string
}

// ids reads the trace ids of a request, each once.
func (in *traceIDsInput) ids() ([]segment.TraceID, error) {
	if in.NextToken != "" {
		return nil, invalid("NextToken is not supported")
	}
	if len(in.TraceIds) == 0 {
		return nil, invalid("TraceIds is missing")
	}
	if len(in.TraceIds) > maxTraceIDs {
		return nil, invalid("Exceeding maximum query size: %d", maxTraceIDs)
	}
	var ids []segment.TraceID
	seen := make(map[segment.TraceID]bool)
	for _, text := range in.TraceIds {
		id, ok := segment.ParseTraceID(text)
		if !ok {
			return nil, invalid("%q is no trace id", cut(text, 64))
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

type batchGetTracesOutput struct {
	NextToken           *string
	Traces              []wireTrace
	UnprocessedTraceIds []string
}

type wireTrace struct {
	Id            string
	Duration      float64
	LimitExceeded bool
	Segments      []wireSegment
}

type wireSegment struct {
	Id       string
	Document string
}

func (h *Handler) batchGetTraces(in *traceIDsInput) (*batchGetTracesOutput, error) {
	ids, err := in.ids()
	if err != nil {
		return nil, err
	}
	out := &batchGetTracesOutput{Traces: []wireTrace{}, UnprocessedTraceIds: []string{}}
	for _, id := range ids {
		t, ok := h.store.Trace(h.now(), id)
		if !ok {
			out.UnprocessedTraceIds = append(out.UnprocessedTraceIds, id.String())
			continue
		}
		w := wireTrace{Id: id.String(), Duration: t.Duration(), LimitExceeded: t.LimitExceeded, Segments: []wireSegment{}}
		for _, s := range t.Segments {
			w.Segments = append(w.Segments, wireSegment{Id: s.ID.String(), Document: string(s.AppendJSON(nil))})
		}
		out.Traces = append(out.Traces, w)
	}
	return out, nil
}

type getTraceGraphOutput struct {
	NextToken *string
	Services  []wireService
}

func (h *Handler) getTraceGraph(in *traceIDsInput) (*getTraceGraphOutput, error) {
	ids, err := in.ids()
	if err != nil {
		return nil, err
	}
	var b graph.Builder
	for _, id := range ids {
		if t, ok := h.store.Trace(h.now(), id); ok {
			b.Add(t.Flow())
		}
	}
	return &getTraceGraphOutput{Services: wireServices(b.Graph())}, nil
}

type getServiceGraphInput struct {
	StartTime, EndTime *float64
	groupInput
	NextToken string
}

type getServiceGraphOutput struct {
	StartTime, EndTime       float64
	ContainsOldGroupVersions bool
	NextToken                *string
	Services                 []wireService
}

func (h *Handler) getServiceGraph(in *getServiceGraphInput) (*getServiceGraphOutput, error) {
	from, to, err := timeRange(in.StartTime, in.EndTime)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if in.NextToken != "" {
		return nil, invalid("NextToken is none that was given out here")
	}
	var b graph.Builder
	for _, e := range h.store.List(h.now(), store.ByStart, from, to) {
		b.Add(e.Digest().Flow)
	}
	return &getServiceGraphOutput{StartTime: epoch(from), EndTime: epoch(to), Services: wireServices(b.Graph())}, nil
}

// groupInput names a group. Only Default exists here: all traces.
type groupInput struct {
	GroupName string
	GroupARN  string
}

const (
	defaultGroup    = "Default"
	defaultGroupARN = "arn:aws:xray:us-east-1:000000000000:group/Default"
)

func (g *groupInput) check() error {
	switch {
	case g.GroupName != "" && g.GroupName != defaultGroup:
		return invalid("there is no group %q here, only %s", cut(g.GroupName, 50), defaultGroup)
	case g.GroupARN != "" && !strings.HasSuffix(g.GroupARN, ":group/"+defaultGroup):
		return invalid("there is no group %q here, only %s", cut(g.GroupARN, 200), defaultGroupARN)
	}
	return nil
}

type wireGroup struct {
	GroupName             string
	GroupARN              string
	InsightsConfiguration struct {
		InsightsEnabled      bool
		NotificationsEnabled bool
	}
}

type getGroupsOutput struct {
	NextToken *string
	Groups    []wireGroup
}

func (h *Handler) getGroups(*empty) (*getGroupsOutput, error) {
	return &getGroupsOutput{Groups: []wireGroup{{GroupName: defaultGroup, GroupARN: defaultGroupARN}}}, nil
}

type getGroupOutput struct{ Group wireGroup }

func (h *Handler) getGroup(in *groupInput) (*getGroupOutput, error) {
	if in.GroupName == "" && in.GroupARN == "" {
		return nil, invalid("GroupName and GroupARN are missing")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	return &getGroupOutput{wireGroup{GroupName: defaultGroup, GroupARN: defaultGroupARN}}, nil
}

type getEncryptionConfigOutput struct {
	EncryptionConfig struct{ Status, Type string }
}

func (h *Handler) getEncryptionConfig(*empty) (*getEncryptionConfigOutput, error) {
	out := new(getEncryptionConfigOutput)
	out.EncryptionConfig.Status, out.EncryptionConfig.Type = "ACTIVE", "NONE"
	return out, nil
}
