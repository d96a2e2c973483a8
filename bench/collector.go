//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	readyLine    = "Everything is ready" // both collectors log it when all components have started
	startTimeout = 30 * time.Second
	stopTimeout  = 20 * time.Second
	logTail      = 40 // lines of the child's log kept for an error message
)

// A side is one of the two collectors.
type side struct {
	name   string // "ours" or "peer"
	binary string
}

// collector is a running collector process.
type collector struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the log has ended

	mu   sync.Mutex
	tail []string // of the log
}

// startCollector starts the binary with this configuration, and more variables
// of the environment, and returns when it is ready. The process ends with ctx at the latest.
func startCollector(ctx context.Context, binary, config string, env ...string) (*collector, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // read at the start only
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}

	c := &collector{done: make(chan struct{})}
	c.cmd = exec.CommandContext(ctx, binary, "--config", path)
	c.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir,
		// Signing must happen, on a machine that has no account.
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=example", "AWS_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true",
	}
	c.cmd.Env = append(c.cmd.Env, env...)
	c.cmd.Env = append(c.cmd.Env, env...)
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = stopTimeout
	log, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}

	ready := make(chan struct{})
	go c.follow(log, ready)
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-ready:
		return c, nil
	case <-c.done:
		err = errors.New("it ended")
	case <-timeout.C:
		err = fmt.Errorf("it was not ready after %v", startTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, fmt.Errorf("start %s: %w", binary, errors.Join(err, c.stop(), errors.New(c.log())))
}

// follow reads the log to its end, so that the child never blocks on it.
func (c *collector) follow(log io.Reader, ready chan<- struct{}) {
	defer close(c.done)
	seen := false
	r := bufio.NewReaderSize(log, 64<<10)
	for {
		line, err := r.ReadSlice('\n') // a longer line arrives in pieces
		if !seen && strings.Contains(string(line), readyLine) {
			seen = true
			close(ready)
		}
		if len(line) > 0 {
			c.keep(strings.TrimSpace(string(line[:min(len(line), 400)])))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (c *collector) keep(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tail = append(c.tail, line)
	if len(c.tail) > logTail {
		c.tail = c.tail[1:]
	}
}

// log returns the last lines of the log.
func (c *collector) log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.tail, "\n")
}

// stop ends the process with SIGTERM, after stopTimeout with SIGKILL.
func (c *collector) stop() error {
	// Wait must not run before the log is read to its end.
	kill := time.AfterFunc(stopTimeout, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	<-c.done
	err := c.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() < 0 {
		return fmt.Errorf("%s did not end within %v of SIGTERM", filepath.Base(c.cmd.Path), stopTimeout)
	}
	return err
}

// ports are what a collector listens on, all on loopback.
type ports struct {
	xray    int // UDP and TCP
	otlp    int
	metrics int
	pprof   int
}

// freePorts finds ports below the range that the kernel gives to clients.
func freePorts() (ports, error) {
	var p ports
	next := 20000 + os.Getpid()%8000
	for _, dst := range []*int{&p.xray, &p.otlp, &p.metrics, &p.pprof} {
		for {
			next++
			if next >= 32768 {
				return p, errors.New("no free port below 32768")
			}
			if free(next) {
				*dst = next
				break
			}
		}
	}
	return p, nil
}

func free(port int) bool {
	addr := loopback(port)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	defer l.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	return u.Close() == nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
