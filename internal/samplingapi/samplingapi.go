// Package samplingapi is the server side of the two operations that X-Ray
// samplers call, GetSamplingRules and GetSamplingTargets. It stands between
// any number of clients and X-Ray.
//
// Rules come from a cache: X-Ray is asked once a minute at most, and when it
// says that rules have changed. Statistics of all clients are added up and
// reported as those of one client, and the quota that X-Ray assigns to that
// client is shared out among those that are there. So the number of clients
// costs X-Ray nothing, and a rule's reservoir stays what the rule says. When
// X-Ray does not answer, clients get what it said last, and their statistics
// wait.
package samplingapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// The operations, as they are named in paths. SamplingTargets is the path of
// GetSamplingTargets. Other stands for everything that is refused.
const (
	GetSamplingRules = "GetSamplingRules"
	SamplingTargets  = "SamplingTargets"
	Other            = "other"
)

const (
	// MaxRequestBytes bounds a request's body. Reports of 25 rules, which is
	// what X-Ray takes, are about 5 KB.
	MaxRequestBytes = 1 << 20

	// maxInFlight bounds the requests being answered, and with them memory.
	maxInFlight = 64

	// upstreamTimeout bounds the wait for X-Ray. SDKs poll every 10 s.
	upstreamTimeout = 10 * time.Second

	// staleAfter is how long a client waits for X-Ray when there is an older
	// answer to give.
	staleAfter = 2 * time.Second

	// retryWait is the least time between a failure and the next request to
	// X-Ray; maxRetryWait is the longest that X-Ray can ask for.
	retryWait    = 10 * time.Second
	maxRetryWait = 5 * time.Minute
)

// Upstream sends a signed request, as awsclient.Client does. It must never
// send an unsigned one.
type Upstream interface {
	Post(ctx context.Context, path string, body []byte) (*awsclient.Response, error)
}

// Observer is told what happens. Its methods may be called at the same time.
type Observer interface {
	// Answered is called after each answer to a client, with the reason if it
	// is no success. stale says that X-Ray should have been asked and did not answer.
	Answered(operation string, status int, stale bool, err error)
	// Asked is called after each request to X-Ray. The zero Failure is success.
	Asked(operation string, failure awsclient.Failure)
	// Dropped is called when reported statistics are lost.
	Dropped(reason string, documents int)
}

// Reasons of statistics that are lost.
const (
	ReasonRefused  = "refused"  // X-Ray refused them
	ReasonLimit    = "limit"    // reports about more rules than can be
	ReasonShutdown = "shutdown" // X-Ray did not take them in time
)

// RecordAll are the settings of an API that makes clients record every
// request, so that a tail sampler behind them decides.
type RecordAll struct {
	// MaxPerSecond is how many requests a second all clients together record.
	// 0 means all.
	MaxPerSecond int
}

// Options are what an API needs.
type Options struct {
	// Upstream returns where requests go, or why there is no such place yet.
	// It must not block.
	Upstream func() (Upstream, error)
	Observer Observer
	// RecordAll replaces X-Ray's rates and quotas; nil leaves them as they are.
	RecordAll *RecordAll
}

