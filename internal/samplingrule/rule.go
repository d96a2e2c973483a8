// Package samplingrule is X-Ray's sampling: rules, their matching, reservoirs,
// quotas and fixed rates, and the statistics that clients report.
//
// It follows the X-Ray Developer Guide ("Configuring sampling rules", "Using
// sampling rules with the X-Ray API"). Where the X-Ray SDKs differ from one
// another: patterns ignore case, as in the X-Ray SDKs; an unknown value of the
// request matches only a pattern that matches the empty string, as in the SDK
// for Java, so that a rule for one service never takes a request of which the
// service is not known; a borrowed request counts in BorrowCount only, as in
// the X-Ray SDKs; a rate of 0 keeps nothing; a rule whose quota has run out
// borrows again. Attributes and ResourceARN are honoured, as in the
// OpenTelemetry samplers.
package samplingrule

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// DefaultName is the name of the rule that matches everything and comes last.
const DefaultName = "Default"

// Limits of the X-Ray API.
const (
	maxNameLength      = 32
	maxPriority        = 9999
	defaultPriority    = 10000
	maxAttributes      = 5
	maxAttributeLength = 32
)

// Rule is a sampling rule, with the fields of the X-Ray API. Match fields are
// patterns with * for any run and ? for one character; empty means *.
type Rule struct {
	Name     string
	ARN      string
	Priority int // 1 to 9999, lower first; 10000 for the Default rule
	// ReservoirSize is how many requests a second the whole fleet keeps before
	// FixedRate applies.
	ReservoirSize int
	FixedRate     float64 // 0 to 1

	ServiceName string // at most 64 characters
	ServiceType string // at most 64
	Host        string // at most 64
	HTTPMethod  string // at most 10
	URLPath     string // at most 128
	ResourceARN string // at most 500
	// Attributes must all match; at most 5, key and value 1 to 32 characters.
	Attributes map[string]string

	Boost *Boost // nil: the rule's rate is never raised
}

// Boost is a rule's SamplingRateBoost: X-Ray may raise the rate up to MaxRate
// while anomalies occur, and then not again in the same cooldown window.
type Boost struct {
	MaxRate  float64 // 0 to 1
	Cooldown time.Duration
}

// Default returns the rule that X-Ray starts with: one request a second and 5 %.
func Default() Rule {
	return Rule{Name: DefaultName, Priority: defaultPriority, ReservoirSize: 1, FixedRate: 0.05}
}

// Validate returns what the X-Ray API would refuse about the rule, naming its fields.
func (r *Rule) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("rule %q: "+format, append([]any{r.Name}, args...)...))
	}
	if n := len([]rune(r.Name)); n < 1 || n > maxNameLength {
		bad("rule_name has %d characters, allowed are 1 to %d", n, maxNameLength)
	}
	if r.Name == DefaultName {
		if r.Priority != defaultPriority {
			bad("priority is %d, the Default rule has %d", r.Priority, defaultPriority)
		}
		if !r.matchesAll() {
			bad("the Default rule takes no match fields")
		}
		if r.Boost != nil {
			bad("the Default rule takes no sampling_rate_boost")
		}
	} else if r.Priority < 1 || r.Priority > maxPriority {
		bad("priority is %d, allowed is 1 to %d", r.Priority, maxPriority)
	}
	if r.FixedRate < 0 || r.FixedRate > 1 || r.FixedRate != r.FixedRate {
		bad("fixed_rate is %v, allowed is 0 to 1", r.FixedRate)
	}
	if r.ReservoirSize < 0 {
		bad("reservoir_size is %d, allowed is 0 or more", r.ReservoirSize)
	}
	for _, f := range []struct {
		key, value string
		limit      int
	}{
		{"service_name", r.ServiceName, 64}, {"service_type", r.ServiceType, 64}, {"host", r.Host, 64},
		{"http_method", r.HTTPMethod, 10}, {"url_path", r.URLPath, 128}, {"resource_arn", r.ResourceARN, 500},
	} {
		if n := len([]rune(f.value)); n > f.limit {
			bad("%s has %d characters, allowed are %d", f.key, n, f.limit)
		}
	}
	if len(r.Attributes) > maxAttributes {
		bad("there are %d attributes, allowed are %d", len(r.Attributes), maxAttributes)
	}
	for _, key := range slices.Sorted(maps.Keys(r.Attributes)) {
		if n := len([]rune(key)); n < 1 || n > maxAttributeLength {
			bad("the attribute key %q has %d characters, allowed are 1 to %d", key, n, maxAttributeLength)
		}
		if n := len([]rune(r.Attributes[key])); n < 1 || n > maxAttributeLength {
			bad("the value of attribute %q has %d characters, allowed are 1 to %d", key, n, maxAttributeLength)
		}
	}
	if b := r.Boost; b != nil && (b.MaxRate < 0 || b.MaxRate > 1 || b.MaxRate != b.MaxRate || b.Cooldown < 0) {
		bad("sampling_rate_boost: max_rate is %v, allowed is 0 to 1; cooldown is %v, allowed is 0 or more", b.MaxRate, b.Cooldown)
	}
	return errors.Join(errs...)
}

