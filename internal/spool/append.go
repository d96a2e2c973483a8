package spool

import (
	"fmt"
	"path/filepath"
	"time"
)

// commit is records that reach the disk together.
type commit struct {
	frames []byte
	first  uint64
	last   uint64
	items  int64
	time   time.Time // of the first
	done   chan struct{}
	err    error // set before done is closed
}

// A commit waits for records that come at about the same time, if lately some
// did: that saves an fsync for each, and all that goes with it. Where they come
// one by one it would only make them late.
const (
	gatherTime = time.Millisecond
	lately     = 8 // commits
)

// Append stores a record and returns when it is on disk. It copies payload.
// An error means that the record is not stored, or, when the disk failed, that
// it is not known whether it is. Append blocks while the disk does.
func (s *Spool) Append(payload []byte, items int, codec uint8) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(payload), MaxPayload)
	}
	size := int64(frameHeaderSize + len(payload))
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return ErrClosed
	case s.full:
		s.mu.Unlock()
		return ErrFull
	case s.opt.MaxBytes > 0 && s.used+size > s.opt.MaxBytes-s.opt.Reserve:
		// One large record does not make the spool full for small ones.
		s.full = s.used > s.lowWater()
		s.mu.Unlock()
		return ErrFull
	}
	s.used += size
	c := s.gather
	now := time.Now()
	first := c == nil
	if first {
		c = &commit{first: s.next, time: now, done: make(chan struct{})}
		s.gather = c
	}
	c.frames = appendFrame(c.frames, &Frame{Seq: s.next, Time: now, Items: items, Codec: codec, Payload: payload})
	c.last = s.next
	c.items += int64(items)
	s.next++
	wait := s.together > 0
	s.mu.Unlock()
	if first { // whoever began a commit writes it, once the one before is written
		if wait {
			time.Sleep(gatherTime)
		}
		s.turn()
	}
	<-c.done
	return c.err
}

// activeLog is the log that records are appended to.
type activeLog struct {
	file     File
	name     string
	segment  Segment
	deadline time.Time // zero means none
}

// keepTime ends logs and seals them when it is time.
func (s *Spool) keepTime() {
	defer close(s.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
		case <-timer.C:
		}
		wait, closed := s.turn()
		if closed {
			return
		}
		timer.Reset(wait)
	}
}

// turn writes what Append gathered, and completes and seals the log if it is
// time. While it syncs, more gathers. It returns how long it need not be called
// if nothing is appended, and whether it need not be called again: Append adds
// nothing once closed is seen.
func (s *Spool) turn() (wait time.Duration, closed bool) {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	c, closed, sealAt := s.gather, s.closed, s.sealAt
	s.gather = nil
	switch {
	case c == nil:
	case c.last > c.first:
		s.together = lately
	case s.together > 0:
		s.together--
	}
	s.mu.Unlock()
	if c != nil {
		s.write(c)
	}
	now := time.Now()
	if a := s.active; a != nil && (closed || a.segment.size >= s.opt.SegmentBytes && s.opt.SegmentBytes > 0 ||
		!a.deadline.IsZero() && !now.Before(a.deadline) || sealAt >= a.segment.first) {
		s.complete()
	}
	s.seal()
	wait = time.Hour
	if s.active != nil && !s.active.deadline.IsZero() {
		wait = min(wait, s.active.deadline.Sub(now))
	}
	if len(s.unsealed) > 0 {
		wait = min(wait, s.opt.RetryMin)
	}
	return max(wait, time.Millisecond), closed
}

// write brings a commit to the disk and says so to those who wait for it.
func (s *Spool) write(c *commit) {
	err := s.writeFrames(c)
	if err != nil {
		c.err = fmt.Errorf("write to the spool: %w", err)
		s.release(int64(len(c.frames)))
		// What the file holds after a failed write or sync is unknown. The log
		// ends before it.
		if a := s.active; a != nil {
			if a.segment.last < a.segment.first {
				a.file.Close()
				if err := s.fs.Remove(filepath.Join(s.dir, a.name)); err != nil {
					s.report(fmt.Errorf("remove an empty log: %w", err))
				}
				s.active = nil
			} else {
				if err := s.fs.Truncate(filepath.Join(s.dir, a.name), a.segment.size); err != nil {
					s.report(fmt.Errorf("cut a log after a failed write: %w", err))
				}
				s.complete()
			}
		}
	}
	close(c.done)
}

func (s *Spool) writeFrames(c *commit) error {
	data, created := c.frames, false
	if s.active == nil {
		name := openName(s.node.Epoch, c.first)
		file, err := s.fs.Create(filepath.Join(s.dir, name))
		if err != nil {
			return err
		}
		s.active = &activeLog{file: file, name: name,
			segment: Segment{spool: s, epoch: s.node.Epoch, first: c.first, last: c.first - 1, start: c.time}}
		if s.opt.Deadline != nil {
			s.active.deadline = s.opt.Deadline(c.time)
		}
		data = append(appendHeader(nil, s.node.Node, s.node.Epoch), c.frames...)
		created = true
	}
	a := s.active
	if _, err := a.file.Write(data); err != nil {
		return err
	}
	if err := a.file.Sync(); err != nil {
		return err
	}
	if created {
		s.poke() // there is a deadline
		if err := s.fs.SyncDir(s.dir); err != nil {
			return err
		}
	}
	a.segment.last = c.last
	a.segment.items += c.items
	a.segment.size += int64(len(data))
	s.mu.Lock()
	if created {
		s.used += headerSize
		s.oldest = c.time
	}
	s.mu.Unlock()
	return nil
}

// complete ends the log that is open.
func (s *Spool) complete() {
	a := s.active
	s.active = nil
	if err := a.file.Close(); err != nil {
		s.report(fmt.Errorf("close a log: %w", err)) // its records are synced
	}
	s.unsealed = append(s.unsealed, a)
	s.poke() // it may take several attempts to seal it
}

// seal renames logs that are complete and hands them to Deliver.
func (s *Spool) seal() {
	for len(s.unsealed) > 0 {
		a := s.unsealed[0]
		if err := s.fs.Rename(filepath.Join(s.dir, a.name), filepath.Join(s.dir, a.segment.logName())); err != nil {
			s.report(fmt.Errorf("seal a log: %w", err))
			return
		}
		// If the rename does not last, the next start seals the log again,
		// under the same name.
		if err := s.fs.SyncDir(s.dir); err != nil {
			s.report(fmt.Errorf("seal a log: %w", err))
		}
		s.unsealed = s.unsealed[1:]
		s.mu.Lock()
		s.sealed = append(s.sealed, &a.segment)
		s.oldest = time.Time{}
		s.tell()
		s.mu.Unlock()
	}
}

// Seal completes the log that is open, if it has records. It does not wait.
func (s *Spool) Seal() {
	s.mu.Lock()
	s.sealAt = s.next - 1
	s.mu.Unlock()
	s.poke()
}
