package api

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

const (
	defaultRule = "Default"
	// targetInterval is how often SDKs report and ask again.
	targetInterval = 10 * time.Second
	// quotaLife is how long a granted quota may be used.
	quotaLife = 5 * time.Minute
	// clientLife is how long after its last report a client has a share.
	clientLife = 3 * targetInterval
	// maxClients bounds the clients that are remembered; those past it get the
	// fixed rate without a quota.
	maxClients = 10_000
	// maxStatistics is how many documents a report may hold.
	maxStatistics = 25
	// minutesKept is how many minutes of statistics are remembered.
	minutesKept = 60
)

// The Default rule, as a new account has it.
const (
	defaultReservoir = 1
	defaultRate      = 0.05
)

// sampling is the state behind the sampling API: the clients that share the
// reservoir of the Default rule, and what they reported.
type sampling struct {
	started time.Time // the rule is as old as the process

	mu      sync.Mutex
	clients map[string]time.Time // last report by client id
	minutes []samplingMinute     // oldest first
}

type samplingMinute struct {
	start                      time.Time
	requests, sampled, borrows int64
}

func newSampling(now time.Time) sampling {
	return sampling{started: now.Truncate(time.Second), clients: make(map[string]time.Time)}
}

type samplingRule struct {
	RuleName      string
	RuleARN       string
	ResourceARN   string
	Priority      int
	FixedRate     float64
	ReservoirSize int
	ServiceName   string
	ServiceType   string
	Host          string
	HTTPMethod    string
	URLPath       string
	Version       int
	Attributes    map[string]string
}

type samplingRuleRecord struct {
	CreatedAt    float64
	ModifiedAt   float64
	SamplingRule samplingRule
}

type getSamplingRulesOutput struct {
	NextToken           *string
	SamplingRuleRecords []samplingRuleRecord
}

func (h *Handler) getSamplingRules(*empty) (*getSamplingRulesOutput, error) {
	return &getSamplingRulesOutput{SamplingRuleRecords: []samplingRuleRecord{{
		ModifiedAt: epoch(h.sampling.started),
		SamplingRule: samplingRule{
			RuleName: defaultRule, RuleARN: "arn:aws:xray:us-east-1:000000000000:sampling-rule/Default",
			ResourceARN: "*", Priority: 10000, FixedRate: defaultRate, ReservoirSize: defaultReservoir,
			ServiceName: "*", ServiceType: "*", Host: "*", HTTPMethod: "*", URLPath: "*",
			Version: 1, Attributes: map[string]string{},
		},
	}}}, nil
}

type getSamplingTargetsInput struct {
	SamplingStatisticsDocuments      []samplingStatistics
	SamplingBoostStatisticsDocuments []struct{ RuleName string }
}

// samplingStatistics is a client's report about one rule. Clients leave counts
// out that are 0, and one SDK writes SampleCount for SampledCount.
type samplingStatistics struct {
	RuleName     string
	ClientID     string
	RequestCount int64
	SampledCount int64
	SampleCount  int64
	BorrowCount  int64
}

type getSamplingTargetsOutput struct {
	LastRuleModification       float64
	SamplingTargetDocuments    []samplingTarget
	UnprocessedStatistics      []unprocessedStatistics
	UnprocessedBoostStatistics []unprocessedStatistics
}

type samplingTarget struct {
	RuleName          string
	FixedRate         float64
	ReservoirQuota    *int     `json:",omitempty"`
	ReservoirQuotaTTL *float64 `json:",omitempty"`
	Interval          int
}

type unprocessedStatistics struct {
	RuleName  string
	ErrorCode string
	Message   string
}

