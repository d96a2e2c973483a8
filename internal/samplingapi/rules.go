package samplingapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// rulesFresh is how long rules are given out without asking X-Ray.
	rulesFresh = time.Minute

	// Bounds of the list of rules. X-Ray has 25 rules in a region unless its
	// quota is raised, all on one page.
	maxPages      = 20
	maxRulesBytes = 8 << 20
)

// rules is the list of rules as X-Ray gave it.
type rules struct {
	body    []byte // the answer to a client
	records []json.RawMessage
	changed time.Time // when this list was first seen
}

// ruleCache asks X-Ray for the rules when a client does, no more than once for
// all that ask at the same time.
type ruleCache struct {
	upstream *upstream
	fallback bool // clients can be answered without rules
	base     context.Context
	fetching sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	current *rules // nil until X-Ray has answered
	fetched time.Time
	retryAt time.Time // not before, after a failure
	failed  *reply    // the last request's
	lastMod string    // X-Ray's LastRuleModification, as last heard
	since   string    // what lastMod was when current was asked for
	flight  *ruleFlight
}

// ruleFlight is a request for rules on its way.
type ruleFlight struct {
	done   chan struct{}
	failed *reply // set before done is closed; nil if there are rules
}

func (c *ruleCache) start(base context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base = base
}

// stop waits for a request on its way, which base has ended.
func (c *ruleCache) stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.fetching.Wait()
}

// moved takes note of when X-Ray's rules were last changed.
func (c *ruleCache) moved(lastModification string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastMod = lastModification
}

// get returns the rules; stale says that they are older than they should be.
// If there are none it returns why. It waits long only if nothing else can be
// done.
func (c *ruleCache) get(ctx context.Context) (_ *rules, stale bool, _ *reply) {
	var patience <-chan time.Time
	for {
		c.mu.Lock()
		now := time.Now()
		stale = c.since != c.lastMod || now.Sub(c.fetched) >= rulesFresh
		f, current, failed := c.flight, c.current, c.failed
		resting := now.Before(c.retryAt) || c.stopped
		switch {
		case current != nil && (!stale || resting):
			c.mu.Unlock()
			return current, stale, nil
		case c.fallback && failed != nil && resting:
			c.mu.Unlock()
			return nil, true, failed
		}
		if f == nil {
			f = c.fetch()
		}
		c.mu.Unlock()

		if patience == nil && (current != nil || c.fallback) {
			timer := time.NewTimer(staleAfter)
			defer timer.Stop()
			patience = timer.C
		}
		select {
		case <-f.done:
			if f.failed != nil && current == nil {
				return nil, false, f.failed
			}
			// A change that came while the request was on its way needs another.
		case <-patience:
			if current == nil {
				return nil, true, unavailable("X-Ray has not answered yet")
			}
			return current, true, nil
		case <-ctx.Done():
			return nil, false, unavailable("the client has gone")
		}
	}
}

// fetch asks X-Ray, in a goroutine of its own: the first client that asks may
// go while others wait. c.mu is held.
func (c *ruleCache) fetch() *ruleFlight {
	f := &ruleFlight{done: make(chan struct{})}
	if c.stopped {
		f.failed = unavailable("shutting down")
		close(f.done)
		return f
	}
	c.flight = f
	since := c.lastMod
	c.fetching.Go(func() {
		records, failed := c.pages(c.base)
		c.mu.Lock()
		defer c.mu.Unlock()
		now := time.Now()
		if failed != nil {
			f.failed, c.failed = failed.reply, failed.reply
			// Without an upstream there was nothing that needs a rest, but
			// asking again at once would bring nothing either.
			c.retryAt = now.Add(max(failed.wait, time.Second))
		} else {
			body, _ := json.Marshal(rulesReply{SamplingRuleRecords: records}) // raw messages that were parsed
			if c.current == nil || !bytes.Equal(body, c.current.body) {
				c.current = &rules{body: body, records: records, changed: now}
			}
			c.fetched, c.since, c.retryAt, c.failed = now, since, time.Time{}, nil
		}
		c.flight = nil
		close(f.done)
	})
	return f
}

// rulesReply is X-Ray's answer, of which records pass as they are: rules may
// have members that are younger than this program.
type rulesReply struct {
	NextToken           *string
	SamplingRuleRecords []json.RawMessage
}

func (c *ruleCache) pages(ctx context.Context) ([]json.RawMessage, *failure) {
	all := []json.RawMessage{}
	request := []byte("{}")
	size := 0
	for page := 1; ; page++ {
		var got rulesReply
		failed := c.upstream.post(ctx, GetSamplingRules, request, func(body []byte) error {
			if err := json.Unmarshal(body, &got); err != nil {
				return err
			}
			if got.SamplingRuleRecords == nil {
				return errors.New("no SamplingRuleRecords in it")
			}
			if size += len(body); page == maxPages && hasNext(got) || size > maxRulesBytes {
				return fmt.Errorf("the rules are on more than %d pages or over %d bytes", maxPages, maxRulesBytes)
			}
			return nil
		})
		if failed != nil {
			return nil, failed
		}
		all = append(all, got.SamplingRuleRecords...)
		if !hasNext(got) {
			return all, nil
		}
		request, _ = json.Marshal(struct{ NextToken string }{*got.NextToken}) // a string always marshals
	}
}

func hasNext(r rulesReply) bool { return r.NextToken != nil && *r.NextToken != "" }
