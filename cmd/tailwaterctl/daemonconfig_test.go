package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/tailwater-otel/tailwater/internal/xraydaemon"
	"github.com/tailwater-otel/tailwater/provider/xraydaemonprovider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ctl runs a command.
func ctl(t *testing.T, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestCommands(t *testing.T) {
	for _, test := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{nil, 2, "", "Usage: tailwaterctl"},
		{[]string{"--help"}, 0, "daemon-config", ""},
		{[]string{"version"}, 0, "tailwaterctl version ", ""},
		{[]string{"nothing"}, 2, "", `there is no command "nothing"`},
	} {
		code, stdout, stderr := ctl(t, test.args...)
		assert.Equal(t, test.code, code)
		assert.Contains(t, stdout, test.stdout)
		assert.Contains(t, stderr, test.stderr)
	}
}

func TestDaemonConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cfg.yaml")
	require.NoError(t, os.WriteFile(path, []byte("TotalBufferSizeMB: 24\nLogging: {LogLevel: loud}\nVersion: 2\n"), 0o600))
	code, stdout, stderr := ctl(t, "daemon-config", "-c", path, "-n", "eu-west-1", "--bind", "0.0.0.0:2000")
	require.Zero(t, code, stderr)
	assert.Contains(t, stderr, `warning: Log level "loud"`)
	var printed map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(stdout), &printed))
	s := xraydaemon.Defaults()
	s.Region, s.UDPAddress = "eu-west-1", "0.0.0.0:2000"
	assert.Equal(t, xraydaemonprovider.CollectorConfig(s, 24), printed)

	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--help"}, 0, "--buffer-memory"},
		{[]string{"-x"}, 2, "not defined: -x"},
		{[]string{"-m", "2"}, 1, "Not enough Buffers Memory"},
		{[]string{"-c", "/nowhere"}, 1, "open /nowhere"},
	} {
		code, stdout, stderr := ctl(t, append([]string{"daemon-config"}, test.args...)...)
		assert.Equal(t, test.code, code, test.args)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, test.says)
	}
}
