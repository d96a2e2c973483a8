package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// quickRetry keeps the tests short; the defaults wait longer.
const quickRetry = `
exporters:
  awsxray:
    retry_on_failure: {initial_interval: 50ms, max_interval: 500ms}
`

// impatient gives up a request soon, but not while a busy machine answers one:
// then it could not know that its documents were accepted.
const impatient = `
exporters:
  awsxray:
    request_timeout_seconds: 5
`

// SIGTERM with data everywhere, in the kernel, the queues and on the wire,
// loses nothing, and nothing is sent twice.
func TestShutdownLosesNothing(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	fake.behaveAs(slowly(200 * time.Millisecond))
	fake.open()
	c := start(t, setup{configs: base(t), env: fake.env()})
	ids := newOTLPSender(t, c).traces(200)
	ids = append(ids, newUDPSender(t, c).segments(c, 1000)...)
	c.stop()
	missing, more := fake.missing(ids)
	assert.Zero(t, missing, "of %d", len(ids))
	assert.Empty(t, more)
	assert.Empty(t, c.complaints())
}

// A misbehaving endpoint costs time and no documents.
func TestEndpointMisbehaves(t *testing.T) {
	for name, test := range map[string]struct {
		behave behaviour
		// again: documents may arrive twice, because nobody can know better.
		again bool
	}{
		"429 for three seconds":   {behave: failFor(3*time.Second, http.StatusTooManyRequests, "ThrottledException", "Rate exceeded")},
		"500 for three seconds":   {behave: failFor(3*time.Second, http.StatusInternalServerError, "InternalFailure", "down")},
		"hangs":                   {behave: firstly(3, hang)},
		"takes half":              {behave: refuseHalf()},
		"the reply is lost":       {behave: firstly(3, loseReply), again: true},
		"nothing but gibberish":   {behave: firstly(3, gibberish), again: true},
		"connections are refused": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFakeXRay(t)
			if test.behave != nil {
				fake.behaveAs(test.behave)
				fake.open()
			}
			c := start(t, setup{configs: base(t, quickRetry, impatient), env: fake.env()})
			ids := newOTLPSender(t, c).traces(100)
			ids = append(ids, newUDPSender(t, c).segments(c, 200)...)
			if test.behave == nil {
				c.waitMetric(2, "exporter_awsxray_requests", `outcome="failed"`)
				fake.open()
			}
			fake.waitFor(ids)
			c.stop()
			missing, more := fake.missing(ids)
			assert.Zero(t, missing)
			if !test.again {
				assert.Empty(t, more, "accepted more than once")
			}
		})
	}
}

// gibberish accepts and answers 200 with what is no reply of X-Ray.
func gibberish(w http.ResponseWriter, _ *http.Request, documents []string, accept func(...string)) {
	accept(documents...)
	writeReply(w, http.StatusOK, "<html>hello from a proxy</html>")
}

const diskQueue = `
extensions:
  file_storage:
    directory: ${env:QUEUE_DIRECTORY}
exporters:
  awsxray:
    sending_queue:
      storage: file_storage
    retry_on_failure: {initial_interval: 50ms, max_interval: 500ms}
service:
  extensions: [health_check, file_storage]
`

// With the queue on disk, neither kill -9 nor a stop takes anything that the
// exporter had accepted.
func TestQueueOnDisk(t *testing.T) {
	for name, test := range map[string]struct {
		down bool // the endpoint is down until the collector has ended
		end  func(*collector)
	}{
		"kill, endpoint down":      {true, func(c *collector) { require.NoError(c.t, c.Kill()) }},
		"kill, requests under way": {false, func(c *collector) { require.NoError(c.t, c.Kill()) }},
		"stop, endpoint down":      {true, (*collector).stop},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFakeXRay(t)
			fake.behaveAs(slowly(100 * time.Millisecond))
			if !test.down {
				fake.open()
			}
			options := setup{configs: base(t, diskQueue), env: append(fake.env(), "QUEUE_DIRECTORY="+t.TempDir())}.options(t)
			c := startWith(t, options)
			// An export that was answered was accepted. Of what came over UDP
			// the receiver says when it was.
			ids := newOTLPSender(t, c).traces(100)
			ids = append(ids, newUDPSender(t, c).segments(c, 200)...)
			c.waitMetric(200, "receiver_awsxray_documents_accepted")
			test.end(c)
			if test.down {
				missing, _ := fake.missing(ids)
				require.Equal(t, len(ids), missing, "the endpoint was down")
				fake.open()
			}
			c = startWith(t, options)
			fake.waitFor(ids)
			c.stop()
			if _, more := fake.missing(ids); test.down {
				assert.Empty(t, more, "accepted more than once, although nothing was sent before the end")
			}
		})
	}
}

const shortShutdown = `
exporters:
  awsxray:
    shutdown_timeout: 500ms
    retry_on_failure: {initial_interval: 50ms, max_interval: 500ms}
`

// A stop while the endpoint is down and the queue is in memory ends in time,
// and says what is lost.
func TestStopWithEndpointDown(t *testing.T) {
	t.Parallel()
	fake := newFakeXRay(t)
	c := start(t, setup{configs: base(t, shortShutdown), env: fake.env()})
	newOTLPSender(t, c).traces(10)
	c.waitMetric(1, "exporter_awsxray_requests", `outcome="failed"`)
	c.stop()
	assert.Condition(t, func() bool {
		for _, line := range c.complaints() {
			if strings.Contains(line, `"reason": "shutdown"`) {
				return true
			}
		}
		return false
	}, "nothing is said about the loss:\n%s", c.Log.Tail(20))
}

const deadLetters = `
exporters:
  awsxray:
    dead_letter_directory: ${env:LETTERS}
`

// What X-Ray refuses for good is kept, and does not hold up the rest.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	letters := t.TempDir()
	fake := newFakeXRay(t)
	var mu sync.Mutex
	refused := map[string]string{} // documents by id
	fake.behaveAs(func(w http.ResponseWriter, _ *http.Request, documents []string, accept func(...string)) {
		mu.Lock()
		defer mu.Unlock()
		list := []map[string]string{}
		for i, document := range documents {
			if i%2 == 0 {
				accept(document)
				continue
			}
			var e entity
			assert.NoError(t, json.Unmarshal([]byte(document), &e))
			refused[e.ID] = document
			list = append(list, map[string]string{"Id": e.ID, "ErrorCode": "InvalidSegment", "Message": "Trace Size Exceeded"})
		}
		reply, err := json.Marshal(map[string]any{"UnprocessedTraceSegments": list})
		assert.NoError(t, err)
		writeReply(w, http.StatusOK, string(reply))
	})
	fake.open()
	c := start(t, setup{configs: base(t, deadLetters), env: append(fake.env(), "LETTERS="+letters)})
	newUDPSender(t, c).segments(c, 100)
	c.waitMetric(100, "receiver_awsxray_documents_accepted")
	c.stop()
	files, err := filepath.Glob(filepath.Join(letters, "*.jsonl"))
	require.NoError(t, err)
	kept := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			var letter struct {
				ID, Code string
				Document json.RawMessage
			}
			require.NoError(t, json.Unmarshal([]byte(line), &letter))
			assert.Equal(t, "InvalidSegment", letter.Code)
			kept[letter.ID] = string(letter.Document)
		}
	}
	assert.NotEmpty(t, refused)
	assert.Equal(t, refused, kept)
}
