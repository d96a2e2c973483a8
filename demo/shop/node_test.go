package shop

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFindNode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the node of this test is a shell script")
	}
	installed := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(installed, "node_modules"), 0o700))
	for name, test := range map[string]struct {
		script string // empty: there is none
		dir    string
		why    string
	}{
		"none":          {"", installed, "there is no node on the PATH."},
		"good":          {"echo v20.11.1", installed, ""},
		"newer":         {"echo v24.0.0", installed, ""},
		"too old":       {"echo v18.20.4", installed, "node is v18.20.4; they need 20 or newer."},
		"not installed": {"echo v22.1.0", "nowhere", "their packages are not installed (run npm ci in nowhere)."},
		"broken":        {"exit 3", installed, "does not run: exit status 3."},
	} {
		t.Run(name, func(t *testing.T) {
			bin := t.TempDir()
			if test.script != "" {
				require.NoError(t, os.WriteFile(filepath.Join(bin, "node"), []byte("#!/bin/sh\n"+test.script+"\n"), 0o700))
			}
			t.Setenv("PATH", bin)
			path, why := findNode(t.Context(), test.dir)
			if test.why == "" {
				assert.Equal(t, filepath.Join(bin, "node"), path)
				assert.Empty(t, why)
			} else {
				assert.Contains(t, why, test.why)
			}
		})
	}
}
