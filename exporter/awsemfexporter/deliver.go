package awsemfexporter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/delivery"
)

const (
	// A request that fails this often with 5xx, or without a reply while
	// CloudWatch accepts others, is divided to find the event it chokes on.
	suspiciousTries = 5
	// A single event that failed this often, over a quarter of an hour with the
	// default backoff, while CloudWatch accepts others, is refused.
	hopelessTries = 30
	// maxDivisions bounds the extra requests that finding refused events in one
	// request may cost. One among 10,000 needs 14 divisions.
	maxDivisions = 40
)

// destination is where portions go.
type destination interface {
	// deliver returns once all events of a portion are there, or given up. It
	// returns an error if it gave up, permanent unless somebody else still has
	// the events.
	deliver(ctx context.Context, p *portion) error
}

// sender sends portions to CloudWatch Logs.
type sender struct {
	client   caller
	groups   *logGroups
	timeout  time.Duration
	compress bool
	patience delivery.Patience
	answers  bool // the caller learns of a failure and keeps the data
	limiter  *delivery.Limiter
	health   *delivery.Health
	count    *counters
	logger   *zap.Logger

	// accepts counts the requests that CloudWatch accepted.
	accepts atomic.Uint64
}

// batch is one request and its history.
type batch struct {
	request
	tries   int    // how often exactly these events failed
	created int    // how often their stream was created
	accepts uint64 // sender.accepts when they failed first
}

// deliver sends events until CloudWatch has each of them or refuses it for
// good. What it has taken is never sent again.
func (s *sender) deliver(ctx context.Context, p *portion) error {
	var todo []batch // a stack
	for _, r := range slices.Backward(requests(slices.Clone(p.events))) {
		todo = append(todo, batch{request: r})
	}
	divisions := maxDivisions
	wait := delivery.Backoff{Config: s.patience.Retry}
	started := time.Now()
	for len(todo) > 0 {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		result, failure := s.attempt(ctx, b.request)
		if failure.Code == "ResourceNotFoundException" {
			b.created++
			made := s.create(ctx, b.request)
			if made.Kind == awsclient.None && b.created == 1 {
				todo = append(todo, b)
				continue
			}
			if made.Kind != awsclient.None {
				failure = made
			}
			if failure.Kind == awsclient.Permanent {
				// A new stream may take a moment, a key that does not exist a
				// person. Neither is the fault of the events.
				failure.Kind = awsclient.Retryable
			}
		}
		switch failure.Kind {
		case awsclient.None:
			s.accepts.Add(1)
			s.settle(ctx, b.request, result)
			wait.Reset()
			continue

		case awsclient.Permanent:
			if len(b.events) > 1 && divisions > 0 && divisible(failure) {
				divisions--
				todo = append(todo, b.halves()...)
				continue
			}
			s.refuse(ctx, reasonRefused, b.request, failure)
			continue

		default:
			if b.tries == 0 {
				b.accepts = s.accepts.Load()
			}
			b.tries++
			// Others pass and these do not: one of them may be the reason.
			suspicious := failure.Kind == awsclient.Retryable && s.accepts.Load() > b.accepts+suspiciousTries
			switch {
			case len(b.events) > 1 && b.tries >= suspiciousTries && suspicious && b.created == 0 && divisions > 0:
				divisions--
				todo = append(todo, b.halves()...)
			case len(b.events) == 1 && b.tries >= hopelessTries && suspicious && b.created == 0:
				s.refuse(ctx, reasonRefused, b.request, failure)
				continue
			default:
				todo = slices.Insert(todo, 0, b) // the others first
			}
		}
		if err := s.patience.Pause(ctx, wait.Next(failure.RetryAfter), started); err != nil {
			return s.giveUp(ctx, todo, failure, err)
		}
		if next := todo[len(todo)-1]; next.tries > 0 {
			s.count.retried(ctx, len(next.events))
		}
	}
	return nil
}

// halves divides a batch. The first half is on top.
func (b batch) halves() []batch {
	middle := len(b.events) / 2
	first, second := b.request, b.request
	first.events, second.events = b.events[:middle:middle], b.events[middle:]
	return []batch{{request: second}, {request: first}}
}

// divisible tells whether a smaller request may pass where this one did not.
func divisible(f awsclient.Failure) bool {
	return f.Status == http.StatusBadRequest || f.Status == http.StatusRequestEntityTooLarge ||
		f.Status == http.StatusUnprocessableEntity
}

