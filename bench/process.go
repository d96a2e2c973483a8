//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the user and system time of all threads of a process, also
// of ended ones, in nanoseconds. /proc/PID/stat has it in ticks of 10 ms only.
func cpuTime(pid int) (time.Duration, error) {
	// The clock of a process in clock_getcpuclockid(3): the inverted pid above
	// three bits that select the scheduler's clock of the whole process.
	const schedClock = 2
	clock := int32(^pid)<<3 | schedClock
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// memory is what /proc/PID/status says, in bytes.
type memory struct {
	Peak      int64 // VmHWM
	Anonymous int64 // RssAnon
}

func processMemory(pid int) (memory, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	return parseStatus(b)
}

func parseStatus(status []byte) (memory, error) {
	var m memory
	for line := range bytes.Lines(status) {
		name, value, _ := strings.Cut(string(line), ":")
		var dst *int64
		switch name {
		case "VmHWM":
			dst = &m.Peak
		case "RssAnon":
			dst = &m.Anonymous
		default:
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return m, fmt.Errorf("read %s of a process: %w", name, err)
		}
		*dst = kb << 10
	}
	return m, nil
}

// kernelDrops returns how many datagrams the kernel has dropped for the
// sockets on a UDP port, because their buffers were full.
func kernelDrops(port int) (int64, error) {
	var drops int64
	for _, path := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return 0, err
		}
		n, err := parseDrops(b, port)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", path, err)
		}
		drops += n
	}
	return drops, nil
}

func parseDrops(table []byte, port int) (int64, error) {
	suffix := fmt.Sprintf(":%04X", port)
	var drops int64
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		// "sl local_address rem_address st … drops": a bound socket has remote port 0.
		f := strings.Fields(lines.Text())
		if len(f) < 13 || !strings.HasSuffix(f[1], suffix) || !strings.HasSuffix(f[2], ":0000") {
			continue
		}
		n, err := strconv.ParseInt(f[len(f)-1], 10, 64)
		if err != nil {
			return 0, err
		}
		drops += n
	}
	return drops, lines.Err()
}