func (r *Rule) matchesAll() bool {
	for _, p := range []string{r.ServiceName, r.ServiceType, r.Host, r.HTTPMethod, r.URLPath, r.ResourceARN} {
		if p != "" && p != "*" {
			return false
		}
	}
	return len(r.Attributes) == 0
}

// Equal says whether two rules are the same rule with the same settings.
func (r *Rule) Equal(o *Rule) bool {
	a, b := *r, *o
	boosts := a.Boost == b.Boost || a.Boost != nil && b.Boost != nil && *a.Boost == *b.Boost
	attributes := maps.Equal(a.Attributes, b.Attributes)
	a.Attributes, b.Attributes, a.Boost, b.Boost = nil, nil, nil, nil
	return boosts && attributes && a.comparable() == b.comparable()
}

type comparableRule struct {
	strings   [8]string
	numbers   [2]int
	fixedRate float64
}

func (r *Rule) comparable() comparableRule {
	return comparableRule{
		[8]string{r.Name, r.ARN, r.ServiceName, r.ServiceType, r.Host, r.HTTPMethod, r.URLPath, r.ResourceARN},
		[2]int{r.Priority, r.ReservoirSize}, r.FixedRate,
	}
}

// Request is what rules are matched against. Empty means not known.
type Request struct {
	ServiceName string
	ServiceType string // X-Ray's origin, such as AWS::ECS::Container
	Host        string
	Method      string
	Path        string // the path of the URL, without scheme, host and query
	ResourceARN string
	// Attribute returns the value of an attribute, and whether there is one.
	// nil means that the request has no attributes.
	Attribute func(key string) (string, bool)
}

// matches says whether the request satisfies all of the rule's fields.
func (r *Rule) matches(q *Request) bool {
	if !Match(r.ServiceName, q.ServiceName) || !Match(r.URLPath, q.Path) || !Match(r.Host, q.Host) ||
		!Match(r.HTTPMethod, q.Method) || !Match(r.ServiceType, q.ServiceType) || !Match(r.ResourceARN, q.ResourceARN) {
		return false
	}
	for key, pattern := range r.Attributes {
		if q.Attribute == nil {
			return false
		}
		if value, ok := q.Attribute(key); !ok || !Match(pattern, value) {
			return false
		}
	}
	return true
}

// before is the order in which rules are tried: priority, then name, the
// Default rule last whatever its priority says.
func before(a, b *Rule) int {
	switch {
	case a.Name == DefaultName && b.Name != DefaultName:
		return 1
	case b.Name == DefaultName && a.Name != DefaultName:
		return -1
	case a.Priority != b.Priority:
		return a.Priority - b.Priority
	}
	return strings.Compare(a.Name, b.Name)
}
