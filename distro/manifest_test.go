package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/modfile"
)

const manifestPath = "../builder-config.yaml"

type manifest struct {
	Receivers, Processors, Exporters, Connectors, Extensions, Providers []struct{ GoMod, Import string }
	Replaces                                                            []string
}

func readManifest(t *testing.T) manifest {
	text, err := os.ReadFile(manifestPath)
	require.NoError(t, err)
	var m manifest
	require.NoError(t, yaml.Unmarshal(text, &m))
	return m
}

func (m manifest) modules() []struct{ GoMod, Import string } {
	all := m.Receivers
	all = append(all, m.Processors...)
	all = append(all, m.Exporters...)
	all = append(all, m.Connectors...)
	all = append(all, m.Extensions...)
	return append(all, m.Providers...)
}

func readGoMod(t *testing.T) *modfile.File {
	text, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	mod, err := modfile.Parse("go.mod", text, nil)
	require.NoError(t, err)
	return mod
}

// The manifest is the truth of what the distribution contains, and go.mod
// decides what is built: they must name the same versions.
func TestManifestVersionsEqualGoMod(t *testing.T) {
	mod := readGoMod(t)
	required := map[string]string{mod.Module.Mod.Path: "v0.0.0"}
	for _, r := range mod.Require {
		required[r.Mod.Path] = r.Mod.Version
	}
	m := readManifest(t)
	for _, c := range m.modules() {
		path, version, _ := strings.Cut(c.GoMod, " ")
		require.Equal(t, required[path], version, "%s in builder-config.yaml and in go.mod", path)
	}

	replaced := map[string]string{mod.Module.Mod.Path: "../"}
	for _, r := range mod.Replace {
		if !strings.HasPrefix(r.New.Path, ".") { // stand-ins for tests only
			replaced[r.Old.Path] = strings.TrimSpace(r.New.Path + " " + r.New.Version)
		}
	}
	inManifest := map[string]string{}
	for _, r := range m.Replaces {
		from, to, _ := strings.Cut(r, " => ")
		inManifest[from] = to
	}
	require.Equal(t, replaced, inManifest, "replacements in go.mod and in builder-config.yaml")
}

// The generated files are what the builder makes of the manifest today.
func TestDistroIsNotStale(t *testing.T) {
	builder, err := filepath.Abs("../.tools/builder")
	require.NoError(t, err)
	if _, err := os.Stat(builder); err != nil {
		t.Fatalf("%v: run make tools", err)
	}
	text, err := os.ReadFile(manifestPath)
	require.NoError(t, err)
	out := t.TempDir()
	config := filepath.Join(out, "builder-config.yaml")
	generated := strings.Replace(string(text), "output_path: ./distro", "output_path: "+filepath.Join(out, "distro"), 1)
	require.NoError(t, os.WriteFile(config, []byte(generated), 0o600))

	cmd := exec.Command(builder, "--config", config, "--skip-get-modules", "--skip-compilation")
	log, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", log)
	files, err := filepath.Glob(filepath.Join(out, "distro", "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		want, err := os.ReadFile(f)
		require.NoError(t, err)
		have, err := os.ReadFile(filepath.Base(f))
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), "%s is stale: run make generate", filepath.Base(f))
	}
}

// Every component of the manifest says in a comment why it is there.
func TestManifestSaysWhy(t *testing.T) {
	text, err := os.ReadFile(manifestPath)
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	explained := false
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "#"):
			explained = true
		case strings.HasPrefix(trimmed, "- gomod:"):
			require.True(t, explained, "line %d of builder-config.yaml: %s has no comment", i+1, trimmed)
			explained = false
		}
	}
}
