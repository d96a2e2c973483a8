package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

// The X-Ray SDK for Go now and then sends a segment twice, the second time with
// each subsegment twice. One whole segment comes out.
func TestSegmentSentTwice(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	fake.open()
	c := start(t, setup{configs: base(t), env: fake.env()})
	udp := newUDPSender(t, c)
	first, ids := newSegment()
	before, subsegments, _ := strings.Cut(first, `"subsegments":[`)
	subsegments = strings.TrimSuffix(subsegments, "]}")
	udp.send(header + first)
	udp.send(header + before + `"subsegments":[` + subsegments + "," + subsegments + "]}")
	c.waitMetric(2, "receiver_awsxray_documents_accepted")
	c.stop()
	got, _ := fake.document(ids[0])
	assert.Empty(t, segmenttest.Equal([]byte(first), []byte(got)), got)
}
