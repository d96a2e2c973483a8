package segment

import "strconv"

// AppendJSON appends s as one document and returns the extended buffer.
// The output is valid UTF-8 on one line.
//
// It trusts the values of Members to be JSON on one line, as the decoder and
// CompactJSON give it, and the names of one list of Members to differ from one
// another and from those of the fields that are set. Blocks and lists that hold
// nothing are left out.
func (s *Segment) AppendJSON(dst []byte) []byte {
	dst = s.appendOwn(dst)
	if len(s.Subsegments) > 0 {
		dst = append(dst, `"subsegments":[`...)
		for _, sub := range s.Subsegments {
			dst = append(sub.AppendJSON(dst), ',')
		}
		dst = append(closed(dst, ']'), ',')
	}
	return closed(dst, '}')
}

// appendOwn appends the open object of s without its subsegments. Each member,
// here and in the functions below, ends with a comma, and closed turns the last
// one into the bracket.
func (s *Segment) appendOwn(dst []byte) []byte {
	dst = append(dst, `{"name":`...)
	dst = append(AppendString(dst, s.Name), ',')
	dst = appendID(dst, `"id":"`, s.ID)
	if s.TraceID != (TraceID{}) {
		dst = append(dst, `"trace_id":"`...)
		dst = append(s.TraceID.Append(dst), `",`...)
	}
	dst = appendID(dst, `"parent_id":"`, s.ParentID)
	if s.Independent {
		dst = append(dst, `"type":"subsegment",`...)
	}
	dst = appendSeconds(dst, `"start_time":`, s.StartTime)
	dst = appendSeconds(dst, `"end_time":`, s.EndTime)
	dst = appendBool(dst, `"in_progress":`, s.InProgress)
	dst = appendText(dst, `"namespace":`, s.Namespace)
	dst = appendText(dst, `"origin":`, s.Origin)
	dst = appendText(dst, `"resource_arn":`, s.ResourceARN)
	dst = appendText(dst, `"user":`, s.User)
	dst = appendBool(dst, `"error":`, s.Error)
	dst = appendBool(dst, `"throttle":`, s.Throttle)
	dst = appendBool(dst, `"fault":`, s.Fault)
	dst = appendBool(dst, `"traced":`, s.Traced)
	dst = appendBool(dst, `"inferred":`, s.Inferred)
	dst = s.Service.append(dst)
	dst = s.HTTP.append(dst)
	dst = s.SQL.append(dst)
	dst = s.AWS.append(dst)
	dst = s.Cause.append(dst)
	dst = appendObject(dst, `"annotations":{`, s.Annotations)
	dst = appendObject(dst, `"metadata":{`, s.Metadata)
	if len(s.PrecursorIDs) > 0 {
		dst = append(dst, `"precursor_ids":[`...)
		for _, id := range s.PrecursorIDs {
			dst = append(dst, '"')
			dst = append(id.Append(dst), `",`...)
		}
		dst = append(closed(dst, ']'), ',')
	}
	dst = appendLinks(dst, s.Links)
	return appendMembers(dst, s.Extra)
}

// closed ends an object or array.
func closed(dst []byte, bracket byte) []byte {
	if last := len(dst) - 1; dst[last] == ',' {
		dst[last] = bracket
		return dst
	}
	return append(dst, bracket)
}

// closedBlock ends the block whose key starts at start, and takes it back if
// there is nothing in it.
func closedBlock(dst []byte, start int) []byte {
	last := len(dst) - 1
	if dst[last] != ',' {
		return dst[:start]
	}
	dst[last] = '}'
	return append(dst, ',')
}

func appendText(dst []byte, key, v string) []byte {
	if v == "" {
		return dst
	}
	return append(AppendString(append(dst, key...), v), ',')
}

func appendBool(dst []byte, key string, v Bool) []byte {
	switch v {
	case True:
		return append(append(dst, key...), "true,"...)
	case False:
		return append(append(dst, key...), "false,"...)
	}
	return dst
}

