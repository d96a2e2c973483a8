package samplingrule

import "time"

// reservoirSeconds is how far back a request may have started to count in its
// own second. Traces that take longer count in the second of the decision.
const reservoirSeconds = 128

// reservoir counts what was taken in each of the last seconds. A second is
// that in which the *request* started, so that deciding late means the same
// as deciding when the request arrives. The zero value has taken nothing.
type reservoir struct {
	seconds [reservoirSeconds]struct{ second, taken int64 }
}

// take takes one of limit for the second of start, if one is left.
func (r *reservoir) take(limit int64, start, now time.Time) bool {
	second, current := start.Unix(), now.Unix()
	if second <= current-reservoirSeconds || second > current {
		second = current
	}
	slot := &r.seconds[uint64(second)%reservoirSeconds]
	if slot.second != second {
		slot.second, slot.taken = second, 0
	}
	if slot.taken >= limit {
		return false
	}
	slot.taken++
	return true
}
