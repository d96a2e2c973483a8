package samplingapi

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

const (
	anID      = "d0b1c2e3f4a5968778695a4b"
	anotherID = "0123456789abcdef01234567"
)

// fakeXRay answers as X-Ray does, and records what it is asked.
type fakeXRay struct {
	mu       sync.Mutex
	rules    []string                                             // pages of records; each is one page's list
	targets  map[string]string                                    // by rule: members of its target beside the name
	refused  map[string]string                                    // by rule: the code it is answered with
	modified string                                               // LastRuleModification
	respond  func(path, body string) (*awsclient.Response, error) // nil, or nil, nil: the above
	delay    time.Duration

	asked  []string
	counts map[string][3]int64 // by rule: all that was reported and answered
	boosts map[string][3]int64 // by rule/service
	ids    map[string]bool
}

func newFakeXRay() *fakeXRay {
	return &fakeXRay{
		rules:    []string{record("Default", 1)},
		targets:  map[string]string{"Default": `"FixedRate":0.05,"ReservoirQuota":10,"ReservoirQuotaTTL":4000000000.0,"Interval":10`},
		refused:  map[string]string{},
		modified: "1760700000.0",
		counts:   map[string][3]int64{},
		boosts:   map[string][3]int64{},
		ids:      map[string]bool{},
	}
}

func record(name string, reservoir int) string {
	text, _ := json.Marshal(map[string]any{"CreatedAt": 0.0, "ModifiedAt": 1760700000.0, "SamplingRule": map[string]any{
		"RuleName": name, "Priority": 10, "FixedRate": 0.05, "ReservoirSize": reservoir, "ServiceName": "*", "Version": 1,
		"SamplingRateBoost": map[string]any{"MaxRate": 0.5, "CooldownWindowMinutes": 10}, "Younger": "kept",
	}})
	return string(text)
}

func ok(body string) *awsclient.Response {
	return &awsclient.Response{Status: 200, Header: http.Header{}, Body: []byte(body)}
}

func failing(status int, code string) *awsclient.Response {
	return &awsclient.Response{Status: status, Header: http.Header{"X-Amzn-Errortype": {code}, "Retry-After": {"3"}}, Body: []byte(`{"Message":"told so"}`)}
}

func (x *fakeXRay) Post(ctx context.Context, path string, body []byte) (*awsclient.Response, error) {
	x.mu.Lock()
	x.asked = append(x.asked, strings.TrimPrefix(path, "/"))
	respond, delay := x.respond, x.delay
	x.mu.Unlock()
	if delay > 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(delay):
		}
	}
	if respond != nil {
		if r, err := respond(path, string(body)); r != nil || err != nil {
			return r, err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if path == "/GetSamplingRules" {
		var in struct{ NextToken string }
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		page := len(in.NextToken)
		next := "null"
		if page+1 < len(x.rules) {
			next = `"` + strings.Repeat("x", page+1) + `"`
		}
		return ok(`{"NextToken":` + next + `,"SamplingRuleRecords":[` + x.rules[page] + `]}`), nil
	}
	var in struct {
		SamplingStatisticsDocuments []struct {
			RuleName, ClientID                                 string
			Timestamp, RequestCount, SampledCount, BorrowCount *int64
		}
		SamplingBoostStatisticsDocuments []struct {
			RuleName, ServiceName                                    string
			Timestamp, AnomalyCount, TotalCount, SampledAnomalyCount *int64
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	if len(in.SamplingStatisticsDocuments) > 25 || len(in.SamplingBoostStatisticsDocuments) > 25 {
		return failing(400, "InvalidRequestException"), nil
	}
	var targets, unprocessed []string
	for _, d := range in.SamplingStatisticsDocuments {
		x.ids[d.ClientID] = true
		if code, refused := x.refused[d.RuleName]; refused {
			unprocessed = append(unprocessed, `{"RuleName":"`+d.RuleName+`","ErrorCode":"`+code+`","Message":"no"}`)
			continue
		}
		c := x.counts[d.RuleName]
		x.counts[d.RuleName] = [3]int64{c[0] + *d.RequestCount, c[1] + *d.SampledCount, c[2] + *d.BorrowCount}
		if t, known := x.targets[d.RuleName]; known {
			targets = append(targets, `{"RuleName":"`+d.RuleName+`",`+t+`}`)
		}
	}
	for _, d := range in.SamplingBoostStatisticsDocuments {
		key := d.RuleName + "/" + d.ServiceName
		c := x.boosts[key]
		x.boosts[key] = [3]int64{c[0] + *d.AnomalyCount, c[1] + *d.TotalCount, c[2] + *d.SampledAnomalyCount}
	}
	return ok(`{"LastRuleModification":` + x.modified + `,"SamplingTargetDocuments":[` + strings.Join(targets, ",") +
		`],"UnprocessedStatistics":[` + strings.Join(unprocessed, ",") + `]}`), nil
}

// calls counts the requests of one operation.
func (x *fakeXRay) calls(operation string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for _, a := range x.asked {
		if a == operation {
			n++
		}
	}
	return n
}

// total is what was reported and answered.
func (x *fakeXRay) total() map[string][3]int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.counts)
}

func (x *fakeXRay) totalBoosts() map[string][3]int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.boosts)
}

