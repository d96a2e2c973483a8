package awsemfexporter

import (
	"cmp"
	"slices"
	"time"
)

// What is held at most: open, where points still join, and once more closed, if
// the queue has no room. An event of 4 metrics is some 2 to 8 KB here.
var mostHeld = size{values: 100_000, bytes: 32 << 20}

// window joins points of the same series and minute across batches, so that
// each series goes out with one value a minute. It is not safe for concurrent
// use.
//
// A minute closes some time (wait) after its end, or if it is over already when
// its first point comes, after that. What comes later makes another event.
// Points of high resolution are stored for each second and wait for nothing:
// those of one batch are joined.
type window struct {
	rules *setRules
	wait  time.Duration
	most  size

	open   map[int64]*pane // by minute
	closed []*pane         // on their way to the queue, oldest first
	size   size            // of closed
	taken  size            // by the flusher, who has it until the queue does
	fresh  bool            // a pane was opened since somebody asked

	takenSince time.Time // when the oldest point in taken came
}

// pane is what is held of one minute.
type pane struct {
	*grouping
	minute int64     // since 1970, or instant
	opened time.Time // when its first point came
	due    time.Time // when it closes
}

const (
	minuteMillis = 60_000
	// instant is the pane of points of high resolution.
	instant int64 = -1
)

func newWindow(rules *setRules, wait time.Duration) *window {
	return &window{rules: rules, wait: wait, most: mostHeld, open: map[int64]*pane{}}
}

// place returns the grouping of a sample's minute, and moves the sample into
// it: what was counted until the very end of a minute belongs to that minute. It
// becomes its last millisecond.
func (w *window) place(s *sample, now time.Time) *grouping {
	if s.resolution == 1 {
		return w.pane(instant, now).grouping
	}
	if s.counted && s.timestamp%minuteMillis == 0 {
		s.timestamp--
	}
	return w.pane(s.timestamp/minuteMillis, now).grouping
}

func (w *window) pane(minute int64, now time.Time) *pane {
	if p, ok := w.open[minute]; ok {
		return p
	}
	p := &pane{grouping: newGrouping(w.rules), minute: minute, opened: now, due: now}
	if minute != instant {
		// A sender whose clock is ahead does not have its points held until then.
		end := min(max(time.UnixMilli((minute+1)*minuteMillis).Sub(now), 0), time.Minute)
		p.due = now.Add(end + w.wait)
	}
	w.open[minute] = p
	w.fresh = true
	return p
}

// opened tells whether there is a pane that was not there when it was asked last.
func (w *window) opened() bool {
	fresh := w.fresh
	w.fresh = false
	return fresh
}

// closeDue closes what need not wait any more.
func (w *window) closeDue(now time.Time) {
	for _, p := range w.oldest(func(p *pane) bool {
		left := p.due.Sub(now)
		return left <= 0 || left > time.Minute+w.wait // the clock was set back
	}) {
		w.close(p)
	}
}

// closeAll closes everything.
func (w *window) closeAll() {
	for _, p := range w.oldest(func(*pane) bool { return true }) {
		w.close(p)
	}
}

// Why groups were closed before their time.
const (
	reasonValues = "values"
	reasonBytes  = "bytes"
)

// closeOver closes the oldest minutes while more is open than may be. It
// returns how many groups they have, and why.
func (w *window) closeOver() (groups int, reason string) {
	open := w.openSize()
	if !open.over(w.most) {
		return 0, ""
	}
	reason = reasonBytes
	if open.values > w.most.values {
		reason = reasonValues
	}
	for _, p := range w.oldest(func(*pane) bool { return true }) {
		if !open.over(w.most) {
			break
		}
		open.sub(p.grouping.size)
		groups += len(p.order)
		w.close(p)
	}
	return groups, reason
}

// oldest returns the open panes that are meant, the oldest first.
func (w *window) oldest(is func(*pane) bool) (list []*pane) {
	for _, p := range w.open {
		if is(p) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *pane) int {
		return cmp.Or(a.opened.Compare(b.opened), cmp.Compare(a.minute, b.minute))
	})
	return list
}

func (w *window) close(p *pane) {
	delete(w.open, p.minute)
	if len(p.order) == 0 {
		return
	}
	p.groups, p.key = nil, nil // nothing joins any more
	w.closed = append(w.closed, p)
	w.size.add(p.grouping.size)
}

// next returns when the next pane closes. ok is false if there is none.
func (w *window) next() (at time.Time, ok bool) {
	for _, p := range w.open {
		if !ok || p.due.Before(at) {
			at, ok = p.due, true
		}
	}
	return at, ok
}

// take removes the oldest closed groups, with at most some bytes but at least
// one group, if there is any. They count as held until the next call.
func (w *window) take(most int) []*group {
	w.taken, w.takenSince = size{}, time.Time{}
	if len(w.closed) > 0 {
		w.takenSince = w.closed[0].opened
	}
	groups, taken := w.pop(most)
	w.taken = taken
	return groups
}

func (w *window) pop(most int) (groups []*group, popped size) {
	for len(w.closed) > 0 {
		p := w.closed[0]
		n := 0
		for n < len(p.order) && (len(groups)+n == 0 || popped.bytes+p.order[n].bytes <= most) {
			popped.add(p.order[n].size())
			n++
		}
		groups = append(groups, p.order[:n]...)
		clear(p.order[:n])
		if p.order = p.order[n:]; len(p.order) > 0 {
			break
		}
		w.closed[0] = nil
		w.closed = w.closed[1:]
	}
	w.size.sub(popped)
	return groups, popped
}

// trim removes the oldest closed groups while they are more than may be, or all
// of them, and returns how many.
func (w *window) trim(all bool) (lost int) {
	for len(w.closed) > 0 && (all || w.size.over(w.most)) {
		groups, _ := w.pop(0)
		lost += len(groups)
	}
	return lost
}

// openSize is what still waits for points.
func (w *window) openSize() (s size) {
	for _, p := range w.open {
		s.add(p.grouping.size)
	}
	return s
}

// held returns how much is held, and when the oldest point in it came; zero if
// none is.
func (w *window) held() (all size, at time.Time) {
	all = w.openSize()
	all.add(w.size)
	all.add(w.taken)
	if at = w.takenSince; at.IsZero() && len(w.closed) > 0 {
		at = w.closed[0].opened
	}
	for _, p := range w.open {
		if at.IsZero() || p.opened.Before(at) {
			at = p.opened
		}
	}
	return all, at
}
