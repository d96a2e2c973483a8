package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

// daemonLog writes lines as the daemon does: 2006-01-02T15:04:05Z [Level] text.
type daemonLog struct {
	least zapcore.Level
	now   func() time.Time

	mu  sync.Mutex
	out io.Writer
}

// newLog returns a log of one of xraydaemon.LogLevels.
func newLog(out io.Writer, level string) *daemonLog {
	least, ok := map[string]zapcore.Level{
		"dev": zapcore.DebugLevel, "debug": zapcore.DebugLevel, "warn": zapcore.WarnLevel, "error": zapcore.ErrorLevel,
	}[level]
	if !ok {
		least = zapcore.InfoLevel
	}
	return &daemonLog{least: least, now: time.Now, out: out}
}

// levelNames are the daemon's.
var levelNames = map[zapcore.Level]string{
	zapcore.DebugLevel: "Debug", zapcore.InfoLevel: "Info", zapcore.WarnLevel: "Warn", zapcore.ErrorLevel: "Error",
}

func (l *daemonLog) write(at time.Time, level zapcore.Level, text string) error {
	if level < l.least {
		return nil
	}
	name, ok := levelNames[level]
	if !ok {
		name = "Critical"
	}
	line := at.Format(time.RFC3339) + " [" + name + "] " + text + "\n"
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := io.WriteString(l.out, line)
	return err
}

// A log that cannot be written has nowhere to tell it.
func (l *daemonLog) logf(level zapcore.Level, format string, args ...any) {
	_ = l.write(l.now(), level, fmt.Sprintf(format, args...))
}

func (l *daemonLog) infof(format string, args ...any)  { l.logf(zapcore.InfoLevel, format, args...) }
func (l *daemonLog) warnf(format string, args ...any)  { l.logf(zapcore.WarnLevel, format, args...) }
func (l *daemonLog) errorf(format string, args ...any) { l.logf(zapcore.ErrorLevel, format, args...) }
