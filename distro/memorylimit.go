package main

import (
	"os"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// The memory limit of the Go runtime comes from the cgroup, unless GOMEMLIMIT
// says otherwise: the collector then collects garbage harder as it nears the
// limit of its container instead of being killed. A tenth stays free for
// what the runtime does not count. main.go is generated, so this is an init.
func init() {
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		// Without a cgroup or a limit there is nothing to set.
		_, _ = memlimit.SetGoMemLimitWithOpts(memlimit.WithRatio(0.9), memlimit.WithProvider(memlimit.FromCgroup))
	}
}
