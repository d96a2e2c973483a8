package awsxrayexporter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	deadLetterPrefix = "xray-dead-letters-"
	deadLetterSuffix = ".jsonl"
	// deadLetterFiles is how many files share dead_letter_max_bytes, so that
	// making room costs an eighth of what is kept.
	deadLetterFiles = 8
	// deadLetterSync is how often the file is synced at most. What was written
	// survives the process at once, and a power failure after this time.
	deadLetterSync = time.Second
)

// deadLetter is one line of a file.
type deadLetter struct {
	Time     time.Time       `json:"time"`
	TraceID  string          `json:"trace_id,omitempty"`
	ID       string          `json:"id,omitempty"`
	Code     string          `json:"code"`
	Message  string          `json:"message"`
	Document json.RawMessage `json:"document,omitempty"`
	// Text holds a document that is no JSON.
	Text string `json:"text,omitempty"`
}

// deadLetters keeps documents that X-Ray refused, as lines of JSON in files
// that together stay within a number of bytes. Each exporter has files of its
// own.
type deadLetters struct {
	directory string
	prefix    string
	most      int64 // bytes of all files
	count     *counters
	logger    *zap.Logger

	mu     sync.Mutex
	file   *os.File
	size   int64 // of file
	lines  int   // in file
	synced time.Time
	// lengths holds how many lines each finished file has that this process
	// wrote, to count what making room loses.
	lengths map[string]int
}

// openDeadLetters creates the folder and checks that it can be written.
func openDeadLetters(directory, name string, most int64, count *counters, logger *zap.Logger) (*deadLetters, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("dead_letter_directory: %w", err)
	}
	// "awsxray/2" becomes "awsxray~2"; the tilde keeps one exporter's prefix
	// from being the start of another's.
	d := &deadLetters{
		directory: directory,
		prefix:    deadLetterPrefix + strings.ReplaceAll(name, "/", "~") + "-",
		most:      most,
		count:     count,
		logger:    logger,
		lengths:   map[string]int{},
	}
	probe, err := os.CreateTemp(directory, ".probe-")
	if err != nil {
		return nil, fmt.Errorf("dead_letter_directory: %w", err)
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	return d, nil
}

// write adds documents. A failure is counted and logged; there is nobody left
// to return it to.
func (d *deadLetters) write(ctx context.Context, list []refusal) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, r := range list {
		line, err := json.Marshal(letterOf(r, now))
		if err == nil {
			err = d.append(ctx, append(line, '\n'), now)
		}
		if err != nil {
			d.count.deadLettersLost(ctx, "error", len(list)-i)
			d.logger.Error("Cannot write dead letters", zap.String("directory", d.directory), zap.Error(err))
			d.finish()
			return
		}
		d.count.deadLetters(ctx, 1)
	}
	if now.Sub(d.synced) >= deadLetterSync {
		d.synced = now
		if err := d.file.Sync(); err != nil {
			d.logger.Error("Cannot sync dead letters", zap.String("file", d.file.Name()), zap.Error(err))
		}
	}
}

func letterOf(r refusal, now time.Time) deadLetter {
	l := deadLetter{Time: now.UTC(), Code: r.code, Message: r.message}
	if r.part == nil {
		return l
	}
	l.TraceID, l.ID = r.part.TraceID.String(), r.part.ID.String()
	if json.Valid(r.part.JSON) {
		l.Document = r.part.JSON
	} else {
		l.Text = string(r.part.JSON)
	}
	return l
}

// append adds one line, in a new file if the current one has its share.
func (d *deadLetters) append(ctx context.Context, line []byte, now time.Time) error {
	share := d.most / deadLetterFiles
	if d.file != nil && d.size+int64(len(line)) > share {
		d.finish()
	}
	if d.file == nil {
		d.makeRoom(ctx, max(share, int64(len(line))))
		file, err := d.create(now)
		if err != nil {
			return err
		}
		d.file, d.size, d.lines, d.synced = file, 0, 0, now
	}
	n, err := d.file.Write(line)
	d.size += int64(n)
	if err == nil {
		d.lines++
	}
	return err
}

// create opens a file that is named for the time.
func (d *deadLetters) create(now time.Time) (file *os.File, err error) {
	for range 1000 { // where the clock is coarse, the name may be taken
		name := d.prefix + now.UTC().Format("20060102T150405.000000000Z") + deadLetterSuffix
		file, err = os.OpenFile(filepath.Join(d.directory, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		now = now.Add(1)
	}
	return file, err
}

// finish closes the current file.
func (d *deadLetters) finish() {
	if d.file == nil {
		return
	}
	if err := d.file.Sync(); err != nil {
		d.logger.Error("Cannot sync dead letters", zap.String("file", d.file.Name()), zap.Error(err))
	}
	d.lengths[filepath.Base(d.file.Name())] = d.lines
	_ = d.file.Close()
	d.file = nil
}

// makeRoom deletes the oldest files until need more bytes fit. Their names
// sort by age.
func (d *deadLetters) makeRoom(ctx context.Context, need int64) {
	entries, err := os.ReadDir(d.directory)
	if err != nil {
		return // opening the new file will say so
	}
	type old struct {
		name string
		size int64
	}
	var files []old
	var total int64
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), d.prefix) || !strings.HasSuffix(e.Name(), deadLetterSuffix) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, old{e.Name(), info.Size()})
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b old) int { return strings.Compare(a.name, b.name) })
	for _, f := range files {
		if total+need <= d.most {
			return
		}
		if err := os.Remove(filepath.Join(d.directory, f.name)); err != nil {
			d.logger.Error("Cannot delete old dead letters", zap.String("file", f.name), zap.Error(err))
			continue
		}
		total -= f.size
		lines, known := d.lengths[f.name]
		delete(d.lengths, f.name)
		if !known {
			lines = 1 // an earlier process wrote it; at least one
		}
		d.count.deadLettersLost(ctx, "full", lines)
		d.logger.Warn("Deleted the oldest dead letters to make room", zap.String("file", f.name))
	}
}

// close syncs and closes the file.
func (d *deadLetters) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.finish()
}
