//go:build unix && !linux

package proc

import (
	"os"
	"os/exec"
	"syscall"
)

// isolate puts the child in a process group of its own, so that Ctrl-C reaches
// only us and the children stop in our order.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
