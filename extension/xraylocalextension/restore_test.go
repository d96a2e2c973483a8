package xraylocalextension

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/aws/aws-sdk-go-v2/service/xray/types"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

// Traces and sampling rules are there again after a restart, and what was
// deleted or had to make room is not.
func TestRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	run := func(visit func(*xray.Client)) {
		cfg := createDefaultConfig().(*Config)
		cfg.Endpoint, cfg.Store.Directory = "127.0.0.1:0", dir
		ext := newExtension(cfg, nop().TelemetrySettings)
		require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
		visit(client(t, "http://"+ext.listener.Addr().String()))
		require.NoError(t, ext.Shutdown(context.Background()))
	}
	ctx := t.Context()
	rules := func(c *xray.Client) []types.SamplingRuleRecord {
		out, err := c.GetSamplingRules(ctx, &xray.GetSamplingRulesInput{})
		require.NoError(t, err)
		return out.SamplingRuleRecords
	}
	traces := func(c *xray.Client) *xray.BatchGetTracesOutput {
		out, err := c.BatchGetTraces(ctx, &xray.BatchGetTracesInput{TraceIds: []string{traceA, traceB}})
		require.NoError(t, err)
		out.ResultMetadata.Set("", nil)
		return out
	}
	var before *xray.BatchGetTracesOutput
	var kept []types.SamplingRuleRecord
	run(func(c *xray.Client) {
		put, err := c.PutTraceSegments(ctx, &xray.PutTraceSegmentsInput{TraceSegmentDocuments: shop(t)})
		require.NoError(t, err)
		require.Empty(t, put.UnprocessedTraceSegments)
		for _, name := range []string{"checkout", "gone"} {
			_, err := c.CreateSamplingRule(ctx, &xray.CreateSamplingRuleInput{SamplingRule: samplingRule(name, 100, 10, 0.2)})
			require.NoError(t, err)
		}
		_, err = c.UpdateSamplingRule(ctx, &xray.UpdateSamplingRuleInput{SamplingRuleUpdate: &types.SamplingRuleUpdate{
			RuleName: aws.String("Default"), FixedRate: aws.Float64(0.5),
		}})
		require.NoError(t, err)
		_, err = c.DeleteSamplingRule(ctx, &xray.DeleteSamplingRuleInput{RuleName: aws.String("gone")})
		require.NoError(t, err)
		before, kept = traces(c), rules(c)
		require.Len(t, before.Traces, 2)
		require.Len(t, kept, 2)
	})
	run(func(c *xray.Client) {
		after := traces(c)
		require.Equal(t, before.Traces, after.Traces)
		require.Equal(t, before.UnprocessedTraceIds, after.UnprocessedTraceIds)
		require.Equal(t, kept, rules(c))
	})
}

// A folder that cannot be used is an error that names the key.
func TestDirectoryError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint, cfg.Store.Directory = "127.0.0.1:0", file
	ext := newExtension(cfg, nop().TelemetrySettings)
	require.ErrorContains(t, ext.Start(t.Context(), componenttest.NewNopHost()), "store::directory")
	require.NoError(t, ext.Shutdown(t.Context()))
}
