package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

// maxDatagram is the most that UDP over IPv4 carries.
const maxDatagram = 65_507

// Bad documents, bad headers and datagrams of the largest size leave the
// process serving; each that is refused is counted.
func TestBadInput(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	fake.open()
	c := start(t, setup{configs: base(t), env: fake.env()})
	udp := newUDPSender(t, c)

	text, err := os.ReadFile("../internal/segment/testdata/invalid.json")
	require.NoError(t, err)
	var invalid []struct {
		Why      string
		Contrib  string
		Document map[string]any
	}
	require.NoError(t, json.Unmarshal(text, &invalid))
	require.Len(t, invalid, 17)
	udp.send("no header at all")
	sent := 1
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	_, err = c.WaitLine(ctx, func(line string) bool {
		return strings.Contains(line, "Missing header or segment: no header at all")
	})
	require.NoError(t, err)
	accepted := map[string]string{} // why it is awkward, by id
	for _, example := range invalid {
		// The examples share one id.
		if id, _ := example.Document["id"].(string); id == "9b1d4e7f2a3c5a0a" {
			unique := newID()
			example.Document["id"] = hex.EncodeToString(unique[:])
		}
		document, err := json.Marshal(example.Document)
		require.NoError(t, err)
		udp.send(header + string(document))
		sent++
		if legal[example.Why] {
			accepted[example.Document["id"].(string)] = example.Why
		}
	}
	require.Len(t, accepted, len(legal))
	for _, datagram := range []string{
		"{}\n{}",
		`{"format":"yaml","version":1}` + "\n" + `{}`,
		header,
		header + "{",
		header + strings.Repeat("[", 60_000),
		header + `{"subsegments":` + strings.Repeat(`[{"subsegments":`, 4_000),
		strings.Repeat("x", maxDatagram),
		header + "T1Snot-base64",
		"",
	} {
		udp.send(datagram)
		sent++
	}
	// A document that fills the largest datagram is a good one.
	document, ids := newSegment()
	filler := strings.Repeat("x", maxDatagram-len(header)-len(document)-len(`,"metadata":{"a":{"b":""}}`))
	udp.send(header + strings.TrimSuffix(document, "}") + `,"metadata":{"a":{"b":"` + filler + `"}}}`)
	document, more := newSegment()
	udp.send(header + document)
	sent += 2

	fake.waitFor(append(ids, more...))
	for id, why := range accepted {
		_, ok := fake.document(id)
		assert.True(t, ok, "%s: not delivered", why)
	}
	c.waitMetric(sent, "receiver_awsxray_datagrams_received")
	c.waitMetric(sent-len(accepted)-2, "receiver_awsxray_datagrams_rejected")
	assert.EqualValues(t, len(accepted)+2, c.metric("receiver_awsxray_documents_accepted"))
	c.stop()
	assert.Less(t, len(c.complaints()), sent, "at most one line a second tells of them")
	for _, line := range c.Log.Lines() {
		assert.LessOrEqual(t, len(line), 2000, "a bad datagram filled the log")
		assert.NotContains(t, line, "panic")
	}
}

// legal are the examples that X-Ray takes, or refuses by itself.
var legal = map[string]bool{
	"neither end_time nor in_progress (service: MissingEndTime)": true,
	"metadata namespace value is not an object":                  true,
	"unknown namespace":                             true,
	"sql.url without a database part (legal X-Ray)": true,
	"deployment_id is a string":                     true,
	"exception without id":                          true,
	"unknown members (legal: must be ignored)":      true,
}

// What goes in over UDP comes out at X-Ray member for member.
func TestDocumentsSurvive(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	fake.open()
	c := start(t, setup{configs: base(t), env: fake.env()})
	udp := newUDPSender(t, c)
	rng := rand.New(rand.NewPCG(1, 2))
	documents := map[string][]byte{}
	n := 0
	for _, example := range [][]byte{segmenttest.Small(), segmenttest.Mid(), segmenttest.Large()} {
		documents[topID(t, example)] = example
	}
	for len(documents) < 300 {
		document := segmenttest.Generate(rng)
		if len(document)+len(header) <= maxDatagram {
			documents[topID(t, document)] = document
		}
	}
	for _, document := range documents {
		udp.send(header + string(document))
		n++
		if n%(burst/5) == 0 { // these are larger than newSegment's
			c.waitMetric(n, "receiver_awsxray_datagrams_received")
		}
	}
	c.waitMetric(n, "receiver_awsxray_datagrams_received")
	c.stop()
	different := 0
	for id, want := range documents {
		got, ok := fake.document(id)
		if diff := segmenttest.Equal(inOrder(t, want), inOrder(t, []byte(got))); !ok || diff != "" {
			different++
			if different <= 3 { // enough to see what is wrong
				t.Errorf("delivered: %t; %s\nsent     %q\nreceived %q", ok, diff, want, got)
			}
		}
	}
	assert.Zero(t, different, "documents that came out different, of %d", len(documents))
}

func topID(t *testing.T, document []byte) string {
	var top struct{ ID string }
	require.NoError(t, json.Unmarshal(document, &top))
	return strings.ToLower(top.ID)
}

