package segment

import (
	"strconv"
	"unicode/utf8"
)

// segment reads a segment or subsegment, which must start here.
func (d *Decoder) segment() *Segment {
	s := d.mem.segments.one()
	hasName, hasID, hasStart := false, false, false
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "name":
			hasName = true
			d.name(s)
		case "id":
			hasID = true
			d.required(&s.ID)
		case "trace_id":
			d.traceID(&o, &s.TraceID)
		case "parent_id":
			d.id(&o, &s.ParentID)
		case "type":
			d.kind(&o, s)
		case "start_time":
			hasStart = true
			d.start(s)
		case "end_time":
			d.time(&o, &s.EndTime)
		case "in_progress":
			d.flag(&o, &s.InProgress)
		case "origin":
			d.str(&o, &s.Origin)
		case "user":
			d.str(&o, &s.User)
		case "resource_arn":
			d.str(&o, &s.ResourceARN)
		case "namespace":
			d.str(&o, &s.Namespace)
		case "traced":
			d.flag(&o, &s.Traced)
		case "inferred":
			d.flag(&o, &s.Inferred)
		case "error":
			d.flag(&o, &s.Error)
		case "throttle":
			d.flag(&o, &s.Throttle)
		case "fault":
			d.flag(&o, &s.Fault)
		case "service":
			block(d, &o, &s.Service, &d.mem.services, (*Decoder).service)
		case "http":
			block(d, &o, &s.HTTP, &d.mem.https, (*Decoder).http)
		case "aws":
			block(d, &o, &s.AWS, &d.mem.aws, (*Decoder).aws)
		case "sql":
			block(d, &o, &s.SQL, &d.mem.sqls, (*Decoder).sql)
		case "cause":
			d.cause(&o, s)
		case "annotations":
			d.members(&o, &s.Annotations)
		case "metadata":
			d.members(&o, &s.Metadata)
		case "precursor_ids":
			list(d, &o, &s.PrecursorIDs, &d.ids, &d.mem.ids, (*Decoder).idElement)
		case "links":
			list(d, &o, &s.Links, &d.links, &d.mem.links, (*Decoder).link)
		case "subsegments":
			d.subsegments(&o, s)
		default:
			d.keep(&o)
		}
	}
	s.Extra = d.close(&o)

	top := len(d.path) == 0
	switch {
	case d.err != nil:
	case !hasName:
		d.failAt(CodeMissingName, "missing_name", "name", "is missing")
	case !hasID:
		d.failAt(CodeMissingID, "missing_id", "id", "is missing")
	case !hasStart:
		d.failAt(CodeMissingStartTime, "missing_start_time", "start_time", "is missing")
	case top && s.TraceID == TraceID{}:
		d.failTraceID(s)
	case top && s.ParentID == ID{}:
		d.failParentID(s)
	}
	return s
}

func (d *Decoder) name(s *Segment) {
	start := d.pos
	if d.peek() != '"' {
		d.failAt(CodeInvalidName, "invalid_name", "name", "is not a string: "+d.excerpt(start))
		return
	}
	s.Name = d.text()
	if s.Name == "" {
		d.failAt(CodeMissingName, "missing_name", "name", "is empty")
	}
}

func (d *Decoder) required(field *ID) {
	start := d.pos
	ok := false
	if d.peek() == '"' {
		*field, ok = ParseID(d.text())
	}
	if !ok {
		d.failAt(CodeInvalidID, "invalid_id", "id", "is not 16 hex digits: "+d.excerpt(start))
	}
}

func (d *Decoder) start(s *Segment) {
	start := d.pos
	ok := false
	if d.isNumber() {
		s.StartTime, ok = parseTime(d.numberOrZero())
	}
	if !ok {
		d.failAt(CodeInvalidStartTime, "invalid_start_time", "start_time", "is not a number of seconds since 1970: "+d.excerpt(start))
	}
}

// kind reads the member "type".
func (d *Decoder) kind(o *object, s *Segment) {
	start := d.pos
	s.Independent = d.peek() == '"' && d.text() == "subsegment"
	if s.Independent {
		d.held(o)
	} else {
		d.again(o, start)
	}
}

