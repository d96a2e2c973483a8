// Package datagram reads what X-Ray SDKs send to UDP port 2000: a header line
// and one segment document, or a batch of OTLP as ADOT for AWS Lambda sends it.
//
//	{"format":"json","version":1}\n{"name":…}            a segment document
//	{"format":"json","version":1}\nT1S<base64 of OTLP>   spans, sampled
//	{"format":"json","version":1}\nT1U<base64 of OTLP>   spans, not sampled
//	{"format":"json","version":1}\nM1<base64 of OTLP>    metrics
package datagram

import (
	"encoding/json"
	"errors"
	"strings"
)

// Kind says what the body of a datagram is.
type Kind uint8

// The kinds of body.
const (
	Segment        Kind = iota + 1 // a segment document
	Spans                          // OTLP spans of sampled traces
	UnsampledSpans                 // OTLP spans of traces that were not sampled
	Metrics                        // OTLP metrics
)

// The ways in which a datagram can be wrong before its body is read.
var (
	// ErrMissing: there is no header line, or nothing behind it.
	ErrMissing = errors.New("missing header or segment")
	// ErrHeader: the first line is not a header that we know.
	ErrHeader = errors.New("invalid header")
)

// maxHeader bounds the header line. SDKs write about 30 bytes.
const maxHeader = 1024

// The two spellings that SDKs use; anything else is parsed as JSON.
const (
	compactHeader = `{"format":"json","version":1}`
	spacedHeader  = `{"format": "json", "version": 1}`
)

// Parse splits a datagram at its first newline, checks the header and says
// what the body is. The body shares memory with d and, for OTLP, comes without
// its prefix. The error is ErrMissing or ErrHeader.
func Parse(d string) (Kind, string, error) {
	header, body, found := strings.Cut(d, "\n")
	if body = strings.Trim(body, " \t\r\n"); !found || header == "" || body == "" {
		return 0, "", ErrMissing
	}
	if header != compactHeader && header != spacedHeader && !validHeader(header) {
		return 0, "", ErrHeader
	}
	// No JSON document begins with these letters.
	switch body[0] {
	case 'T':
		if b, ok := strings.CutPrefix(body, "T1S"); ok {
			return Spans, b, nil
		}
		if b, ok := strings.CutPrefix(body, "T1U"); ok {
			return UnsampledSpans, b, nil
		}
	case 'M':
		if b, ok := strings.CutPrefix(body, "M1"); ok {
			return Metrics, b, nil
		}
	}
	return Segment, body, nil
}

// validHeader applies the daemon's rules: format "json" in any case, version 1.
func validHeader(line string) bool {
	if len(line) > maxHeader {
		return false
	}
	var h struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	return json.Unmarshal([]byte(line), &h) == nil && strings.EqualFold(h.Format, "json") && h.Version == 1
}
