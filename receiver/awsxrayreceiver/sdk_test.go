package awsxrayreceiver

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-xray-sdk-go/strategy/sampling"
	"github.com/aws/aws-xray-sdk-go/xray"
	"github.com/aws/aws-xray-sdk-go/xraylog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestXRaySDK receives what a real X-Ray SDK sends.
func TestXRaySDK(t *testing.T) {
	f := started(t, testConfig(nil), nil)
	strategy, err := sampling.NewLocalizedStrategyFromJSONBytes([]byte(`{"version":2,"default":{"fixed_target":100,"rate":1},"rules":[]}`))
	require.NoError(t, err)
	emitter, err := xray.NewDefaultEmitter(f.udp())
	require.NoError(t, err)
	xray.SetLogger(xraylog.NullLogger)
	ctx, err := xray.ContextWithConfig(t.Context(), xray.Config{Emitter: emitter, SamplingStrategy: strategy})
	require.NoError(t, err)

	ctx, root := xray.BeginSegment(ctx, "checkout")
	require.NoError(t, xray.AddAnnotation(ctx, "customer", "gold"))
	err = xray.Capture(ctx, "charge", func(ctx context.Context) error {
		require.NoError(t, xray.AddMetadata(ctx, "amount", 12.5))
		return errors.New("card refused")
	})
	require.Error(t, err)
	root.Close(nil)

	// The SDK now and then sends a segment twice, when the end of its context
	// is noticed while it is being closed.
	require.Eventually(t, func() bool { return f.traces.SpanCount() > 0 }, patience, soon)
	td := f.traces.AllTraces()[0]
	service, _ := td.ResourceSpans().At(0).Resource().Attributes().Get("service.name")
	assert.Equal(t, "checkout", service.Str())
	spans := map[string]ptrace.Span{}
	for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		spans[span.Name()] = span
	}
	require.Len(t, spans, 2)
	segment, sub := spans["checkout"], spans["charge"]
	assert.Equal(t, ptrace.SpanKindServer, segment.Kind())
	assert.Equal(t, segment.SpanID(), sub.ParentSpanID())
	assert.Equal(t, segment.TraceID(), sub.TraceID())
	assert.Equal(t, ptrace.StatusCodeError, sub.Status().Code())
	assert.Equal(t, root.TraceID, "1-"+segment.TraceID().String()[:8]+"-"+segment.TraceID().String()[8:])
	customer, ok := segment.Attributes().Get("customer")
	require.True(t, ok)
	assert.Equal(t, "gold", customer.Str())
}
