package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Keeps what failed or was slow, and nothing else.
const tail = `
processors:
  xray_tail_sampling:
    rules:
      inline: [{rule_name: Default, reservoir_size: 0, fixed_rate: 0}]
    decision_wait: 5s
    decision_idle: 200ms
service:
  pipelines:
    traces:
      processors: [xray_tail_sampling]
`

// Failed and slow traces come out whole, with the name of the policy that kept
// them; of the others the rules decide, here for none. What is pending at a
// stop is decided then.
func TestTailSampling(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	fake.open()
	c := start(t, setup{configs: base(t, tail), env: fake.env()})
	udp := newUDPSender(t, c)
	var kept, dropped []string
	for i := range 40 {
		doc, ids := newSegment()
		switch i % 4 {
		case 1: // a fault in the call at the bottom, of which the entry knows nothing
			doc = strings.Replace(doc, `"namespace":"remote"`, `"namespace":"remote","fault":true`, 1)
			kept = append(kept, ids...)
		case 2:
			doc = strings.Replace(doc, `"status":200`, `"status":503`, 1)
			doc = strings.Replace(doc, `"http":`, `"fault":true,"http":`, 1)
			kept = append(kept, ids...)
		default:
			dropped = append(dropped, ids...)
		}
		udp.send(header + doc)
	}
	fake.waitFor(kept)
	got, _ := fake.document(kept[0])
	assert.Contains(t, got, `"sampling_rule_name":"faults"`)
	assert.Equal(t, float64(len(dropped)), c.metric("processor_xray_tail_sampling_spans", `decision="dropped"`))

	// Pending at the stop: ten more, one of them failed.
	var last []string
	for i := range 10 {
		doc, ids := newSegment()
		if i == 5 {
			doc = strings.Replace(doc, `"http":`, `"fault":true,"http":`, 1)
			last = ids
		} else {
			dropped = append(dropped, ids...)
		}
		udp.send(header + doc)
	}
	c.waitMetric(50, "receiver_awsxray_documents_accepted")
	begun := time.Now()
	c.stop()
	t.Log("stopped after", time.Since(begun))
	missing, _ := fake.missing(append(kept, last...))
	assert.Zero(t, missing)
	for _, id := range dropped {
		_, there := fake.document(id)
		assert.False(t, there, "%s was not to be kept", id)
	}
}
