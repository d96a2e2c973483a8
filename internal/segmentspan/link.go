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

// linksOf derives the links. X-Ray takes a limited number; those of a span of
// OpenTelemetry that are past it go to the metadata.
func (m *mapper) linksOf(e *entity) {
	for i, from := range e.span.Links().All() {
		if e.born == roleNone && i == segment.MaxLinks {
			break
		}
		e.links = append(e.links, m.linkOf(e, from))
	}
	if len(e.links) > 0 {
		e.seg.Links = e.links
	}
}

func (m *mapper) linkOf(e *entity, from ptrace.SpanLink) segment.Link {
	l := segment.Link{TraceID: segment.TraceID(from.TraceID()), ID: segment.ID(from.SpanID())}
	homes := false
	for name, value := range from.Attributes().All() {
		if pointer, ok := strings.CutPrefix(name, prefixJSON); ok && e.born != roleNone {
			homes = true
			l.Attributes, l.Extra = m.linkMember(l.Attributes, l.Extra, pointer, value)
			continue
		}
		l.Attributes = append(l.Attributes, segment.Member{Name: name, Value: m.json(value)})
	}
	if state := from.TraceState().AsRaw(); state != "" {
		l.Attributes = append(l.Attributes, segment.Member{Name: "otel.trace_state", Value: m.quote(state)})
	}
	if homes {
		dropLinkTwins(&l)
	}
	return l
}

// moreLinks appends the links that are past the limit to the facts of a span.
func (m *mapper) moreLinks(e *entity, b []byte) []byte {
	links := e.span.Links()
	if e.born != roleNone || links.Len() <= segment.MaxLinks {
		return b
	}
	b = append(appendName(b, "links"), '[')
	for i := segment.MaxLinks; i < links.Len(); i++ {
		if i > segment.MaxLinks {
			b = append(b, ',')
		}
		link := links.At(i)
		b = segment.TraceID(link.TraceID()).Append(append(b, `{"trace_id":"`...))
		b = segment.ID(link.SpanID()).Append(append(b, `","id":"`...))
		b = append(b, '"')
		if link.Attributes().Len() > 0 {
			b = appendAttributes(append(b, `,"attributes":`...), link.Attributes())
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// linkMember puts a member that had no home of its own back into a link.
func (m *mapper) linkMember(attributes, extra []segment.Member, pointer string, value pcommon.Value) (_, _ []segment.Member) {
	if name, ok := strings.CutPrefix(pointer, "/attributes/"); ok {
		return append(attributes, segment.Member{Name: unescapePointer(name), Value: m.rawJSON(value)}), extra
	}
	return attributes, m.member(extra, pointer, value)
}
