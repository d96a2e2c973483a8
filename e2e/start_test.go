package e2e

import (
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/demo/local"
)

// A configuration that cannot work stops the start, and the error names the key.
func TestBadConfig(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config string
		says   []string
	}{
		"unknown key":           {"receivers: {awsxray: {endpont: x}}", []string{"awsxray", "endpont"}},
		"receiver's transport":  {"receivers: {awsxray: {transport: tcp}}", []string{"awsxray", "transport", "tcp"}},
		"receiver's endpoint":   {"receivers: {awsxray: {endpoint: 127.0.0.1}}", []string{"awsxray", "endpoint", "127.0.0.1"}},
		"exporter's workers":    {"exporters: {awsxray: {num_workers: -1}}", []string{"awsxray", "num_workers", "-1"}},
		"exporter's endpoint":   {"exporters: {awsxray: {endpoint: 'ftp://x'}}", []string{"awsxray", "endpoint", "ftp"}},
		"xray_local's endpoint": {"extensions: {xray_local: {endpoint: nowhere}}\nservice: {extensions: [xray_local]}", []string{"xray_local", "endpoint", "nowhere"}},
		"xray_local's store":    {"extensions: {xray_local: {store: {max_bytes: -5}}}\nservice: {extensions: [xray_local]}", []string{"xray_local", "max_bytes", "-5"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said, err := runToEnd(t, setup{configs: base(t, test.config), env: []string{"FAKE_XRAY=http://127.0.0.1:1"}})
			assert.Error(t, err)
			for _, word := range test.says {
				assert.Contains(t, said, word)
			}
			assert.NotContains(t, said, "goroutine ")
		})
	}
}

// A port that somebody else holds stops the start, and the error names it.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(*testing.T, *local.Addresses) (address string){
		"segments over UDP": func(t *testing.T, a *local.Addresses) string {
			conn, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(t, err)
			t.Cleanup(func() { conn.Close() })
			a.XRay = conn.LocalAddr().String()
			return a.XRay
		},
		"sampling API over TCP": func(t *testing.T, a *local.Addresses) string {
			a.XRay = holdTCP(t)
			return a.XRay
		},
		"local X-Ray API": func(t *testing.T, a *local.Addresses) string {
			a.API = holdTCP(t)
			return a.API
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addresses, err := local.Free()
			require.NoError(t, err)
			address := hold(t, &addresses)
			said, err := runToEnd(t, setup{
				configs:   base(t, "extensions: {xray_local: {endpoint: '${env:TAILWATER_LOCAL_ENDPOINT}'}}\nservice: {extensions: [health_check, xray_local]}"),
				addresses: &addresses, env: []string{"FAKE_XRAY=http://127.0.0.1:1"},
			})
			assert.Error(t, err)
			assert.Contains(t, said, address)
			assert.Contains(t, said, "address already in use")
		})
	}
}

func holdTCP(t *testing.T) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// A configuration can be checked on a machine where it runs.
func TestValidateBesideARunningCollector(t *testing.T) {
	t.Parallel()
	addresses, err := local.Free()
	require.NoError(t, err)
	c := startWith(t, local.Options{Binary: binary(t), Configs: []string{"../configs/local.yaml"}, Addresses: addresses})
	cmd := exec.Command(binary(t), "validate", "--config", "../configs/local.yaml")
	cmd.Env = append(os.Environ(), addresses.Env()...)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
	c.stop()
	assert.Empty(t, c.complaints())
}
