// Package delivery holds what the exporters that send to an AWS API share: how
// long to wait between tries, how many requests to have in flight, when to give
// up, and how to say so.
package delivery

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
)

// maxShutdownDelay is the longest wait between tries while the exporter shuts down.
const maxShutdownDelay = 500 * time.Millisecond

// Why there is no further try.
var (
	ErrShutdown   = errors.New("the exporter shuts down")
	ErrNotRetried = errors.New("retry_on_failure is off")
	ErrExhausted  = errors.New("retry_on_failure.max_elapsed_time has passed")
)

// Patience decides whether there is a next try, and waits for it.
type Patience struct {
	Retry configretry.BackOffConfig
	// Kept says that somebody else has the data if this exporter gives up while
	// it shuts down: a queue on disk, or the caller, who learns of the failure.
	Kept bool
	// Stopping ends when shutdown begins, Over when its time is up.
	Stopping, Over context.Context
}

// Pause waits before the next try of a delivery that started at started. An
// error says why there is none.
func (p *Patience) Pause(ctx context.Context, delay time.Duration, started time.Time) error {
	if !p.Retry.Enabled {
		return ErrNotRetried
	}
	if most := p.Retry.MaxElapsedTime; most > 0 && time.Since(started)+delay > most {
		return ErrExhausted
	}
	stopping := p.Stopping.Done()
	if p.Stopping.Err() != nil {
		if p.Kept {
			return ErrShutdown // there is nothing to wait for
		}
		stopping = nil
		delay = min(delay, maxShutdownDelay)
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stopping:
		if p.Kept {
			return ErrShutdown
		}
	case <-p.Over.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.Over.Err() != nil {
		return ErrShutdown
	}
	return nil
}
