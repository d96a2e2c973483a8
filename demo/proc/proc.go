// Package proc runs child processes for the demo and the end-to-end tests:
// start, read what they print, stop, and never leave one behind.
package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Process is a running child. Its methods are safe for concurrent use.
type Process struct {
	// Log holds what the child printed, both streams together.
	Log *Log

	name string
	cmd  *exec.Cmd
	done chan struct{} // closed once err is set
	err  error
}

// Start starts cmd as a child called name. onLine, if not nil, is called with
// each line that the child prints, one at a time.
func Start(name string, cmd *exec.Cmd, onLine func(line string)) (*Process, error) {
	p := &Process{Log: newLog(onLine), name: name, cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Log, p.Log
	// A grandchild that keeps the pipe open must not keep Wait from returning.
	cmd.WaitDelay = 5 * time.Second
	isolate(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		p.Log.close()
		close(p.done)
	}()
	return p, nil
}

// Name returns the name given to Start.
func (p *Process) Name() string { return p.name }

// Pid returns the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the child ended: nil for exit code 0. It may be called once
// Done is closed.
func (p *Process) Err() error { return p.err }

// WaitLine returns the first line, already printed or still to come, that match
// accepts. It fails when the child ends or ctx is done before that; the error
// then carries the last lines that the child printed.
func (p *Process) WaitLine(ctx context.Context, match func(line string) bool) (string, error) {
	line, err := p.Log.wait(ctx, match)
	if errors.Is(err, errLogClosed) {
		<-p.done
		return "", fmt.Errorf("%s ended (%s) before it was ready; it said:\n%s", p.name, exitText(p.err), p.Log.Tail(15))
	}
	if err != nil {
		return "", fmt.Errorf("%s is not ready: %w; it said:\n%s", p.name, err, p.Log.Tail(15))
	}
	return line, nil
}

// Stop asks the child to end and waits for it. When ctx is done first, the
// child is killed and the error says so. A child that has ended already is not
// signalled.
func (p *Process) Stop(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	default:
	}
	if err := terminate(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s did not stop in time and was killed", p.name), p.Kill())
	}
}

// Kill ends the child at once, as kill -9 does, and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

func exitText(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}
