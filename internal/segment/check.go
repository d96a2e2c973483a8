package segment

import (
	"strconv"
	"unicode/utf8"
)

// Check returns what X-Ray would refuse in s and in its subsegments, in the
// order of the document: what a decoded document may still lack, and what the
// decoder checks, for one that was put together. It returns nil if all is well.
//
// The size of a document and the age of its trace are not checked here.
func (s *Segment) Check() []*Error {
	var c checker
	if s.TraceID == (TraceID{}) {
		c.add(CodeMissingTraceID, "missing_trace_id", "trace_id", "is missing")
	}
	if s.Independent && s.ParentID == (ID{}) {
		c.add(CodeMissingParentID, "missing_parent_id", "parent_id", "is missing, and type is subsegment")
	}
	c.entity(s)
	return c.errors
}

type checker struct {
	errors []*Error
	path   string // of the current entity, with a dot at its end
}

func (c *checker) add(code, kind, member, reason string) {
	c.errors = append(c.errors, &Error{Code: code, Kind: kind, Path: c.path + member, Reason: reason})
}

func (c *checker) entity(s *Segment) {
	// Which characters X-Ray takes in the name of a subsegment is not known; it
	// takes more than in that of a segment, so only the length is checked.
	subsegment := s.Independent || c.path != ""
	switch {
	case s.Name == "":
		c.add(CodeMissingName, "missing_name", "name", "is missing")
	case utf8.RuneCountInString(s.Name) > MaxName:
		c.add(CodeInvalidName, "invalid_name", "name", "is longer than "+strconv.Itoa(MaxName)+" characters: "+excerpt(strconv.Quote(s.Name)))
	case !subsegment && !ValidName(s.Name):
		c.add(CodeInvalidName, "invalid_name", "name",
			"has a character other than letters, numbers, blanks and _.:/%&#=+-@: "+excerpt(strconv.Quote(s.Name)))
	}
	if s.ID == (ID{}) {
		c.add(CodeMissingID, "missing_id", "id", "is missing")
	}
	if s.StartTime == 0 {
		c.add(CodeMissingStartTime, "missing_start_time", "start_time", "is missing")
	}
	if s.EndTime == 0 && s.InProgress != True {
		c.add(CodeMissingEndTime, "missing_end_time", "end_time", "is missing, and in_progress is not true")
	}
	for i, sub := range s.Subsegments {
		above := c.path
		c.path += "subsegments[" + strconv.Itoa(i) + "]."
		c.entity(sub)
		c.path = above
	}
}
