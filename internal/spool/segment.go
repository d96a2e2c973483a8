package spool

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Segment is a log that is complete: nothing is appended to it any more.
type Segment struct {
	spool *Spool
	epoch uint64
	first uint64
	last  uint64
	items int64
	size  int64     // bytes on disk
	start time.Time // of the first record
}

// ID names the segment for all time: the directory's identity, which opening
// of the directory made it, and its first and last record. It has the
// characters of a UUID, digits and "-".
func (g *Segment) ID() string {
	return fmt.Sprintf("%s-%d-%d-%d", g.spool.Node(), g.epoch, g.first, g.last)
}

// Items returns how many items the records have together.
func (g *Segment) Items() int64 { return g.items }

// Node returns the identity of the directory that the segment is of.
func (g *Segment) Node() string { return g.spool.Node() }

// Start returns when the first record came.
func (g *Segment) Start() time.Time { return g.start }

func (g *Segment) logName() string {
	return fmt.Sprintf("%08x-%016x-%016x-%d%s", g.epoch, g.first, g.last, g.items, sealedSuffix)
}

func (g *Segment) manifestName() string {
	return fmt.Sprintf("%08x-%016x-%016x%s", g.epoch, g.first, g.last, manifestSuffix)
}

// Name returns a name for one of the segment's files in ready.
func (g *Segment) Name(number int, suffix string) string {
	return fmt.Sprintf("%08x-%016x-%016x-%d%s", g.epoch, g.first, g.last, number, suffix)
}

const (
	openSuffix     = ".open"
	sealedSuffix   = ".sealed"
	manifestSuffix = ".manifest"
)

func openName(epoch, first uint64) string {
	return fmt.Sprintf("%08x-%016x%s", epoch, first, openSuffix)
}

// parseName reads the numbers of a name that ends with suffix.
func parseName(name, suffix string, numbers int) ([]uint64, bool) {
	stem, ok := strings.CutSuffix(name, suffix)
	if !ok {
		return nil, false
	}
	parts := strings.Split(stem, "-")
	if len(parts) != numbers {
		return nil, false
	}
	out := make([]uint64, len(parts))
	for i, part := range parts {
		base := 16
		if i == 3 { // items
			base = 10
		}
		n, err := strconv.ParseUint(part, base, 63)
		if err != nil {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// Damage says what of a segment could not be read.
type Damage struct {
	Frames uint64 // records
	Items  int64
	Err    error // why; nil without damage
}

// Frames calls use for each record in order. A payload is valid during the
// call only. Records that the disk has spoilt are reported, not returned as an
// error; err is use's or one of opening the file and may pass.
func (g *Segment) Frames(use func(Frame) error) (Damage, error) {
	f, err := g.spool.fs.Open(filepath.Join(g.spool.dir, g.logName()))
	if err != nil {
		return Damage{}, err
	}
	defer f.Close()
	var items int64
	next := g.first
	damage := func(err error) (Damage, error) {
		if !errors.Is(err, ErrDamaged) {
			return Damage{}, fmt.Errorf("read segment %s: %w", g.ID(), err)
		}
		return Damage{Frames: g.last + 1 - next, Items: max(0, g.items-items), Err: err}, nil
	}
	r, err := newFrameReader(f)
	if err != nil {
		return damage(err)
	}
	for next <= g.last {
		frame, err := r.next()
		if err == io.EOF {
			err = fmt.Errorf("%w: the last %d records are missing", ErrDamaged, g.last+1-next)
		}
		if err == nil && frame.Seq != next {
			err = fmt.Errorf("%w: record %d where %d belongs", ErrDamaged, frame.Seq, next)
		}
		if err != nil {
			return damage(err)
		}
		if err := use(frame); err != nil {
			return Damage{}, err
		}
		items += int64(frame.Items)
		next++
	}
	return Damage{}, nil
}
