package segmentspan

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// The attributes of exception events.
const (
	eventException = "exception"
	exType         = "exception.type"
	exMessage      = "exception.message"
	exStackTrace   = "exception.stacktrace"
	exID           = "aws.xray.exception.id"
	exRemote       = "aws.xray.exception.remote"
	exTruncated    = "aws.xray.exception.truncated"
	exSkipped      = "aws.xray.exception.skipped"
	exCause        = "aws.xray.exception.cause"
	exStack        = "aws.xray.exception.stack" // frames that the text cannot say, as JSON
)

// The attributes of the events by which AWS SDKs tell of failed attempts.
const (
	attemptStatus  = "http.response.status_code"
	attemptMessage = "aws.http.error_message"
)

// cause writes the block: what it says itself as attributes, each exception as
// an event.
func (w *writer) cause(span ptrace.Span, s *segment.Segment) {
	c := s.Cause
	if c == nil {
		return
	}
	if c.ID != (segment.ID{}) {
		w.str(keyCauseID, c.ID.String())
	}
	w.str(keyCauseWorkingDirectory, c.WorkingDirectory)
	if len(c.Paths) > 0 {
		list := w.attrs.PutEmptySlice(keyNames[keyCausePaths])
		for _, path := range c.Paths {
			list.AppendEmpty().SetStr(path)
		}
	}
	w.extra("/cause", c.Extra)
	at := s.EndTime
	if at == 0 {
		at = s.StartTime
	}
	events := span.Events()
	events.EnsureCapacity(len(c.Exceptions))
	for i := range c.Exceptions {
		event := events.AppendEmpty()
		event.SetName(eventException)
		event.SetTimestamp(pcommon.Timestamp(at))
		writeException(event.Attributes(), &c.Exceptions[i])
	}
}

func writeException(attrs pcommon.Map, x *segment.Exception) {
	attrs.EnsureCapacity(5 + len(x.Extra))
	put := func(name, value string) {
		if value != "" {
			attrs.PutStr(name, value)
		}
	}
	putInt := func(name, pointer string, n segment.Int) {
		switch n.Form {
		case segment.NumberInt:
			attrs.PutInt(name, n.Value)
		case segment.StringInt:
			attrs.PutStr(prefixJSON+pointer, intJSON(n))
		}
	}
	attrs.PutStr(exID, x.ID.String())
	put(exType, x.Type)
	put(exMessage, x.Message)
	if x.Remote != segment.Absent {
		attrs.PutBool(exRemote, x.Remote == segment.True)
	}
	putInt(exTruncated, "/truncated", x.Truncated)
	putInt(exSkipped, "/skipped", x.Skipped)
	if x.Cause != (segment.ID{}) {
		attrs.PutStr(exCause, x.Cause.String())
	}
	if text, ok := framesText(x.Stack); ok {
		put(exStackTrace, text)
	} else {
		attrs.PutStr(exStack, framesJSON(x.Stack))
	}
	putExtra(attrs, "", x.Extra)
}

// framesText writes frames as text, a line for each: "\tat LABEL(PATH:LINE)".
// It reports false if the text would not give the same frames back.
func framesText(frames []segment.Frame) (string, bool) {
	if len(frames) == 0 {
		return "", true
	}
	size := 0
	for i := range frames {
		size += len(frames[i].Label) + len(frames[i].Path) + 16
	}
	b := make([]byte, 0, size)
	for i := range frames {
		f := &frames[i]
		if len(f.Extra) > 0 || f.Line.Form == segment.StringInt || f.Line.Value < 0 || f.Line.Value >= maxLine ||
			strings.IndexByte(f.Label, '\n') >= 0 || strings.ContainsAny(f.Path, "\n(") {
			return "", false
		}
		if i > 0 {
			b = append(b, '\n')
		}
		b = append(append(append(b, "\tat "...), f.Label...), '(')
		b = append(b, f.Path...)
		if f.Line.Form != segment.NoInt {
			b = strconv.AppendInt(append(b, ':'), f.Line.Value, 10)
		} else if _, _, ok := cutLine(f.Path); ok {
			return "", false
		}
		b = append(b, ')')
	}
	return string(b), true
}