// away makes X-Ray unreachable, until back.
func (x *fakeXRay) away() {
	x.set(func() {
		x.respond = func(string, string) (*awsclient.Response, error) { return nil, errors.New("connection refused") }
	})
}

func (x *fakeXRay) back() { x.set(func() { x.respond = nil }) }

func (x *fakeXRay) set(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
}

// seen records what an Observer is told.
type seen struct {
	mu       sync.Mutex
	answered []string // operation, stale
	statuses []int
	outcomes map[string]int
	dropped  map[string]int
}

func (s *seen) Answered(operation string, status int, stale bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stale {
		operation += " stale"
	}
	s.answered, s.statuses = append(s.answered, operation), append(s.statuses, status)
}

func (s *seen) Asked(_ string, f awsclient.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[f.Kind.String()]++
}

func (s *seen) Dropped(reason string, documents int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped[reason] += documents
}

func (s *seen) lost() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.dropped)
}

func (s *seen) asked() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.outcomes)
}

// last returns what the last answer was told as.
func (s *seen) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answered[len(s.answered)-1]
}

// bench is an API between a client and X-Ray.
type bench struct {
	*API
	t    *testing.T
	xray *fakeXRay
	seen *seen
}

// newBench returns one that runs until the test ends. It must be called in a
// synctest bubble if time matters.
func newBench(t *testing.T, all *RecordAll) *bench {
	b := &bench{t: t, xray: newFakeXRay(), seen: &seen{outcomes: map[string]int{}, dropped: map[string]int{}}}
	b.API = New(Options{Upstream: func() (Upstream, error) { return b.xray, nil }, Observer: b.seen, RecordAll: all})
	b.Start()
	t.Cleanup(func() { b.Shutdown(context.Background()) })
	return b
}

// post returns the status and the body.
func (b *bench) post(path, body string) (int, string) {
	w := httptest.NewRecorder()
	b.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func (b *bench) knownRules() int {
	b.targets.mu.Lock()
	defer b.targets.mu.Unlock()
	return len(b.targets.rules)
}

// ruleNames asks for the rules.
func (b *bench) ruleNames() []string {
	b.t.Helper()
	status, body := b.post("/GetSamplingRules", "{}")
	require.Equal(b.t, 200, status, body)
	var got struct {
		SamplingRuleRecords []struct{ SamplingRule struct{ RuleName string } }
	}
	require.NoError(b.t, json.Unmarshal([]byte(body), &got))
	names := []string{}
	for _, r := range got.SamplingRuleRecords {
		names = append(names, r.SamplingRule.RuleName)
	}
	return names
}

// doc is a statistics document.
func doc(rule, id string, requests, sampled, borrows int64) string {
	text, _ := json.Marshal(map[string]any{"RuleName": rule, "ClientID": id, "Timestamp": 1760797130,
		"RequestCount": requests, "SampledCount": sampled, "BorrowCount": borrows})
	return string(text)
}

// answerOf is an answer to a report.
type answerOf struct {
	LastRuleModification    *float64
	SamplingTargetDocuments []struct {
		RuleName          string
		FixedRate         float64
		ReservoirQuota    *int64
		ReservoirQuotaTTL *float64
		Interval          *int64
		SamplingBoost     *struct{ BoostRate, BoostRateTTL float64 }
	}
	UnprocessedStatistics      []unprocessed
	UnprocessedBoostStatistics []unprocessed
}

// report sends statistics documents.
func (b *bench) report(docs ...string) answerOf {
	b.t.Helper()
	status, body := b.post("/SamplingTargets", `{"SamplingStatisticsDocuments":[`+strings.Join(docs, ",")+`]}`)
	require.Equal(b.t, 200, status, body)
	var got answerOf
	require.NoError(b.t, json.Unmarshal([]byte(body), &got), body)
	return got
}
