package spool

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockName      = "LOCK"
	tmpDir        = "tmp"
	readyDir      = "ready"
	quarantineDir = "quarantine"
)

var (
	// ErrFull is what Append returns while the directory holds all it may.
	ErrFull = errors.New("spool is full")
	// ErrClosed is what Append returns after Close.
	ErrClosed = errors.New("spool is closed")
	// ErrTooLarge is what Append returns for a payload over MaxPayload.
	ErrTooLarge = errors.New("record is larger than the spool takes")
)

// Options are the settings of a spool.
type Options struct {
	// Directory belongs to one spool alone; Open takes a lock in it.
	Directory string
	// SegmentBytes closes a log that has reached it.
	SegmentBytes int64
	// Deadline returns when a log is closed at the latest whose first record
	// came at first. nil means never.
	Deadline func(first time.Time) time.Time
	// MaxBytes bounds the bytes in the directory, those in quarantine included. When they are
	// reached, Append refuses until a twentieth of them is free again. 0 means
	// no bound. What is being built comes on top: see Reserve.
	MaxBytes int64
	// Reserve is what is held back of MaxBytes for files being built.
	Reserve int64
	// RetryMin and RetryMax bound the wait after a delivery that failed; 0
	// means 1 s and 30 s.
	RetryMin, RetryMax time.Duration
	// FS is the file system; nil means that of the machine.
	FS FS
	// Report is told of trouble that the spool lives with, such as a log that
	// cannot be renamed yet; nil tells nobody. It must not block.
	Report func(error)
}

// Recovery says what Open found.
type Recovery struct {
	Segments int   // complete logs that wait for delivery
	Items    int64 // what they hold
	// CutBytes were removed from the ends of logs that were being written when
	// the process died. Nothing in them was acknowledged, unless the disk lost
	// what it had confirmed.
	CutBytes int64
	// Skipped are files of a newer version. They stay for the program that wrote them.
	Skipped []string
}

// Spool is a directory of logs. It is safe for concurrent use.
type Spool struct {
	dir    string
	fs     FS
	opt    Options
	lock   *flock.Flock
	node   node
	report func(error)

	wake  chan struct{} // to keepTime; holds one
	ended chan struct{} // closed when keepTime has ended

	mu       sync.Mutex
	closed   bool
	next     uint64  // sequence of the next record
	gather   *commit // records that wait for the disk; nil if none
	together int     // commits that still wait for more records
	sealed   []*Segment
	news     chan struct{} // closed and replaced when sealed or closed change
	sealAt   uint64        // a Seal waits for the log with this record
	used     int64         // bytes in the directory
	full     bool
	oldest   time.Time // of the first record of the log that is open; zero without one

	disk     sync.Mutex // before mu; for what follows, and the log's file
	active   *activeLog
	unsealed []*activeLog // complete, but could not be renamed
}

// Open takes a directory, makes it if there is none, and recovers what a
// process before left. It fails if another process has the directory.
func Open(o Options) (*Spool, Recovery, error) {
	s := &Spool{dir: o.Directory, fs: o.FS, opt: o, report: o.Report,
		wake: make(chan struct{}, 1), ended: make(chan struct{}), news: make(chan struct{}), next: 1}
	if s.fs == nil {
		s.fs = OS{}
	}
	if s.report == nil {
		s.report = func(error) {}
	}
	if s.opt.RetryMin <= 0 {
		s.opt.RetryMin = time.Second
	}
	if s.opt.RetryMax <= 0 {
		s.opt.RetryMax = 30 * time.Second
	}
	for _, dir := range []string{"", tmpDir, readyDir, quarantineDir} {
		if err := s.fs.MkdirAll(filepath.Join(s.dir, dir)); err != nil {
			return nil, Recovery{}, fmt.Errorf("make the spool directory: %w", err)
		}
	}
	s.lock = flock.New(filepath.Join(s.dir, lockName))
	if ok, err := s.lock.TryLock(); err != nil {
		return nil, Recovery{}, fmt.Errorf("lock the spool directory %q: %w", s.dir, err)
	} else if !ok {
		return nil, Recovery{}, fmt.Errorf("the spool directory %q is in use by another process or exporter; give each its own", s.dir)
	}
	recovery, err := s.recover()
	if err != nil {
		_ = s.lock.Close()
		return nil, Recovery{}, fmt.Errorf("recover the spool directory %q: %w", s.dir, err)
	}
	go s.keepTime()
	return s, recovery, nil
}

// Node returns the identity of the directory.
func (s *Spool) Node() string { return s.node.Node.String() }