// API answers clients. Everything but the two operations is refused: whoever
// reaches the port would otherwise call every X-Ray API that the role allows.
type API struct {
	rules     *ruleCache
	targets   *targets   // nil when it records all
	recordAll *recordAll // nil when it forwards
	observer  Observer
	inFlight  chan struct{}

	base   context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// New returns an API. It asks nothing before Start.
func New(o Options) *API {
	a := &API{observer: o.Observer, inFlight: make(chan struct{}, maxInFlight)}
	a.base, a.cancel = context.WithCancel(context.Background())
	up := &upstream{current: o.Upstream, observer: o.Observer}
	a.rules = &ruleCache{upstream: up, fallback: o.RecordAll != nil}
	if o.RecordAll != nil {
		a.recordAll = newRecordAll(*o.RecordAll)
		return a
	}
	a.targets = newTargets(up, a.rules.moved)
	return a
}

// Start starts the delivery of statistics.
func (a *API) Start() {
	a.rules.start(a.base)
	if a.targets != nil {
		a.work.Go(func() { a.targets.run(a.base) })
	}
}

// Shutdown delivers the statistics that are left, until ctx ends, and waits
// for what was started. Clients must not be answered any more.
func (a *API) Shutdown(ctx context.Context) {
	a.cancel()
	a.rules.stop()
	a.work.Wait()
	if a.targets != nil {
		a.targets.finish(ctx)
	}
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, reply := a.answer(w, r)
	if reply.retryAfter != "" {
		w.Header().Set("Retry-After", reply.retryAfter)
	}
	if reply.errorType != "" {
		w.Header().Set("X-Amzn-Errortype", reply.errorType)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(reply.status)
	_, _ = w.Write(reply.body) // a client that has gone has nothing to be told
	a.observer.Answered(operation, reply.status, reply.stale, reply.err)
}

// reply is an answer to a client.
type reply struct {
	status     int
	body       []byte
	errorType  string
	retryAfter string
	stale      bool
	err        error // why the client does not have what it asked for
}

func (a *API) answer(w http.ResponseWriter, r *http.Request) (operation string, _ reply) {
	switch r.URL.Path {
	case "/" + GetSamplingRules, "/" + SamplingTargets:
		operation = r.URL.Path[1:]
	default:
		return Other, *refuse(http.StatusForbidden, "AccessDeniedException",
			errors.New("this port answers POST /GetSamplingRules and POST /SamplingTargets, and nothing else"))
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return operation, *refuse(http.StatusMethodNotAllowed, "InvalidRequestException", errors.New("use POST"))
	}
	select {
	case a.inFlight <- struct{}{}:
		defer func() { <-a.inFlight }()
	default:
		busy := refuse(http.StatusServiceUnavailable, "ServiceUnavailableException",
			fmt.Errorf("%d requests are being answered already", maxInFlight))
		busy.retryAfter = "1"
		return operation, *busy
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequestBytes))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return operation, *refuse(http.StatusRequestEntityTooLarge, "InvalidRequestException",
				fmt.Errorf("the request is over %d bytes", MaxRequestBytes))
		}
		return operation, *refuse(http.StatusBadRequest, "InvalidRequestException", fmt.Errorf("read request: %w", err))
	}
	if operation == GetSamplingRules {
		return operation, a.answerRules(r.Context())
	}
	report, err := parseReport(body)
	if err != nil {
		return operation, *refuse(http.StatusBadRequest, "InvalidRequestException", err)
	}
	return operation, a.answerTargets(r.Context(), report)
}

// answerRules looks at nothing in the request: some samplers send no body at
// all, and as the answer is always a single page, there is no token to follow.
func (a *API) answerRules(ctx context.Context) reply {
	rules, stale, failed := a.rules.get(ctx)
	if a.recordAll != nil {
		// Without X-Ray's rules all is recorded under the name of the Default rule.
		answer := a.recordAll.rules(rules)
		answer.stale = stale || failed != nil
		return answer
	}
	if failed != nil {
		return *failed
	}
	return reply{status: http.StatusOK, body: rules.body, stale: stale}
}

func (a *API) answerTargets(ctx context.Context, r *report) reply {
	if a.recordAll == nil {
		return a.targets.answer(ctx, r, a.observer.Dropped)
	}
	// Nothing else notices that rules have changed, as no statistics go out.
	rules, _, failed := a.rules.get(ctx)
	answer := a.recordAll.targets(r, rules, time.Now())
	answer.stale = failed != nil
	return answer
}

// marshal is the answer with a value that always marshals.
func marshal(v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		return *refuse(http.StatusInternalServerError, "InternalServerException", err)
	}
	return reply{status: http.StatusOK, body: body}
}

// unavailable says that X-Ray's answer is not there.
func unavailable(why string) *reply {
	return refuse(http.StatusServiceUnavailable, "ServiceUnavailableException", errors.New(why))
}

// refuse answers in the form of an AWS error.
func refuse(status int, errorType string, err error) *reply {
	body, _ := json.Marshal(struct{ Message string }{err.Error()}) // a string always marshals
	return &reply{status: status, body: body, errorType: errorType, err: err}
}
