package datagram

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func testTraces(names ...string) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i, name := range names {
		span := spans.AppendEmpty()
		span.SetName(name)
		span.SetTraceID([16]byte{1})
		span.SetSpanID([8]byte{byte(i + 1)})
	}
	return td
}

func encodeTraces(t testing.TB, td ptrace.Traces) string {
	var m ptrace.ProtoMarshaler
	raw, err := m.MarshalTraces(td)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(raw)
}

func TestAppendSpans(t *testing.T) {
	var d Decoder
	td := ptrace.NewTraces()
	require.NoError(t, d.AppendSpans(Spans, encodeTraces(t, testTraces("a", "b")), td))
	assert.Equal(t, 2, td.SpanCount())
	_, marked := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get(SampledAttribute)
	assert.False(t, marked, "a sampled span must not be marked")

	unsampled := testTraces("c", "d")
	unsampled.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).Attributes().PutInt(SampledAttribute, 1)
	require.NoError(t, d.AppendSpans(UnsampledSpans, encodeTraces(t, unsampled), td))
	require.Equal(t, 2, td.ResourceSpans().Len())
	spans := td.ResourceSpans().At(1).ScopeSpans().At(0).Spans()
	for i, want := range []int64{0, 1} {
		v, ok := spans.At(i).Attributes().Get(SampledAttribute)
		require.True(t, ok)
		assert.Equal(t, want, v.Int())
	}
	name, _ := td.ResourceSpans().At(0).Resource().Attributes().Get("service.name")
	assert.Equal(t, "checkout", name.Str(), "strings must not share the decoder's memory")
}

func TestAppendSpansLambdaExample(t *testing.T) {
	const body = `CmkSSRJBegBBAMbk7qabbxg5AIAhy6abbxgwAioLR0VUIC9vcmRlcnMiABIIobLD1OX2BxgKEGjzocCdPxt6LE5vgJGis8QKBAoCZXgKHAoaEgoKCGNoZWNrb3V0CgxzZXJ2aWNlLm5hbWU=`
	var d Decoder
	td := ptrace.NewTraces()
	require.NoError(t, d.AppendSpans(Spans, body, td))
	require.Equal(t, 1, td.SpanCount())
	rs := td.ResourceSpans().At(0)
	span := rs.ScopeSpans().At(0).Spans().At(0)
	assert.Equal(t, "GET /orders", span.Name())
	assert.Equal(t, "68f3a1c09d3f1b7a2c4e6f8091a2b3c4", span.TraceID().String())
	assert.Equal(t, map[string]any{"service.name": "checkout"}, rs.Resource().Attributes().AsRaw())
}

func TestAppendRefusesRubbish(t *testing.T) {
	var d Decoder
	td, md := testTraces("kept"), pmetric.NewMetrics()
	for _, body := range []string{"!", "A", "AA\x00A", "////", "Cv8="} {
		require.Error(t, d.AppendSpans(Spans, body, td), body)
		require.Error(t, d.AppendMetrics(body, md), body)
	}
	assert.Equal(t, 1, td.SpanCount())
	assert.Zero(t, md.DataPointCount())
	require.NoError(t, d.AppendSpans(Spans, "", td))
	require.NoError(t, d.AppendMetrics("", md))
}

func TestAppendMetrics(t *testing.T) {
	in := pmetric.NewMetrics()
	m := in.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("latency")
	m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(5)
	var pm pmetric.ProtoMarshaler
	raw, err := pm.MarshalMetrics(in)
	require.NoError(t, err)

	var d Decoder
	md := pmetric.NewMetrics()
	// Exporters pad; a missing padding is accepted too.
	require.NoError(t, d.AppendMetrics(base64.StdEncoding.EncodeToString(raw), md))
	require.NoError(t, d.AppendMetrics(base64.RawStdEncoding.EncodeToString(raw), md))
	assert.Equal(t, 2, md.DataPointCount())
}

func FuzzOTLPDatagram(f *testing.F) {
	f.Add(uint8(Spans), encodeTraces(f, testTraces("a")))
	f.Add(uint8(UnsampledSpans), encodeTraces(f, testTraces("a", "b")))
	f.Add(uint8(Metrics), "CgQKAgoA")
	f.Add(uint8(Spans), "!!!!")
	random := make([]byte, 300)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	f.Add(uint8(Spans), base64.StdEncoding.EncodeToString(random))
	f.Fuzz(func(t *testing.T, kind uint8, body string) {
		var d Decoder
		switch Kind(kind) {
		case Spans, UnsampledSpans:
			td := ptrace.NewTraces()
			if d.AppendSpans(Kind(kind), body, td) != nil {
				if td.ResourceSpans().Len() != 0 {
					t.Fatal("a refused body left spans behind")
				}
				return
			}
			// What parses must be data that the pipeline can hold and send on.
			again := ptrace.NewTraces()
			if err := d.AppendSpans(Spans, encodeTraces(t, td), again); err != nil || again.SpanCount() != td.SpanCount() {
				t.Fatalf("%d spans became %d, %v", td.SpanCount(), again.SpanCount(), err)
			}
		case Metrics:
			md := pmetric.NewMetrics()
			if d.AppendMetrics(body, md) == nil {
				var m pmetric.ProtoMarshaler
				if _, err := m.MarshalMetrics(md); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