func (h *Handler) getSamplingTargets(in *getSamplingTargetsInput) (*getSamplingTargetsOutput, error) {
	if len(in.SamplingStatisticsDocuments) > maxStatistics || len(in.SamplingBoostStatisticsDocuments) > maxStatistics {
		return nil, invalid("Exceeding maximum statistics document count: %d", maxStatistics)
	}
	now := h.now()
	s := &h.sampling
	out := &getSamplingTargetsOutput{
		LastRuleModification:       epoch(s.started),
		SamplingTargetDocuments:    []samplingTarget{},
		UnprocessedStatistics:      []unprocessedStatistics{},
		UnprocessedBoostStatistics: []unprocessedStatistics{},
	}
	for _, d := range in.SamplingStatisticsDocuments {
		if d.RuleName != defaultRule {
			out.UnprocessedStatistics = append(out.UnprocessedStatistics, noRule(d.RuleName))
			continue
		}
		target := samplingTarget{RuleName: defaultRule, FixedRate: defaultRate, Interval: int(targetInterval / time.Second)}
		if quota, ok := s.report(now, d); ok {
			ttl := epoch(now.Add(quotaLife).Truncate(time.Second))
			target.ReservoirQuota, target.ReservoirQuotaTTL = &quota, &ttl
		}
		out.SamplingTargetDocuments = append(out.SamplingTargetDocuments, target)
	}
	for _, d := range in.SamplingBoostStatisticsDocuments {
		// X-Ray has no boost on the Default rule either.
		u := unprocessedStatistics{d.RuleName, "400", "the rule has no sampling rate boost"}
		if d.RuleName != defaultRule {
			u = noRule(d.RuleName)
		}
		out.UnprocessedBoostStatistics = append(out.UnprocessedBoostStatistics, u)
	}
	return out, nil
}

func noRule(name string) unprocessedStatistics {
	return unprocessedStatistics{cut(name, 64), "404", "there is no sampling rule of this name"}
}

// report takes a client's statistics in and returns its share of the
// reservoir. It is not ok for a client that cannot be remembered.
//
// How X-Ray splits a reservoir is not published. Ours: evenly over the clients
// that reported lately; what does not divide goes to the first by id, so that
// all shares together are the reservoir.
func (s *sampling) report(now time.Time, d samplingStatistics) (quota int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(now, d)
	for id, seen := range s.clients {
		if now.Sub(seen) > clientLife {
			delete(s.clients, id)
		}
	}
	id := cut(d.ClientID, 64)
	if _, known := s.clients[id]; !known && len(s.clients) >= maxClients {
		return 0, false
	}
	s.clients[id] = now
	quota = defaultReservoir / len(s.clients)
	before := 0
	for other := range s.clients {
		if other < id {
			before++
		}
	}
	if before < defaultReservoir%len(s.clients) {
		quota++
	}
	return quota, true
}

// count adds a report to the statistics of its minute. The caller holds mu.
func (s *sampling) count(now time.Time, d samplingStatistics) {
	start := now.Truncate(time.Minute)
	if n := len(s.minutes); n == 0 || s.minutes[n-1].start.Before(start) {
		s.minutes = append(s.minutes, samplingMinute{start: start})
		if n >= minutesKept {
			s.minutes = slices.Delete(s.minutes, 0, n+1-minutesKept)
		}
	}
	m := &s.minutes[len(s.minutes)-1]
	m.requests += d.RequestCount
	m.sampled += cmp.Or(d.SampledCount, d.SampleCount)
	m.borrows += d.BorrowCount
}

type samplingStatisticSummary struct {
	RuleName     string
	Timestamp    float64
	RequestCount int64
	SampledCount int64
	BorrowCount  int64
}

type getSamplingStatisticSummariesOutput struct {
	NextToken                  *string
	SamplingStatisticSummaries []samplingStatisticSummary
}

func (h *Handler) getSamplingStatisticSummaries(*empty) (*getSamplingStatisticSummariesOutput, error) {
	s := &h.sampling
	s.mu.Lock()
	defer s.mu.Unlock()
	return &getSamplingStatisticSummariesOutput{SamplingStatisticSummaries: list(s.minutes, func(m samplingMinute) samplingStatisticSummary {
		return samplingStatisticSummary{defaultRule, epoch(m.start), m.requests, m.sampled, m.borrows}
	})}, nil
}
