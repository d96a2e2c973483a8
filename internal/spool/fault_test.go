package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// errFault is what a step fails with, and errPower what all steps do after the
// power has gone.
var (
	errFault = errors.New("injected fault")
	errPower = errors.New("no power")
)

// faultFS counts the steps that change the disk. At step at it fails once, or
// cuts the power: then nothing works any more, and restore takes the directory
// back to what an honest disk would have kept.
type faultFS struct {
	OS
	mu    sync.Mutex
	step  int
	at    int // 0 means never
	power bool
	cut   bool // the power has gone
	// torn says how much of what was not synced survives, in percent. Metadata
	// that is not synced survives if it is 100.
	torn int

	names  []name           // that are not durable
	synced map[string]int64 // durable length of files
	steps  []string         // what each step was
}

func (f *faultFS) before(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut {
		return errPower
	}
	f.step++
	f.steps = append(f.steps, what)
	if f.step != f.at {
		return nil
	}
	if f.power {
		f.cut = true
		return errPower
	}
	return errFault
}

// name is a change of a directory that a loss of power takes back.
type name struct {
	dir  string
	undo func()
}

func (f *faultFS) undo(path string, undo func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names = append(f.names, name{filepath.Dir(path), undo})
}

// restore makes the directory what it is when the power comes back.
func (f *faultFS) restore() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.torn < 100 {
		for i := len(f.names) - 1; i >= 0; i-- {
			f.names[i].undo()
		}
	}
	for path, size := range f.synced {
		if info, err := os.Stat(path); err == nil && info.Size() > size {
			_ = os.Truncate(path, size+(info.Size()-size)*int64(f.torn)/100)
		}
	}
}

func (f *faultFS) Create(name string) (File, error) {
	if err := f.before("create " + filepath.Ext(name)); err != nil {
		return nil, err
	}
	file, err := f.OS.Create(name)
	if err != nil {
		return nil, err
	}
	f.undo(name, func() { os.Remove(name) })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.synced == nil {
		f.synced = map[string]int64{}
	}
	f.synced[name] = 0
	return &faultFile{File: file, fs: f, name: name}, nil
}

func (f *faultFS) Rename(from, to string) error {
	if err := f.before("rename " + filepath.Ext(to)); err != nil {
		return err
	}
	// What is replaced must come back with the old name.
	old, readErr := os.ReadFile(to)
	if err := f.OS.Rename(from, to); err != nil {
		return err
	}
	f.undo(to, func() {
		os.Rename(to, from)
		f.synced[from] = f.synced[to]
		delete(f.synced, to)
		if readErr == nil {
			os.WriteFile(to, old, 0o600)
		}
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if size, ok := f.synced[from]; ok {
		delete(f.synced, from)
		f.synced[to] = size
	}
	return nil
}

func (f *faultFS) Remove(name string) error {
	if err := f.before("remove " + filepath.Ext(name)); err != nil {
		return err
	}
	old, readErr := os.ReadFile(name)
	if err := f.OS.Remove(name); err != nil {
		return err
	}
	if readErr == nil {
		f.undo(name, func() { os.WriteFile(name, old, 0o600) })
	}
	return nil
}

func (f *faultFS) Truncate(name string, size int64) error {
	if err := f.before("truncate " + filepath.Ext(name)); err != nil {
		return err
	}
	return os.Truncate(name, size)
}

// SyncDir makes the names in one directory durable and no others.
func (f *faultFS) SyncDir(dir string) error {
	if err := f.before("syncdir"); err != nil {
		return err
	}
	f.mu.Lock()
	f.names = slices.DeleteFunc(f.names, func(n name) bool { return n.dir == filepath.Clean(dir) })
	f.mu.Unlock()
	return nil // the tests need the accounting, not the disk
}

func (f *faultFS) Open(name string) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut {
		return nil, errPower
	}
	return f.OS.Open(name)
}

type faultFile struct {
	File
	fs   *faultFS
	name string
}

// A write that fails has written the first half.
func (f *faultFile) Write(p []byte) (int, error) {
	if err := f.fs.before("write " + filepath.Ext(f.name)); err != nil {
		if errors.Is(err, errFault) {
			n, _ := f.File.Write(p[:len(p)/2])
			return n, err
		}
		return 0, err
	}
	return f.File.Write(p)
}

func (f *faultFile) Sync() error {
	if err := f.fs.before("sync " + filepath.Ext(f.name)); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, ok := f.fs.synced[f.name]; ok {
		f.fs.synced[f.name] = info.Size()
	}
	return nil
}

// bucket is a store for objects in a directory: a key is taken once.
type bucket struct {
	dir  string
	mu   sync.Mutex
	fail func(n int) error // of the n-th put, before it; nil for none
	lost func(n int) error // of the n-th put, after it
	n    int

	retried     int
	quarantined []Output
	damage      []Damage
	abandoned   []error
	unbuildable error // what Build fails with
	delivered   int
	batch       int    // records in a file; 0 means all
	stop        func() // called on each Retry; nil for none
}

// Build writes the payloads of a segment line by line, in files of batch records.
func (b *bucket) Build(_ context.Context, g *Segment, create, _ func(string) (File, error)) ([]Output, Damage, error) {
	if b.unbuildable != nil {
		return nil, Damage{}, b.unbuildable
	}
	var outputs []Output
	var file File
	damage, err := g.Frames(func(f Frame) error {
		if len(outputs) == 0 || b.batch > 0 && outputs[len(outputs)-1].Rows == int64(b.batch) {
			name := g.Name(len(outputs), ".txt")
			var err error
			if file, err = create(name); err != nil {
				return err
			}
			key := fmt.Sprintf("%s-%d.txt", g.ID(), len(outputs))
			outputs = append(outputs, Output{File: name, Key: key, Segment: g.ID()})
		}
		o := &outputs[len(outputs)-1]
		o.Rows++
		o.Digest += fmt.Sprintf("%x", f.Seq)
		_, err := file.Write(append(f.Payload[:len(f.Payload):len(f.Payload)], '\n'))
		return err
	})
	return outputs, damage, err
}

func (b *bucket) Put(_ context.Context, name string, o Output) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	if b.fail != nil {
		if err := b.fail(b.n); err != nil {
			return err
		}
	}
	// As If-None-Match does it: whole or not at all, and once.
	from, err := os.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.CreateTemp(b.dir, ".tmp")
	if err != nil {
		return err
	}
	defer os.Remove(to.Name())
	_, err = io.Copy(to, from)
	to.Close()
	if err != nil {
		return err
	}
	if err := os.Link(to.Name(), filepath.Join(b.dir, o.Key)); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if b.lost != nil {
		return b.lost(b.n)
	}
	return nil
}

func (b *bucket) Retry(error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retried++
	if b.stop != nil {
		b.stop()
	}
}

func (b *bucket) Delivered(_ *Segment, _ []Output, d Damage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delivered++
	b.damage = append(b.damage, d)
}

func (b *bucket) Quarantined(o Output, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quarantined = append(b.quarantined, o)
}

// lines returns how often each line is in the bucket.
func (b *bucket) lines(t testing.TB) map[string]int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.dir, "*.txt"))
	require.NoError(t, err)
	lines := map[string]int{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			lines[line[:len(line)-1]]++
		}
	}
	return lines
}

func (b *bucket) Abandoned(_ *Segment, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.abandoned = append(b.abandoned, err)
}
