package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// logGroupLists returns the list that says all about the groups: their ARNs,
// or their names. Both are nil if neither does.
func logGroupLists(groups []segment.LogGroup) (names, arns []string) {
	for _, g := range groups {
		switch {
		case len(g.Extra) > 0:
			return nil, nil
		case g.ARN != "" && g.Name == logGroupName(g.ARN) && len(names) == 0:
			arns = append(arns, g.ARN)
		case g.ARN == "" && g.Name != "" && len(arns) == 0:
			names = append(names, g.Name)
		default:
			return nil, nil
		}
	}
	return names, arns
}

// logGroupName returns the name in a log group's ARN,
// arn:aws:logs:REGION:ACCOUNT:log-group:NAME or …:NAME:*.
func logGroupName(arn string) string {
	_, name, found := strings.Cut(arn, ":log-group:")
	if !found {
		return ""
	}
	name, _, _ = strings.Cut(name, ":")
	return name
}

// logGroupStrings reads a list of log groups: a list of strings, or one string
// with "&" between them.
func logGroupStrings(r *reader, k key) []string {
	if !r.have.has(k) {
		return nil
	}
	if v := r.vals[k]; v.Type() == pcommon.ValueTypeStr {
		if v.Str() == "" {
			return nil
		}
		r.used.add(k)
		return strings.Split(v.Str(), "&")
	}
	return r.strings(k, nil)
}

// logGroups derives aws.cloudwatch_logs.
func (id *identity) logGroups(dst []segment.LogGroup) []segment.LogGroup {
	for _, arn := range id.logARNs {
		if arn != "" {
			dst = append(dst, segment.LogGroup{Name: logGroupName(arn), ARN: arn})
		}
	}
	if len(id.logARNs) == 0 {
		for _, name := range id.logNames {
			if name != "" {
				dst = append(dst, segment.LogGroup{Name: name})
			}
		}
	}
	return dst
}

func logGroupsJSON(groups []segment.LogGroup) string {
	out := []byte{'['}
	for i, g := range groups {
		if i > 0 {
			out = append(out, ',')
		}
		var members []segment.Member
		if g.Name != "" {
			members = append(members, segment.Member{Name: "log_group", Value: quote(g.Name)})
		}
		if g.ARN != "" {
			members = append(members, segment.Member{Name: "arn", Value: quote(g.ARN)})
		}
		out = append(out, object(append(members, g.Extra...))...)
	}
	return string(append(out, ']'))
}
