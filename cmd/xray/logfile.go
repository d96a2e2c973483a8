package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gopkg.in/natefinch/lumberjack.v2"
)

// The daemon begins a new log file after 50 MB and keeps one old one.
const (
	maxLogMegabytes = 50
	oldLogFiles     = 1
)

// openLog opens a log file to append to, and makes it and its folder if need
// be. Other programs read such a file, so others may read it.
func openLog(path string, rotate bool) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	if !rotate {
		return file, nil
	}
	// A new file gets the mode of the one before.
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	return &lumberjack.Logger{Filename: path, MaxSize: maxLogMegabytes, MaxBackups: oldLogFiles}, nil
}
