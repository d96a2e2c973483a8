package awsxrayexporter

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
	"golang.org/x/time/rate"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/delivery"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

const (
	// A request that fails this often with 5xx, or without a reply while X-Ray
	// accepts others, is divided to find the document that X-Ray chokes on. In
	// an outage that costs a few more requests when it is over.
	suspiciousTries = 5
	// A single document that failed this often, over a quarter of an hour with
	// the default backoff, while X-Ray accepts others, is refused.
	hopelessTries = 30
	// A document that X-Ray lists this often with an internal error is refused.
	hopelessReplies = 10
	// maxDivisions bounds the extra requests that finding refused documents in
	// one request may cost. Two bad ones among 50 need about 22.
	maxDivisions = 40
)

// poster sends one signed request.
type poster interface {
	Post(ctx context.Context, path string, body []byte) (*awsclient.Response, error)
}

// sender sends portions to X-Ray. exporterhelper's retry is not enough here: on
// shutdown it gives up what waits for its next try, while ours goes on until
// shutdown_timeout; and it knows a request only as a whole, while X-Ray may
// take some of its documents, or choke on one of them.
type sender struct {
	client     poster
	timeout    time.Duration
	patience   delivery.Patience
	answers    bool // the caller learns of a failure and keeps the data
	persistent bool // the queue keeps the data when the process ends
	limiter    *delivery.Limiter
	rate       *rate.Limiter // nil: no limit
	dead       *deadLetters  // nil: refused documents are dropped
	health     *delivery.Health
	count      *counters
	logger     *zap.Logger
	each       *zap.Logger // for debug lines, about each request

	// accepts counts the requests that X-Ray accepted.
	accepts atomic.Uint64
}

// batch is the documents of one request and its history.
type batch struct {
	parts []segment.Part
	// tries counts how often exactly these failed, replies how often X-Ray
	// listed them with an internal error of its own.
	tries, replies int // halves start over
	// accepts is sender.accepts when they failed first.
	accepts uint64
}

// deliver sends documents until X-Ray has each of them or refuses it for good.
// What X-Ray has taken is never sent again. It returns an error if it gave up,
// permanent unless somebody else still has the documents.
func (s *sender) deliver(ctx context.Context, parts []segment.Part) error {
	todo := cut(parts)
	divisions := maxDivisions
	wait := delivery.Backoff{Config: s.patience.Retry}
	started := time.Now()
	for len(todo) > 0 {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		list, failure := s.attempt(ctx, b.parts)
		switch failure.Kind {
		case awsclient.None:
			s.accepts.Add(1)
			again, hopeless := s.settle(b, list)
			s.refuse(ctx, reasonUnprocessed, hopeless)
			if len(again.parts) == 0 {
				wait.Reset()
				continue
			}
			todo = slices.Insert(todo, 0, again)
			failure = awsclient.Failure{Kind: awsclient.Retryable, Code: list[0].Code, Message: list[0].Message}

		case awsclient.Permanent:
			if len(b.parts) > 1 && divisions > 0 && divisible(failure) {
				divisions--
				todo = append(todo, b.halves()...)
				continue
			}
			s.refuse(ctx, reasonRefused, refusals(b.parts, failure))
			continue

		default:
			if b.tries == 0 {
				b.accepts = s.accepts.Load()
			}
			b.tries++
			// Others pass and these do not: one of them may be the reason.
			suspicious := failure.Kind == awsclient.Retryable && s.accepts.Load() > b.accepts+suspiciousTries
			switch {
			case len(b.parts) > 1 && b.tries >= suspiciousTries && (suspicious || failure.Status >= 500) && divisions > 0:
				divisions--
				todo = append(todo, b.halves()...)
			case len(b.parts) == 1 && b.tries >= hopelessTries && suspicious:
				s.refuse(ctx, reasonRefused, refusals(b.parts, failure))
				continue
			default:
				todo = slices.Insert(todo, 0, b) // the others first
			}
		}
		if err := s.patience.Pause(ctx, wait.Next(failure.RetryAfter), started); err != nil {
			return s.giveUp(ctx, todo, failure, err)
		}
		if next := todo[len(todo)-1]; next.tries+next.replies > 0 {
			s.count.retried(ctx, len(next.parts))
		}
	}
	return nil
}

// cut makes requests of documents, the first on top. What comes from the queue
// fits into one already.
func cut(parts []segment.Part) (stack []batch) {
	for len(parts) > 0 {
		n := requestLimits.first(parts, 0)
		stack = append(stack, batch{parts: parts[:n:n]})
		parts = parts[n:]
	}
	slices.Reverse(stack)
	return stack
}

// halves divides a batch. The first half is on top.
func (b batch) halves() []batch {
	middle := len(b.parts) / 2
	return []batch{{parts: b.parts[middle:]}, {parts: b.parts[:middle:middle]}}
}

// divisible tells whether a smaller request may pass where this one did not.
func divisible(f awsclient.Failure) bool {
	return f.Status == http.StatusBadRequest || f.Status == http.StatusRequestEntityTooLarge ||
		f.Status == http.StatusUnprocessableEntity
}

