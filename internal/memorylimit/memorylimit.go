// Package memorylimit gives the Go runtime the memory limit of the cgroup.
package memorylimit

import (
	"os"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Set takes the memory limit of the Go runtime from the cgroup, unless
// GOMEMLIMIT says otherwise: the program then collects garbage harder as it
// nears the limit of its container instead of being killed. A tenth stays free
// for what the runtime does not count.
func Set() {
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		// Without a cgroup or a limit there is nothing to set.
		_, _ = memlimit.SetGoMemLimitWithOpts(memlimit.WithRatio(0.9), memlimit.WithProvider(memlimit.FromCgroup))
	}
}

// OfCgroup returns the memory limit of the cgroup in bytes, and 0 if there is none.
func OfCgroup() uint64 {
	limit, err := memlimit.FromCgroup()
	if err != nil {
		return 0
	}
	return limit
}
