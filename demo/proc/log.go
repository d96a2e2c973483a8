package proc

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
)

// maxLines bounds what a Log remembers; the oldest lines go first.
const maxLines = 20_000

var errLogClosed = errors.New("no more output")

// Log is an io.Writer that keeps the lines written to it.
type Log struct {
	onLine func(string)

	mu      sync.Mutex
	lines   []string
	dropped int // lines that were forgotten
	partial []byte
	closed  bool
	changed chan struct{} // closed and replaced at every change
}

func newLog(onLine func(string)) *Log {
	return &Log{onLine: onLine, changed: make(chan struct{})}
}

// Write takes output in any pieces.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		end := bytes.IndexByte(l.partial, '\n')
		if end < 0 {
			break
		}
		l.add(strings.TrimSuffix(string(l.partial[:end]), "\r"))
		l.partial = l.partial[end+1:]
	}
	l.wake()
	return len(p), nil
}

func (l *Log) add(line string) {
	if len(l.lines) == maxLines {
		l.lines = l.lines[1:]
		l.dropped++
	}
	l.lines = append(l.lines, line)
	if l.onLine != nil {
		l.onLine(line)
	}
}

func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.add(string(l.partial))
		l.partial = nil
	}
	l.closed = true
	l.wake()
}

func (l *Log) wait(ctx context.Context, match func(string) bool) (string, error) {
	seen := 0 // lines looked at so far, forgotten ones included
	for {
		l.mu.Lock()
		for i := max(seen-l.dropped, 0); i < len(l.lines); i++ {
			if match(l.lines[i]) {
				defer l.mu.Unlock()
				return l.lines[i], nil
			}
		}
		seen = l.dropped + len(l.lines)
		closed, changed := l.closed, l.changed
		l.mu.Unlock()
		if closed {
			return "", errLogClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// Lines returns a copy of the lines so far.
func (l *Log) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

// Tail returns the last n lines as one text.
func (l *Log) Tail(n int) string {
	lines := l.Lines()
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

// String returns the whole text.
func (l *Log) String() string { return strings.Join(l.Lines(), "\n") }
