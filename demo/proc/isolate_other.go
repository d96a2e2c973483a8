//go:build !unix

package proc

import (
	"os"
	"os/exec"
)

func isolate(*exec.Cmd) {}

// terminate kills: there is no SIGTERM to send.
func terminate(p *os.Process) error { return p.Kill() }
