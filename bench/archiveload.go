//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// tracesPerBatch of Mixed are in one request: some 600 spans.
const tracesPerBatch = 40

// sendMixed sends at least so many spans of realistic and mixed traffic, the
// same ones each time, and returns how many. With more than one partition each
// request is an hour older than the one before, in turn.
func sendMixed(ctx context.Context, port, rate int, spans int64, partitions int) (int64, error) {
	conn, err := grpc.NewClient(loopback(port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	client := ptraceotlp.NewGRPCClient(conn)
	mixed := archivetest.NewMixed(7, max(rate/15, 1))
	begin := time.Now()
	var sent int64
	request := 0
	for sent < spans {
		td := mixed.Next(tracesPerBatch)
		n := int64(td.SpanCount())
		shift(td, time.Duration(request%partitions)*time.Hour)
		request++
		due := begin.Add(time.Duration(float64(sent) / float64(rate) * float64(time.Second)))
		if err := wait(ctx, time.Until(due)); err != nil {
			return sent, err
		}
		if _, err := client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
			return sent, fmt.Errorf("send spans: %w", err)
		}
		sent += n
	}
	return sent, nil
}

// sendUniform sends at least so many of the spans of the other OTLP rows, the
// number of which it returns.
func sendUniform(ctx context.Context, p ports, rate int, spans int64) (int64, error) {
	g, err := newGenerator(otlpSpans, p)
	if err != nil {
		return 0, err
	}
	defer g.close()
	stop := g.start(ctx, rate)
	// Three times as long as it should take, in case that the lanes failed.
	for waits := 3 * 100 * spans / int64(rate); g.sent.Load() < spans && waits > 0 && err == nil; waits-- {
		err = wait(ctx, 10*time.Millisecond)
	}
	err = errors.Join(err, stop())
	return g.sent.Load(), err
}

// shift makes spans older.
func shift(td ptrace.Traces, by time.Duration) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				span.SetStartTimestamp(span.StartTimestamp() - pcommon.Timestamp(by))
				span.SetEndTimestamp(span.EndTimestamp() - pcommon.Timestamp(by))
			}
		}
	}
}
