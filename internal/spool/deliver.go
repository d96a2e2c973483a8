package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"time"
)

// Deliverer turns segments into files and brings them where they belong.
type Deliverer interface {
	// Build writes the files of a segment through create and returns what they
	// are, in the order in which they are to be put. create takes names made
	// by Segment.Name; the file is synced and closed by the spool, whether
	// Build fails or not. The same segment must give the same outputs, Bytes
	// aside. temporary makes files that are gone after Build. An Unacceptable
	// error means that no other attempt will do better.
	Build(ctx context.Context, g *Segment, create, temporary func(name string) (File, error)) ([]Output, Damage, error)
	// Put brings a file where o says. It returns nil when an object with the
	// same content is there, whoever put it. An Unacceptable error means that
	// it never will be.
	Put(ctx context.Context, file string, o Output) error
	// Retry is told of a failure after which the spool tries again.
	Retry(err error)
	// Delivered is told once a segment is done and deleted.
	Delivered(g *Segment, outputs []Output, damage Damage)
	// Quarantined is told of a file that was put aside.
	Quarantined(o Output, err error)
	// Abandoned is told of a whole log that was, because Build cannot read it.
	Abandoned(g *Segment, err error)
}

// Unacceptable is the error of what will never succeed.
type Unacceptable struct{ Err error }

func (u *Unacceptable) Error() string { return u.Err.Error() }
func (u *Unacceptable) Unwrap() error { return u.Err }

// Deliver delivers segments in their order until ctx ends, or, after Close,
// until none is left. It is called once.
func (s *Spool) Deliver(ctx context.Context, d Deliverer) error {
	for {
		g, err := s.nextSegment(ctx)
		if g == nil {
			return err
		}
		wait := s.opt.RetryMin
		for {
			err := s.deliver(ctx, d, g)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d.Retry(err)
			// Half of the wait at random, so that a fleet does not return at once.
			if !sleep(ctx, wait/2+rand.N(wait/2+1)) {
				return ctx.Err()
			}
			wait = min(2*wait, s.opt.RetryMax)
		}
	}
}

