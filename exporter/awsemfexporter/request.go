package awsemfexporter

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// maxSpan is how far apart the events of one request may be. CloudWatch says 24
// hours; a request at the edge of it is not worth an argument.
const maxSpan = 24*time.Hour - time.Second

// request is events for one stream, in the order of their time.
type request struct {
	group, stream string
	events        []event
}

// requests sorts events into requests that CloudWatch Logs takes: one stream,
// at most 10,000 events and 1 MiB, in order, within 24 hours. It changes the
// order of events.
func requests(events []event) (out []request) {
	slices.SortStableFunc(events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.stream, b.stream), cmp.Compare(a.timestamp, b.timestamp))
	})
	for len(events) > 0 {
		first, n := &events[0], 1
		for n < len(events) && events[n].group == first.group && events[n].stream == first.stream &&
			events[n].timestamp-first.timestamp < maxSpan.Milliseconds() {
			n++
		}
		n = requestLimits.first(events[:n])
		out = append(out, request{first.group, first.stream, events[:n:n]})
		events = events[n:]
	}
	return out
}

// buffers are the request bodies of earlier calls.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct {
	plain  []byte
	zipped bytes.Buffer
}

// gzips compress. The fastest level makes EMF ten times smaller; the next ones
// cost twice the time for a few percent.
var gzips = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

// body returns the body of a PutLogEvents request, compressed if that makes it
// smaller. It is valid until b is used again.
func (b *buffer) body(r request, compress bool) (body []byte, zipped bool, err error) {
	dst := append(b.plain[:0], `{"logGroupName":`...)
	dst = segment.AppendString(dst, r.group)
	dst = append(dst, `,"logStreamName":`...)
	dst = segment.AppendString(dst, r.stream)
	dst = append(dst, `,"logEvents":[`...)
	for i := range r.events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"timestamp":`...)
		dst = strconv.AppendInt(dst, r.events[i].timestamp, 10)
		dst = append(dst, `,"message":`...)
		dst = segment.AppendJSONString(dst, r.events[i].message)
		dst = append(dst, '}')
	}
	dst = append(dst, `]}`...)
	b.plain = dst
	if !compress {
		return dst, false, nil
	}
	w := gzips.Get().(*gzip.Writer)
	defer gzips.Put(w)
	b.zipped.Reset()
	w.Reset(&b.zipped)
	if _, err := w.Write(dst); err != nil {
		return nil, false, err
	}
	if err := w.Close(); err != nil {
		return nil, false, err
	}
	if b.zipped.Len() >= len(dst) {
		return dst, false, nil
	}
	return b.zipped.Bytes(), true, nil
}

// reply is what CloudWatch Logs says about a request that it took.
type reply struct {
	// How many events it did not take, by reason.
	tooOld, expired, tooNew int
	// entity is why the entity was not taken; empty if it was, or was not sent.
	entity string
}

// parseReply reads the reply to a request with n events and status 200. The
// events before tooOldLogEventEndIndex and expiredLogEventEndIndex, and those
// from tooNewLogEventStartIndex on, are not stored.
func parseReply(text []byte, n int) (reply, error) {
	text = bytes.Trim(text, " \t\r\n")
	if len(text) == 0 {
		return reply{}, nil
	}
	if text[0] != '{' {
		return reply{}, errors.New("reply is no JSON object")
	}
	var in struct {
		RejectedLogEventsInfo struct {
			TooOldLogEventEndIndex   *int
			ExpiredLogEventEndIndex  *int
			TooNewLogEventStartIndex *int
		}
		RejectedEntityInfo struct{ ErrorType string }
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return reply{}, err
	}
	within := func(index *int, missing int) int {
		if index == nil {
			return missing
		}
		return min(max(*index, 0), n)
	}
	rejected := in.RejectedLogEventsInfo
	out := reply{entity: in.RejectedEntityInfo.ErrorType}
	out.tooOld = within(rejected.TooOldLogEventEndIndex, 0)
	out.expired = max(within(rejected.ExpiredLogEventEndIndex, 0)-out.tooOld, 0)
	out.tooNew = n - max(within(rejected.TooNewLogEventStartIndex, n), out.tooOld+out.expired)
	return out, nil
}
