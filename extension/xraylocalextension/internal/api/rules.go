package api

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/sampling"
	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// maxCooldown bounds the cooldown window of a boost, in minutes.
const maxCooldown = 365 * 24 * 60

type samplingRule struct {
	RuleName          string
	RuleARN           string
	ResourceARN       string
	Priority          int
	FixedRate         float64
	ReservoirSize     int
	ServiceName       string
	ServiceType       string
	Host              string
	HTTPMethod        string
	URLPath           string
	Version           int
	Attributes        map[string]string
	SamplingRateBoost *samplingRateBoost `json:",omitempty"`
}

type samplingRateBoost struct {
	MaxRate               float64
	CooldownWindowMinutes int32
}

type samplingRuleRecord struct {
	CreatedAt    float64
	ModifiedAt   float64
	SamplingRule samplingRule
}

func wireRule(r sampling.Record) samplingRuleRecord {
	w := samplingRuleRecord{ModifiedAt: epoch(r.Modified), SamplingRule: samplingRule{
		RuleName: r.Name, RuleARN: r.ARN, Priority: r.Priority, FixedRate: r.FixedRate, ReservoirSize: r.ReservoirSize,
		ResourceARN: cmp.Or(r.ResourceARN, "*"), ServiceName: cmp.Or(r.ServiceName, "*"), ServiceType: cmp.Or(r.ServiceType, "*"),
		Host: cmp.Or(r.Host, "*"), HTTPMethod: cmp.Or(r.HTTPMethod, "*"), URLPath: cmp.Or(r.URLPath, "*"),
		Version: 1, Attributes: r.Attributes,
	}}
	if w.SamplingRule.Attributes == nil {
		w.SamplingRule.Attributes = map[string]string{}
	}
	if !r.Created.IsZero() {
		w.CreatedAt = epoch(r.Created)
	}
	if b := r.Boost; b != nil {
		w.SamplingRule.SamplingRateBoost = &samplingRateBoost{b.MaxRate, int32(b.Cooldown / time.Minute)}
	}
	return w
}

type getSamplingRulesOutput struct {
	NextToken           *string
	SamplingRuleRecords []samplingRuleRecord
}

func (h *Handler) getSamplingRules(*empty) (*getSamplingRulesOutput, error) {
	return &getSamplingRulesOutput{SamplingRuleRecords: list(h.sampling.List(), wireRule)}, nil
}

// samplingRuleInput is a rule to create or the changes to one. SDKs leave
// numbers out that are 0 and must be there, and so are FixedRate and
// ReservoirSize of a new rule.
type samplingRuleInput struct {
	RuleName, RuleARN         string
	ResourceARN               *string
	Priority                  *int32
	FixedRate                 *float64
	ReservoirSize             *int32
	ServiceName, ServiceType  *string
	Host, HTTPMethod, URLPath *string
	Version                   *int32
	Attributes                map[string]string
	SamplingRateBoost         *samplingRateBoost
}

// name returns the name of the rule, which may be given as an ARN.
func (in *samplingRuleInput) name() (string, error) {
	if in.RuleARN == "" {
		if in.RuleName == "" {
			return "", invalid("RuleName is missing")
		}
		return in.RuleName, nil
	}
	name, ok := sampling.Name(in.RuleARN)
	if !ok {
		return "", invalid("RuleARN %q is none of a sampling rule", cut(in.RuleARN, 100))
	}
	if in.RuleName != "" && in.RuleName != name {
		return "", invalid("RuleName %q and RuleARN %q are not the same rule", cut(in.RuleName, 50), cut(in.RuleARN, 100))
	}
	return name, nil
}

// complete returns an error if a member is missing that a new rule must have.
func (in *samplingRuleInput) complete() error {
	for _, m := range []struct {
		name    string
		missing bool
	}{
		{"ResourceARN", in.ResourceARN == nil}, {"Priority", in.Priority == nil}, {"ServiceName", in.ServiceName == nil},
		{"ServiceType", in.ServiceType == nil}, {"Host", in.Host == nil}, {"HTTPMethod", in.HTTPMethod == nil},
		{"URLPath", in.URLPath == nil}, {"Version", in.Version == nil},
	} {
		if m.missing {
			return invalid("SamplingRule.%s is missing", m.name)
		}
	}
	return nil
}

