package api

import (
	"cmp"
	"errors"
	"math"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/sampling"
	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// maxStatistics is how many documents a report may hold.
const maxStatistics = 25

type getSamplingTargetsInput struct {
	SamplingStatisticsDocuments      []samplingStatistics
	SamplingBoostStatisticsDocuments []samplingBoostStatistics
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

// samplingBoostStatistics is a client's report about anomalies under one rule.
// One SDK adds a ClientID, which means nothing here.
type samplingBoostStatistics struct {
	RuleName            string
	AnomalyCount        int64
	SampledAnomalyCount int64
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
	ReservoirQuota    *int64   `json:",omitempty"`
	ReservoirQuotaTTL *float64 `json:",omitempty"`
	Interval          int
	SamplingBoost     *samplingBoost `json:",omitempty"`
}

type samplingBoost struct {
	BoostRate    float64
	BoostRateTTL float64
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
	out := &getSamplingTargetsOutput{
		SamplingTargetDocuments:    []samplingTarget{},
		UnprocessedStatistics:      []unprocessedStatistics{},
		UnprocessedBoostStatistics: []unprocessedStatistics{},
	}
	// Anomalies come first, so that a rate that they raise is in the answer.
	for _, d := range in.SamplingBoostStatisticsDocuments {
		if err := h.sampling.Anomalies(now, d.RuleName, bounded(d.AnomalyCount), bounded(d.SampledAnomalyCount)); err != nil {
			out.UnprocessedBoostStatistics = append(out.UnprocessedBoostStatistics, unprocessedReport(d.RuleName, err))
		}
	}
	for _, d := range in.SamplingStatisticsDocuments {
		target, err := h.sampling.Report(now, cut(d.ClientID, 64), samplingrule.Statistics{
			Rule:     d.RuleName,
			Requests: bounded(d.RequestCount),
			Sampled:  bounded(cmp.Or(d.SampledCount, d.SampleCount)),
			Borrows:  bounded(d.BorrowCount),
		})
		if err != nil {
			out.UnprocessedStatistics = append(out.UnprocessedStatistics, unprocessedReport(d.RuleName, err))
			continue
		}
		out.SamplingTargetDocuments = append(out.SamplingTargetDocuments, wireTarget(target))
	}
	out.LastRuleModification = epoch(h.sampling.Modified())
	return out, nil
}

// bounded returns a count as the API allows it.
func bounded(n int64) int64 { return min(max(n, 0), math.MaxInt32) }

func wireTarget(t samplingrule.Target) samplingTarget {
	w := samplingTarget{RuleName: t.Rule, FixedRate: t.FixedRate, ReservoirQuota: t.Quota, Interval: int(t.Interval / time.Second)}
	if t.Quota != nil {
		ttl := epoch(t.QuotaTTL.Truncate(time.Second))
		w.ReservoirQuotaTTL = &ttl
	}
	if t.BoostRate > 0 {
		w.SamplingBoost = &samplingBoost{t.BoostRate, epoch(t.BoostTTL)}
	}
	return w
}

// unprocessedReport says why a report was not taken. SDKs look at the first digit of
// the code: after a 4 they ask for the rules.
func unprocessedReport(rule string, err error) unprocessedStatistics {
	code := "400"
	if errors.Is(err, sampling.ErrNoRule) {
		code = "404"
	}
	return unprocessedStatistics{cut(rule, 64), code, err.Error()}
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
	return &getSamplingStatisticSummariesOutput{SamplingStatisticSummaries: list(h.sampling.Minutes(h.now()), func(m sampling.Minute) samplingStatisticSummary {
		return samplingStatisticSummary{m.Rule, epoch(m.Start), m.Requests, m.Sampled, m.Borrows}
	})}, nil
}
