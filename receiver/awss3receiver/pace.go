package awss3receiver

import (
	"context"
	"time"
)

// pace lets a number of items pass each second. The zero value lets all pass.
type pace struct {
	perSecond int
	next      time.Time // when the next items may pass
}

// wait waits until n items may pass. Batches of any size may: a large one makes
// the next wait longer.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.perSecond <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	ahead := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.perSecond) * float64(time.Second)))
	if ahead <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// batch returns how many items to hand on at once.
func (p *pace) batch() int {
	if p.perSecond <= 0 {
		return maxBatch
	}
	return min(maxBatch, p.perSecond)
}

// maxBatch is a size that pipelines are used to.
const maxBatch = 1024
