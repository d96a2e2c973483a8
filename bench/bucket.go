//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// bucket is a stand-in for S3 that keeps what is put.
type bucket struct {
	url    string
	server *http.Server
	served chan struct{}

	mu      sync.Mutex
	objects map[string][]byte
}

func startBucket() (*bucket, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &bucket{url: "http://" + l.Addr().String(), served: make(chan struct{}), objects: map[string][]byte{}}
	b.server = &http.Server{Handler: http.HandlerFunc(b.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(b.served)
		_ = b.server.Serve(l) // ends with Close
	}()
	return b, nil
}

func (b *bucket) close() {
	_ = b.server.Close()
	<-b.served
}

func (b *bucket) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPut || len(r.URL.Query()) > 1 || r.URL.Query().Has("uploadId") {
		http.Error(w, "only PutObject", http.StatusBadRequest)
		return
	}
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		http.Error(w, "no chunks", http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[r.URL.Path] = body
	w.Header().Set("ETag", `"x"`)
}

func (b *bucket) size() (n int64) {
	for _, data := range b.objects {
		n += int64(len(data))
	}
	return n
}

// spans counts the spans in all objects.
func (b *bucket) spans() (total int64, err error) {
	for name, data := range b.objects {
		n, err := spansIn(name, data)
		if err != nil {
			return total, fmt.Errorf("read %s: %w", name, err)
		}
		total += n
	}
	return total, nil
}

func spansIn(name string, data []byte) (int64, error) {
	switch path.Ext(name) {
	case ".parquet":
		f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return 0, err
		}
		return f.NumRows(), nil
	case ".gz":
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return 0, err
		}
		if data, err = io.ReadAll(r); err != nil {
			return 0, err
		}
	case ".zst":
		r, err := zstd.NewReader(bytes.NewReader(data))
		if err != nil {
			return 0, err
		}
		defer r.Close()
		if data, err = io.ReadAll(r); err != nil {
			return 0, err
		}
	}
	var td ptrace.Traces
	var err error
	if strings.Contains(name, ".json") {
		td, err = (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(data)
	} else {
		td, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
	}
	if err != nil {
		return 0, err
	}
	return int64(td.SpanCount()), nil
}