// check returns an error about what a rule has no place for.
func (in *samplingRuleInput) check() error {
	if in.Version != nil && *in.Version != 1 {
		return invalid("Version is %d, the only one is 1", *in.Version)
	}
	if b := in.SamplingRateBoost; b != nil && (b.CooldownWindowMinutes < 0 || b.CooldownWindowMinutes > maxCooldown) {
		return invalid("SamplingRateBoost.CooldownWindowMinutes is %d, allowed is 0 to %d", b.CooldownWindowMinutes, maxCooldown)
	}
	return nil
}

// apply puts what is given into a rule.
func (in *samplingRuleInput) apply(r *samplingrule.Rule) {
	for _, m := range []struct {
		to   *string
		from *string
	}{
		{&r.ResourceARN, in.ResourceARN}, {&r.ServiceName, in.ServiceName}, {&r.ServiceType, in.ServiceType},
		{&r.Host, in.Host}, {&r.HTTPMethod, in.HTTPMethod}, {&r.URLPath, in.URLPath},
	} {
		if m.from != nil {
			*m.to = *m.from
		}
	}
	if in.Priority != nil {
		r.Priority = int(*in.Priority)
	}
	if in.FixedRate != nil {
		r.FixedRate = *in.FixedRate
	}
	if in.ReservoirSize != nil {
		r.ReservoirSize = int(*in.ReservoirSize)
	}
	if in.Attributes != nil {
		r.Attributes = in.Attributes
	}
	if b := in.SamplingRateBoost; b != nil {
		r.Boost = &samplingrule.Boost{MaxRate: b.MaxRate, Cooldown: time.Duration(b.CooldownWindowMinutes) * time.Minute}
	}
}

type samplingRuleOutput struct{ SamplingRuleRecord samplingRuleRecord }

// ruleAnswer is the answer of an operation on one rule.
func ruleAnswer(r sampling.Record, err error) (*samplingRuleOutput, error) {
	switch {
	case errors.Is(err, sampling.ErrTooManyRules):
		return nil, &apiError{http.StatusBadRequest, "RuleLimitExceededException", err.Error()}
	case err != nil:
		return nil, invalid("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return &samplingRuleOutput{wireRule(r)}, nil
}

// Tags are taken and not kept.
type createSamplingRuleInput struct{ SamplingRule *samplingRuleInput }

func (h *Handler) createSamplingRule(in *createSamplingRuleInput) (*samplingRuleOutput, error) {
	if in.SamplingRule == nil {
		return nil, invalid("SamplingRule is missing")
	}
	name, err := in.SamplingRule.name()
	if err := errors.Join(err, in.SamplingRule.complete(), in.SamplingRule.check()); err != nil {
		return nil, err
	}
	rule := samplingrule.Rule{Name: name}
	in.SamplingRule.apply(&rule)
	return ruleAnswer(h.sampling.Create(h.now(), rule))
}

type updateSamplingRuleInput struct{ SamplingRuleUpdate *samplingRuleInput }

func (h *Handler) updateSamplingRule(in *updateSamplingRuleInput) (*samplingRuleOutput, error) {
	if in.SamplingRuleUpdate == nil {
		return nil, invalid("SamplingRuleUpdate is missing")
	}
	name, err := in.SamplingRuleUpdate.name()
	if err := errors.Join(err, in.SamplingRuleUpdate.check()); err != nil {
		return nil, err
	}
	return ruleAnswer(h.sampling.Update(h.now(), name, in.SamplingRuleUpdate.apply))
}

func (h *Handler) deleteSamplingRule(in *samplingRuleInput) (*samplingRuleOutput, error) {
	name, err := in.name()
	if err != nil {
		return nil, err
	}
	return ruleAnswer(h.sampling.Delete(h.now(), name))
}
