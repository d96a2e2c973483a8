package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// startProfiles writes the profiles that XRAY_DAEMON_CPU_PROFILE and
// XRAY_DAEMON_MEMORY_PROFILE name a file for. stop ends them.
func startProfiles(log *daemonLog) (stop func(), err error) {
	stopCPU := func() {}
	if path := os.Getenv("XRAY_DAEMON_CPU_PROFILE"); path != "" {
		file, err := os.Create(path)
		if err != nil {
			return nil, fmt.Errorf("XRAY_DAEMON_CPU_PROFILE: %w", err)
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return nil, errors.Join(fmt.Errorf("XRAY_DAEMON_CPU_PROFILE: %w", err), file.Close())
		}
		stopCPU = func() {
			pprof.StopCPUProfile()
			if err := file.Close(); err != nil {
				log.errorf("XRAY_DAEMON_CPU_PROFILE: %v", err)
			}
		}
	}
	return func() {
		stopCPU()
		if path := os.Getenv("XRAY_DAEMON_MEMORY_PROFILE"); path != "" {
			if err := writeHeap(path); err != nil {
				log.errorf("XRAY_DAEMON_MEMORY_PROFILE: %v", err)
			}
		}
	}, nil
}

func writeHeap(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	runtime.GC() // what was garbage does not count
	return errors.Join(pprof.WriteHeapProfile(file), file.Close())
}
