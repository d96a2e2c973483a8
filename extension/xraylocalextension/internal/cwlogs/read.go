package cwlogs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
)

// maxPageBytes is how many bytes of events an answer holds, as they count for
// PutLogEvents.
const maxPageBytes = 1 << 20

type getLogEventsInput struct {
	LogGroupName       string `json:"logGroupName"`
	LogGroupIdentifier string `json:"logGroupIdentifier"`
	LogStreamName      string `json:"logStreamName"`
	StartTime          *int64 `json:"startTime"`
	EndTime            *int64 `json:"endTime"`
	Limit              *int   `json:"limit"`
	StartFromHead      bool   `json:"startFromHead"`
	NextToken          string `json:"nextToken"`
}

type getLogEventsOutput struct {
	Events            []wireEvent `json:"events"`
	NextForwardToken  string      `json:"nextForwardToken"`
	NextBackwardToken string      `json:"nextBackwardToken"`
}

type wireEvent struct {
	Timestamp     int64  `json:"timestamp"`
	IngestionTime int64  `json:"ingestionTime"`
	Message       string `json:"message"`
}

// cursor is a place in a list of events: before or after one of them. As a
// token it is f/time/sequence for what comes after it, and b/ for what comes
// before.
type cursor struct {
	back bool
	at   logs.Stored
}

func (c cursor) String() string {
	direction := "f"
	if c.back {
		direction = "b"
	}
	return fmt.Sprintf("%s/%d/%d", direction, c.at.Time.UnixMilli(), c.at.Sequence)
}

func parseCursor(token string) (cursor, error) {
	var c cursor
	var direction string
	var ms int64
	if n, err := fmt.Sscanf(token, "%1s/%d/%d", &direction, &ms, &c.at.Sequence); n != 3 || err != nil || direction != "f" && direction != "b" || len(token) > 64 {
		return c, invalid("nextToken is %q, it must be one that was answered", cut(token))
	}
	c.back, c.at.Time = direction == "b", time.UnixMilli(ms)
	return c, nil
}

func (a *API) getLogEvents(in *getLogEventsInput) (*getLogEventsOutput, error) {
	group := cmp.Or(in.LogGroupName, groupOf(in.LogGroupIdentifier))
	limit, err := eventLimit(in.Limit)
	if err := errors.Join(err, checkGroupName(group), checkStreamName(in.LogStreamName)); err != nil {
		return nil, err
	}
	if err := a.Logs.HasStream(group, in.LogStreamName); err != nil {
		return nil, answer(err)
	}
	events, err := a.Logs.Events(a.Now(), group, func(s string) bool { return s == in.LogStreamName }, fromMillis(in.StartTime), fromMillis(in.EndTime))
	if err != nil {
		return nil, answer(err)
	}
	back := !in.StartFromHead
	var here cursor // where an empty page is
	if in.NextToken != "" {
		if here, err = parseCursor(in.NextToken); err != nil {
			return nil, err
		}
		back = here.back
		i, found := slices.BinarySearchFunc(events, here.at, logs.Stored.Compare)
		if back {
			events = events[:i]
		} else {
			if found {
				i++
			}
			events = events[i:]
		}
	}
	events = page(events, limit, back)
	out := &getLogEventsOutput{Events: []wireEvent{}}
	for _, e := range events {
		out.Events = append(out.Events, wireEvent{e.Time.UnixMilli(), e.Arrived.UnixMilli(), e.Message})
	}
	first, last := here.at, here.at
	if n := len(events); n > 0 {
		first, last = events[0], events[n-1]
	}
	out.NextBackwardToken, out.NextForwardToken = cursor{true, first}.String(), cursor{false, last}.String()
	return out, nil
}

func eventLimit(limit *int) (int, error) {
	if limit == nil {
		return maxEvents, nil
	}
	if *limit < 1 || *limit > maxEvents {
		return 0, invalid("limit is %d, it must be 1 to %d", *limit, maxEvents)
	}
	return *limit, nil
}

// page returns the first events, or the last ones, that an answer may hold.
func page(events []logs.Stored, limit int, fromEnd bool) []logs.Stored {
	n, bytes := 0, 0
	for n < len(events) && n < limit {
		e := events[n]
		if fromEnd {
			e = events[len(events)-1-n]
		}
		bytes += len(e.Message) + eventBytes
		if bytes > maxPageBytes && n > 0 {
			break
		}
		n++
	}
	if fromEnd {
		return events[len(events)-n:]
	}
	return events[:n]
}

