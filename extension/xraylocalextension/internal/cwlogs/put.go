package cwlogs

import (
	"errors"
	"slices"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/emf"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
)

// The limits of PutLogEvents.
const (
	maxEvents     = 10_000
	maxEventBytes = 1 << 20 // of a message
	maxBatchBytes = 1 << 20 // of all messages, each with eventBytes more
	eventBytes    = 26
	maxSpan       = 24 * time.Hour
	maxAge        = 14 * 24 * time.Hour
	maxAhead      = 2 * time.Hour
)

type putLogEventsInput struct {
	LogGroupName  string       `json:"logGroupName"`
	LogStreamName string       `json:"logStreamName"`
	LogEvents     []inputEvent `json:"logEvents"`
	Entity        *entity      `json:"entity"`
	SequenceToken *string      `json:"sequenceToken"` // ignored, as by AWS
}

type inputEvent struct {
	Timestamp *int64  `json:"timestamp"`
	Message   *string `json:"message"`
}

type putLogEventsOutput struct {
	// NextSequenceToken means nothing any more, but there are clients that send
	// again when there is none.
	NextSequenceToken  string          `json:"nextSequenceToken"`
	RejectedEvents     *rejectedEvents `json:"rejectedLogEventsInfo,omitempty"`
	RejectedEntityInfo *rejectedEntity `json:"rejectedEntityInfo,omitempty"`
}

// rejectedEvents names the events that were left out: those before the first
// two indexes, and those from the third on.
type rejectedEvents struct {
	TooOldEnd   *int `json:"tooOldLogEventEndIndex,omitempty"`
	ExpiredEnd  *int `json:"expiredLogEventEndIndex,omitempty"`
	TooNewStart *int `json:"tooNewLogEventStartIndex,omitempty"`
}

func (a *API) putLogEvents(in *putLogEventsInput) (*putLogEventsOutput, error) {
	now := a.Now()
	if err := errors.Join(checkGroupName(in.LogGroupName), checkStreamName(in.LogStreamName)); err != nil {
		return nil, err
	}
	events, err := checkEvents(in.LogEvents)
	if err != nil {
		return nil, err
	}
	if err := a.Logs.HasStream(in.LogGroupName, in.LogStreamName); err != nil {
		return nil, answer(err)
	}
	g, err := a.Logs.Group(in.LogGroupName)
	if err != nil {
		return nil, answer(err)
	}
	accepted, rejected := split(events, now, g.RetentionDays)
	if n := len(accepted); n > 0 && accepted[n-1].Time.Sub(accepted[0].Time) > maxSpan {
		return nil, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	if err := a.Logs.Put(now, in.LogGroupName, in.LogStreamName, accepted); err != nil {
		return nil, answer(err)
	}
	a.Observer.LogEventsAccepted(len(accepted))
	a.count(rejected, len(events))
	if g.Class == classStandard {
		a.extract(now, in.LogGroupName, accepted)
	}
	out := &putLogEventsOutput{NextSequenceToken: "0", RejectedEvents: rejected}
	if in.Entity != nil {
		out.RejectedEntityInfo = in.Entity.check(g.Class)
	}
	return out, nil
}

// checkEvents makes the checks that refuse all events at once.
func checkEvents(in []inputEvent) ([]logs.Event, error) {
	if len(in) == 0 || len(in) > maxEvents {
		return nil, invalid("logEvents has %d events, it must have 1 to %d", len(in), maxEvents)
	}
	events := make([]logs.Event, len(in))
	total := 0
	for i, e := range in {
		if e.Timestamp == nil || *e.Timestamp < 0 {
			return nil, invalid("logEvents[%d].timestamp is missing or negative", i)
		}
		if e.Message == nil || *e.Message == "" {
			return nil, invalid("logEvents[%d].message is missing or empty", i)
		}
		if len(*e.Message) > maxEventBytes {
			return nil, invalid("Log event too large: %d bytes exceeds limit of %d (logEvents[%d])", len(*e.Message), maxEventBytes, i)
		}
		events[i] = logs.Event{Time: time.UnixMilli(*e.Timestamp), Message: *e.Message}
		if i > 0 && events[i].Time.Before(events[i-1].Time) {
			return nil, invalid("Log events in a single PutLogEvents request must be in chronological order (logEvents[%d]).", i)
		}
		total += len(*e.Message) + eventBytes
	}
	if total > maxBatchBytes {
		return nil, invalid("Upload too large: %d bytes exceeds limit of %d", total, maxBatchBytes)
	}
	return events, nil
}

// split leaves out the events, in order of time, that are older than two weeks
// or than the retention of their group, or too far ahead.
func split(events []logs.Event, now time.Time, retentionDays int) (accepted []logs.Event, rejected *rejectedEvents) {
	before := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(events, t, func(e logs.Event, t time.Time) int { return e.Time.Compare(t) })
		return i
	}
	r := rejectedEvents{}
	from, to := 0, len(events)
	if i := before(now.Add(-maxAge)); i > 0 {
		r.TooOldEnd, from = &i, i
	}
	if retentionDays > 0 {
		if i := before(now.Add(-time.Duration(retentionDays) * 24 * time.Hour)); i > from {
			r.ExpiredEnd, from = &i, i
		}
	}
	if i := before(now.Add(maxAhead).Add(time.Millisecond)); i < to {
		r.TooNewStart, to = &i, i
	}
	if r != (rejectedEvents{}) {
		rejected = &r
	}
	return events[from:to], rejected
}

func (a *API) count(r *rejectedEvents, events int) {
	if r == nil {
		return
	}
	old := 0
	if r.TooOldEnd != nil {
		old = *r.TooOldEnd
		a.Observer.LogEventsRejected("too_old", old)
	}
	if r.ExpiredEnd != nil {
		a.Observer.LogEventsRejected("expired", *r.ExpiredEnd-old)
	}
	if r.TooNewStart != nil {
		a.Observer.LogEventsRejected("too_new", events-*r.TooNewStart)
	}
}

// extract takes metrics out of events. Documents that break a rule are counted
// where CloudWatch counts them, in the namespace AWS/Logs.
func (a *API) extract(now time.Time, groupName string, events []logs.Event) {
	for _, e := range events {
		data, err := emf.Extract(e.Message, now)
		for _, d := range data {
			a.Metrics.Add(now, d)
		}
		switch {
		case errors.Is(err, emf.ErrParse):
			a.Observer.EMF("parsing_error", 1)
			a.Metrics.Add(now, failure("EMFParsingErrors", groupName, now))
		case err != nil:
			a.Observer.EMF("validation_error", 1)
			a.Metrics.Add(now, failure("EMFValidationErrors", groupName, now))
		case len(data) > 0:
			a.Observer.EMF("extracted", 1)
		}
	}
}

func failure(name, groupName string, now time.Time) metric.Datum {
	return metric.Datum{
		ID:      metric.ID{Namespace: "AWS/Logs", Name: name, Dimensions: []metric.Dimension{{Name: "LogGroupName", Value: groupName}}},
		Time:    now,
		Samples: metric.Scalar(1),
	}
}
