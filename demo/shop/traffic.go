package shop

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Sent is a request that was answered as its scenario says.
type Sent struct {
	TraceID  string
	Scenario Scenario
}

// customers is the client that all requests are sent with.
var customers = &http.Client{Timeout: 30 * time.Second}

// Send sends one request and reads the reply. It acts as the load balancer in
// front of the shop: it gives the request its trace ID and has it sampled.
func (s *Shop) Send(ctx context.Context, scenario Scenario) (Sent, error) {
	sent := Sent{newTraceID(time.Now()), scenario}
	request, err := http.NewRequestWithContext(ctx, scenario.Method, s.URL+scenario.Path, strings.NewReader(scenario.Body))
	if err != nil {
		return sent, fmt.Errorf("make request %s: %w", scenario.Name, err)
	}
	request.Header.Set("X-Amzn-Trace-Id", "Root="+sent.TraceID+";Sampled=1")
	request.Header.Set("User-Agent", "demo-customer")
	if scenario.Body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	reply, err := customers.Do(request)
	if err != nil {
		return sent, fmt.Errorf("send %s: %w", scenario.Name, err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, 64<<10))
	if err != nil {
		return sent, fmt.Errorf("read the reply to %s: %w", scenario.Name, err)
	}
	if reply.StatusCode != scenario.Status {
		return sent, fmt.Errorf("%s %s was answered with %d, not %d: %s", scenario.Method, scenario.Path, reply.StatusCode, scenario.Status, text)
	}
	return sent, nil
}

// SendAll sends every scenario times times, a few at once, and returns when all
// are answered. The error joins those of all requests that went wrong.
func (s *Shop) SendAll(ctx context.Context, times int) ([]Sent, error) {
	type result struct {
		sent Sent
		err  error
	}
	work, results := make(chan Scenario), make(chan result)
	for range 4 {
		go func() {
			for scenario := range work {
				sent, err := s.Send(ctx, scenario)
				results <- result{sent, err}
			}
		}()
	}
	go func() {
		defer close(work)
		for range times {
			for _, scenario := range s.Scenarios {
				work <- scenario
			}
		}
	}()
	var all []Sent
	var errs []error
	for range times * len(s.Scenarios) {
		r := <-results
		all = append(all, r.sent)
		errs = append(errs, r.err)
	}
	return all, errors.Join(errs...)
}

// maxUnderWay bounds how many requests of a walk overlap.
const maxUnderWay = 16

// Walk sends perSecond requests a second, mixed by weight, until ctx is done or
// one goes wrong, and says how many it sent. Requests under way are finished
// also when ctx is done, so that no trace is cut in half.
func (s *Shop) Walk(ctx context.Context, perSecond float64) (requests int, err error) {
	var mix []Scenario
	for _, scenario := range s.Scenarios {
		for range scenario.Weight {
			mix = append(mix, scenario)
		}
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
	defer tick.Stop()
	underWay := make(chan struct{}, maxUnderWay)
	errs := make(chan error, maxUnderWay)
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-ctx.Done():
			return requests, nil
		case err := <-errs:
			return requests, err
		case <-tick.C:
		}
		select {
		case underWay <- struct{}{}:
		default:
			continue // too many wait already: this customer goes away
		}
		requests++
		scenario := mix[mathrand.IntN(len(mix))]
		all.Go(func() {
			defer func() { <-underWay }()
			if _, err := s.Send(context.WithoutCancel(ctx), scenario); err != nil {
				select {
				case errs <- err:
				default: // one is enough to end the walk
				}
			}
		})
	}
}

func newTraceID(now time.Time) string {
	var random [12]byte
	// crypto/rand.Read never fails.
	_, _ = rand.Read(random[:])
	return fmt.Sprintf("1-%08x-%s", now.Unix(), hex.EncodeToString(random[:]))
}
