package api

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

// maxDocuments is how many documents one PutTraceSegments may hold.
const maxDocuments = 50

type putTraceSegmentsInput struct {
	TraceSegmentDocuments []string
}

type putTraceSegmentsOutput struct {
	UnprocessedTraceSegments []unprocessedSegment
}

type unprocessedSegment struct {
	ID        string `json:"Id,omitempty"`
	ErrorCode string
	Message   string
}

func (h *Handler) putTraceSegments(in *putTraceSegmentsInput) (*putTraceSegmentsOutput, error) {
	if in.TraceSegmentDocuments == nil {
		return nil, invalid("TraceSegmentDocuments is missing")
	}
	if len(in.TraceSegmentDocuments) > maxDocuments {
		return nil, invalid("Exceeding maximum segment count: %d", maxDocuments)
	}
	out := &putTraceSegmentsOutput{UnprocessedTraceSegments: []unprocessedSegment{}}
	accepted := 0
	for _, doc := range in.TraceSegmentDocuments {
		if u := h.put(doc); u != nil {
			out.UnprocessedTraceSegments = append(out.UnprocessedTraceSegments, *u)
			h.observer.Rejected(u.ErrorCode, 1)
		} else {
			accepted++
		}
	}
	h.observer.Accepted(accepted)
	return out, nil
}

// put stores one document, or says why not.
func (h *Handler) put(doc string) *unprocessedSegment {
	s, refused := check(doc)
	if refused == nil {
		switch err := h.store.Add(h.now(), s, doc); {
		case err == nil:
			return nil
		case errors.Is(err, store.ErrTraceTooLarge):
			refused = &segment.Error{Code: segment.CodeInvalidSegment, Reason: fmt.Sprintf("refused: Trace Size Exceeded, a trace holds at most %d KB", store.MaxTraceBytes/1024)}
		default:
			refused = &segment.Error{Code: segment.CodeInvalidSegment, Reason: "is " + err.Error()}
		}
	}
	return unprocessed(doc, refused)
}

// unprocessed describes a refused document in X-Ray's words, with the cause
// behind them.
func unprocessed(doc string, e *segment.Error) *unprocessedSegment {
	// What is wrong may be anywhere, so read only what names the document.
	var head struct {
		ID   any `json:"id"`
		Type any `json:"type"`
	}
	_ = json.Unmarshal([]byte(doc), &head)
	u := &unprocessedSegment{ErrorCode: e.Code}
	if id, ok := head.ID.(string); ok && len(id) <= 64 {
		u.ID = id
	}
	kind := "segment"
	if head.Type == "subsegment" {
		kind = "subsegment"
	}
	u.Message = fmt.Sprintf("Invalid %s. ErrorCode: %s", kind, e.Code)
	u.Message += ", Cause: " + cut(e.Error(), 500)
	return u
}

type putTelemetryRecordsInput struct {
	EC2InstanceId    string
	Hostname         string
	ResourceARN      string
	TelemetryRecords []struct {
		Timestamp *float64
	}
}

type empty struct{}

func (h *Handler) putTelemetryRecords(in *putTelemetryRecordsInput) (*empty, error) {
	if in.TelemetryRecords == nil {
		return nil, invalid("TelemetryRecords is missing")
	}
	for member, v := range map[string]struct {
		value string
		limit int
	}{"EC2InstanceId": {in.EC2InstanceId, 20}, "Hostname": {in.Hostname, 255}, "ResourceARN": {in.ResourceARN, 500}} {
		if len(v.value) > v.limit {
			return nil, invalid("%s is longer than %d", member, v.limit)
		}
	}
	for i, r := range in.TelemetryRecords {
		if r.Timestamp == nil {
			return nil, invalid("TelemetryRecords[%d].Timestamp is missing", i)
		}
	}
	h.observer.Telemetry(len(in.TelemetryRecords))
	return &empty{}, nil
}
