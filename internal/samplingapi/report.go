package samplingapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Bounds of what a client may say. X-Ray allows names of 32 characters, client
// IDs of 24, services of 64, and 25 documents of each kind.
const (
	maxRuleName  = 32
	maxName      = 64
	maxDocuments = 100
)

// report is what a client sends. Members that are not there count as 0, and
// timestamps are not looked at: X-Ray is told when it gets the sum.
type report struct {
	SamplingStatisticsDocuments      []statistics
	SamplingBoostStatisticsDocuments []boostStatistics
}

// statistics is what happened under one rule in one client.
type statistics struct {
	RuleName     string
	ClientID     string
	RequestCount count
	SampledCount count
	SampleCount  count // what the sampler of ADOT for Python calls SampledCount
	BorrowCount  count
}

func (s *statistics) sampled() count { return max(s.SampledCount, s.SampleCount) }

// boostStatistics is what went wrong under one rule in one service. Some
// samplers add a ClientID, which X-Ray does not know.
type boostStatistics struct {
	RuleName            string
	ServiceName         string
	AnomalyCount        count
	TotalCount          count
	SampledAnomalyCount count
}

// count is a number of requests, 0 to what the API can hold.
type count int64

// UnmarshalJSON takes any number, and null.
func (c *count) UnmarshalJSON(text []byte) error {
	var n *float64
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	if n != nil {
		*c = count(min(max(*n, 0), math.MaxInt32))
	}
	return nil
}

// plus adds up to what the API can hold.
func (c count) plus(o count) count { return min(c+o, math.MaxInt32) }

// parseReport reads a request. An empty one is a report of nothing.
func parseReport(body []byte) (*report, error) {
	r := &report{}
	if len(bytes.TrimSpace(body)) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(body, r); err != nil {
		return nil, fmt.Errorf("the request is no report of sampling statistics: %w", err)
	}
	if len(r.SamplingStatisticsDocuments) > maxDocuments || len(r.SamplingBoostStatisticsDocuments) > maxDocuments {
		return nil, fmt.Errorf("the request has over %d documents", maxDocuments)
	}
	return r, nil
}

// check says why X-Ray would refuse the document, and with it the whole sum.
func (s *statistics) check() error {
	if n := utf8.RuneCountInString(s.RuleName); n < 1 || n > maxRuleName {
		return fmt.Errorf("RuleName has %d characters, allowed are 1 to %d", n, maxRuleName)
	}
	if len(s.ClientID) > maxName {
		return fmt.Errorf("ClientID has %d bytes, allowed are %d", len(s.ClientID), maxName)
	}
	return nil
}

func (s *boostStatistics) check() error {
	if n := utf8.RuneCountInString(s.RuleName); n < 1 || n > maxRuleName {
		return fmt.Errorf("RuleName has %d characters, allowed are 1 to %d", n, maxRuleName)
	}
	if n := utf8.RuneCountInString(s.ServiceName); n < 1 || n > maxName {
		return fmt.Errorf("ServiceName has %d characters, allowed are 1 to %d", n, maxName)
	}
	return nil
}

// unprocessed says why a document was not taken. Samplers look at the first
// digit of the code: after a 4 they ask for the rules.
type unprocessed struct {
	RuleName  string
	ErrorCode string
	Message   string
}

var errTooManyRules = errors.New("reports are about more rules than there can be")

// targetsReply is the answer to a report.
type targetsReply struct {
	LastRuleModification       json.RawMessage `json:",omitempty"`
	SamplingTargetDocuments    []target
	UnprocessedStatistics      []unprocessed
	UnprocessedBoostStatistics []unprocessed
}

func newTargetsReply() *targetsReply {
	return &targetsReply{
		SamplingTargetDocuments:    []target{},
		UnprocessedStatistics:      []unprocessed{},
		UnprocessedBoostStatistics: []unprocessed{},
	}
}

// target is what X-Ray says about one rule. A boost passes as it is.
type target struct {
	RuleName          string
	FixedRate         float64
	ReservoirQuota    *float64        `json:",omitempty"`
	ReservoirQuotaTTL json.RawMessage `json:",omitempty"`
	Interval          *float64        `json:",omitempty"`
	SamplingBoost     json.RawMessage `json:",omitempty"`
}
