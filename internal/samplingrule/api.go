package samplingrule

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// MaxDocuments is how many documents of a kind one report may have.
const MaxDocuments = 25

// ParseRules reads a reply to GetSamplingRules. It returns the rules, the token
// of the next page, if there is one, and what is wrong with rules that it
// leaves out: those of a version other than 1 and those that no client can use.
func ParseRules(reply []byte) (rules []Rule, next string, leftOut error, err error) {
	var r struct {
		SamplingRuleRecords []struct {
			SamplingRule *struct {
				RuleName, RuleARN                                   string
				Priority, ReservoirSize                             int
				FixedRate                                           float64
				ServiceName, ServiceType, Host, HTTPMethod, URLPath string
				ResourceARN                                         string
				Version                                             *int
				Attributes                                          map[string]string
				SamplingRateBoost                                   *struct{ MaxRate, CooldownWindowMinutes float64 }
			}
		}
		NextToken string
	}
	if err := json.Unmarshal(reply, &r); err != nil {
		return nil, "", nil, fmt.Errorf("sampling rules: %w", err)
	}
	if r.SamplingRuleRecords == nil {
		return nil, "", nil, errors.New("sampling rules: the reply has no SamplingRuleRecords")
	}
	var errs []error
	for _, record := range r.SamplingRuleRecords {
		s := record.SamplingRule
		if s == nil {
			continue
		}
		if s.Version != nil && *s.Version != 1 {
			errs = append(errs, fmt.Errorf("rule %q: version is %d, allowed is 1", s.RuleName, *s.Version))
			continue
		}
		rule := Rule{
			Name: s.RuleName, ARN: s.RuleARN, Priority: s.Priority, ReservoirSize: s.ReservoirSize, FixedRate: s.FixedRate,
			ServiceName: s.ServiceName, ServiceType: s.ServiceType, Host: s.Host, HTTPMethod: s.HTTPMethod,
			URLPath: s.URLPath, ResourceARN: s.ResourceARN, Attributes: s.Attributes,
		}
		if b := s.SamplingRateBoost; b != nil {
			rule.Boost = &Boost{b.MaxRate, time.Duration(b.CooldownWindowMinutes * float64(time.Minute))}
		}
		if err := rule.Validate(); err != nil {
			errs = append(errs, err)
			continue
		}
		rules = append(rules, rule)
	}
	return rules, r.NextToken, errors.Join(errs...), nil
}

// EncodeReport returns a request of GetSamplingTargets. There may be up to
// MaxDocuments of each kind.
func EncodeReport(clientID string, statistics []Statistics, boosts []BoostStatistics, now time.Time) ([]byte, error) {
	type document struct {
		RuleName, ClientID                      string
		Timestamp                               int64
		RequestCount, SampledCount, BorrowCount int64
	}
	type boost struct {
		RuleName, ServiceName                         string
		Timestamp                                     int64
		AnomalyCount, TotalCount, SampledAnomalyCount int64
	}
	var r struct {
		SamplingStatisticsDocuments      []document
		SamplingBoostStatisticsDocuments []boost `json:",omitempty"`
	}
	r.SamplingStatisticsDocuments = []document{}
	for _, s := range statistics {
		r.SamplingStatisticsDocuments = append(r.SamplingStatisticsDocuments,
			document{s.Rule, clientID, now.Unix(), s.Requests, s.Sampled, s.Borrows})
	}
	for _, b := range boosts {
		r.SamplingBoostStatisticsDocuments = append(r.SamplingBoostStatisticsDocuments,
			boost{b.Rule, b.Service, now.Unix(), b.Anomalies, b.Total, b.SampledAnomalies})
	}
	return json.Marshal(r)
}

// Targets is a reply to GetSamplingTargets.
type Targets struct {
	Targets []Target
	// Modified is when rules were last changed; zero if the reply does not say.
	Modified time.Time
	// Again are the rules whose statistics the service failed to take, and
	// Refused those that it will never take as they are.
	Again, Refused []string
}

// ParseTargets reads a reply to GetSamplingTargets.
func ParseTargets(reply []byte) (Targets, error) {
	var r struct {
		SamplingTargetDocuments []struct {
			RuleName          string
			FixedRate         *float64
			ReservoirQuota    *float64
			ReservoirQuotaTTL float64
			Interval          float64
			SamplingBoost     *struct{ BoostRate, BoostRateTTL float64 }
		}
		LastRuleModification  float64
		UnprocessedStatistics []struct{ RuleName, ErrorCode string }
	}
	if err := json.Unmarshal(reply, &r); err != nil {
		return Targets{}, fmt.Errorf("sampling targets: %w", err)
	}
	if r.SamplingTargetDocuments == nil {
		return Targets{}, errors.New("sampling targets: the reply has no SamplingTargetDocuments")
	}
	out := Targets{Modified: seconds(r.LastRuleModification)}
	for _, d := range r.SamplingTargetDocuments {
		t := Target{Rule: d.RuleName, FixedRate: -1} // unknown: Apply leaves the rate as it is
		if d.FixedRate != nil {
			t.FixedRate = *d.FixedRate
		}
		if q := d.ReservoirQuota; q != nil && *q >= 0 && *q <= math.MaxInt32 {
			quota := int64(*q)
			t.Quota, t.QuotaTTL = &quota, seconds(d.ReservoirQuotaTTL)
		}
		if d.Interval > 0 && d.Interval <= 3600 {
			t.Interval = time.Duration(d.Interval * float64(time.Second))
		}
		if b := d.SamplingBoost; b != nil && b.BoostRate >= 0 && b.BoostRate <= 1 {
			t.BoostRate, t.BoostTTL = b.BoostRate, seconds(b.BoostRateTTL)
		}
		out.Targets = append(out.Targets, t)
	}
	for _, u := range r.UnprocessedStatistics {
		if strings.HasPrefix(u.ErrorCode, "5") {
			out.Again = append(out.Again, u.RuleName)
		} else {
			out.Refused = append(out.Refused, u.RuleName)
		}
	}
	return out, nil
}

// seconds is a time of the API, which counts seconds; zero for none and for
// what is no time.
func seconds(s float64) time.Time {
	if !(s > 0 && s < 1e11) {
		return time.Time{}
	}
	whole, part := math.Modf(s)
	return time.Unix(int64(whole), int64(part*1e9))
}
