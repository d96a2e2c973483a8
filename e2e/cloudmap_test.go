package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// cloudMap is AWS Cloud Map with one service, as far as the load balancer's
// resolver asks. The SDK puts a prefix before the host's name, so collectors
// reach it as their proxy.
type cloudMap struct {
	server *httptest.Server

	mu        sync.Mutex
	instances map[string]bool // host:port
}

func newCloudMap(t testing.TB) *cloudMap {
	m := &cloudMap{instances: map[string]bool{}}
	m.server = httptest.NewServer(http.HandlerFunc(m.discover))
	t.Cleanup(m.server.Close)
	return m
}

func (m *cloudMap) env() []string {
	return []string{
		"AWS_ENDPOINT_URL_SERVICEDISCOVERY=http://cloudmap.example", "HTTP_PROXY=" + m.server.URL,
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_REGION=us-east-1",
	}
}

func (m *cloudMap) register(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.instances[address] = true
}

func (m *cloudMap) deregister(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.instances, address)
}

func (m *cloudMap) discover(w http.ResponseWriter, _ *http.Request) {
	type instance struct {
		InstanceId   string
		HealthStatus string
		Attributes   map[string]string
	}
	reply := struct{ Instances []instance }{[]instance{}}
	m.mu.Lock()
	for address := range m.instances {
		host, port, _ := net.SplitHostPort(address)
		reply.Instances = append(reply.Instances, instance{address, "HEALTHY", map[string]string{
			"AWS_INSTANCE_IPV4": host, "AWS_INSTANCE_PORT": port,
		}})
	}
	m.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	// The collector is gone if this fails.
	_ = json.NewEncoder(w).Encode(reply)
}
