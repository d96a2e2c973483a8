package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tailwater-otel/tailwater/internal/version"
)

func TestMain(m *testing.M) {
	// It deletes old log files, and lives as long as the program.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"))
}

const (
	wait = 60 * time.Second
	tick = 10 * time.Millisecond
)

// buffer is standard output that can be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// alone takes the machine's AWS settings out of a test.
func alone(t *testing.T) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "ECS_") || strings.HasPrefix(name, "XRAY_") || name == "GOMEMLIMIT" {
			t.Setenv(name, "")
			require.NoError(t, os.Unsetenv(name))
		}
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("GOMEMLIMIT", "off") // the limit would outlive the test
	t.Chdir(t.TempDir())
}

func file(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "cfg.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// line matches a line of the log with the level and the beginning of its text.
func line(level, text string) string {
	return `(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d) \[` + level + `\] ` + text
}

// What ends at once, ends with the daemon's code and words.
func TestEnds(t *testing.T) {
	alone(t)
	for _, test := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // expressions
	}{
		{"version", []string{"-v"}, 0, `^AWS X-Ray daemon version: 3\.6\.6 \(Tailwater ` + regexp.QuoteMeta(version.Version) + `\)\n$`, `^$`},
		{"--version", []string{"--version"}, 0, `^AWS X-Ray daemon version: `, `^$`},
		{"help", []string{"-h"}, 0, `^$`, `^Usage: `},
		{"--help", []string{"--help"}, 0, `^$`, `--buffer-memory`},
		{"unknown flag", []string{"--nowhere"}, 2, `^$`, `^flag provided but not defined: -nowhere\nUsage: `},
		{"no number", []string{"-m", "x"}, 2, `^$`, `^invalid value "x" for flag -m`},
		{"no file", []string{"-c", "/nowhere/cfg.yaml"}, 1, `^$`, line("Error", "Error occur when using config flag: open /nowhere/cfg.yaml: no such file or directory\n$")},
		{"no version in the file", []string{"-c", file(t, "Region: x")}, 1, `^$`, line("Error", "Config Version is missing. ")},
		{"wrong version", []string{"-c", file(t, "Version: 7")}, 1, `^$`, line("Error", "Config Version Setting is not correct. ")},
		{"unknown key", []string{"-c", file(t, "Version: 2\nColor: x")}, 1, `^$`, line("Error", "Color flag is invalid. ")},
		{"retired key", []string{"-c", file(t, "Version: 2\nSocket: {BufferSizeKB: 1}")}, 1, `^$`, line("Error", "Socket.BufferSizeKB flag is not supported any more. ")},
		{"old key", []string{"-c", file(t, "Version: 2\nMemoryLimit: 1")}, 1, `^$`, line("Error", "MemoryLimit flag is not supported. Use X-Ray Daemon Config Migration Script")},
		{"address", []string{"-b", "2000"}, 1, `^$`, line("Error", `Socket.UDPAddress \(--bind\) is "2000"`)},
		{"memory", []string{"-m", "2"}, 1, line("Error", "Not enough Buffers Memory Allocated. Min Buffers Memory required: 3 MB.\n$"), `^$`},
		{"memory in the file", []string{"-c", file(t, "Version: 2\nTotalBufferSizeMB: 1")}, 1, line("Error", "Not enough Buffers Memory"), `^$`},
		{"region", []string{"-m", "3", "-b", "127.0.0.1:0", "-t", "127.0.0.1:0"}, 1, line("Error", "Cannot fetch region variable from "), `^$`},
		{"endpoint", []string{"-m", "3", "-b", "127.0.0.1:0", "-t", "127.0.0.1:0", "-c", file(t, "Version: 2\nRegion: eu-west-1\nEndpoint: 'ftp://x'")}, 1,
			line("Error", `.*scheme "ftp"`), `^$`},
		{"log file", []string{"-f", "/dev/null/x"}, 1, `^$`, line("Error", "open the log file: ")},
		{"profile", []string{"-m", "3"}, 1, line("Error", "XRAY_DAEMON_CPU_PROFILE: "), `^$`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "profile" {
				t.Setenv("XRAY_DAEMON_CPU_PROFILE", "/dev/null/x")
			}
			var stdout, stderr buffer
			assert.Equal(t, test.code, run(t.Context(), test.args, &stdout, &stderr))
			assert.Regexp(t, test.stdout, stdout.String())
			assert.Regexp(t, test.stderr, stderr.String())
		})
	}
	t.Run("the log file gets the last words", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "xray.log")
		assert.Equal(t, 1, run(t.Context(), []string{"-f", path, "-c", "/nowhere"}, io.Discard, io.Discard))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Regexp(t, line("Error", "Error occur when using config flag: "), string(text))
	})
	t.Run("port taken", func(t *testing.T) {
		taken, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		defer taken.Close()
		var stdout buffer
		assert.Equal(t, 1, run(t.Context(), []string{"-m", "3", "-n", "eu-west-1", "-o", "-b", taken.LocalAddr().String(), "-t", "127.0.0.1:0"}, &stdout, io.Discard))
		assert.Regexp(t, line("Error", ".*port .* is taken"), stdout.String())
	})
}

