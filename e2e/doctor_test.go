package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/demo/local"
)

type finding struct{ Status, Component, Text, Fix string }

// examine runs tailwaterctl doctor on configs/local.yaml, with the collector
// beside it for the validation.
func examine(t *testing.T, addresses local.Addresses) (ok bool, findings []finding) {
	cmd := exec.Command(filepath.Join(filepath.Dir(binary(t)), "tailwaterctl"), "doctor", "--json", "--config", "../configs/local.yaml")
	cmd.Env = append(addresses.Env(), "AWS_EC2_METADATA_DISABLED=true", "HOME="+t.TempDir())
	output, err := cmd.Output()
	require.True(t, err == nil || cmd.ProcessState.ExitCode() == 1, "%v: run make build", err)
	var report struct {
		OK       bool
		Findings []finding
	}
	require.NoError(t, json.Unmarshal(output, &report), string(output))
	assert.Equal(t, report.OK, cmd.ProcessState.Success(), "exit code")
	return report.OK, report.Findings
}

// The doctor finds nothing wrong before the collector runs, and beside it.
func TestDoctorAndLocalXRay(t *testing.T) {
	t.Parallel()
	addresses, err := local.Free()
	require.NoError(t, err)
	ok, findings := examine(t, addresses)
	assert.True(t, ok, findings)
	assert.Contains(t, findings, finding{Status: "ok", Text: "the configuration is valid"})
	assert.Contains(t, findings, finding{Status: "ok", Component: "receiver awsxray", Text: "udp " + addresses.XRay + " is free"})

	c := startWith(t, local.Options{Binary: binary(t), Configs: []string{"../configs/local.yaml"}, Addresses: addresses})
	ok, findings = examine(t, addresses)
	assert.True(t, ok, findings)
	for _, want := range []finding{
		{Status: "ok", Component: "exporter awsxray", Text: "xray:PutTraceSegments is allowed"},
		{Status: "ok", Component: "receiver awsxray", Text: "xray:GetSamplingRules is allowed"},
		{Status: "ok", Component: "receiver awsxray", Text: "xray:GetSamplingTargets is allowed"},
	} {
		assert.Contains(t, findings, want)
	}
	taken := 0
	for _, f := range findings {
		if strings.Contains(f.Text, "is taken by tailwater (process ") {
			assert.Equal(t, "warn", f.Status)
			taken++
		}
	}
	assert.Equal(t, 7, taken, "ports: %v", findings)
	c.stop()
	assert.Empty(t, c.complaints())
}
