package xraydaemon

import (
	"fmt"

	"github.com/shirou/gopsutil/v4/mem"
)

// HostMemory returns the bytes of memory that the machine has.
func HostMemory() (uint64, error) {
	memory, err := mem.VirtualMemory()
	if err != nil {
		return 0, fmt.Errorf("read the size of the machine's memory: %w", err)
	}
	return memory.Total, nil
}
