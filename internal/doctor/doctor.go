package doctor

import (
	"context"
	"time"
)

// Options say what to look at.
type Options struct {
	// URIs are the configurations, as the collector takes them with --config.
	URIs []string
	// Tailwater is the collector that validates them first. Empty skips that.
	Tailwater string
	// FeatureGates are given to the collector as they are. Empty means none.
	FeatureGates string
	// Write allows to store a small object in each bucket.
	Write bool
	// Timeout bounds each thing that is tried over the network.
	Timeout time.Duration
}

// Run looks at everything and returns what it found, in the order in which it
// is to be mended. It opens ports of the configuration for a moment, sends
// requests that change nothing, and with Options.Write stores a small object.
func Run(ctx context.Context, o Options) []Finding {
	findings := validate(ctx, o)
	conf, err := resolve(ctx, o.URIs)
	if err != nil {
		return append(findings, Finding{Status: Fail, Text: "the configuration cannot be read: " + err.Error()})
	}
	plan, more := read(conf)
	findings = append(findings, more...)
	findings = append(findings, checkPorts(ctx, plan.listeners)...)
	findings = append(findings, checkBuffers(ctx, plan.buffers)...)
	findings = append(findings, checkDials(ctx, plan.dials, o.Timeout)...)
	k := known{usable: map[string]bool{}, served: map[string]string{}}
	for _, l := range plan.listeners {
		if l.network == "tcp" {
			k.served[loopbackIP(l.address)] = l.component
		}
	}
	for _, t := range plan.targets {
		findings = append(findings, t.check(ctx, o, k)...)
	}
	return findings
}
