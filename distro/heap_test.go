package main

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the packages of the distribution hold before anything is configured
// weighs on every agent. One regular expression once took half of it.
func TestHeapOfThePackagesAlone(t *testing.T) {
	const alone = "TAILWATER_TEST_HEAP"
	if os.Getenv(alone) == "" { // other tests leave things behind
		cmd := exec.Command(os.Args[0], "-test.run=^TestHeapOfThePackagesAlone$", "-test.v")
		cmd.Env = append(os.Environ(), alone+"=1")
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
		t.Logf("%s", said)
		return
	}
	factories, err := components()
	require.NoError(t, err)
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	t.Logf("%.1f MB", float64(m.HeapAlloc)/1e6)
	assert.Less(t, m.HeapAlloc, uint64(7e6))
	runtime.KeepAlive(factories)
}