// nextSegment waits for a segment. It returns nil when there will be none.
func (s *Spool) nextSegment(ctx context.Context) (*Segment, error) {
	for {
		s.mu.Lock()
		var g *Segment
		if len(s.sealed) > 0 {
			g = s.sealed[0]
		}
		news, closed := s.news, s.closed
		s.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case g != nil:
			return g, nil
		case closed:
			select {
			case <-s.ended: // the last log may still be on its way
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			s.mu.Lock()
			left := len(s.sealed)
			s.mu.Unlock()
			if left == 0 {
				return nil, nil
			}
			continue
		}
		select {
		case <-news:
		case <-ctx.Done():
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// deliver takes a segment as far as it goes. Each call goes on where the one
// before failed, in this process or in another.
func (s *Spool) deliver(ctx context.Context, d Deliverer, g *Segment) error {
	m, err := s.loadManifest(g)
	if err != nil {
		return err
	}
	var damage Damage
	if m != nil && !m.done() && s.missing(m) {
		m = nil // somebody removed a file: build again, under the same keys
	}
	if m == nil {
		m, damage, err = s.build(ctx, d, g)
		var never *Unacceptable
		if errors.As(err, &never) {
			return s.abandon(d, g, err)
		}
		if err != nil {
			return err
		}
	}
	for i := range m.Outputs {
		o := &m.Outputs[i]
		if o.Done {
			continue
		}
		err := d.Put(ctx, filepath.Join(s.dir, readyDir, o.File), *o)
		var never *Unacceptable
		if errors.As(err, &never) {
			if err := s.move(filepath.Join(readyDir, o.File), o.File); err != nil {
				return err
			}
			d.Quarantined(*o, err)
			o.Quarantined = true
			err = nil
		}
		if err != nil {
			return err
		}
		o.Done = true
		// The last one is noted too: a log is deleted only when the disk knows
		// that it may be.
		if err := s.storeManifest(g, m); err != nil {
			o.Done = false
			return err
		}
	}
	if err := s.delete(g, m); err != nil {
		return err
	}
	d.Delivered(g, m.Outputs, damage)
	return nil
}

// abandon puts a log into quarantine that cannot be built.
func (s *Spool) abandon(d Deliverer, g *Segment, cause error) error {
	m := &manifest{Format: Version, Segment: g.ID(), Damaged: true}
	if err := s.storeManifest(g, m); err != nil {
		return err
	}
	if err := s.delete(g, m); err != nil {
		return err
	}
	d.Abandoned(g, cause)
	return nil
}

// missing tells whether a file that is still to be put is gone.
func (s *Spool) missing(m *manifest) bool {
	for i := range m.Outputs {
		if m.Outputs[i].Done {
			continue
		}
		f, err := s.fs.Open(filepath.Join(s.dir, readyDir, m.Outputs[i].File))
		if errors.Is(err, fs.ErrNotExist) {
			return true
		}
		if err == nil {
			f.Close()
		}
	}
	return false
}

// build makes the files of a segment and its manifest.
func (s *Spool) build(ctx context.Context, d Deliverer, g *Segment) (*manifest, Damage, error) {
	old, err := s.loadManifest(g)
	if err != nil {
		return nil, Damage{}, err
	}
	files := map[string]File{}
	defer func() {
		for name, f := range files {
			f.Close()
			_ = s.fs.Remove(filepath.Join(s.dir, tmpDir, name))
		}
	}()
	create := func(name string) (File, error) {
		path := filepath.Join(s.dir, tmpDir, name)
		_ = s.fs.Remove(path)
		f, err := s.fs.Create(path)
		if err == nil {
			files[name] = f
		}
		return f, err
	}
	outputs, damage, err := d.Build(ctx, g, create, create)
	if err != nil {
		return nil, damage, fmt.Errorf("build segment %s: %w", g.ID(), err)
	}
	var bytes int64
	for i := range outputs {
		o := &outputs[i]
		if old != nil && i < len(old.Outputs) && old.Outputs[i].Digest == o.Digest {
			o.Bucket, o.Key, o.Done = old.Outputs[i].Bucket, old.Outputs[i].Key, old.Outputs[i].Done
		}
		if err := s.ready(o, files[o.File]); err != nil {
			return nil, damage, fmt.Errorf("keep a file of segment %s: %w", g.ID(), err)
		}
		delete(files, o.File)
		bytes += o.Bytes
	}
	if err := s.fs.SyncDir(filepath.Join(s.dir, readyDir)); err != nil {
		return nil, damage, err
	}
	m := &manifest{Format: Version, Segment: g.ID(), Outputs: outputs, Damaged: damage.Err != nil}
	if err := s.storeManifest(g, m); err != nil {
		return nil, damage, err
	}
	if old == nil {
		s.release(-bytes)
	}
	return m, damage, nil
}

// ready makes a built file durable and moves it to where manifests look.
func (s *Spool) ready(o *Output, f File) error {
	if f == nil {
		return fmt.Errorf("%s was not created", o.File)
	}
	err := f.Sync()
	if err == nil {
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil {
			o.Bytes = info.Size()
		}
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = s.fs.Rename(filepath.Join(s.dir, tmpDir, o.File), filepath.Join(s.dir, readyDir, o.File))
	}
	return err
}

// move puts a file of the spool into quarantine.
func (s *Spool) move(from, name string) error {
	err := s.fs.Rename(filepath.Join(s.dir, from), filepath.Join(s.dir, quarantineDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // moved before the process ended
	}
	if err == nil {
		err = s.fs.SyncDir(filepath.Join(s.dir, quarantineDir))
	}
	return err
}

// delete removes a segment that is delivered: the log first, for a log without
// a manifest would be delivered again, and the manifest last.
func (s *Spool) delete(g *Segment, m *manifest) error {
	freed := g.size
	if m.Damaged {
		if err := s.move(g.logName(), g.logName()); err != nil {
			return err
		}
		freed = 0
	} else if err := s.remove(g.logName()); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	for i := range m.Outputs {
		if err := s.remove(filepath.Join(readyDir, m.Outputs[i].File)); err != nil {
			return err
		}
		if !m.Outputs[i].Quarantined {
			freed += m.Outputs[i].Bytes
		}
	}
	if err := s.remove(g.manifestName()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = s.sealed[1:]
	s.used -= freed
	s.refill()
	return nil
}

func (s *Spool) remove(name string) error {
	err := s.fs.Remove(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
