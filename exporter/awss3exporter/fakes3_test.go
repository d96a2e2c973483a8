package awss3exporter

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// fakeS3 is S3 with a will of its own: misbehave says what happens to a request.
type fakeS3 struct {
	*httptest.Server
	mu          sync.Mutex
	objects     map[string]*s3Object // by bucket/key
	uploads     map[string]map[int][]byte
	about       map[string]http.Header // of uploads
	overwritten int                    // objects that were written twice
	requests    []string               // method and query
	headers     []http.Header
	misbehave   func(n int, r *http.Request) fault
	release     chan struct{} // ends those that hang
	unlocked    bool          // no If-None-Match in this store
	ignores     bool          // it takes the header and does nothing
}

type s3Object struct {
	data   []byte
	header http.Header
}

// fault is what a request meets.
type fault struct {
	status int    // an error with this status instead of doing it
	code   string // of the error
	hang   bool   // no answer
	lost   bool   // it is done, and the connection breaks before the answer
	half   bool   // the connection breaks in the middle of the body
	inBody bool   // done not at all, and status 200 with an error in the body
}

func newFakeS3(t testing.TB) *fakeS3 {
	f := &fakeS3{objects: map[string]*s3Object{}, uploads: map[string]map[int][]byte{}, about: map[string]http.Header{}, release: make(chan struct{})}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() {
		close(f.release)
		f.Close()
	})
	return f
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	n := len(f.requests)
	what := r.Method
	for _, part := range []string{"uploads", "uploadId", "partNumber"} {
		if r.URL.Query().Has(part) {
			what += " " + part
		}
	}
	f.requests = append(f.requests, what)
	f.headers = append(f.headers, r.Header.Clone())
	misbehave := f.misbehave
	f.mu.Unlock()
	var bad fault
	if misbehave != nil {
		bad = misbehave(n, r)
	}
	if bad.half {
		_, _ = io.CopyN(io.Discard, r.Body, max(r.ContentLength/2, 1))
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		body = unchunk(body)
	}
	switch {
	case bad.hang:
		select {
		case <-r.Context().Done():
		case <-f.release:
		}
		return
	case bad.inBody:
		fmt.Fprintf(w, `<Error><Code>InternalError</Code><Message>later</Message></Error>`)
		return
	case bad.status != 0:
		fail(w, r, bad.status, bad.code)
		return
	}
	answer := w
	if bad.lost {
		answer = httptest.NewRecorder()
	}
	f.serve(answer, r, body)
	if bad.lost {
		panic(http.ErrAbortHandler)
	}
}

func fail(w http.ResponseWriter, r *http.Request, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>as told</Message></Error>`, code)
	}
}

func (f *fakeS3) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	query, name := r.URL.Query(), strings.TrimPrefix(r.URL.Path, "/")
	conditional := r.Header.Get("If-None-Match") == "*"
	upload := query.Get("uploadId")
	switch {
	case r.Method == http.MethodHead:
		o := f.objects[name]
		if o == nil {
			fail(w, r, http.StatusNotFound, "NoSuchKey")
			return
		}
		for key, values := range o.header {
			if strings.HasPrefix(key, "X-Amz-Meta-") {
				w.Header()[key] = values
			}
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(o.data)))
	case conditional && f.unlocked:
		fail(w, r, http.StatusNotImplemented, "NotImplemented")
	case r.Method == http.MethodPost && query.Has("uploads"):
		id := fmt.Sprint("upload-", len(f.uploads))
		f.uploads[id], f.about[id] = map[int][]byte{}, r.Header.Clone()
		fmt.Fprintf(w, `<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>`, id)
	case r.Method == http.MethodDelete:
		delete(f.uploads, upload)
		w.WriteHeader(http.StatusNoContent)
	case f.uploads[upload] == nil && upload != "":
		fail(w, r, http.StatusNotFound, "NoSuchUpload")
	case r.Method == http.MethodPut && upload != "":
		part, _ := strconv.Atoi(query.Get("partNumber"))
		f.uploads[upload][part] = body
		w.Header().Set("ETag", fmt.Sprintf(`"%08x"`, crc32.ChecksumIEEE(body)))
	case f.objects[name] != nil && conditional && !f.ignores:
		fail(w, r, http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodPost:
		var complete struct {
			Part []struct{ PartNumber int }
		}
		_ = xml.Unmarshal(body, &complete)
		var data []byte
		for _, part := range complete.Part {
			data = append(data, f.uploads[upload][part.PartNumber]...)
		}
		header := f.about[upload]
		delete(f.uploads, upload)
		f.store(name, data, header)
		fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>`)
	default:
		f.store(name, body, r.Header.Clone())
		w.Header().Set("ETag", `"x"`)
	}
}

func (f *fakeS3) store(name string, data []byte, header http.Header) {
	if f.objects[name] != nil {
		f.overwritten++
	}
	f.objects[name] = &s3Object{data: data, header: header}
}

