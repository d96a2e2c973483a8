package awsxrayexporter

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// takeAll is an X-Ray that takes everything and costs nothing.
type takeAll struct{ fakeXRay }

var accepts = &awsclient.Response{Status: 200, Body: []byte(`{"UnprocessedTraceSegments":[]}`)}

func (*takeAll) Post(context.Context, string, []byte) (*awsclient.Response, error) {
	return accepts, nil
}

// batchOf makes the spans of 50 segments, each of a trace of its own.
func batchOf(b *testing.B, document []byte) ptrace.Traces {
	td := ptrace.NewTraces()
	for i := range maxDocuments {
		s, err := segment.Decode(string(document))
		require.NoError(b, err)
		binary.BigEndian.PutUint32(s.TraceID[12:], uint32(i))
		segmentspan.ToSpans(s, td)
	}
	return td
}

// BenchmarkExporter is the exporter as a whole, from spans to the reply: once
// without a network, and once over loopback HTTP with signatures. The figures
// are for one document.
func BenchmarkExporter(b *testing.B) {
	for _, size := range []struct {
		name     string
		document []byte
	}{{"small", segmenttest.Small()}, {"mid", segmenttest.Mid()}, {"large", segmenttest.Large()}} {
		for _, transport := range []string{"fake", "http"} {
			b.Run(fmt.Sprintf("%s/%s", size.name, transport), func(b *testing.B) {
				cfg := createDefaultConfig().(*Config)
				cfg.SendingQueue.Get().BlockOnOverflow = true
				connector := connector(func(context.Context, *Config, component.BuildInfo) (service, error) { return &takeAll{}, nil })
				if transport == "http" {
					b.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
					b.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
					b.Setenv("AWS_CONFIG_FILE", filepath.Join(b.TempDir(), "none"))
					server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						_, _ = io.Copy(io.Discard, r.Body)
						_, _ = w.Write(accepts.Body)
					}))
					defer server.Close()
					cfg.Endpoint = server.URL
					connector = connect
				}
				e, err := newTracesExporter(exportertest.NewNopSettings(metadata.Type), cfg, connector)
				require.NoError(b, err)
				require.NoError(b, e.Start(context.Background(), componenttest.NewNopHost()))
				td := batchOf(b, size.document)
				b.SetBytes(int64(len(size.document)))
				b.ReportAllocs()
				b.ResetTimer()
				for n := 0; n < b.N; n += maxDocuments {
					if err := e.ConsumeTraces(context.Background(), td); err != nil {
						b.Fatal(err)
					}
				}
				require.NoError(b, e.Shutdown(context.Background()))
			})
		}
	}
}

func BenchmarkBody(b *testing.B) {
	for name, document := range map[string][]byte{"small": segmenttest.Small(), "large": segmenttest.Large()} {
		b.Run(name, func(b *testing.B) {
			parts := make([]segment.Part, maxDocuments)
			for i := range parts {
				parts[i].JSON = document
			}
			b.SetBytes(int64(maxDocuments * len(document)))
			b.ReportAllocs()
			var body []byte
			for b.Loop() {
				body = appendBody(body[:0], parts)
			}
		})
	}
}