// inOrder sorts the subsegments at every level by id: their order is free.
func inOrder(t *testing.T, document []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var top map[string]any
	if len(document) > 0 {
		require.NoError(t, decoder.Decode(&top))
	}
	var sort func(map[string]any)
	sort = func(entity map[string]any) {
		subsegments, _ := entity["subsegments"].([]any)
		slices.SortFunc(subsegments, func(a, b any) int {
			return strings.Compare(fmt.Sprint(a.(map[string]any)["id"]), fmt.Sprint(b.(map[string]any)["id"]))
		})
		for _, sub := range subsegments {
			sort(sub.(map[string]any))
		}
	}
	sort(top)
	text, err := json.Marshal(top)
	require.NoError(t, err)
	return text
}

const redact = `
processors:
  attributes:
    actions:
      - {key: db.statement, action: delete}
      - {key: db.query.text, action: delete}
      - {key: card, action: delete}
service:
  pipelines:
    traces:
      processors: [attributes]
`

// What a processor deletes does not reach X-Ray.
func TestRedaction(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	fake.open()
	c := start(t, setup{configs: base(t, redact), env: fake.env()})
	trace := newTraceID()
	newUDPSender(t, c).send(header + `{"name":"orders","id":"0000000000000001","trace_id":"` + xrayTraceID(trace) + `",
		"start_time":1760797120.1,"end_time":1760797120.5,"annotations":{"card":"4111","item":"cup"},"subsegments":[
		{"name":"orders@db","id":"0000000000000002","start_time":1760797120.2,"end_time":1760797120.3,"namespace":"remote",
		"sql":{"url":"postgres://shop@db:5432/orders","database_type":"Postgres","preparation":"statement",
		"sanitized_query":"SELECT secret FROM cards"}}]}`)
	traces, ids := newTrace()
	attributes := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(2).Attributes()
	attributes.PutStr("db.system", "postgresql")
	attributes.PutStr("db.name", "orders")
	attributes.PutStr("db.statement", "SELECT secret FROM cards")
	attributes.PutStr("db.query.text", "SELECT secret FROM cards")
	newOTLPSender(t, c).send(traces)
	fake.waitFor(append(ids, "0000000000000001", "0000000000000002"))
	c.stop()
	otel, _ := fake.document(ids[0])
	assert.Contains(t, otel, "postgresql")
	assert.NotContains(t, otel, "secret")
	got, _ := fake.document("0000000000000001")
	assert.Empty(t, segmenttest.Equal([]byte(`{"name":"orders","id":"0000000000000001","trace_id":"`+xrayTraceID(trace)+`",
		"start_time":1760797120.1,"end_time":1760797120.5,"annotations":{"item":"cup"},"subsegments":[
		{"name":"orders@db","id":"0000000000000002","start_time":1760797120.2,"end_time":1760797120.3,"namespace":"remote",
		"sql":{"url":"postgres://shop@db:5432/orders","database_type":"Postgres","preparation":"statement"}}]}`), []byte(got)), got)
}

// SDKs ask for sampling rules on the TCP side of the same port.
func TestSamplingRules(t *testing.T) {
	t.Parallel()
	config, err := os.ReadFile("../configs/local.yaml")
	require.NoError(t, err)
	c := start(t, setup{configs: []string{string(config)}})
	url := "http://" + c.Addresses.XRay
	status, reply := post(t, url+"/GetSamplingRules", "{}")
	assert.Equal(t, http.StatusOK, status)
	var rules struct {
		SamplingRuleRecords []struct{ SamplingRule struct{ RuleName string } }
	}
	require.NoError(t, json.Unmarshal([]byte(reply), &rules), reply)
	require.Len(t, rules.SamplingRuleRecords, 1)
	assert.Equal(t, "Default", rules.SamplingRuleRecords[0].SamplingRule.RuleName)
	status, reply = post(t, url+"/SamplingTargets", `{"SamplingStatisticsDocuments":[{"RuleName":"Default","ClientID":"0123456789abcdef01234567","Timestamp":1760797120,"RequestCount":3,"SampledCount":1,"BorrowCount":1}]}`)
	assert.Equal(t, http.StatusOK, status, reply)
	assert.Contains(t, reply, "SamplingTargetDocuments")
	// The daemon would sign and forward this.
	status, reply = post(t, url+"/TraceSegments", `{"TraceSegmentDocuments":[]}`)
	assert.Equal(t, http.StatusForbidden, status, reply)
	c.stop()
}

// Lambda's SDKs send OTLP in datagrams. Spans of traces that were not sampled
// are seen by the pipeline, and not by X-Ray.
func TestOTLPDatagrams(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	fake.open()
	c := start(t, setup{configs: base(t), env: fake.env()})
	udp := newUDPSender(t, c)
	sampled, ids := newTrace()
	unsampled, skipped := newTrace()
	for prefix, traces := range map[string]ptrace.Traces{"T1S": sampled, "T1U": unsampled} {
		request, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
		require.NoError(t, err)
		udp.send(header + prefix + base64.StdEncoding.EncodeToString(request))
	}
	fake.waitFor(ids)
	c.waitMetric(len(skipped), "exporter_awsxray_spans_unsampled")
	c.stop()
	missing, _ := fake.missing(skipped)
	assert.Equal(t, len(skipped), missing)
	assert.Empty(t, c.complaints())
}
