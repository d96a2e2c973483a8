package segmentspan

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// A home aws.xray.json.* can name a member that the document has from another
// attribute too: a processor set enduser.id where the document had a user that
// is no string, or the sender meant to confuse us. An object that has a member
// twice means different things to different readers, so the field wins.

// fieldPointers are the homes that may name a member with a field. Those that
// clear handles are not among them.
var fieldPointers = func() map[string]struct{} {
	set := map[string]struct{}{}
	for object, names := range map[string]string{
		"": "name id trace_id parent_id type start_time end_time in_progress namespace origin resource_arn user error throttle fault traced inferred " +
			"service http sql aws cause annotations metadata precursor_ids links subsegments",
		"/service":       "name compiler compiler_version",
		"/http":          "request response",
		"/http/request":  "method url user_agent client_ip x_forwarded_for traced",
		"/http/response": "status content_length",
		"/sql":           "connection_string url sanitized_query database_type database_version driver_version user preparation",
		"/cause":         "working_directory paths exceptions",
		"/aws":           "account_id operation region request_id queue_url table_name retries ec2 ecs eks elastic_beanstalk xray",
		"/aws/xray":      "sampling_rule_name auto_instrumentation",
	} {
		for name := range strings.FieldsSeq(names) {
			set[object+"/"+name] = struct{}{}
		}
	}
	return set
}()

// mayBeTwin says whether the member of this home may be there already.
func mayBeTwin(pointer string) bool {
	_, found := fieldPointers[pointer]
	return found || strings.HasPrefix(pointer, "/annotations/") || strings.HasSuffix(pointer, manyMembers)
}

// isForged says whether a home has a member that makes a document what it is,
// such as an id, with a value that no document had there.
func (m *mapper) isForged(e *entity, pointer string, v pcommon.Value) bool {
	m.members = m.member(m.members[:0], pointer, v)
	return slices.ContainsFunc(m.members, func(x segment.Member) bool {
		switch x.Name {
		case "name", "id", "start_time":
			return true
		case "trace_id":
			return e.born != roleEmbedded || !isTaken(e.born, x)
		case "parent_id", "type", "end_time", "in_progress", "subsegments":
			return !isTaken(e.born, x)
		}
		return false
	})
}

// isTaken says whether the decoder takes the member where the entity stood.
// It never gives subsegments away to a home.
func isTaken(born role, x segment.Member) bool {
	var d segment.Decoder
	doc := `{"name":"a","id":"0000000000000001","trace_id":"1-00000000-000000000000000000000001","start_time":1,`
	if born == roleEmbedded {
		doc += `"subsegments":[{"name":"a","id":"0000000000000002","start_time":1,"` + x.Name + `":` + x.Value + `}]}`
	} else {
		doc += `"` + x.Name + `":` + x.Value + `}`
	}
	s, err := d.Decode(doc)
	if err != nil {
		return false
	}
	if born == roleEmbedded {
		s = s.Subsegments[0]
	}
	return len(s.Subsegments) == 0
}

// dropTwins takes away members without a field that have the name of a field
// that is set, or of one another.
func (e *entity) dropTwins() {
	s := &e.seg
	objects := []struct {
		path  []string
		extra *[]segment.Member
	}{
		{nil, &s.Extra},
		{[]string{"service"}, &e.service.Extra},
		{[]string{"http"}, &e.http.Extra},
		{[]string{"http", "request"}, &e.req.Extra},
		{[]string{"http", "response"}, &e.resp.Extra},
		{[]string{"sql"}, &e.sql.Extra},
		{[]string{"cause"}, &e.cause.Extra},
		{[]string{"aws"}, &e.aws.Extra},
		{[]string{"aws", "xray"}, &e.xray.Extra},
		{[]string{"aws", "ec2"}, &e.ec2.Extra},
		{[]string{"aws", "ecs"}, &e.ecs.Extra},
		{[]string{"aws", "eks"}, &e.eks.Extra},
		{[]string{"aws", "elastic_beanstalk"}, &e.beanstalk.Extra},
	}
	extras := make([][]segment.Member, len(objects))
	for i, o := range objects {
		extras[i], *o.extra = *o.extra, nil
	}
	s.Annotations = withoutTwins(s.Annotations, nil)
	subsegments := s.Subsegments
	s.Subsegments = nil
	// What is inside of an object first: it may be all that the object has.
	for depth := 2; depth >= 0; depth-- {
		fields, _ := segment.JSONMembers(string(s.AppendJSON(nil)))
		if len(subsegments) > 0 {
			fields = append(fields, segment.Member{Name: "subsegments"})
		}
		for i, o := range objects {
			if len(o.path) == depth {
				*o.extra = withoutTwins(extras[i], membersAt(fields, o.path))
			}
		}
	}
	s.Subsegments = subsegments
}

// membersAt returns the members of a nested object.
func membersAt(members []segment.Member, path []string) []segment.Member {
	for _, name := range path {
		i := slices.IndexFunc(members, func(m segment.Member) bool { return m.Name == name })
		if i < 0 {
			return nil
		}
		members, _ = segment.JSONMembers(members[i].Value)
	}
	return members
}

// withoutTwins removes the members that are among the others or come a second
// time.
func withoutTwins(members, others []segment.Member) []segment.Member {
	if len(members) == 0 {
		return members
	}
	names := make(map[string]struct{}, len(members)+len(others))
	for _, m := range others {
		names[m.Name] = struct{}{}
	}
	return slices.DeleteFunc(members, func(m segment.Member) bool {
		_, twin := names[m.Name]
		names[m.Name] = struct{}{}
		return twin
	})
}

// dropExceptionTwins does the same for an exception.
func dropExceptionTwins(x *segment.Exception) {
	if len(x.Extra) == 0 {
		return
	}
	fields := []segment.Member{{Name: "id"}}
	for name, set := range map[string]bool{
		"message":   x.Message != "",
		"type":      x.Type != "",
		"remote":    x.Remote != segment.Absent,
		"truncated": x.Truncated.Form != segment.NoInt,
		"skipped":   x.Skipped.Form != segment.NoInt,
		"cause":     x.Cause != segment.ID{},
		"stack":     len(x.Stack) > 0,
	} {
		if set {
			fields = append(fields, segment.Member{Name: name})
		}
	}
	x.Extra = withoutTwins(x.Extra, fields)
}

// dropLinkTwins does the same for a link.
func dropLinkTwins(l *segment.Link) {
	l.Attributes = withoutTwins(l.Attributes, nil)
	var fields []segment.Member
	for name, set := range map[string]bool{
		"trace_id":   l.TraceID != segment.TraceID{},
		"id":         l.ID != segment.ID{},
		"attributes": len(l.Attributes) > 0,
	} {
		if set {
			fields = append(fields, segment.Member{Name: name})
		}
	}
	l.Extra = withoutTwins(l.Extra, fields)
}
