package emf

import (
	"slices"
	"strconv"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// metadataSize is more than the metadata has beside names and directives.
const metadataSize = 160

// fit returns the end of the parts from i on that fit into one document. It
// returns i if not even one does.
func (w *Writer) fit(e *Event, i, most int) int {
	size := metadataSize + len(w.head) + 2*(len(e.LogGroup)+len(e.LogStream))
	var seen [4]int // directives of this document; more than 4 are counted again and again
	n := 0
	for j := i; j < len(w.parts); j++ {
		p := w.parts[j]
		size += p.to - p.from + 1
		if p.directive >= 0 && !slices.Contains(seen[:min(n, len(seen))], p.directive) {
			size += len(w.directives[p.directive].json) + 3
			seen[n%len(seen)] = p.directive
			n++
		}
		if size > most || j-i == MaxMetrics {
			return j
		}
	}
	return len(w.parts)
}

// assemble makes a document of some of the metrics.
func (w *Writer) assemble(e *Event, parts []part) []byte {
	size := metadataSize + len(w.head) + 2*(len(e.LogGroup)+len(e.LogStream))
	for _, p := range parts {
		size += p.to - p.from + 1
	}
	for _, d := range w.directives {
		size += len(d.json) + 3
	}
	out := make([]byte, 0, size)
	out = w.appendMetadata(out, e, parts)
	bare := len(out) == 1
	out = append(out, w.head...)
	for _, p := range parts {
		out = append(out, w.text[p.middle:p.to]...)
	}
	if bare { // no comma before the first field
		out = append(out[:1], out[2:]...)
	}
	return append(out, '}')
}

// appendMetadata appends the opening brace and what comes before the fields. A
// document without metrics that have dimension sets is a log without metadata.
func (w *Writer) appendMetadata(out []byte, e *Event, parts []part) []byte {
	isMetric := slices.ContainsFunc(parts, func(p part) bool { return p.directive >= 0 })
	switch {
	case !isMetric && e.LogGroup == "":
		return append(out, '{')
	case e.Version0:
		out = append(out, `{"Version":"0","Timestamp":"`...)
		out = strconv.AppendInt(out, e.Timestamp, 10)
		out = append(out, `","CloudWatchMetrics":[`...)
		out = w.appendDirectives(out, parts)
		return append(out, ']')
	}
	out = append(out, `{"_aws":{"Timestamp":`...)
	out = strconv.AppendInt(out, e.Timestamp, 10)
	if e.LogGroup != "" {
		out = append(out, `,"LogGroupName":`...)
		out = segment.AppendString(out, e.LogGroup)
		out = append(out, `,"LogStreamName":`...)
		out = segment.AppendString(out, e.LogStream)
	}
	out = append(out, `,"CloudWatchMetrics":[`...)
	out = w.appendDirectives(out, parts)
	return append(out, "]}"...)
}

func (w *Writer) appendDirectives(out []byte, parts []part) []byte {
	first := true
	for i, d := range w.directives {
		empty := true
		for _, p := range parts {
			if p.directive != i {
				continue
			}
			switch {
			case !empty:
				out = append(out, ',')
			case !first:
				out = append(append(out, ','), d.json...)
			default:
				out = append(out, d.json...)
			}
			empty, first = false, false
			out = append(out, w.text[p.from:p.middle]...)
		}
		if !empty {
			out = append(out, "]}"...)
		}
	}
	return out
}
