package awsxrayexporter

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// unprocessed is a document that X-Ray did not take. ID is empty when X-Ray
// could not read it.
type unprocessed struct {
	ID      string `json:"Id"`
	Code    string `json:"ErrorCode"`
	Message string `json:"Message"`
}

// The usual replies to a request whose documents were all taken.
var (
	emptyReply     = []byte(`{}`)
	emptyListReply = []byte(`{"UnprocessedTraceSegments":[]}`)
)

// parseReply reads the reply to a PutTraceSegments request with status 200.
func parseReply(body []byte) ([]unprocessed, error) {
	body = bytes.Trim(body, " \t\r\n") // what JSON takes for space, and no more
	if bytes.Equal(body, emptyListReply) || bytes.Equal(body, emptyReply) {
		return nil, nil
	}
	if len(body) == 0 || body[0] != '{' {
		return nil, errors.New("reply is no JSON object")
	}
	var reply struct {
		UnprocessedTraceSegments []unprocessed
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return nil, err
	}
	return reply.UnprocessedTraceSegments, nil
}

// refusal is a document and why X-Ray did not take it. part is nil if the
// reply did not say which document it is about.
type refusal struct {
	part          *segment.Part
	code, message string
}

// fields tell of a refusal in a log line.
func (r refusal) fields() []zap.Field {
	trace, id := "unknown", "unknown"
	if r.part != nil {
		trace, id = r.part.TraceID.String(), r.part.ID.String()
	}
	return []zap.Field{zap.String("code", r.code), zap.String("message", r.message), zap.String("trace_id", trace), zap.String("id", id)}
}

// match finds the documents that a reply names. Each document is named at most
// once: when a trace's in-progress and finished document share an id, the
// first entry is about the first.
func match(parts []segment.Part, list []unprocessed) []refusal {
	list = list[:min(len(list), len(parts))]
	out := make([]refusal, len(list))
	taken := make([]bool, len(parts))
	for i, u := range list {
		out[i] = refusal{code: clip(u.Code, 64), message: clip(u.Message, 500)}
		if u.Code == "" {
			out[i].code = "none"
		}
		if n := find(parts, taken, u.ID); n >= 0 {
			taken[n] = true
			out[i].part = &parts[n]
		}
	}
	return out
}

// clip bounds what X-Ray says before it becomes a metric's attribute or a line of a log.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// find returns the index of the document with this id, or else of one that
// has it inside: X-Ray may name an embedded subsegment. It returns -1 if there
// is none.
func find(parts []segment.Part, taken []bool, id string) int {
	if len(parts) == 1 {
		return 0
	}
	if id == "" {
		return -1
	}
	for i := range parts {
		if !taken[i] && strings.EqualFold(id, parts[i].ID.String()) {
			return i
		}
	}
	quoted := []byte(`"id":"` + id + `"`)
	for i := range parts {
		if !taken[i] && bytes.Contains(parts[i].JSON, quoted) {
			return i
		}
	}
	return -1
}

// maySucceed tells whether a document with this code is worth sending again.
// X-Ray's list of codes is not published; the ones seen in the wild that are
// about the document begin with Invalid or Missing.
func maySucceed(code string) (again, throttled bool) {
	code = strings.ToLower(code)
	for _, word := range [...]string{"throttl", "ratelimit", "rateexceeded", "toomanyrequests", "limitexceeded", "slowdown"} {
		if strings.Contains(code, word) {
			return true, true
		}
	}
	for _, word := range [...]string{"internal", "unavailable", "timeout", "serviceerror", "serverexception"} {
		if strings.Contains(code, word) {
			return true, false
		}
	}
	return false, false
}

// anyThrottled tells whether X-Ray took fewer documents than it got because
// there were too many.
func anyThrottled(list []unprocessed) bool {
	for _, u := range list {
		if _, throttled := maySucceed(u.Code); throttled {
			return true
		}
	}
	return false
}
