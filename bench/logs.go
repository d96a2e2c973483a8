//go:build linux

package main

import (
	"bytes"
	"io"
	"net/http"

	"github.com/klauspost/compress/gzip"
)

// putLogEvents is the header X-Amz-Target of the call that brings EMF.
const putLogEvents = "Logs_20140328.PutLogEvents"

// serveLogs answers what an exporter asks CloudWatch Logs, as JSON 1.1.
func (e *endpoint) serveLogs(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if r.Header.Get("X-Amz-Target") != putLogEvents {
		_, _ = io.WriteString(w, "{}") // of CreateLogGroup and others
		return
	}
	text := body
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if text, err = unzip(body); err != nil {
			http.Error(w, `{"__type":"SerializationException"}`, http.StatusBadRequest)
			return
		}
	}
	e.countEvents(text, int64(len(body)))
	_, _ = io.WriteString(w, `{"nextSequenceToken":"1"}`)
}

func unzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return io.ReadAll(z)
}

// The marks that countEvents looks for. Inside a message every quote is
// escaped.
var (
	messageMark   = []byte(`"message":"`)
	metricMark    = []byte(`\"Name\":`) // once for each metric of a document
	timestampMark = []byte(`\"Timestamp\":`)
	namespaceMark = []byte(`\"Namespace\":\"` + emfNamespace + `\"`)
)

// countEvents takes one body of PutLogEvents, which came as so many bytes. A
// data point is a metric of a document, and the time of the document says which
// request of the generator it is of.
func (e *endpoint) countEvents(body []byte, size int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.Requests++
	e.counts.Bytes += size
	_, rest, found := bytes.Cut(body, messageMark)
	for found {
		var message []byte
		message, rest, found = bytes.Cut(rest, messageMark)
		e.counts.Documents++
		points := bytes.Count(message, metricMark)
		e.counts.Entities += int64(points)
		if at, ok := numberAfter(message, timestampMark); ok && bytes.Contains(message, namespaceMark) {
			e.traces[at] += points
		} else {
			e.counts.Foreign++
		}
	}
}

// numberAfter reads the digits behind a mark.
func numberAfter(b, mark []byte) (n uint64, ok bool) {
	i := bytes.Index(b, mark)
	if i < 0 {
		return 0, false
	}
	for _, c := range b[i+len(mark):] {
		if c < '0' || c > '9' {
			break
		}
		n, ok = 10*n+uint64(c-'0'), true
	}
	return n, ok
}