// recover brings the directory into the state that the running program keeps:
// no log open, nothing half built.
func (s *Spool) recover() (Recovery, error) {
	var found Recovery
	if err := s.empty(tmpDir, nil); err != nil {
		return found, err
	}
	if err := s.nextEpoch(); err != nil {
		return found, err
	}
	entries, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return found, err
	}
	// A log that was open comes after all that are sealed, and there is one at
	// most unless renames failed, so the order of names is the order of records.
	for _, entry := range entries {
		name := entry.Name()
		if n, ok := parseName(name, openSuffix, 2); ok {
			if err := s.recoverOpen(name, n[0], n[1], &found); err != nil {
				return found, err
			}
			continue
		}
		n, ok := parseName(name, sealedSuffix, 4)
		if !ok {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return found, err
		}
		g := &Segment{spool: s, epoch: n[0], first: n[1], last: n[2], items: int64(n[3]), size: info.Size()}
		if g.start, err = s.firstTime(g.logName()); errors.Is(err, errVersion) {
			found.Skipped = append(found.Skipped, name)
			continue
		}
		s.sealed = append(s.sealed, g)
	}
	if err := s.recoverManifests(entries); err != nil {
		return found, err
	}
	for _, g := range s.sealed {
		found.Segments++
		found.Items += g.items
	}
	s.used, err = s.measure()
	return found, err
}

// firstTime returns when the first record of a log came, or errVersion. A log
// that is damaged has none: Deliver deals with it.
func (s *Spool) firstTime(name string) (time.Time, error) {
	f, err := s.fs.Open(filepath.Join(s.dir, name))
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	r, err := newFrameReader(f)
	if err != nil {
		return time.Time{}, err
	}
	frame, err := r.next()
	return frame.Time, err
}

// recoverOpen completes a log that was being written: it ends before the first
// frame that is not whole.
func (s *Spool) recoverOpen(name string, epoch, first uint64, found *Recovery) error {
	path := filepath.Join(s.dir, name)
	f, err := s.fs.Open(path)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	g := &Segment{spool: s, epoch: epoch, first: first, last: first - 1}
	r, err := newFrameReader(f)
	if errors.Is(err, errVersion) {
		f.Close()
		found.Skipped = append(found.Skipped, name)
		return nil
	}
	for err == nil {
		var frame Frame
		frame, err = r.next()
		if err == nil && frame.Seq != g.last+1 {
			err = fmt.Errorf("%w: record %d after %d", ErrDamaged, frame.Seq, g.last)
		}
		if err == nil {
			if g.last < g.first {
				g.start = frame.Time
			}
			g.last, g.items, g.size = frame.Seq, g.items+int64(frame.Items), r.size
		}
	}
	f.Close()
	if err != io.EOF && !errors.Is(err, ErrDamaged) {
		return err
	}
	if g.last < first { // no whole frame
		found.CutBytes += info.Size()
		return s.fs.Remove(path)
	}
	found.CutBytes += info.Size() - g.size
	// Also if nothing is cut: what was written may be in the page cache only,
	// and its length with it.
	if err := s.fs.Truncate(path, g.size); err != nil {
		return err
	}
	if err := s.fs.Rename(path, filepath.Join(s.dir, g.logName())); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	s.sealed = append(s.sealed, g)
	return nil
}

// empty removes the files of a directory but those to keep.
func (s *Spool) empty(dir string, keep map[string]bool) error {
	entries, err := s.fs.ReadDir(filepath.Join(s.dir, dir))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !keep[entry.Name()] {
			if err := s.fs.Remove(filepath.Join(s.dir, dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure adds up the files of the directory.
func (s *Spool) measure() (int64, error) {
	var total int64
	for _, dir := range []string{"", readyDir, quarantineDir} {
		entries, err := s.fs.ReadDir(filepath.Join(s.dir, dir))
		if err != nil {
			return 0, err
		}
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
				total += info.Size()
			}
		}
	}
	return total, nil
}

// State is what the directory holds now.
type State struct {
	Bytes    int64     // in the directory
	Segments int       // complete logs that wait
	Full     bool      // Append refuses
	Oldest   time.Time // when the record that waits longest came; zero if nothing waits
}

// State returns what the directory holds now.
func (s *Spool) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Bytes: s.used, Segments: len(s.sealed), Full: s.full, Oldest: s.oldest}
	if len(s.sealed) > 0 {
		st.Oldest = s.sealed[0].start
	}
	return st
}

// Close ends appending and completes the log that is open. Delivery goes on
// until Unlock; Deliver returns when nothing is left.
func (s *Spool) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		s.tell()
	}
	s.mu.Unlock()
	s.poke()
	<-s.ended
}

// Unlock gives the directory to others. No method may be in use or called
// after it.
func (s *Spool) Unlock() error { return s.lock.Close() }

// poke wakes keepTime.
func (s *Spool) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// tell wakes those who wait for news. The caller holds mu.
func (s *Spool) tell() {
	close(s.news)
	s.news = make(chan struct{})
}

// release gives bytes back to the budget.
func (s *Spool) release(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
	s.refill()
}

// refill ends being full once a twentieth of the budget is free. The caller holds mu.
func (s *Spool) refill() {
	if s.full && s.used <= s.lowWater() {
		s.full = false
	}
}

func (s *Spool) lowWater() int64 {
	limit := s.opt.MaxBytes - s.opt.Reserve
	return limit - limit/20
}