func (d *Decoder) subsegments(o *object, s *Segment) {
	s.Subsegments = nil
	if !d.isArray() {
		d.keepOdd(o)
		return
	}
	if len(d.path) == MaxDepth {
		d.fail(&Error{Code: CodeInvalidSegment, Kind: "too_deep", Reason: "nests subsegments deeper than " + strconv.Itoa(MaxDepth) + " levels"})
		return
	}
	base, level := len(d.children), len(d.path)
	d.path = append(d.path, 0)
	d.pos++
	for d.err == nil {
		if d.peek() != '{' {
			d.failAt(CodeInvalidSegment, "invalid_segment", "", "is not an object")
			break
		}
		d.children = append(d.children, d.segment())
		if d.peek() == ']' {
			d.pos++
			break
		}
		if d.peek() != ',' {
			d.syntax("',' or ']'")
			break
		}
		d.pos++
		d.path[level]++
	}
	d.path = d.path[:level]
	s.Subsegments = d.mem.pointers.copy(d.children[base:])
	d.children = truncated(d.children, base)
	d.held(o)
}

func (d *Decoder) failTraceID(s *Segment) {
	for _, m := range s.Extra {
		if m.Name == "trace_id" {
			d.failAt(CodeInvalidTraceID, "invalid_trace_id", "trace_id", `is not "1-", 8 hex digits, "-", 24 hex digits: `+excerpt(m.Value))
			return
		}
	}
	d.failAt(CodeMissingTraceID, "missing_trace_id", "trace_id", "is missing")
}

// failParentID fails if the document has a parent id that is neither null nor empty.
func (d *Decoder) failParentID(s *Segment) {
	for _, m := range s.Extra {
		if m.Name == "parent_id" && m.Value != "null" && m.Value != `""` {
			d.failAt(CodeInvalidParentID, "invalid_parent_id", "parent_id", "is not 16 hex digits: "+excerpt(m.Value))
		}
	}
}

// excerpt shows the value that starts at this position.
func (d *Decoder) excerpt(start int) string {
	v := scanner{doc: d.doc[start:]}
	return excerpt(v.raw())
}

// excerpt cuts JSON text for a message.
func excerpt(v string) string {
	const most = 60
	if len(v) <= most {
		return v
	}
	n := most
	for !utf8.RuneStart(v[n]) {
		n--
	}
	return v[:n] + "…"
}

func (d *Decoder) link(v *Link) bool {
	if d.peek() != '{' {
		return false
	}
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "trace_id":
			d.traceID(&o, &v.TraceID)
		case "id":
			d.id(&o, &v.ID)
		case "attributes":
			d.members(&o, &v.Attributes)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
	return true
}

func (d *Decoder) cause(o *object, s *Segment) {
	s.Cause = nil
	if d.peek() != '"' {
		block(d, o, &s.Cause, &d.mem.causes, (*Decoder).causeObject)
		return
	}
	start := d.pos
	id, ok := ParseID(d.text())
	if !ok {
		d.again(o, start)
		return
	}
	s.Cause = d.mem.causes.one()
	s.Cause.ID = id
	d.held(o)
}

func (d *Decoder) causeObject(v *Cause) {
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "working_directory":
			d.str(&o, &v.WorkingDirectory)
		case "paths":
			list(d, &o, &v.Paths, &d.texts, &d.mem.texts, (*Decoder).textElement)
		case "exceptions":
			list(d, &o, &v.Exceptions, &d.exceptions, &d.mem.exceptions, (*Decoder).exception)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
}

// exception reads one exception. One without a valid id makes the whole list odd.
func (d *Decoder) exception(v *Exception) bool {
	if d.peek() != '{' {
		return false
	}
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "id":
			d.id(&o, &v.ID)
		case "message":
			d.str(&o, &v.Message)
		case "type":
			d.str(&o, &v.Type)
		case "remote":
			d.flag(&o, &v.Remote)
		case "truncated":
			d.integer(&o, &v.Truncated)
		case "skipped":
			d.integer(&o, &v.Skipped)
		case "cause":
			d.id(&o, &v.Cause)
		case "stack":
			list(d, &o, &v.Stack, &d.frames, &d.mem.frames, (*Decoder).frame)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
	return v.ID != ID{}
}

func (d *Decoder) frame(v *Frame) bool {
	if d.peek() != '{' {
		return false
	}
	o := d.open()
	for d.next(&o) {
		switch o.key {
		case "path":
			d.str(&o, &v.Path)
		case "line":
			d.integer(&o, &v.Line)
		case "label":
			d.str(&o, &v.Label)
		default:
			d.keep(&o)
		}
	}
	v.Extra = d.close(&o)
	return true
}
