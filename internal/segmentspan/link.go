package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// links writes links as span links.
func (w *writer) links(span ptrace.Span, links []segment.Link) {
	if len(links) == 0 {
		return
	}
	to := span.Links()
	to.EnsureCapacity(len(links))
	for i := range links {
		l := &links[i]
		link := to.AppendEmpty()
		link.SetTraceID(pcommon.TraceID(l.TraceID))
		link.SetSpanID(pcommon.SpanID(l.ID))
		attrs := link.Attributes()
		switch {
		case len(l.Attributes) > maxHomes:
			attrs.PutStr(prefixJSON+"/attributes", object(l.Attributes))
		default:
			attrs.EnsureCapacity(len(l.Attributes) + len(l.Extra))
			for _, a := range l.Attributes {
				if strings.HasPrefix(a.Name, prefixJSON) || !putScalar(attrs, a.Name, a.Value) {
					attrs.PutStr(prefixJSON+"/attributes/"+escapePointer(a.Name), a.Value)
				}
			}
		}
		putExtra(attrs, "", l.Extra)
	}
}

// linksOf derives the links. One whose trace id is missing cannot be shown.
func (m *mapper) linksOf(e *entity) {
	links := e.span.Links()
	if links.Len() == 0 {
		return
	}
	for _, from := range links.All() {
		l := segment.Link{TraceID: segment.TraceID(from.TraceID()), ID: segment.ID(from.SpanID())}
		start := len(m.members)
		var extra []segment.Member
		for name, value := range from.Attributes().All() {
			if pointer, ok := strings.CutPrefix(name, prefixJSON); ok {
				l.Attributes, extra = m.linkMember(l.Attributes, extra, pointer, value)
				continue
			}
			m.members = append(m.members, segment.Member{Name: name, Value: m.json(value)})
		}
		if e.born == roleNone {
			if state := from.TraceState().AsRaw(); state != "" {
				m.members = append(m.members, segment.Member{Name: "otel.trace_state", Value: m.quote(state)})
			}
		}
		if mine := m.members[start:]; len(mine) > 0 {
			l.Attributes = append(l.Attributes, mine...)
			m.members = m.members[:start]
		}
		l.Extra = extra
		e.links = append(e.links, l)
	}
	e.seg.Links = e.links
}

// linkMember puts a member that had no home of its own back into a link.
func (m *mapper) linkMember(attributes, extra []segment.Member, pointer string, value pcommon.Value) (_, _ []segment.Member) {
	if name, ok := strings.CutPrefix(pointer, "/attributes/"); ok {
		return append(attributes, segment.Member{Name: unescapePointer(name), Value: m.rawJSON(value)}), extra
	}
	return attributes, m.member(extra, pointer, value)
}
