// Package disk keeps what xray_local holds in a folder, so that it is there
// again after a restart: the documents of the traces, and the sampling rules.
//
// The folder holds one bbolt database. Changes are gathered and written a few
// times a second, so a process that is killed loses those of the last moment;
// one that is closed loses nothing.
package disk

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/sampling"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

const (
	fileName      = "xray_local.db"
	writeInterval = 200 * time.Millisecond
	lockTimeout   = time.Second
	// maxPending is how many bytes wait for the next write; past it the write
	// comes at once.
	maxPending = 4 << 20
	// timeLen is the length of the arrival, Unix nanoseconds, before a text.
	timeLen = 8
)

var (
	documentsBucket = []byte("documents") // trace id, entity id, kind → time and text
	rulesBucket     = []byte("rules")     // name → record as JSON
)

// Folder is an open folder. It is safe for concurrent use.
type Folder struct {
	db     *bbolt.DB
	failed func(error)

	mu      sync.Mutex
	pending []change
	bytes   int
	bad     bool       // the last write failed
	writing sync.Mutex // held from taking the changes until they are written, so that they stay in order

	stop    chan struct{}
	stopped chan struct{}
}

// change is a document to write, the drop of a whole trace, or all rules.
type change struct {
	trace segment.TraceID
	key   []byte // nil: drop the trace, or with rules, replace the rules
	value []byte
	rules []sampling.Record
}

// Open opens the folder, which it makes if there is none. Another process that
// has it open is an error. The function failed is told of each write that did
// not succeed, and with nil of the first that does after one; what was in a
// failed write is not on disk.
func Open(dir string, failed func(error)) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fileName)
	// Nothing waits for the disk: an interrupted write costs that write, and
	// bbolt's file is whole as long as the operating system lives.
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, NoSync: true, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open %q: another process has it open", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{documentsBucket, rulesBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %q: %w", path, err), db.Close())
	}
	f := &Folder{db: db, failed: failed, stop: make(chan struct{}), stopped: make(chan struct{})}
	go f.run()
	return f, nil
}

func (f *Folder) run() {
	defer close(f.stopped)
	ticker := time.NewTicker(writeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-ticker.C:
			f.try()
		}
	}
}

// try writes, and tells how it went if that is worth telling.
func (f *Folder) try() {
	err := f.Write()
	f.mu.Lock()
	tell := err != nil || f.bad
	f.bad = err != nil
	f.mu.Unlock()
	if tell {
		f.failed(err)
	}
}

// Put keeps a document, in place of an earlier one of the same entity.
func (f *Folder) Put(trace segment.TraceID, id segment.ID, subsegment bool, at time.Time, text string) {
	key := append(trace[:], id[:]...)
	key = append(key, 0)
	if subsegment {
		key[len(key)-1] = 1
	}
	value := binary.BigEndian.AppendUint64(make([]byte, 0, timeLen+len(text)), uint64(at.UnixNano()))
	f.add(change{trace: trace, key: key, value: append(value, text...)})
}

// Drop removes all documents of a trace.
func (f *Folder) Drop(trace segment.TraceID) { f.add(change{trace: trace}) }

// PutRules keeps these rules in place of all that were kept.
func (f *Folder) PutRules(rules []sampling.Record) { f.add(change{rules: rules}) }

func (f *Folder) add(c change) {
	f.mu.Lock()
	f.pending = append(f.pending, c)
	f.bytes += len(c.key) + len(c.value)
	full := f.bytes > maxPending
	f.mu.Unlock()
	if full {
		f.try()
	}
}

// Write brings to the file what waits for it.
func (f *Folder) Write() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	pending := f.pending
	f.pending, f.bytes = nil, 0
	f.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	return f.db.Update(func(tx *bbolt.Tx) error {
		for _, c := range pending {
			if err := c.apply(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *change) apply(tx *bbolt.Tx) error {
	switch {
	case c.rules != nil:
		if err := tx.DeleteBucket(rulesBucket); err != nil {
			return err
		}
		b, err := tx.CreateBucket(rulesBucket)
		if err != nil {
			return err
		}
		for _, r := range c.rules {
			text, err := json.Marshal(r)
			if err != nil {
				return err
			}
			if err := b.Put([]byte(r.Name), text); err != nil {
				return err
			}
		}
		return nil
	case c.key != nil:
		return tx.Bucket(documentsBucket).Put(c.key, c.value)
	}
	b := tx.Bucket(documentsBucket)
	at := b.Cursor()
	for k, _ := at.Seek(c.trace[:]); len(k) > len(c.trace) && segment.TraceID(k[:len(c.trace)]) == c.trace; k, _ = at.Seek(c.trace[:]) {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Documents calls each with every document and when it arrived, in the order
// of their arrival. Those for which it returns false are removed.
func (f *Folder) Documents(each func(at time.Time, text string) bool) error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(documentsBucket)
		type arrival struct {
			at         uint64
			key, value []byte
		}
		var list []arrival
		err := b.ForEach(func(k, v []byte) error {
			a := arrival{key: slices.Clone(k)}
			if len(v) >= timeLen {
				a.at, a.value = binary.BigEndian.Uint64(v), v[timeLen:]
			}
			list = append(list, a)
			return nil
		})
		slices.SortStableFunc(list, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
		var bad [][]byte
		for _, a := range list {
			if !each(time.Unix(0, int64(a.at)), string(a.value)) {
				bad = append(bad, a.key)
			}
		}
		for _, key := range bad {
			err = errors.Join(err, b.Delete(key))
		}
		return err
	})
}

// Rules returns the rules that were kept last; none if none ever were.
func (f *Folder) Rules() (rules []sampling.Record, err error) {
	err = f.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(rulesBucket).ForEach(func(k, v []byte) error {
			var r sampling.Record
			if err := json.Unmarshal(v, &r); err != nil {
				return fmt.Errorf("read the sampling rule %q: %w", k, err)
			}
			rules = append(rules, r)
			return nil
		})
	})
	return rules, err
}

// Close writes what waits and closes the file.
func (f *Folder) Close() error {
	close(f.stop)
	<-f.stopped
	err := f.Write()
	if err == nil {
		err = f.db.Sync()
	}
	return errors.Join(err, f.db.Close())
}
