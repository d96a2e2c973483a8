package shop

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tailwater-otel/tailwater/demo/proc"
)

// segments collects the names of the X-Ray segments that arrive, by trace ID
// and segment ID: the X-Ray SDK for Go now and then sends a segment twice.
type segments struct {
	mu    sync.Mutex
	names map[string]map[string]string
}

func (s *segments) of(traceID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.names[traceID]))
}

func listenUDP(t *testing.T) (address string, s *segments) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	s = &segments{names: map[string]map[string]string{}}
	var reader sync.WaitGroup
	reader.Go(func() {
		buffer := make([]byte, 64<<10)
		for {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, body, _ := bytes.Cut(buffer[:n], []byte("\n"))
			var document struct {
				Name, ID string
				TraceID  string `json:"trace_id"`
				Type     string
			}
			if json.Unmarshal(body, &document) == nil && document.Type != "subsegment" {
				s.mu.Lock()
				if s.names[document.TraceID] == nil {
					s.names[document.TraceID] = map[string]string{}
				}
				s.names[document.TraceID][document.ID] = document.Name
				s.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		conn.Close()
		reader.Wait()
	})
	return conn.LocalAddr().String(), s
}

// listenOTLP starts an OTLP receiver.
func listenOTLP(t *testing.T) (grpc, http string, sink *consumertest.TracesSink) {
	grpc, err := proc.FreeAddress()
	require.NoError(t, err)
	http, err = proc.FreeAddress()
	require.NoError(t, err)
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	config.Protocols.GRPC.GetOrInsertDefault().NetAddr.Endpoint = grpc
	config.Protocols.HTTP.GetOrInsertDefault().ServerConfig.NetAddr.Endpoint = http
	sink = &consumertest.TracesSink{}
	receiver, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), config, sink)
	require.NoError(t, err)
	require.NoError(t, receiver.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, receiver.Shutdown(context.Background())) })
	return grpc, http, sink
}

// services returns the names of the services that sent spans of a trace.
func services(sink *consumertest.TracesSink, traceID string) map[string]bool {
	want := strings.ReplaceAll(strings.TrimPrefix(traceID, "1-"), "-", "")
	found := map[string]bool{}
	for _, traces := range sink.AllTraces() {
		for _, resource := range traces.ResourceSpans().All() {
			name, _ := resource.Resource().Attributes().Get("service.name")
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					id := span.TraceID()
					if hex.EncodeToString(id[:]) == want {
						found[name.Str()] = true
					}
				}
			}
		}
	}
	return found
}

// Each scenario is answered as it says, and each service in it sends something
// under the trace ID of the request, in the way that it should.
func TestShop(t *testing.T) {
	for name, dir := range map[string]string{"all services": "..", "without Node": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			xrayAddress, arrived := listenUDP(t)
			grpc, http, sink := listenOTLP(t)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			s, err := Start(ctx, Options{XRay: xrayAddress, OTLPGRPC: grpc, OTLPHTTP: http, Dir: dir})
			require.NoError(t, err)
			withNode := dir == ".."
			if withNode && s.LeftOut != "" {
				// The end-to-end tests insist on them.
				require.NoError(t, s.Stop(ctx))
				t.Skip(s.LeftOut)
			}
			if !withNode {
				require.Contains(t, s.LeftOut, "npm ci")
			}
			require.Equal(t, Scenarios(withNode), s.Scenarios)
			sent, err := s.SendAll(ctx, 1)
			require.NoError(t, err)
			require.Len(t, sent, len(s.Scenarios))
			// Stopping sends what the services still hold.
			require.NoError(t, s.Stop(ctx))
			for _, request := range sent {
				var wantXRay []string
				wantOTLP := map[string]bool{}
				for _, v := range request.Scenario.Visits {
					if v.Service == frontend || v.Service == orders {
						wantXRay = append(wantXRay, v.Service)
					} else {
						wantOTLP[v.Service] = true
					}
				}
				assert.Equal(t, wantOTLP, services(sink, request.TraceID), request.Scenario.Name)
				require.EventuallyWithT(t, func(c *assert.CollectT) {
					assert.ElementsMatch(c, wantXRay, arrived.of(request.TraceID), request.Scenario.Name)
				}, 10*time.Second, 10*time.Millisecond)
			}
			customers.CloseIdleConnections()
		})
	}
}
