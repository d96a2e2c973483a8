package version

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestVersionIsTheDistributions(t *testing.T) {
	text, err := os.ReadFile("../../builder-config.yaml")
	require.NoError(t, err)
	var manifest struct{ Dist struct{ Version string } }
	require.NoError(t, yaml.Unmarshal(text, &manifest))
	require.Equal(t, manifest.Dist.Version, Version)
}
