package samplingapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// upstream asks X-Ray and says in a client's terms why there is no answer.
type upstream struct {
	current  func() (Upstream, error)
	observer Observer
}

// failure is why X-Ray did not give what was asked for.
type failure struct {
	reply *reply
	kind  awsclient.Kind
	// wait is how long not to ask again. It is 0 where X-Ray was not asked.
	wait time.Duration
}

// post returns the body of a successful reply, once accept has taken it.
func (u *upstream) post(ctx context.Context, operation string, body []byte, accept func([]byte) error) *failure {
	to, err := u.current()
	if err != nil {
		return &failure{reply: refuse(http.StatusServiceUnavailable, "ServiceUnavailableException", err), kind: awsclient.Retryable}
	}
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	got, err := to.Post(ctx, "/"+operation, body)
	if err == nil && got.Status == http.StatusOK {
		if bad := accept(got.Body); bad != nil {
			err = fmt.Errorf("the answer is not X-Ray's: %w", bad)
		}
	}
	why := awsclient.Classify(got, err)
	if why.Kind == awsclient.None && got.Status != http.StatusOK {
		why = awsclient.Failure{Kind: awsclient.Retryable, Status: got.Status, Code: "UnexpectedStatus", Message: "the answer is not X-Ray's"}
	}
	u.observer.Asked(operation, why)
	if why.Kind == awsclient.None {
		return nil
	}
	f := &failure{kind: why.Kind, wait: min(max(retryWait, why.RetryAfter), maxRetryWait)}
	if err != nil {
		f.reply = refuse(http.StatusBadGateway, "BadGatewayException", fmt.Errorf("ask X-Ray: %w", err))
		return f
	}
	f.reply = &reply{
		status:     got.Status,
		body:       got.Body,
		errorType:  got.Header.Get("X-Amzn-Errortype"),
		retryAfter: got.Header.Get("Retry-After"),
		err:        why,
	}
	if got.Status < 400 {
		f.reply = refuse(http.StatusBadGateway, "BadGatewayException", why)
	}
	return f
}
