package tracebuffer

import "time"

// links are a trace's neighbours in a list.
type links struct {
	before, after *Trace
	in            bool
}

// list is a doubly linked list through links of the traces themselves.
type list struct {
	head, tail *Trace
	of         func(*Trace) *links
}

func (l *list) push(t *Trace) {
	n := l.of(t)
	n.before, n.after, n.in = l.tail, nil, true
	if l.tail == nil {
		l.head = t
	} else {
		l.of(l.tail).after = t
	}
	l.tail = t
}

// remove does nothing if the trace is not in the list.
func (l *list) remove(t *Trace) {
	n := l.of(t)
	if !n.in {
		return
	}
	if n.before == nil {
		l.head = n.after
	} else {
		l.of(n.before).after = n.after
	}
	if n.after == nil {
		l.tail = n.before
	} else {
		l.of(n.after).before = n.before
	}
	*n = links{}
}

// The wheel turns by a slot each tick. A trace that is due after a whole turn
// or more stays in its slot until its time has come.
const (
	tick  = 250 * time.Millisecond
	slots = 256
)

// wheel finds the traces that are due without looking at the others.
type wheel struct {
	slots [slots]list
	at    int64  // the tick that is being emptied
	walk  *Trace // where in it
	fresh bool   // walk has not begun
}

func (w *wheel) start(now time.Time) {
	for i := range w.slots {
		w.slots[i].of = func(t *Trace) *links { return &t.byDue }
	}
	w.at, w.fresh = tickOf(now), true
}

func tickOf(at time.Time) int64 { return at.UnixNano() / int64(tick) }

// add puts a trace into the slot of the first tick at which it is due.
func (w *wheel) add(t *Trace) {
	at := w.at
	if !w.fresh {
		at++ // the present slot may have been walked to its end
	}
	t.slot = uint16(uint64(max(tickOf(t.Due)+1, at)) % slots)
	w.slots[t.slot].push(t)
}

// remove does nothing if the trace is not on the wheel.
func (w *wheel) remove(t *Trace) {
	if w.walk == t {
		w.walk = t.byDue.after
	}
	w.slots[t.slot].remove(t)
}

// next takes a trace that is due off the wheel, or returns nil.
func (w *wheel) next(now time.Time) *Trace {
	target := tickOf(now)
	if first := target - slots + 1; w.at < first {
		w.at, w.fresh = first, true // one turn visits every slot
	}
	for w.at <= target {
		l := &w.slots[uint64(w.at)%slots]
		if w.fresh {
			w.walk, w.fresh = l.head, false
		}
		for t := w.walk; t != nil; t = w.walk {
			w.walk = t.byDue.after
			if !t.Due.After(now) {
				l.remove(t)
				return t
			}
		}
		w.at++
		w.fresh = true
	}
	return nil
}