// xray is X-Ray's API, as far as the daemon uses it.
type xray struct {
	*httptest.Server
	mu      sync.Mutex
	answers []string // to the next requests; `{}` after them
	taken   int      // documents of the requests that got an answer with 200
	agent   string
	records []map[string]any
}

func newXRay(t *testing.T, answers ...string) *xray {
	x := &xray{answers: answers}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /TraceSegments", func(w http.ResponseWriter, r *http.Request) {
		var request struct{ TraceSegmentDocuments []string }
		if !assert.NoError(t, json.NewDecoder(r.Body).Decode(&request)) {
			return
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.agent = r.Header.Get("User-Agent")
		answer := `{}`
		if len(x.answers) > 0 {
			answer, x.answers = x.answers[0], x.answers[1:]
		}
		if answer == "fail" {
			w.Header().Set("X-Amzn-ErrorType", "ThrottledException")
			w.WriteHeader(http.StatusTooManyRequests)
			answer = `{"Message":"Rate exceeded"}`
		} else {
			x.taken += len(request.TraceSegmentDocuments)
		}
		_, _ = io.WriteString(w, answer) // the client is gone if this fails
	})
	mux.HandleFunc("POST /TelemetryRecords", func(w http.ResponseWriter, r *http.Request) {
		var record map[string]any
		if !assert.NoError(t, json.NewDecoder(r.Body).Decode(&record)) {
			return
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.records = append(x.records, record)
		_, _ = io.WriteString(w, `{}`)
	})
	mux.HandleFunc("POST /GetSamplingRules", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"SamplingRuleRecords":[]}`)
	})
	x.Server = httptest.NewServer(mux)
	t.Cleanup(x.Close)
	return x
}

func (x *xray) documents() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.taken
}

// daemon is a run of the program.
type daemon struct {
	t        *testing.T
	out      func() string
	stop     context.CancelFunc
	code     chan int
	udp, tcp string
}

// startDaemon starts the program on free ports and waits for its lines about them.
func startDaemon(t *testing.T, out func() string, stdout io.Writer, args ...string) *daemon {
	ctx, cancel := context.WithCancel(context.Background())
	d := &daemon{t: t, out: out, stop: cancel, code: make(chan int, 1)}
	args = append([]string{"-b", "127.0.0.1:0", "-t", "127.0.0.1:0", "-l", "debug"}, args...)
	go func() { d.code <- run(ctx, args, stdout, io.Discard) }()
	t.Cleanup(cancel)
	d.udp = d.find(`Segments are received .*udp=(\S+)`)
	d.tcp = d.find(`\[Info\] Starting proxy http server on (\S+)`)
	return d
}

// find waits for a line and returns its part in parentheses.
func (d *daemon) find(expression string) (found string) {
	d.t.Helper()
	re := regexp.MustCompile(expression)
	require.EventuallyWithT(d.t, func(t *assert.CollectT) {
		match := re.FindStringSubmatch(d.out())
		if assert.NotNil(t, match, "no line like %s in:\n%s", expression, d.out()) {
			found = match[len(match)-1]
		}
	}, wait, tick)
	return found
}

func (d *daemon) send(datagrams ...string) {
	conn, err := net.Dial("udp", d.udp)
	require.NoError(d.t, err)
	defer conn.Close()
	for _, datagram := range datagrams {
		_, err := conn.Write([]byte(datagram))
		require.NoError(d.t, err)
	}
}

func (d *daemon) end() {
	d.t.Helper()
	d.stop()
	select {
	case code := <-d.code:
		assert.Equal(d.t, 0, code)
	case <-time.After(wait):
		require.Fail(d.t, "the daemon does not end", d.out())
	}
}

func segmentDatagram(n int) string {
	now := float64(time.Now().Unix())
	return fmt.Sprintf("{\"format\":\"json\",\"version\":1}\n"+
		`{"name":"shop","id":"%016x","trace_id":"1-%08x-%024x","start_time":%.1f,"end_time":%.1f}`, n+1, int(now), n+1, now, now+0.5)
}

// The lines that operators match on.
func TestLog(t *testing.T) {
	alone(t)
	x := newXRay(t, "fail",
		`{"UnprocessedTraceSegments":[{"Id":"0000000000000001","ErrorCode":"InvalidSegment","Message":"Invalid segment. ErrorCode: InvalidSegment"}]}`)
	t.Setenv("AWS_REGION", "eu-west-3")
	t.Setenv("AWS_EXECUTION_ENV", "AWS_ECS_EC2")
	t.Setenv("AWS_HOSTNAME", "the-host")
	t.Setenv("AWS_INSTANCE_ID", "i-0123")
	var out buffer
	path := file(t, "Version: 2\nConcurrency: 1\nTotalBufferSizeMB: 24\nResourceARN: the-arn\nEndpoint: "+x.URL)
	d := startDaemon(t, out.String, &out, "-c", path, "-o")
	d.send("no header", "{\"format\":\"xml\",\"version\":1}\n{}")
	d.find(line("Warn", "Missing header or segment: no header"))
	d.send(segmentDatagram(0))
	d.find(line("Error", `Sending segment batch failed with: HTTP 429 ThrottledException: Rate exceeded`))
	d.find(line("Info", `Sent batch of 1 segments but had 1 Unprocessed segments \(\d+\.\d{3} seconds\)`))
	d.find(line("Error", `Unprocessed trace 1-\w{8}-\w{24}, segment: \{ErrorCode: "InvalidSegment", Id: "0000000000000001", Message: "Invalid segment.*"\}`))
	for n := range 60 {
		d.send(segmentDatagram(n + 1))
	}
	d.find(line("Info", `Successfully sent batch of \d+ segments \(\d+\.\d{3} seconds\)`))
	require.Eventually(t, func() bool { return x.documents() == 61 }, wait, tick)
	d.end()

	for _, expression := range []string{
		line("Info", `Initializing AWS X-Ray daemon 3\.6\.6 `),
		line("Info", `Using buffer memory limit of 24 MB$`),
		line("Info", `384 segment buffers allocated$`),
		line("Info", `Using region: eu-west-3$`),
		line("Info", `HTTP Proxy server using X-Ray Endpoint : `+x.URL+`$`),
		line("Info", `Starting proxy http server on 127\.0\.0\.1:\d+$`),
	} {
		assert.Regexp(t, expression, out.String())
	}
	for _, text := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		assert.Regexp(t, line("(Debug|Info|Warn|Error)", `\S`), text)
	}
	assert.Regexp(t, `^xray/\S+ exec-env/AWS_ECS_EC2 OS/`, x.agent)
	require.NotEmpty(t, x.records, "telemetry at the end")
	assert.Equal(t, "the-host", x.records[0]["Hostname"])
	assert.Equal(t, "i-0123", x.records[0]["EC2InstanceId"])
	assert.Equal(t, "the-arn", x.records[0]["ResourceARN"])
}

// At the usual level the log has the daemon's lines and nothing else.
func TestLogAtInfo(t *testing.T) {
	alone(t)
	var out buffer
	d := &daemon{t: t, out: out.String, code: make(chan int, 1)}
	var ctx context.Context
	ctx, d.stop = context.WithCancel(context.Background())
	defer d.stop()
	x := newXRay(t)
	go func() {
		d.code <- run(ctx, []string{"-b", "127.0.0.1:0", "-t", "127.0.0.1:0", "-n", "eu-west-1", "-o", "-m", "3",
			"-c", file(t, "Version: 1\nEndpoint: "+x.URL)}, &out, io.Discard)
	}()
	d.find("HTTP Proxy server")
	d.find("Starting proxy")
	d.end()
	known := regexp.MustCompile(line("Info", `(Initializing AWS|Using buffer memory|48 segment buffers|Using region: eu-west-1|HTTP Proxy server using|Starting proxy http)`))
	for _, text := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		// Without privileges the kernel may grant less than was asked for.
		if !strings.Contains(text, "smaller buffer") {
			assert.Regexp(t, known, text)
		}
	}
}

// A queue that is full spills over, and says so.
func TestSpill(t *testing.T) {
	alone(t)
	var out buffer
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
			_, _ = io.WriteString(w, `{}`)
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	d := startDaemon(t, out.String, &out, "-n", "eu-west-1", "-o", "-m", "3", "-c", file(t, "Version: 2\nConcurrency: 1\nEndpoint: "+server.URL))
	filler := `,"metadata":{"a":{"b":"` + strings.Repeat("x", 50_000) + `"}}}`
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		for n := range 20 {
			d.send(strings.TrimSuffix(segmentDatagram(n), "}") + filler)
		}
		assert.Regexp(c, line("Warn", `Spilling over \d+ segments`), out.String())
	}, wait, tick)
	close(hang)
	d.end()
}

// Ports that the daemon does not have open when they are asked for.
func TestHealthAndMetrics(t *testing.T) {
	alone(t)
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		return l.Addr().String()
	}
	var out buffer
	health, metrics := free(), free()
	d := startDaemon(t, out.String, &out, "-n", "eu-west-1", "-o", "-m", "3", "--health-address", health, "--metrics-address", metrics)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for address, path := range map[string]string{health: "/", metrics: "/metrics"} {
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			reply, err := client.Get("http://" + address + path)
			if assert.NoError(c, err) {
				reply.Body.Close()
				assert.Equal(c, http.StatusOK, reply.StatusCode)
			}
		}, wait, tick)
	}
	d.end()
}

func TestLogFile(t *testing.T) {
	alone(t)
	path := filepath.Join(t.TempDir(), "new", "xray.log")
	profile := filepath.Join(t.TempDir(), "profile")
	t.Setenv("XRAY_DAEMON_CPU_PROFILE", profile+".cpu")
	t.Setenv("XRAY_DAEMON_MEMORY_PROFILE", profile+".memory")
	read := func() string {
		text, _ := os.ReadFile(path) // not there yet
		return string(text)
	}
	for range 2 {
		var stdout buffer
		d := startDaemon(t, read, &stdout, "-n", "eu-west-1", "-o", "-m", "3", "-f", path)
		d.end()
		assert.Empty(t, stdout.String())
	}
	assert.Equal(t, 2, strings.Count(read(), "Initializing AWS X-Ray daemon"), "a log is continued")
	assert.Equal(t, readableMode(t), mode(t, path), "others can read it")
	for _, kind := range []string{".cpu", ".memory"} {
		info, err := os.Stat(profile + kind)
		require.NoError(t, err)
		assert.NotZero(t, info.Size())
	}
}

// readableMode is the mode of a file that others may read, as far as this
// machine's umask lets them.
func readableMode(t *testing.T) os.FileMode {
	path := filepath.Join(t.TempDir(), "readable")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	return mode(t, path)
}

func mode(t *testing.T, path string) os.FileMode {
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode()
}

func TestLogRotation(t *testing.T) {
	for _, rotate := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "xray.log")
		log, err := openLog(path, rotate)
		require.NoError(t, err)
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for range maxLogMegabytes + 5 {
			_, err := log.Write(chunk)
			require.NoError(t, err)
		}
		require.NoError(t, log.Close())
		files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, readableMode(t), info.Mode(), "others can read it")
		if rotate {
			assert.Len(t, files, 2)
			assert.EqualValues(t, 5<<20, info.Size())
		} else {
			assert.Len(t, files, 1)
			assert.EqualValues(t, (maxLogMegabytes+5)<<20, info.Size())
		}
	}
}