func appendInt(dst []byte, key string, v Int) []byte {
	switch v.Form {
	case NumberInt:
		return append(strconv.AppendInt(append(dst, key...), v.Value, 10), ',')
	case StringInt:
		dst = append(append(dst, key...), '"')
		return append(strconv.AppendInt(dst, v.Value, 10), `",`...)
	}
	return dst
}

func appendSeconds(dst []byte, key string, t Time) []byte {
	if t == 0 {
		return dst
	}
	return append(appendTime(append(dst, key...), t), ',')
}

// appendID appends an id after a key that ends with a quote.
func appendID(dst []byte, key string, id ID) []byte {
	if id == (ID{}) {
		return dst
	}
	return append(id.Append(append(dst, key...)), `",`...)
}

func appendTexts(dst []byte, key string, list []string) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, key...)
	for _, v := range list {
		dst = append(AppendString(dst, v), ',')
	}
	return append(closed(dst, ']'), ',')
}

func appendMembers(dst []byte, list []Member) []byte {
	for i := range list {
		dst = append(AppendString(dst, list[i].Name), ':')
		dst = append(append(dst, list[i].Value...), ',')
	}
	return dst
}

// appendObject appends an object of members after a key that ends with a brace.
func appendObject(dst []byte, key string, list []Member) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = appendMembers(append(dst, key...), list)
	return append(closed(dst, '}'), ',')
}

func appendLinks(dst []byte, list []Link) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, `"links":[`...)
	for i := range list {
		dst = append(list[i].append(dst), ',')
	}
	return append(closed(dst, ']'), ',')
}

func (v *Link) append(dst []byte) []byte {
	dst = append(dst, '{')
	if v.TraceID != (TraceID{}) {
		dst = append(dst, `"trace_id":"`...)
		dst = append(v.TraceID.Append(dst), `",`...)
	}
	dst = appendID(dst, `"id":"`, v.ID)
	dst = appendObject(dst, `"attributes":{`, v.Attributes)
	dst = appendMembers(dst, v.Extra)
	return closed(dst, '}')
}

func (v *Cause) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	if v.ID != (ID{}) {
		return appendID(dst, `"cause":"`, v.ID)
	}
	start := len(dst)
	dst = append(dst, `"cause":{`...)
	dst = appendText(dst, `"working_directory":`, v.WorkingDirectory)
	dst = appendTexts(dst, `"paths":[`, v.Paths)
	if len(v.Exceptions) > 0 {
		dst = append(dst, `"exceptions":[`...)
		for i := range v.Exceptions {
			dst = append(v.Exceptions[i].append(dst), ',')
		}
		dst = append(closed(dst, ']'), ',')
	}
	dst = appendMembers(dst, v.Extra)
	return closedBlock(dst, start)
}

func (v *Exception) append(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendID(dst, `"id":"`, v.ID)
	dst = appendText(dst, `"type":`, v.Type)
	dst = appendText(dst, `"message":`, v.Message)
	dst = appendBool(dst, `"remote":`, v.Remote)
	dst = appendInt(dst, `"truncated":`, v.Truncated)
	dst = appendInt(dst, `"skipped":`, v.Skipped)
	dst = appendID(dst, `"cause":"`, v.Cause)
	if len(v.Stack) > 0 {
		dst = append(dst, `"stack":[`...)
		for i := range v.Stack {
			dst = append(v.Stack[i].append(dst), ',')
		}
		dst = append(closed(dst, ']'), ',')
	}
	dst = appendMembers(dst, v.Extra)
	return closed(dst, '}')
}

func (v *Frame) append(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendText(dst, `"path":`, v.Path)
	dst = appendInt(dst, `"line":`, v.Line)
	dst = appendText(dst, `"label":`, v.Label)
	dst = appendMembers(dst, v.Extra)
	return closed(dst, '}')
}