// parseFrames reads what framesText wrote. A line of any other form becomes a
// frame with that line as its label.
func parseFrames(text string, frames []segment.Frame) []segment.Frame {
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		body, ok := strings.CutPrefix(line, "\tat ")
		open := strings.LastIndexByte(body, '(')
		if !ok || open < 0 || body[len(body)-1] != ')' {
			if line = strings.TrimSpace(line); line != "" {
				frames = append(frames, segment.Frame{Label: line})
			}
			continue
		}
		f := segment.Frame{Label: body[:open], Path: body[open+1 : len(body)-1]}
		if path, n, ok := cutLine(f.Path); ok {
			f.Path, f.Line = path, segment.Int{Value: n, Form: segment.NumberInt}
		}
		frames = append(frames, f)
	}
	return frames
}

// maxLine is past the lines that the text of a frame can say.
const maxLine = 1_000_000_000

// cutLine cuts ":LINE" off a path.
func cutLine(path string) (string, int64, bool) {
	colon := strings.LastIndexByte(path, ':')
	digits := path[colon+1:]
	if colon < 0 || digits == "" || len(digits) > len("999999999") || digits[0] == '0' && len(digits) > 1 {
		return path, 0, false
	}
	n := int64(0)
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return path, 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return path[:colon], n, true
}

func framesJSON(frames []segment.Frame) string {
	out := []byte{'['}
	for i := range frames {
		f := &frames[i]
		if i > 0 {
			out = append(out, ',')
		}
		var members []segment.Member
		if f.Path != "" {
			members = append(members, segment.Member{Name: "path", Value: quote(f.Path)})
		}
		if f.Line.Form != segment.NoInt {
			members = append(members, segment.Member{Name: "line", Value: intJSON(f.Line)})
		}
		if f.Label != "" {
			members = append(members, segment.Member{Name: "label", Value: quote(f.Label)})
		}
		out = append(out, object(append(members, f.Extra...))...)
	}
	return string(append(out, ']'))
}

// causeOf derives the block of an entity that was born in X-Ray.
func (m *mapper) causeOf(e *entity) {
	r := &m.r
	if id, ok := segment.ParseID(r.peek(keyCauseID)); ok {
		r.used.add(keyCauseID)
		e.causeBlock().ID = id
	}
	if dir := r.str(keyCauseWorkingDirectory); dir != "" {
		e.causeBlock().WorkingDirectory = dir
	}
	if e.paths = r.strings(keyCausePaths, e.paths[:0]); len(e.paths) > 0 {
		e.causeBlock().Paths = e.paths
	}
	for i, event := range e.span.Events().All() {
		if event.Name() != eventException {
			continue
		}
		x := m.exceptionOf(event.Attributes())
		if x.ID == (segment.ID{}) {
			x.ID = e.derivedID("exception", i)
		}
		e.exceptions = append(e.exceptions, x)
	}
	if len(e.exceptions) > 0 {
		e.causeBlock().Exceptions = e.exceptions
	}
}

// exceptionOf reads what writeException wrote.
func (m *mapper) exceptionOf(attrs pcommon.Map) segment.Exception {
	x := segment.Exception{}
	number := func(v pcommon.Value) segment.Int {
		n, ok := wholeNumber(v)
		if !ok {
			return segment.Int{}
		}
		return segment.Int{Value: n, Form: segment.NumberInt}
	}
	for name, value := range attrs.All() {
		switch name {
		case exID:
			x.ID, _ = segment.ParseID(scalarText(value))
		case exType:
			x.Type = scalarText(value)
		case exMessage:
			x.Message = scalarText(value)
		case exRemote:
			if value.Type() == pcommon.ValueTypeBool {
				x.Remote = boolean(value.Bool())
			}
		case exTruncated:
			x.Truncated = number(value)
		case exSkipped:
			x.Skipped = number(value)
		case exCause:
			x.Cause, _ = segment.ParseID(scalarText(value))
		case exStackTrace:
			x.Stack = parseFrames(scalarText(value), nil)
		case exStack:
			x.Extra = append(x.Extra, segment.Member{Name: "stack", Value: m.rawJSON(value)})
		default:
			pointer, ok := strings.CutPrefix(name, prefixJSON)
			if !ok {
				// A processor put it there. X-Ray keeps unknown members of an
				// exception as little as any other, but a document may carry them.
				x.Extra = append(x.Extra, segment.Member{Name: name, Value: m.json(value)})
				continue
			}
			x.Extra = m.member(x.Extra, pointer, value)
		}
	}
	dropExceptionTwins(&x)
	return x
}