// unchunk undoes aws-chunked.
func unchunk(in []byte) (out []byte) {
	for {
		head, rest, _ := bytes.Cut(in, []byte("\r\n"))
		size, err := strconv.ParseInt(string(bytes.Split(head, []byte(";"))[0]), 16, 64)
		if err != nil || size == 0 || int(size) > len(rest) {
			return out
		}
		out = append(out, rest[:size]...)
		in = bytes.TrimPrefix(rest[size:], []byte("\r\n"))
	}
}

func (f *fakeS3) set(misbehave func(n int, r *http.Request) fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.misbehave = misbehave
}

func (f *fakeS3) keys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.objects))
}

// rows returns how often each span is in the bucket.
func (f *fakeS3) rows(t testing.TB) map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	times := map[string]int{}
	for _, o := range f.objects {
		for _, row := range readRows(t, bytes.NewReader(o.data)) {
			times[row.SpanID]++
		}
	}
	return times
}

func (f *fakeS3) configure(t testing.TB, cfg *Config) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	cfg.S3Uploader.Directory = ""
	cfg.S3Uploader.S3Bucket = "bucket"
	cfg.S3Uploader.S3Prefix = "spans"
	cfg.S3Uploader.Endpoint = f.URL
	cfg.S3Uploader.S3ForcePathStyle = true
	cfg.S3Uploader.RetryMode = "nop" // our own retries are under test
}

