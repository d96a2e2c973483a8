package doctor

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portOwner finds the process that has a port, by the kernel's list of sockets
// and each process's open files. Those of other users are seen by root only.
func portOwner(network, address string) process {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return process{}
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return process{}
	}
	inodes := map[string]bool{}
	for _, list := range []string{network, network + "6"} {
		listening(list, port, inodes)
	}
	descriptors, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return process{}
	}
	for _, path := range descriptors {
		target, err := os.Readlink(path)
		if err != nil {
			continue
		}
		inode, ok := strings.CutPrefix(target, "socket:[")
		if !ok || !inodes[strings.TrimSuffix(inode, "]")] {
			continue
		}
		parts := strings.Split(path, "/")
		pid, err := strconv.Atoi(parts[2])
		if err != nil {
			continue
		}
		name, err := os.ReadFile("/proc/" + parts[2] + "/comm")
		if err != nil {
			continue
		}
		return process{strings.TrimSpace(string(name)), pid}
	}
	return process{}
}

// listening adds the inodes of sockets that hold a port: all of UDP, and those
// of TCP that listen.
func listening(list string, port int, inodes map[string]bool) {
	file, err := os.Open("/proc/net/" + list)
	if err != nil {
		return
	}
	defer file.Close()
	hexPort := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
		fields := strings.Fields(lines.Text())
		const listen = "0A"
		if len(fields) > 9 && strings.HasSuffix(fields[1], hexPort) && (strings.HasPrefix(list, "udp") || fields[3] == listen) {
			inodes[fields[9]] = true
		}
	}
}
