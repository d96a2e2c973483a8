package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDoctor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte(
		"receivers: {awsxray: {endpoint: '127.0.0.1:0', proxy_server: {endpoint: ''}}}\n"+
			"service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {receivers: [awsxray]}}}\n"), 0o600))
	code, stdout, stderr := ctl(t, "doctor", "--config", path, "--tailwater", "")
	assert.Zero(t, code, stderr)
	assert.Contains(t, stdout, "ok    receiver awsxray: udp 127.0.0.1:0 is free\n")

	code, stdout, stderr = ctl(t, "doctor", "--config", path, "--config", "yaml:receivers::awsxray::endpoint: '192.0.2.1:0'", "--tailwater", "", "--json")
	assert.Equal(t, 1, code, stderr)
	var report struct {
		OK       bool
		Findings []struct{ Status, Component, Text string }
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	assert.False(t, report.OK)
	assert.Equal(t, "fail", report.Findings[1].Status)
	assert.Contains(t, report.Findings[1].Text, "192.0.2.1")

	for _, args := range [][]string{{}, {"--config", path, "stray"}, {"--nowhere"}, {"--config", path, "--timeout", "0s"}} {
		code, _, stderr := ctl(t, append([]string{"doctor"}, args...)...)
		assert.Equal(t, 2, code, args)
		assert.NotEmpty(t, stderr)
	}
	code, _, stderr = ctl(t, "doctor", "--help")
	assert.Zero(t, code)
	assert.Contains(t, stderr, "-write")
}
