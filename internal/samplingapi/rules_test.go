package samplingapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

func TestRulesAreAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.xray.rules = []string{record("a", 1) + "," + record("b", 1), record("Default", 1)}
		b.xray.delay = time.Second
		var clients sync.WaitGroup
		for range 50 {
			clients.Go(func() { assert.Equal(t, []string{"a", "b", "Default"}, b.ruleNames()) })
		}
		clients.Wait()
		assert.Equal(t, 2, b.xray.calls(GetSamplingRules), "two pages")

		_, body := b.post("/GetSamplingRules", "")
		assert.JSONEq(t, `{"NextToken":null,"SamplingRuleRecords":[`+record("a", 1)+","+record("b", 1)+","+record("Default", 1)+`]}`, body)
		time.Sleep(rulesFresh - 2*time.Second)
		b.ruleNames()
		assert.Equal(t, 2, b.xray.calls(GetSamplingRules), "still fresh")
		time.Sleep(2 * time.Second)
		b.ruleNames()
		assert.Equal(t, 4, b.xray.calls(GetSamplingRules))
	})
}

func TestRulesFollowLastRuleModification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.report(doc("Default", anID, 1, 1, 0))
		assert.Equal(t, []string{"Default"}, b.ruleNames())
		b.xray.set(func() { b.xray.rules = []string{record("new", 1) + "," + record("Default", 1)} })
		b.ruleNames()
		assert.Equal(t, 1, b.xray.calls(GetSamplingRules), "X-Ray has not said that anything changed")

		b.xray.set(func() { b.xray.modified = "1760700001.0" })
		time.Sleep(10 * time.Second)
		got := b.report(doc("Default", anID, 1, 1, 0))
		assert.Equal(t, 1760700001.0, *got.LastRuleModification)
		assert.Equal(t, []string{"new", "Default"}, b.ruleNames())
		b.ruleNames()
		assert.Equal(t, 2, b.xray.calls(GetSamplingRules))
	})
}

// TestRulesChangeWhileAsked: a client that asks because rules have changed gets
// those of after the change, though others are being fetched already.
func TestRulesChangeWhileAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		answers := 0
		b.xray.respond = func(string, string) (*awsclient.Response, error) {
			answers++
			name := fmt.Sprint("rules", answers)
			time.Sleep(time.Second)
			return ok(`{"SamplingRuleRecords":[` + record(name, 1) + `]}`), nil
		}
		var first sync.WaitGroup
		first.Go(func() { b.ruleNames() })
		synctest.Wait()
		b.rules.moved("later")
		assert.Equal(t, []string{"rules2"}, b.ruleNames())
		first.Wait()
	})
}

func TestRulesThroughAnOutage(t *testing.T) {
	for name, outage := range map[string]func(string, string) (*awsclient.Response, error){
		"away":      func(string, string) (*awsclient.Response, error) { return nil, errors.New("connection refused") },
		"throttled": func(string, string) (*awsclient.Response, error) { return failing(429, "ThrottledException"), nil },
		"denied":    func(string, string) (*awsclient.Response, error) { return failing(403, "AccessDeniedException"), nil },
		"a portal":  func(string, string) (*awsclient.Response, error) { return ok("<html>"), nil },
		"no list":   func(string, string) (*awsclient.Response, error) { return ok("{}"), nil },
		"no answer": func(string, string) (*awsclient.Response, error) {
			time.Sleep(upstreamTimeout)
			return nil, errors.New("timeout")
		},
		"endless": func(string, string) (*awsclient.Response, error) {
			return ok(`{"NextToken":"x","SamplingRuleRecords":[]}`), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				b.ruleNames()
				b.xray.set(func() { b.xray.respond = outage })
				time.Sleep(rulesFresh)
				for range 60 {
					began := time.Now()
					assert.Equal(t, []string{"Default"}, b.ruleNames())
					assert.LessOrEqual(t, time.Since(began), staleAfter)
					assert.Equal(t, "GetSamplingRules stale", b.seen.last())
					time.Sleep(time.Second)
				}
				assert.LessOrEqual(t, b.xray.calls(GetSamplingRules), 1+8*maxPages, "X-Ray is left alone for 10 s after a failure")
				time.Sleep(30 * time.Second)
				b.xray.back()
				b.ruleNames()
				assert.Equal(t, "GetSamplingRules", b.seen.last())
			})
		})
	}
}

func TestNoRulesAtAll(t *testing.T) {
	for name, tc := range map[string]struct {
		response *awsclient.Response
		err      error
		status   int
		body     string
		headers  map[string]string
	}{
		"throttled": {failing(429, "ThrottledException"), nil, 429, `{"Message":"told so"}`, map[string]string{"X-Amzn-Errortype": "ThrottledException", "Retry-After": "3"}},
		"away":      {nil, errors.New("connection refused"), 502, `{"Message":"ask X-Ray: connection refused"}`, map[string]string{"X-Amzn-Errortype": "BadGatewayException"}},
		"a portal":  {&awsclient.Response{Status: 302, Header: http.Header{}}, nil, 502, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				b.xray.respond = func(string, string) (*awsclient.Response, error) { return tc.response, tc.err }
				status, body := b.post("/GetSamplingRules", "{}")
				assert.Equal(t, tc.status, status)
				if tc.body != "" {
					assert.JSONEq(t, tc.body, body)
				}
				b.xray.back()
				assert.Equal(t, []string{"Default"}, b.ruleNames(), "the next client that asks may have luck")
			})
		})
	}
}

// TestTheFirstClientGoes: a client that hangs up costs those that wait nothing.
func TestTheFirstClientGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.xray.delay = 5 * time.Second
		first, hangUp := newGoer("/GetSamplingRules", "{}")
		var clients sync.WaitGroup
		clients.Go(func() { b.ServeHTTP(first.w, first.r) })
		synctest.Wait()
		clients.Go(func() { assert.Equal(t, []string{"Default"}, b.ruleNames()) })
		synctest.Wait()
		hangUp()
		clients.Wait()
		assert.Equal(t, 503, first.w.Code)
		assert.Equal(t, 1, b.xray.calls(GetSamplingRules))
		synctest.Wait()
		assert.Equal(t, []int{503, 200}, b.seen.statuses)
		assert.False(t, slices.Contains(b.seen.answered, "GetSamplingRules stale"))
	})
}
