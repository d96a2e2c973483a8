package segmentspan

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGoldenSegments compares the example documents with their spans, both ways.
func TestGoldenSegments(t *testing.T) {
	eachCase(t, "testdata/segments", func(t *testing.T, dir string) {
		doc := readFile(t, dir, "segment.json")
		td := ptrace.NewTraces()
		appendSpans(t, string(doc), td)
		text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join(dir, "spans.json"), text)

		back, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(readFile(t, dir, "spans.json"))
		if err != nil {
			t.Fatal(err)
		}
		checkDocuments(t, [][]byte{doc}, NewEncoder(Options{}).FromTraces(back))
	})
}

// TestGoldenSpans compares spans of OpenTelemetry with their documents.
func TestGoldenSpans(t *testing.T) {
	eachCase(t, "testdata/otlp", func(t *testing.T, dir string) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(readFile(t, dir, "spans.json"))
		if err != nil {
			t.Fatal(err)
		}
		encoder := NewEncoder(Options{IndexedAttributes: []string{"app.tenant"}})
		golden(t, filepath.Join(dir, "documents.json"), documents(encoder.FromTraces(td)))
	})
}

// documents is the list of documents as JSON.
func documents(e Encoded) []byte {
	list := []byte{'['}
	for i, part := range e.Parts {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, part.JSON...)
	}
	return append(list, ']')
}

func eachCase(t *testing.T, dir string, f func(t *testing.T, dir string)) {
	t.Helper()
	cases, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(cases) == 0 {
		t.Fatal(err, dir)
	}
	for _, c := range cases {
		t.Run(filepath.Base(c), func(t *testing.T) { f(t, c) })
	}
}

func readFile(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// golden compares JSON with a file, or rewrites the file.
func golden(t *testing.T, file string, text []byte) {
	t.Helper()
	if *update {
		var b bytes.Buffer
		if err := json.Indent(&b, text, "", "  "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := segmenttest.Equal(readFile(t, file), text); diff != "" {
		t.Errorf("%s: %s", file, diff)
	}
}