// The way of spans past each fault of S3: none is lost, none is there twice.
func TestS3Faults(t *testing.T) {
	puts := func(faults ...fault) func(*fakeS3) {
		return func(f *fakeS3) {
			n := 0
			f.misbehave = func(_ int, r *http.Request) fault {
				f.mu.Lock()
				defer f.mu.Unlock()
				if r.Method == http.MethodHead || n >= len(faults) {
					return fault{}
				}
				n++
				return faults[n-1]
			}
		}
	}
	only := func(match string, faults ...fault) func(*fakeS3) {
		return func(f *fakeS3) {
			n := 0
			f.misbehave = func(i int, _ *http.Request) fault {
				f.mu.Lock()
				defer f.mu.Unlock()
				if f.requests[i] != match || n >= len(faults) {
					return fault{}
				}
				n++
				return faults[n-1]
			}
		}
	}
	head := func(f fault) func(*fakeS3) {
		lost := puts(fault{lost: true})
		return func(s *fakeS3) {
			lost(s)
			after, n := s.misbehave, 0
			s.misbehave = func(i int, r *http.Request) fault {
				if r.Method == http.MethodHead && n == 0 {
					n++
					return f
				}
				return after(i, r)
			}
		}
	}
	tests := map[string]struct {
		set     func(*fakeS3)
		parts   bool // the file is large enough for parts
		sdk     bool // the SDK retries too
		outcome map[string]int64
	}{
		"none":                    {set: puts(), outcome: map[string]int64{"stored": 1}},
		"SlowDown":                {set: puts(fault{status: 503, code: "SlowDown"}, fault{status: 503, code: "SlowDown"}), outcome: map[string]int64{"throttled": 2, "stored": 1}},
		"InternalError":           {set: puts(fault{status: 500, code: "InternalError"}), outcome: map[string]int64{"failed": 1, "stored": 1}},
		"the SDK retries":         {set: puts(fault{status: 500, code: "InternalError"}), sdk: true, outcome: map[string]int64{"stored": 1}},
		"hang":                    {set: puts(fault{hang: true}), outcome: map[string]int64{"failed": 1, "stored": 1}},
		"reset in the middle":     {set: puts(fault{half: true}), outcome: map[string]int64{"failed": 1, "stored": 1}},
		"lost reply":              {set: puts(fault{lost: true}), outcome: map[string]int64{"failed": 1, "present": 1}},
		"lost reply, SDK retries": {set: puts(fault{lost: true}), sdk: true, outcome: map[string]int64{"present": 1}},
		"conflict":                {set: puts(fault{status: 409, code: "ConditionalRequestConflict"}), outcome: map[string]int64{"failed": 1, "stored": 1}},
		"denied":                  {set: puts(fault{status: 403, code: "AccessDenied"}), outcome: map[string]int64{"denied": 1, "stored": 1}},
		"expired":                 {set: puts(fault{status: 400, code: "ExpiredToken"}), outcome: map[string]int64{"denied": 1, "stored": 1}},
		"no bucket yet":           {set: puts(fault{status: 404, code: "NoSuchBucket"}), outcome: map[string]int64{"denied": 1, "stored": 1}},
		"bad request":             {set: puts(fault{status: 400, code: "InvalidArgument"}), outcome: map[string]int64{"refused": 1, "stored": 1}},
		"key taken and freed":     {set: puts(fault{status: 412, code: "PreconditionFailed"}), outcome: map[string]int64{"failed": 1, "stored": 1}},
		"compare fails":           {set: head(fault{status: 500}), outcome: map[string]int64{"failed": 2, "present": 1}},
		"compare denied":          {set: head(fault{status: 403}), outcome: map[string]int64{"failed": 1, "denied": 1, "present": 1}},
		"no If-None-Match":        {set: func(f *fakeS3) { f.unlocked = true }, outcome: map[string]int64{"stored": 1}},
		"no If-None-Match, lost":  {set: func(f *fakeS3) { f.unlocked = true; only("PUT", fault{}, fault{lost: true})(f) }, outcome: map[string]int64{"failed": 1, "present": 1}},
		"parts":                   {set: puts(), parts: true, outcome: map[string]int64{"stored": 1}},
		"parts: create fails":     {set: only("POST uploads", fault{status: 500}), parts: true, outcome: map[string]int64{"failed": 1, "stored": 1}},
		"parts: one fails":        {set: only("PUT uploadId partNumber", fault{}, fault{status: 500}), parts: true, outcome: map[string]int64{"failed": 1, "stored": 1}},
		"parts: one breaks off":   {set: only("PUT uploadId partNumber", fault{half: true}), parts: true, outcome: map[string]int64{"failed": 1, "stored": 1}},
		"parts: complete fails":   {set: only("POST uploadId", fault{status: 503, code: "SlowDown"}), parts: true, outcome: map[string]int64{"throttled": 1, "stored": 1}},
		"parts: conflict":         {set: only("POST uploadId", fault{status: 409, code: "ConditionalRequestConflict"}), parts: true, outcome: map[string]int64{"failed": 1, "stored": 1}},
		"parts: error in a 200":   {set: only("POST uploadId", fault{inBody: true}), parts: true, outcome: map[string]int64{"failed": 1, "stored": 1}},
		"parts: complete lost":    {set: only("POST uploadId", fault{lost: true}), parts: true, outcome: map[string]int64{"failed": 1, "present": 1}},
		"parts: upload gone":      {set: only("POST uploadId", fault{status: 404, code: "NoSuchUpload"}), parts: true, outcome: map[string]int64{"failed": 1, "stored": 1}},
		"parts: no If-None-Match": {set: func(f *fakeS3) { f.unlocked = true }, parts: true, outcome: map[string]int64{"stored": 1}},
	}
	small, large := archivetest.NewMixed(1, 100).Next(20), archivetest.NewMixed(1, 100).Next(2000)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFakeS3(t)
			tt.set(f)
			cfg := archiveConfig(t)
			cfg.Parquet.SpoolDirectory = t.TempDir()
			cfg.Parquet.LateLimit = 0
			f.configure(t, cfg)
			if tt.sdk {
				cfg.S3Uploader.RetryMode = "standard"
				cfg.S3Uploader.RetryMaxBackoff = time.Millisecond
			}
			cfg.Timeout = 300 * time.Millisecond
			if name != "hang" {
				cfg.Timeout = time.Minute
			}
			td := small
			if tt.parts {
				cfg.S3Uploader.MultipartThreshold = minPart
				td = large
			}
			require.NoError(t, cfg.Validate())
			tel, set := testTelemetry(t)
			a, err := newArchive(t.Context(), set, cfg)
			require.NoError(t, err)
			if tt.parts { // smaller parts stand in for a larger file
				a.opened = func(ctx context.Context, c *Config, info component.BuildInfo) (store, error) {
					s, err := openStore(ctx, c, info)
					if err == nil {
						s.(*s3Store).config.MultipartThreshold = 1
						s.(*s3Store).smallParts()
					}
					return s, err
				}
			}
			require.NoError(t, a.Start(t.Context(), componenttest.NewNopHost()))
			require.NoError(t, a.ConsumeTraces(t.Context(), td))
			require.NoError(t, a.Shutdown(t.Context()))

			times := f.rows(t)
			require.Len(t, times, td.SpanCount())
			for id, n := range times {
				require.Equal(t, 1, n, id)
			}
			require.Len(t, f.keys(), 1)
			require.Zero(t, f.overwritten)
			require.Equal(t, tt.outcome, reasons(t, tel, "objects", "outcome"))
			require.Equal(t, int64(td.SpanCount()), sumOf(t, tel, "spans_archived"))
			require.Empty(t, f.uploads, "parts are removed")
			if tt.parts && !f.unlocked {
				require.Contains(t, f.requests, "POST uploadId")
			}
		})
	}
}

// smallParts makes parts of 100 kB, so that tests need no large file. S3 itself
// takes none under 5 MiB but the last.
func (s *s3Store) smallParts() {
	size := int64(100_000)
	s.transfer = transfermanager.New(s.client, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = size, size, 2
		o.FailTimeout = time.Minute
	})
}