type filterLogEventsInput struct {
	LogGroupName       string   `json:"logGroupName"`
	LogGroupIdentifier string   `json:"logGroupIdentifier"`
	StreamNames        []string `json:"logStreamNames"`
	StreamPrefix       string   `json:"logStreamNamePrefix"`
	FilterPattern      string   `json:"filterPattern"`
	StartTime          *int64   `json:"startTime"`
	EndTime            *int64   `json:"endTime"`
	Limit              *int     `json:"limit"`
	NextToken          string   `json:"nextToken"`
}

type filterLogEventsOutput struct {
	Events    []filteredEvent `json:"events"`
	Searched  []string        `json:"searchedLogStreams"` // always empty since 2020
	NextToken string          `json:"nextToken,omitempty"`
}

type filteredEvent struct {
	EventID       string `json:"eventId"`
	LogStreamName string `json:"logStreamName"`
	Timestamp     int64  `json:"timestamp"`
	IngestionTime int64  `json:"ingestionTime"`
	Message       string `json:"message"`
}

func (a *API) filterLogEvents(in *filterLogEventsInput) (*filterLogEventsOutput, error) {
	group := cmp.Or(in.LogGroupName, groupOf(in.LogGroupIdentifier))
	limit, err := eventLimit(in.Limit)
	terms, bad := parsePattern(in.FilterPattern)
	if err := errors.Join(err, bad, checkGroupName(group)); err != nil {
		return nil, err
	}
	if in.StreamNames != nil && in.StreamPrefix != "" {
		return nil, invalid("logStreamNames and logStreamNamePrefix are mutually exclusive")
	}
	end := fromMillis(in.EndTime)
	if !end.IsZero() {
		end = end.Add(time.Millisecond) // here, unlike in GetLogEvents, it is included
	}
	events, err := a.Logs.Events(a.Now(), group, func(s string) bool {
		return (in.StreamNames == nil || slices.Contains(in.StreamNames, s)) && strings.HasPrefix(s, in.StreamPrefix)
	}, fromMillis(in.StartTime), end)
	if err != nil {
		return nil, answer(err)
	}
	if in.NextToken != "" {
		c, err := parseCursor(in.NextToken)
		if err != nil {
			return nil, err
		}
		i, found := slices.BinarySearchFunc(events, c.at, logs.Stored.Compare)
		if found {
			i++
		}
		events = events[i:]
	}
	events = slices.DeleteFunc(events, func(e logs.Stored) bool {
		return slices.ContainsFunc(terms, func(t string) bool { return !strings.Contains(e.Message, t) })
	})
	shown := page(events, limit, false)
	out := &filterLogEventsOutput{Events: []filteredEvent{}, Searched: []string{}}
	for _, e := range shown {
		out.Events = append(out.Events, filteredEvent{fmt.Sprintf("%056d", e.Sequence), e.Stream, e.Time.UnixMilli(), e.Arrived.UnixMilli(), e.Message})
	}
	if n := len(shown); n < len(events) {
		out.NextToken = cursor{false, shown[n-1]}.String()
	}
	return out, nil
}

// parsePattern reads a filter pattern of terms that must all be in a message:
// words, or text in double quotes. Patterns with JSON selectors, regular
// expressions or choices are refused.
func parsePattern(pattern string) ([]string, error) {
	rest := strings.TrimSpace(pattern)
	if len(rest) > 1024 {
		return nil, invalid("filterPattern has %d characters, at most 1024 are allowed", len(rest))
	}
	var terms []string
	for rest != "" {
		var term string
		if rest[0] == '"' {
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				return nil, invalid("filterPattern has a double quote that is not closed")
			}
			term, rest = rest[1:1+end], rest[2+end:]
		} else {
			term, rest, _ = strings.Cut(rest, " ")
			if strings.ContainsAny(term[:1], "{[%?-") {
				return nil, invalid("filterPattern has %q: only words and text in double quotes are served here", cut(term))
			}
		}
		terms = append(terms, term)
		rest = strings.TrimSpace(rest)
	}
	return terms, nil
}