// attempt sends one request. Without a failure X-Ray has all documents but
// those in the list.
func (s *sender) attempt(ctx context.Context, parts []segment.Part) (list []unprocessed, f awsclient.Failure) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.patience.Over, cancel)
	defer stop()

	if s.rate != nil {
		if err := s.rate.WaitN(ctx, len(parts)); err != nil {
			return nil, awsclient.Classify(nil, err)
		}
	}
	era, err := s.limiter.Acquire(ctx)
	if err != nil {
		return nil, awsclient.Classify(nil, err)
	}
	started := time.Now()
	list, f = s.post(ctx, parts)
	s.trace(len(parts), len(list), f, time.Since(started))
	switch {
	case f.Kind == awsclient.Throttle, anyThrottled(list):
		s.limiter.Release(era, delivery.Throttled)
	case f.Kind == awsclient.None:
		s.limiter.Release(era, delivery.Accepted)
	default:
		s.limiter.Release(era, delivery.Neutral)
	}
	if f.Code != awsclient.CodeCanceled {
		s.count.request(ctx, f)
		// A divisible failure is about some documents, not about X-Ray.
		if f.Kind != awsclient.Permanent || !divisible(f) {
			s.health.Report(f)
		}
	}
	return list, f
}

// trace writes a debug line about a request.
func (s *sender) trace(documents, unprocessed int, f awsclient.Failure, took time.Duration) {
	line := s.each.Check(zap.DebugLevel, "Request to X-Ray")
	if line == nil {
		return
	}
	fields := []zap.Field{zap.Int("documents", documents), zap.Int("unprocessed", unprocessed), zap.Duration("took", took)}
	if f.Kind != awsclient.None {
		fields = append(fields, zap.Error(f))
	}
	line.Write(fields...)
}

func (s *sender) post(ctx context.Context, parts []segment.Part) ([]unprocessed, awsclient.Failure) {
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	body := bodies.Get().(*[]byte)
	defer bodies.Put(body)
	*body = appendBody((*body)[:0], parts)

	s.count.inFlight(ctx, 1)
	response, err := s.client.Post(ctx, "/TraceSegments", *body)
	s.count.inFlight(ctx, -1)
	if f := awsclient.Classify(response, err); f.Kind != awsclient.None {
		return nil, f
	}
	list, err := parseReply(response.Body)
	if err != nil {
		// Something on the way answered in X-Ray's place.
		return nil, awsclient.Failure{Kind: awsclient.Retryable, Status: response.Status, Code: "UnreadableReply", Message: err.Error()}
	}
	return list, awsclient.Failure{}
}

// settle counts what X-Ray took and returns the documents that it may take
// when they are sent again, and those that it refused.
func (s *sender) settle(b batch, list []unprocessed) (again batch, hopeless []refusal) {
	refused := match(b.parts, list)
	s.count.sent(len(b.parts) - len(refused))
	if len(refused) == 0 {
		return batch{}, nil
	}
	again = batch{replies: b.replies}
	counted := false
	for _, r := range refused {
		s.count.unprocessed(r.code)
		if line := s.each.Check(zap.DebugLevel, "Document is unprocessed"); line != nil {
			line.Write(r.fields()...)
		}
		more, throttle := maySucceed(r.code)
		if !throttle && !counted {
			counted = true
			again.replies++
		}
		if r.part != nil && more && (throttle || b.replies+1 < hopelessReplies) {
			again.parts = append(again.parts, *r.part)
			continue
		}
		hopeless = append(hopeless, r)
	}
	return again, hopeless
}

func refusals(parts []segment.Part, f awsclient.Failure) []refusal {
	out := make([]refusal, len(parts))
	for i := range parts {
		out[i] = refusal{part: &parts[i], code: f.Code, message: f.Message}
	}
	return out
}

// refuse lets go of documents that X-Ray will not take.
func (s *sender) refuse(ctx context.Context, reason string, list []refusal) {
	if len(list) == 0 {
		return
	}
	s.count.dropped(ctx, reason, len(list))
	what := "X-Ray does not take documents; this is one example of this minute"
	if reason != reasonUnprocessed && reason != reasonRefused {
		what = "Gave up documents; this is one example of this minute"
	}
	s.logger.Warn(what, append(list[0].fields(), zap.String("reason", reason), zap.Bool("dead_letter", s.dead != nil))...)
	if s.dead != nil {
		s.dead.write(ctx, list)
	}
}

// giveUp ends a delivery with documents left.
func (s *sender) giveUp(ctx context.Context, todo []batch, f awsclient.Failure, why error) error {
	err := fmt.Errorf("%w; last failure: %w", why, f)
	if s.answers {
		return err
	}
	if s.persistent && errors.Is(why, delivery.ErrShutdown) {
		s.logger.Info("Documents stay in the storage until the next start", zap.Error(f))
		return err
	}
	reason := reasonShutdown
	switch {
	case errors.Is(why, delivery.ErrNotRetried):
		reason = reasonNotRetried
	case errors.Is(why, delivery.ErrExhausted):
		reason = reasonExhausted
	}
	for _, b := range todo {
		s.refuse(ctx, reason, refusals(b.parts, f))
	}
	return consumererror.NewPermanent(err)
}
