package archivetest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
)

// Wild returns spans that use everything pdata can say, and some that it can
// say and should not: text that is not UTF-8, times and enumerations out of
// range. If exact, it leaves out what the columns of the archive cannot say.
func Wild(rng *rand.Rand, exact bool) ptrace.Traces {
	g := &wild{rng, exact}
	td := ptrace.NewTraces()
	for range 1 + rng.IntN(3) {
		rs := td.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl(g.text())
		g.attributes(rs.Resource().Attributes(), 0)
		rs.Resource().SetDroppedAttributesCount(g.count())
		for range rng.IntN(2) {
			ref := entity.ResourceEntityRefs(rs.Resource()).AppendEmpty()
			ref.SetType(g.text())
			ref.SetSchemaUrl(g.text())
			for range rng.IntN(3) {
				ref.IdKeys().Append(g.text())
				ref.DescriptionKeys().Append(g.text())
			}
		}
		for range 1 + rng.IntN(2) {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.SetSchemaUrl(g.text())
			ss.Scope().SetName(g.text())
			ss.Scope().SetVersion(g.text())
			g.attributes(ss.Scope().Attributes(), 0)
			ss.Scope().SetDroppedAttributesCount(g.count())
			for range 1 + rng.IntN(5) {
				g.span(ss.Spans().AppendEmpty())
			}
		}
	}
	return td
}

type wild struct {
	*rand.Rand
	exact bool
}

func (g *wild) one(in int) bool { return g.IntN(in) == 0 }

func (g *wild) span(span ptrace.Span) {
	if !g.one(20) {
		span.SetTraceID(g.traceID())
		span.SetSpanID(g.spanID())
	}
	if g.one(2) {
		span.SetParentSpanID(g.spanID())
	}
	span.TraceState().FromRaw(g.text())
	span.SetFlags(g.count())
	span.SetName(g.text())
	span.SetKind(ptrace.SpanKind(g.enumeration(6)))
	span.SetStartTimestamp(g.time())
	span.SetEndTimestamp(g.time())
	g.attributes(span.Attributes(), 0)
	span.SetDroppedAttributesCount(g.count())
	for range g.IntN(4) {
		e := span.Events().AppendEmpty()
		e.SetName(g.text())
		e.SetTimestamp(g.time())
		g.attributes(e.Attributes(), 0)
		e.SetDroppedAttributesCount(g.count())
	}
	span.SetDroppedEventsCount(g.count())
	for range g.IntN(3) {
		l := span.Links().AppendEmpty()
		l.SetTraceID(g.traceID())
		l.SetSpanID(g.spanID())
		l.TraceState().FromRaw(g.text())
		l.SetFlags(g.count())
		g.attributes(l.Attributes(), 0)
		l.SetDroppedAttributesCount(g.count())
	}
	span.SetDroppedLinksCount(g.count())
	span.Status().SetCode(ptrace.StatusCode(g.enumeration(3)))
	span.Status().SetMessage(g.text())
}

func (g *wild) traceID() (id pcommon.TraceID) {
	for i := range id {
		id[i] = byte(g.Uint32())
	}
	return id
}

func (g *wild) spanID() (id pcommon.SpanID) {
	for i := range id {
		id[i] = byte(g.Uint32())
	}
	return id
}

func (g *wild) enumeration(n int) int32 {
	if g.one(20) {
		return int32(g.Uint32())
	}
	return int32(g.IntN(n))
}

func (g *wild) count() uint32 {
	switch g.IntN(10) {
	case 0:
		return g.Uint32()
	case 1:
		return uint32(g.IntN(300))
	}
	return 0
}

func (g *wild) time() pcommon.Timestamp {
	switch g.IntN(10) {
	case 0:
		return pcommon.Timestamp(g.Uint64())
	case 1:
		return 0
	}
	return pcommon.NewTimestampFromTime(Start) + pcommon.Timestamp(g.IntN(1e9))
}

// texts are ones that a mapping may get wrong.
var texts = []string{"", "a", "service", "ünïcode ✓ 𝄞", "with \"quotes\" \\ and\nlines\x00\x7f", "NULL", "true", "12", "1.0", "{}", "[]", "\u2028", " "}

func (g *wild) text() string {
	switch n := g.IntN(12); {
	case n == 0 && !g.exact:
		return "not utf-8 \xff\xc3"[:10+g.IntN(3)]
	case n == 1:
		return fmt.Sprintf("%x", g.Uint64())
	}
	return texts[g.IntN(len(texts))]
}

// names are those of attributes with columns of their own and of others.
var names = []string{
	"http.request.method", "http.method", "http.route", "http.response.status_code", "http.status_code", "url.path", "http.target",
	"net.peer.name", "net.host.name", "server.address", "server.port", "net.peer.port", "rpc.system", "rpc.method", "db.system",
	"db.statement", "db.query.text", "aws.dynamodb.table_names", "messaging.operation", "enduser.id", "user.id", "service.name",
	"service.version", "deployment.environment", "deployment.environment.name", "k8s.pod.name", "aws.xray.flags", "aws.xray.document",
	"a", "b", "A0", "", "ünï", "not utf-8 \xfe", // the last one last
}

func (g *wild) attributes(m pcommon.Map, depth int) {
	for range g.IntN(9) {
		n := len(names)
		if g.exact {
			n--
		}
		g.value(m.PutEmpty(names[g.IntN(n)]), depth)
	}
}

func (g *wild) value(v pcommon.Value, depth int) {
	n := 9
	if depth > 3 {
		n = 7 // no more nesting
	}
	switch g.IntN(n) {
	case 0: // empty
	case 1, 2:
		v.SetStr(g.text())
	case 3:
		v.SetInt([]int64{0, 1, -1, 200, 404, math.MaxInt64, math.MinInt64, int64(g.Uint64())}[g.IntN(8)])
	case 4:
		list := []float64{0, math.Copysign(0, -1), 1, 200, 0.1, -2.5e-300, 1e21, math.MaxFloat64}
		if depth == 0 || !g.exact {
			list = append(list, math.NaN(), math.Inf(1), math.Inf(-1))
		}
		if !g.exact {
			list = append(list, math.Float64frombits(0x7ff8dead00000000), math.Float64frombits(g.Uint64()))
		}
		v.SetDouble(list[g.IntN(len(list))])
	case 5:
		v.SetBool(g.one(2))
	case 6:
		if depth > 0 && g.exact {
			return
		}
		b := make([]byte, g.IntN(6))
		for i := range b {
			b[i] = byte(g.Uint32())
		}
		v.SetEmptyBytes().FromRaw(b)
	case 7:
		s := v.SetEmptySlice()
		for range g.IntN(4) {
			g.value(s.AppendEmpty(), depth+1)
		}
	case 8:
		g.attributes(v.SetEmptyMap(), depth+1)
	}
}
