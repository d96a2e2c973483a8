//go:build unix

package awsxrayreceiver

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sys/unix"

	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

// BenchmarkReceiver is the receiver as a whole: loopback, socket, queue,
// decoding, and a pipeline that takes everything. The sender, which writes one
// datagram a call, is part of it. The CPU time says more than the elapsed time,
// in which the reader waits for its batches.
func BenchmarkReceiver(b *testing.B) {
	for _, doc := range []struct {
		name string
		text []byte
	}{{"small", segmenttest.Small()}, {"mid", segmenttest.Mid()}, {"large", segmenttest.Large()}} {
		b.Run(doc.name, func(b *testing.B) {
			datagram := []byte(header + string(doc.text))
			window := int64(min(1<<20/len(datagram), 1000)) // in flight, so that nothing is dropped
			var taken atomic.Int64
			more := make(chan struct{}, 1)
			next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
				taken.Add(int64(td.ResourceSpans().Len()))
				select {
				case more <- struct{}{}:
				default:
				}
				return nil
			})
			require.NoError(b, err)
			f := started(b, testConfig(nil), next)
			conn, err := net.DialUDP("udp", nil, f.udp())
			require.NoError(b, err)
			defer conn.Close()
			b.SetBytes(int64(len(datagram)))
			b.ReportAllocs()
			before := cpuTime(b)
			b.ResetTimer()
			for sent := int64(0); sent < int64(b.N); sent++ {
				for sent-taken.Load() >= window {
					<-more
				}
				if _, err := conn.Write(datagram); err != nil {
					b.Fatal(err)
				}
			}
			for taken.Load() < int64(b.N) {
				<-more
			}
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime returns what the process has used.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