// attempt sends one request.
func (s *sender) attempt(ctx context.Context, r request) (out reply, f awsclient.Failure) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.patience.Over, cancel)()

	era, err := s.limiter.Acquire(ctx)
	if err != nil {
		return out, awsclient.Classify(nil, err)
	}
	out, f = s.put(ctx, r)
	switch f.Kind {
	case awsclient.Throttle:
		s.limiter.Release(era, delivery.Throttled)
	case awsclient.None:
		s.limiter.Release(era, delivery.Accepted)
	default:
		s.limiter.Release(era, delivery.Neutral)
	}
	if f.Code != awsclient.CodeCanceled {
		s.count.request(ctx, f)
		// A divisible failure is about some events, and a missing stream is made.
		if f.Kind != awsclient.Permanent || !divisible(f) {
			s.health.Report(f)
		}
	}
	return out, f
}

// Headers of PutLogEvents. The first says that the events are to become
// metrics, which real CloudWatch finds out by itself.
var (
	plainHeader  = http.Header{"X-Amzn-Logs-Format": {"json/emf"}}
	zippedHeader = http.Header{"X-Amzn-Logs-Format": {"json/emf"}, "Content-Encoding": {"gzip"}}
)

func (s *sender) put(ctx context.Context, r request) (reply, awsclient.Failure) {
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	body, zipped, err := b.body(r, s.compress)
	if err != nil {
		return reply{}, awsclient.Failure{Kind: awsclient.Permanent, Code: "Unwritable", Message: err.Error()}
	}
	header := plainHeader
	if zipped {
		header = zippedHeader
	}
	s.count.inFlight(ctx, 1)
	response, err := s.client.Call(ctx, putLogEvents, header, body)
	s.count.inFlight(ctx, -1)
	if f := awsclient.Classify(response, err); f.Kind != awsclient.None {
		return reply{}, f
	}
	out, err := parseReply(response.Body, len(r.events))
	if err != nil {
		// Something on the way answered in CloudWatch's place.
		return out, awsclient.Failure{Kind: awsclient.Retryable, Status: response.Status, Code: "UnreadableReply", Message: err.Error()}
	}
	return out, awsclient.Failure{}
}

// create makes the stream of a request.
func (s *sender) create(ctx context.Context, r request) awsclient.Failure {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.patience.Over, cancel)()
	f := s.groups.create(ctx, r.group, r.stream)
	if f.Kind != awsclient.None && f.Code != awsclient.CodeCanceled {
		s.health.Report(f)
	}
	return f
}

// settle counts what CloudWatch took and what it did not.
func (s *sender) settle(ctx context.Context, r request, got reply) {
	s.count.sent(ctx, len(r.events)-got.tooOld-got.expired-got.tooNew)
	list := r.events
	for _, rejected := range []struct {
		reason string
		events []event
	}{
		{reasonRejectedOld, list[:got.tooOld]},
		{reasonRejectedExpired, list[got.tooOld : got.tooOld+got.expired]},
		{reasonRejectedNew, list[len(list)-got.tooNew:]},
	} {
		s.refuse(ctx, rejected.reason, request{r.group, r.stream, rejected.events}, awsclient.Failure{Status: http.StatusOK, Code: rejected.reason})
	}
	if got.entity != "" {
		s.count.entityRejected(ctx, got.entity)
	}
}

// refuse lets go of events that CloudWatch does not have.
func (s *sender) refuse(ctx context.Context, reason string, r request, f awsclient.Failure) {
	s.count.lost(ctx, s.logger, reason, r, f)
}

// giveUp ends a delivery with events left.
func (s *sender) giveUp(ctx context.Context, todo []batch, f awsclient.Failure, why error) error {
	left := make([]request, len(todo))
	for i, b := range todo {
		left[i] = b.request
	}
	return giveUp(ctx, left, f, why, s.answers, s.patience.Kept, s.count, s.logger)
}

// giveUp counts events that are given up unless somebody else keeps them.
func giveUp(ctx context.Context, left []request, f awsclient.Failure, why error, answers, kept bool, count *counters, logger *zap.Logger) error {
	err := fmt.Errorf("%w; last failure: %w", why, f)
	if answers {
		return err
	}
	reason := reasonShutdown
	switch {
	case errors.Is(why, delivery.ErrNotRetried):
		reason = reasonNotRetried
	case errors.Is(why, delivery.ErrExhausted):
		reason = reasonExhausted
	case kept:
		logger.Info("Events stay in the storage until the next start", zap.Error(f))
		return err
	}
	for _, r := range left {
		count.lost(ctx, logger, reason, r, f)
	}
	return consumererror.NewPermanent(err)
}
