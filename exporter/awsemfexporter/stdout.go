package awsemfexporter

import (
	"context"
	"fmt"
	"io"
	"sync"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// writer writes events to standard output, one a line: in Lambda and on ECS
// what is there becomes log events.
type writer struct {
	out     io.Writer
	answers bool
	count   *counters
	logger  *zap.Logger

	mu   sync.Mutex // lines stay whole
	line []byte
}

func (w *writer) deliver(ctx context.Context, p *portion) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range p.events {
		w.line = append(append(w.line[:0], p.events[i].message...), '\n')
		if _, err := w.out.Write(w.line); err != nil {
			// Nobody reads any more, and half a line may be there: a retry helps nobody.
			err = fmt.Errorf("write to standard output: %w", err)
			if !w.answers {
				w.count.lost(ctx, w.logger, reasonRefused, request{events: p.events[i:]}, awsclient.Failure{Code: "Write", Message: err.Error()})
			}
			return consumererror.NewPermanent(err)
		}
		w.count.sent(ctx, 1)
	}
	return nil
}
