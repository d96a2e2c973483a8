package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// archiving sends spans to xray_local and to an archive in a folder.
const archiving = `
exporters:
  awsxray:
    endpoint: http://${env:TAILWATER_LOCAL_ENDPOINT}
  awss3:
    marshaler: parquet
    s3uploader:
      directory: ${env:TAILWATER_ARCHIVE_DIRECTORY}
extensions:
  xray_local:
    endpoint: ${env:TAILWATER_LOCAL_ENDPOINT}
service:
  extensions: [health_check, xray_local]
  pipelines:
    traces:
      exporters: [awsxray, awss3]
`

// TestRehydrate: what was archived shows in xray_local as it did when it came.
func TestRehydrate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	from := time.Now().Add(-time.Hour)
	env := []string{"TAILWATER_ARCHIVE_DIRECTORY=" + folder, "FAKE_XRAY=http://127.0.0.1:9"}
	c := start(t, setup{configs: base(t, archiving), env: env})
	udp, otlp := newUDPSender(t, c), newOTLPSender(t, c)
	var traces []string
	for range 40 {
		document, _ := newSegment()
		var head struct {
			TraceID string `json:"trace_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(document), &head))
		traces = append(traces, head.TraceID)
		udp.send(header + document)
		td, _ := newTrace()
		traces = append(traces, xrayTraceID(td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).TraceID()))
		otlp.send(td)
	}
	direct := waitEntities(t, c.Addresses.API, traces)
	c.stop()
	require.Empty(t, c.complaints())

	config, err := os.ReadFile("../configs/rehydrate.yaml")
	require.NoError(t, err)
	layout := "2006-01-02 15:04"
	env = append(env, "TAILWATER_REPLAY_START="+from.UTC().Format(layout), "TAILWATER_REPLAY_END="+time.Now().UTC().Add(time.Hour).Format(layout))
	c = start(t, setup{configs: []string{string(config)}, env: env})
	replayed := waitEntities(t, c.Addresses.API, traces)
	assert.Equal(t, direct, replayed)
	c.waitMetric(len(direct), "receiver_awss3_items_replayed")
	c.stop()
	assert.Empty(t, c.complaints())
}

// entitiesOfTrace is how many newSegment and newTrace make.
const entitiesOfTrace = 3

// waitEntities waits until all traces are there whole. It returns each segment and subsegment by trace and id, without the
// stamp of the replay. Whether a subsegment came in the document of its segment
// or in one of its own depends on what the exporter had at once; its parent is
// the same.
func waitEntities(t *testing.T, api string, traces []string) map[string]map[string]any {
	t.Helper()
	var found map[string]map[string]any
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		found = map[string]map[string]any{}
		there := 0
		for i := 0; i < len(traces); i += 5 {
			request, err := json.Marshal(map[string]any{"TraceIds": traces[i:min(i+5, len(traces))]})
			require.NoError(c, err)
			status, reply := post(t, "http://"+api+"/Traces", string(request))
			require.Equal(c, 200, status, reply)
			var got struct {
				Traces []struct {
					ID       string `json:"Id"`
					Segments []struct{ Document string }
				}
			}
			require.NoError(c, json.Unmarshal([]byte(reply), &got), reply)
			there += len(got.Traces)
			for _, trace := range got.Traces {
				for _, s := range trace.Segments {
					var document map[string]any
					require.NoError(c, json.Unmarshal([]byte(s.Document), &document))
					if document["inferred"] != true {
						flatten(found, trace.ID, "", document)
					}
				}
			}
		}
		require.Equal(c, len(traces), there)
		require.Len(c, found, entitiesOfTrace*len(traces))
	}, wait, 100*time.Millisecond)
	return found
}

func flatten(into map[string]map[string]any, trace, parent string, entity map[string]any) {
	list, _ := entity["subsegments"].([]any)
	delete(entity, "subsegments")
	delete(entity, "trace_id")
	if parent != "" {
		entity["parent_id"] = parent
	}
	if entity["parent_id"] != nil && entity["type"] == "subsegment" {
		delete(entity, "type")
	}
	if metadata, ok := entity["metadata"].(map[string]any); ok {
		for name, space := range metadata {
			if m, ok := space.(map[string]any); ok {
				delete(m, "archive.replayed")
				if len(m) == 0 {
					delete(metadata, name)
				}
			}
		}
		if len(metadata) == 0 {
			delete(entity, "metadata")
		}
	}
	id := fmt.Sprint(entity["id"])
	into[trace+"/"+id] = entity
	for _, sub := range list {
		flatten(into, trace, id, sub.(map[string]any))
	}
}
