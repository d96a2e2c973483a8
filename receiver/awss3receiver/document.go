package awss3receiver

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
)

// maxDocument bounds an object that is not Parquet, which is in memory whole,
// before and after decompression.
const maxDocument = 256 << 20

var (
	errTooLarge = fmt.Errorf("the object has more than %d MiB", maxDocument>>20)
	// errContent is wrapped by errors of what an object holds.
	errContent = errors.New("cannot be decoded")
)

// document replays an object that is one request of OTLP or what an encoding
// extension reads.
func (r *replay) document(ctx context.Context, c content, size int64, f format) error {
	if size > maxDocument {
		return errTooLarge
	}
	if p, ok := c.(archive.Prefetcher); ok {
		if err := p.Prefetch(0, size); err != nil {
			return err
		}
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(c, 0, size), text); err != nil {
		return err
	}
	text, err := decompress(text)
	if err != nil {
		return err
	}
	switch r.signal.name {
	case signalMetrics:
		return r.metricsDocument(ctx, text, f)
	case signalLogs:
		return r.logsDocument(ctx, text, f)
	}
	return r.tracesDocument(ctx, text, f)
}

// decompress recognizes gzip and zstd by how they begin: names and headers tell
// it in several ways, and stores may have undone it.
func decompress(text []byte) ([]byte, error) {
	var reader io.Reader
	switch {
	case bytes.HasPrefix(text, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errContent, err)
		}
		reader = z
	case bytes.HasPrefix(text, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(bytes.NewReader(text), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDocument))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errContent, err)
		}
		defer z.Close()
		reader = z
	default:
		return text, nil
	}
	plain, err := io.ReadAll(io.LimitReader(reader, maxDocument+1))
	switch {
	case len(plain) > maxDocument, errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, errTooLarge
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errContent, err)
	}
	return plain, nil
}

// decode calls a decoder. One that panics must not end the process.
func decode[T any](decoder func([]byte) (T, error), text []byte) (data T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v", errContent, p)
		}
	}()
	if data, err = decoder(text); err != nil {
		return data, fmt.Errorf("%w: %w", errContent, err)
	}
	return data, nil
}

func (r *replay) tracesDocument(ctx context.Context, text []byte, f format) error {
	var decoder ptrace.Unmarshaler = &ptrace.ProtoUnmarshaler{}
	switch f.kind {
	case jsonFormat:
		decoder = &ptrace.JSONUnmarshaler{}
	case encodedFormat:
		decoder = r.signal.decoders[f.extension].(ptrace.Unmarshaler)
	}
	td, err := decode(decoder.UnmarshalTraces, text)
	if err != nil {
		return err
	}
	r.keepAsked(td)
	stampTraces(td)
	return r.send(ctx, td.SpanCount(), func(ctx context.Context) error { return r.signal.traces.ConsumeTraces(ctx, td) })
}

// keepAsked removes spans of traces and services that are not asked for.
func (r *replay) keepAsked(td ptrace.Traces) {
	traces := r.query.TraceIDs
	if len(traces) == 0 && len(r.query.Services) == 0 {
		return
	}
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		if !r.askedService(rs.Resource()) {
			return true
		}
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(span ptrace.Span) bool {
				_, found := traces[span.TraceID()]
				return len(traces) > 0 && !found
			})
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
}

func (r *replay) metricsDocument(ctx context.Context, text []byte, f format) error {
	var decoder pmetric.Unmarshaler = &pmetric.ProtoUnmarshaler{}
	switch f.kind {
	case jsonFormat:
		decoder = &pmetric.JSONUnmarshaler{}
	case encodedFormat:
		decoder = r.signal.decoders[f.extension].(pmetric.Unmarshaler)
	}
	md, err := decode(decoder.UnmarshalMetrics, text)
	if err != nil {
		return err
	}
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool { return !r.askedService(rm.Resource()) })
	for _, rm := range md.ResourceMetrics().All() {
		rm.Resource().Attributes().PutBool(stamp, true)
	}
	return r.send(ctx, md.DataPointCount(), func(ctx context.Context) error { return r.signal.metrics.ConsumeMetrics(ctx, md) })
}

func (r *replay) logsDocument(ctx context.Context, text []byte, f format) error {
	var decoder plog.Unmarshaler = &plog.ProtoUnmarshaler{}
	switch f.kind {
	case jsonFormat:
		decoder = &plog.JSONUnmarshaler{}
	case encodedFormat:
		decoder = r.signal.decoders[f.extension].(plog.Unmarshaler)
	}
	ld, err := decode(decoder.UnmarshalLogs, text)
	if err != nil {
		return err
	}
	ld.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool { return !r.askedService(rl.Resource()) })
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				record.Attributes().PutBool(stamp, true)
			}
		}
	}
	return r.send(ctx, ld.LogRecordCount(), func(ctx context.Context) error { return r.signal.logs.ConsumeLogs(ctx, ld) })
}
