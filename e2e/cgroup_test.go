package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// memoryCgroup is a memory cgroup of the test's own, version 1 or 2.
type memoryCgroup struct {
	t         *testing.T
	directory string
	v2        bool
}

// newMemoryCgroup makes a cgroup that may use so many bytes. Where that is not
// possible the test is skipped, and fails if CI is set.
func newMemoryCgroup(t *testing.T, limit int64) *memoryCgroup {
	c := &memoryCgroup{t: t}
	parent, limitFile, swapFile, swap := "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", limit
	if controllers, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil && bytes.Contains(controllers, []byte("memory")) {
		c.v2 = true
		parent, limitFile, swapFile, swap = "/sys/fs/cgroup", "memory.max", "memory.swap.max", 0
		// It is on already where systemd runs.
		_ = os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0o644)
	}
	c.directory = filepath.Join(parent, fmt.Sprintf("tailwater-e2e-%d", os.Getpid()))
	err := os.Mkdir(c.directory, 0o755)
	if err == nil {
		t.Cleanup(func() { assert.NoError(t, os.Remove(c.directory), "remove the cgroup") })
		err = os.WriteFile(filepath.Join(c.directory, limitFile), strconv.AppendInt(nil, limit, 10), 0o644)
	}
	if err == nil {
		err = exec.Command("unshare", "--mount", "true").Run()
	}
	if err != nil {
		message := fmt.Sprintf("NOT RUN: this needs root, unshare(1) and a memory cgroup that can be written: %v", err)
		if os.Getenv("CI") != "" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	// A kernel may count no swap.
	_ = os.WriteFile(filepath.Join(c.directory, swapFile), strconv.AppendInt(nil, swap, 10), 0o644)
	return c
}

// procs is the file that takes the ids of processes.
func (c *memoryCgroup) procs() string { return filepath.Join(c.directory, "cgroup.procs") }

// usage returns the most memory that the cgroup had, and how often the kernel
// killed in it.
func (c *memoryCgroup) usage() (peak int64, kills int) {
	peakFile, eventsFile := "memory.max_usage_in_bytes", "memory.oom_control"
	if c.v2 {
		peakFile, eventsFile = "memory.peak", "memory.events"
	}
	text, err := os.ReadFile(filepath.Join(c.directory, peakFile))
	require.NoError(c.t, err)
	peak, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	require.NoError(c.t, err)
	text, err = os.ReadFile(filepath.Join(c.directory, eventsFile))
	require.NoError(c.t, err)
	_, after, ok := strings.Cut(string(text), "oom_kill ")
	require.True(c.t, ok, "no oom_kill in %s", text)
	kills, err = strconv.Atoi(strings.Fields(after)[0])
	require.NoError(c.t, err)
	return peak, kills
}
