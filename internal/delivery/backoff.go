package delivery

import (
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
)

// minDelay keeps a configuration with zeros from spinning.
const minDelay = 10 * time.Millisecond

// Backoff says how long to wait before each try: longer each time, with jitter
// so that senders do not come back together.
type Backoff struct {
	Config configretry.BackOffConfig
	last   time.Duration // before jitter; 0 before the first
}

// Next returns the time to wait, at least as long as the service asked for but
// not beyond the configured maximum.
func (b *Backoff) Next(asked time.Duration) time.Duration {
	if b.last == 0 {
		b.last = b.Config.InitialInterval
	} else {
		b.last = time.Duration(float64(b.last) * max(b.Config.Multiplier, 1))
	}
	b.last = max(min(b.last, b.Config.MaxInterval), minDelay)
	delay := float64(b.last) * (1 + b.Config.RandomizationFactor*(2*rand.Float64()-1))
	return max(time.Duration(delay), min(asked, b.Config.MaxInterval), minDelay)
}

// Reset starts over, after a success.
func (b *Backoff) Reset() { b.last = 0 }
