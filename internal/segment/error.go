package segment

// Error codes. InvalidName, InvalidTraceId, MissingEndTime, MissingId and
// InvalidSegment have been seen in X-Ray's replies; X-Ray publishes no list,
// so the others are named after them.
const (
	CodeInvalidSegment   = "InvalidSegment"
	CodeMissingID        = "MissingId"
	CodeInvalidID        = "InvalidId"
	CodeMissingName      = "MissingName"
	CodeInvalidName      = "InvalidName"
	CodeMissingTraceID   = "MissingTraceId"
	CodeInvalidTraceID   = "InvalidTraceId"
	CodeMissingParentID  = "MissingParentId"
	CodeInvalidParentID  = "InvalidParentId"
	CodeMissingStartTime = "MissingStartTime"
	CodeInvalidStartTime = "InvalidStartTime"
	CodeMissingEndTime   = "MissingEndTime"
)

// Error says why a document was refused.
type Error struct {
	// Code is the error code X-Ray answers for such a document, as far as it is
	// known: one of the Code constants.
	Code string
	// Kind is the same for counters: invalid_json, too_large, too_deep,
	// invalid_segment, missing_id, invalid_id, missing_name, invalid_name,
	// missing_trace_id, invalid_trace_id, missing_parent_id, invalid_parent_id,
	// missing_start_time, invalid_start_time or missing_end_time.
	Kind string
	// Path names the offending member, such as "subsegments[2].name". It is
	// empty where the whole document is meant.
	Path string
	// Reason is for people.
	Reason string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return "document " + e.Reason
	}
	return e.Path + " " + e.Reason
}
