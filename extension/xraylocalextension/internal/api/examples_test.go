package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The files in testdata/examples are requests and answers that the AWS SDK for
// Go writes and reads.

func example(t *testing.T, name string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "examples", name+".json"))
	require.NoError(t, err)
	var v map[string]any
	require.NoError(t, json.Unmarshal(text, &v))
	expand(v)
	return v
}

// request returns an example as it stands, with documents as text.
func request(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "examples", name+".json"))
	require.NoError(t, err)
	return string(text)
}

// What the example puts is answered and read back as in the examples, but for
// the causes behind X-Ray's messages and the id of the inferred segment.
func TestExampleDocuments(t *testing.T) {
	r := newRig(t)
	code, out := r.call(t, "/TraceSegments", request(t, "PutTraceSegments.request"))
	require.Equal(t, http.StatusOK, code)
	want := example(t, "PutTraceSegments.response")["UnprocessedTraceSegments"].([]any)
	got := out["UnprocessedTraceSegments"].([]any)
	require.Len(t, got, len(want))
	for i := range want {
		w, g := want[i].(map[string]any), got[i].(map[string]any)
		require.Equal(t, w["Id"], g["Id"])
		require.Equal(t, w["ErrorCode"], g["ErrorCode"])
		require.Contains(t, g["Message"], w["Message"].(string)+", Cause: ")
	}

	code, out = r.call(t, "/Traces", request(t, "BatchGetTraces.request"))
	require.Equal(t, http.StatusOK, code)
	expand(out)
	segments := func(v map[string]any) []any { return v["Traces"].([]any)[0].(map[string]any)["Segments"].([]any) }
	wantTraces := example(t, "BatchGetTraces.response")
	inferred := segments(out)[1].(map[string]any)
	id := segments(wantTraces)[1].(map[string]any)["Id"]
	inferred["Id"] = id
	inferred["Document"].(map[string]any)["id"] = id
	require.Nil(t, out["NextToken"])
	delete(out, "NextToken")
	require.Equal(t, wantTraces, out)

	code, out = r.call(t, "/TelemetryRecords", request(t, "PutTelemetryRecords.request"))
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, example(t, "PutTelemetryRecords.response"), out)
}

func TestExampleSamplingTargets(t *testing.T) {
	r := newRig(t)
	code, out := r.call(t, "/SamplingTargets", request(t, "SamplingTargets.request"))
	require.Equal(t, http.StatusOK, code)
	want := example(t, "SamplingTargets.response")["SamplingTargetDocuments"].([]any)[1].(map[string]any)
	want["ReservoirQuotaTTL"] = float64(r.time.Unix() + 300)
	require.Equal(t, []any{want}, out["SamplingTargetDocuments"])
	require.Equal(t, "checkout-writes", out["UnprocessedStatistics"].([]any)[0].(map[string]any)["RuleName"])
}

// No answer has a member that the examples do not, or one of another type.
func TestExampleShapes(t *testing.T) {
	r := newRig(t)
	r.putShop(t)
	code, _ := r.call(t, "/CreateSamplingRule", request(t, "CreateSamplingRule.request"))
	require.Equal(t, http.StatusOK, code)
	for i, call := range []struct {
		name, path string
		body       any
		more       []string // members that the examples lack
	}{
		{"GetTraceSummaries", "/TraceSummaries", map[string]any{"StartTime": 1760797000, "EndTime": 1760797300}, []string{"NextToken null"}},
		{"GetServiceGraph", "/ServiceGraph", map[string]any{"StartTime": 1760797000, "EndTime": 1760797300}, []string{
			"NextToken null", "Services[].Edges[].Aliases[].Name string", "Services[].Edges[].Aliases[].Names[]", "Services[].Edges[].Aliases[].Names[] string", "Services[].Edges[].Aliases[].Type string"}},
		{"GetTraceGraph", "/TraceGraph", map[string]any{"TraceIds": []string{traceC}}, []string{
			"NextToken null", "Services[].Edges[].Aliases[].Name string", "Services[].Edges[].Aliases[].Names[]", "Services[].Edges[].Aliases[].Names[] string", "Services[].Edges[].Aliases[].Type string"}},
		{"GetSamplingRules", "/GetSamplingRules", "{}", nil},
		{"SamplingTargets.unprocessed", "/SamplingTargets", `{"SamplingStatisticsDocuments":[{"RuleName":"gone-rule"}]}`, []string{"UnprocessedBoostStatistics[]"}},
		{"GetGroups", "/Groups", "{}", []string{"NextToken null"}},
	} {
		t.Run(fmt.Sprint(i, call.name), func(t *testing.T) {
			code, out := r.call(t, call.path, call.body)
			require.Equal(t, http.StatusOK, code)
			want, got := map[string]bool{}, map[string]bool{}
			members(example(t, call.name+".response"), "", want)
			members(out, "", got)
			for _, m := range call.more {
				want[m] = true
			}
			for _, m := range slices.Sorted(maps.Keys(got)) {
				require.True(t, want[m], "%s is in no example", m)
			}
		})
	}
}

// members collects the paths of a JSON value with their types.
func members(v any, path string, found map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			switch {
			case path == "TraceSummaries[].Annotations":
				k = "*"
			case k == "ErrorRootCauses": // of the same type, and empty in the example
				k = "FaultRootCauses"
			}
			p := k
			if path != "" {
				p = path + "." + k
			}
			members(e, p, found)
		}
	case []any:
		found[path+"[]"] = true
		for _, e := range v {
			members(e, path+"[]", found)
		}
	case nil:
		found[path+" null"] = true
	default:
		found[path+" "+fmt.Sprintf("%T", v)] = true
	}
}
