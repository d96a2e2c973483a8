package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Metrics that the pages name are metrics that there are.
func TestDocsNameRealMetrics(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	known := map[string]bool{}
	descriptions, err := filepath.Glob("../*/*/metadata.yaml")
	require.NoError(t, err)
	for _, path := range descriptions {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var metadata struct {
			Telemetry struct{ Metrics map[string]any }
		}
		require.NoError(t, yaml.Unmarshal(text, &metadata), path)
		for name := range metadata.Telemetry.Metrics {
			known["otelcol_"+name] = true
		}
	}
	ours := regexp.MustCompile(`otelcol_[a-z]+_(awsxray|xray_tail_sampling|awsproxy|xray_local)_[a-z_]+`)
	named := map[string]bool{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range ours.FindAllString(string(text), -1) {
			require.True(t, known[name], "%s names %s, which no component has", page, name)
			named[name] = true
		}
	}
	require.NotEmpty(t, slices.Collect(maps.Keys(named)))
}
