package awsxrayexporter

import (
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
)

// minDelay keeps a configuration with zeros from spinning.
const minDelay = 10 * time.Millisecond

// backoff says how long to wait before each try: longer each time, with jitter
// so that senders do not come back together.
type backoff struct {
	cfg  configretry.BackOffConfig
	last time.Duration // before jitter; 0 before the first
}

// next returns the time to wait, at least as long as the service asked for but
// not beyond the configured maximum.
func (b *backoff) next(asked time.Duration) time.Duration {
	if b.last == 0 {
		b.last = b.cfg.InitialInterval
	} else {
		b.last = time.Duration(float64(b.last) * max(b.cfg.Multiplier, 1))
	}
	b.last = max(min(b.last, b.cfg.MaxInterval), minDelay)
	delay := float64(b.last) * (1 + b.cfg.RandomizationFactor*(2*rand.Float64()-1))
	return max(time.Duration(delay), min(asked, b.cfg.MaxInterval), minDelay)
}

// reset starts over, after a success.
func (b *backoff) reset() { b.last = 0 }