// exceptionsOf derives the exceptions of a span that was born in OpenTelemetry
// from its events, or from its status if it has none.
func (m *mapper) exceptionsOf(e *entity, res *resource) {
	remote := segment.Absent
	if e.kind == ptrace.SpanKindClient || e.kind == ptrace.SpanKindProducer {
		remote = segment.True
	}
	for i, event := range e.span.Events().All() {
		if event.Name() == eventException {
			m.exceptionEvent(e, res, i, event.Attributes())
			continue
		}
		if !m.isFailedAttempt(event) {
			continue
		}
		if message, ok := requestFailure(event); ok {
			e.exceptions = append(e.exceptions, segment.Exception{
				ID: e.derivedID("exception", i), Type: "aws.http.error.event", Message: message,
			})
		}
	}
	status := e.span.Status()
	if len(e.exceptions) == 0 && status.Code() == ptrace.StatusCodeError && status.Message() != "" {
		e.exceptions = append(e.exceptions, segment.Exception{ID: e.derivedID("exception", -1), Message: status.Message()})
	}
	if len(e.exceptions) == 0 {
		return
	}
	for i := range e.exceptions {
		if e.exceptions[i].Remote == segment.Absent {
			e.exceptions[i].Remote = remote
		}
	}
	e.causeBlock().Exceptions = e.exceptions
}

// exceptionEvent appends the exception of one event, and those that its stack
// trace says caused it.
func (m *mapper) exceptionEvent(e *entity, res *resource, index int, attrs pcommon.Map) {
	text := func(name string) string {
		v, ok := attrs.Get(name)
		if !ok {
			return ""
		}
		return scalarText(v)
	}
	stack := text(exStackTrace)
	chain := parseStack(res.language, text(exType), text(exMessage), stack, func(i int) segment.ID {
		return e.derivedID("exception", index<<8|i&0xff)
	})
	if len(chain) == 0 {
		return
	}
	if stack != "" && !hasFrames(chain) {
		e.unparsed = append(e.unparsed, index)
	}
	first := &chain[0]
	// The exception of a span that X-Ray's receiver of another collector made.
	if id, ok := segment.ParseID(text(exID)); ok {
		first.ID = id
	}
	if remote, ok := attrs.Get(exRemote); ok && remote.Type() == pcommon.ValueTypeBool {
		first.Remote = boolean(remote.Bool())
	}
	if id, ok := segment.ParseID(text(exCause)); ok && first.Cause == (segment.ID{}) {
		first.Cause = id
	}
	for _, counter := range [...]struct {
		name string
		to   *segment.Int
	}{{exTruncated, &first.Truncated}, {exSkipped, &first.Skipped}} {
		if v, ok := attrs.Get(counter.name); ok && counter.to.Form == segment.NoInt {
			if n, ok := wholeNumber(v); ok {
				*counter.to = segment.Int{Value: n, Form: segment.NumberInt}
			}
		}
	}
	e.exceptions = append(e.exceptions, chain...)
}

func hasFrames(chain []segment.Exception) bool {
	for i := range chain {
		if len(chain[i].Stack) > 0 {
			return true
		}
	}
	return false
}

// isFailedAttempt says whether the event is one of an AWS SDK that tells of a
// failed attempt.
func (m *mapper) isFailedAttempt(event ptrace.SpanEvent) bool {
	return event.Name() == "HTTP request failure" && isAWSCall(&m.r)
}

// requestFailure is the message that stands for a failed attempt of an AWS
// SDK: its status, its time and its text.
func requestFailure(event ptrace.SpanEvent) (message string, ok bool) {
	code, ok := event.Attributes().Get(attemptStatus)
	if !ok {
		return "", false
	}
	text, ok := event.Attributes().Get(attemptMessage)
	if !ok {
		return "", false
	}
	at := strconv.FormatFloat(float64(event.Timestamp()/1e3)/1e6, 'f', 6, 64)
	return code.AsString() + "@" + at + "@" + text.AsString(), true
}

// derivedID derives an id from the span's, so that a span that is sent again
// gets the same.
func (e *entity) derivedID(what string, index int) segment.ID {
	var b [64]byte
	text := append(b[:0], e.traceID[:]...)
	text = append(text, e.seg.ID[:]...)
	text = append(text, what...)
	text = binary.BigEndian.AppendUint64(text, uint64(index))
	sum := sha256.Sum256(text)
	id := segment.ID(sum[:8])
	if id == (segment.ID{}) {
		id[7] = 1
	}
	return id
}

func boolean(b bool) segment.Bool {
	if b {
		return segment.True
	}
	return segment.False
}
