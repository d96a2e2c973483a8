package xraytailsamplingprocessor

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tailwater-otel/tailwater/internal/filterexpr"
	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// policies are the compiled drop and keep policies. They are immutable but for
// the counts of the caps.
type policies struct {
	drop, keep []*policy
	fields     filterexpr.Fields
}

// policy is a compiled policy.
type policy struct {
	name      string
	filter    *filterexpr.Expr
	threshold uint64 // of the fixed rate, see samplingrule.Threshold
	perSecond int    // 0: no cap

	mu     sync.Mutex
	second int64
	kept   int
}

// maxPolicyName is the longest name that X-Ray takes as that of a rule.
const maxPolicyName = 32

// maxKeyLength bounds the keys of annotations that a filter reads.
const maxKeyLength = 250

func compilePolicies(drop []DropConfig, keep []KeepConfig) (*policies, error) {
	p := &policies{}
	var errs []error
	seen := map[string]bool{}
	compile := func(key string, name, filter string) *policy {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf(key+"::"+format, args...))
		}
		if n := len([]rune(name)); n < 1 || n > maxPolicyName {
			bad("name is %q, allowed are 1 to %d characters", name, maxPolicyName)
		}
		if seen[name] {
			bad("name is %q, which another policy has too", name)
		}
		seen[name] = true
		expr, err := filterexpr.Parse(filter)
		if err != nil {
			bad("filter: %w", err)
			return nil
		}
		f := expr.Fields()
		if f.Groups {
			bad("filter is %q, but groups are not known here", filter)
		}
		if f.RootCauses {
			bad("filter is %q, but root causes are not known here", filter)
		}
		for _, k := range f.Annotations {
			if len(k) > maxKeyLength {
				bad("filter reads an annotation whose key has %d bytes, allowed are %d", len(k), maxKeyLength)
			}
		}
		p.read(f)
		return &policy{name: name, filter: expr}
	}
	for i, d := range drop {
		p.drop = append(p.drop, compile(fmt.Sprintf("drop::%d", i), d.Name, d.Filter))
	}
	for i, k := range keep {
		key := fmt.Sprintf("keep::%d", i)
		if k.FixedRate < 0 || k.FixedRate > 1 || k.FixedRate != k.FixedRate {
			errs = append(errs, fmt.Errorf("%s::fixed_rate is %v, allowed is 0 to 1", key, k.FixedRate))
		}
		if k.MaxTracesPerSecond < 0 {
			errs = append(errs, fmt.Errorf("%s::max_traces_per_second is %d, allowed is 0 or more", key, k.MaxTracesPerSecond))
		}
		if c := compile(key, k.Name, k.Filter); c != nil {
			c.perSecond = k.MaxTracesPerSecond
			if k.FixedRate > 0 {
				c.threshold = samplingrule.Threshold(k.FixedRate)
			}
			p.keep = append(p.keep, c)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

// read adds what a filter reads.
func (p *policies) read(f filterexpr.Fields) {
	p.fields.HTTP = p.fields.HTTP || f.HTTP
	p.fields.Users = p.fields.Users || f.Users
	p.fields.Nodes = p.fields.Nodes || f.Nodes
	p.fields.Edges = p.fields.Edges || f.Edges
	p.fields.Resources = p.fields.Resources || f.Resources
	for _, k := range f.Annotations {
		if !slices.Contains(p.fields.Annotations, k) {
			p.fields.Annotations = append(p.fields.Annotations, k)
		}
	}
}

// take takes one of the traces that the cap leaves in this second.
func (p *policy) take(now time.Time) bool {
	if p.perSecond == 0 {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if second := now.Unix(); second != p.second {
		p.second, p.kept = second, 0
	}
	if p.kept >= p.perSecond {
		return false
	}
	p.kept++
	return true
}
