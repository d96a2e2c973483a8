package xraytailsamplingprocessor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// How often X-Ray is asked, as by its SDKs, with the jitter that is added.
const (
	rulesInterval   = 300 * time.Second
	rulesJitter     = 5 * time.Second
	targetsInterval = 10 * time.Second
	targetsJitter   = 100 * time.Millisecond
	retryInterval   = 10 * time.Second // after rules could not be read
	requestTimeout  = 10 * time.Second
	maxRulePages    = 100

	lastReportTimeout = 2 * time.Second // at the stop
)

// poster sends a signed request, as awsclient.Client does.
type poster interface {
	Post(ctx context.Context, path string, body []byte) (*awsclient.Response, error)
}

// xray is the source that asks the X-Ray API: it is a client of it like any
// SDK. Through an outage the last rules stay in force and statistics wait.
type xray struct {
	p        *tailSampler
	connect  func(context.Context) (poster, error)
	client   poster
	clientID string
	fetched  time.Time // when rules were last read well; zero: never
	modified time.Time // when X-Ray's rules last changed, as far as targets said

	rules, targets health
}

func (p *tailSampler) askXRay(connect func(context.Context) (poster, error)) *xray {
	id := make([]byte, 12)
	_, _ = rand.Read(id) // never fails
	trouble := func(what string) health {
		return health{
			logger: p.logger, all: &p.troubles,
			begins: what + " cannot be read from X-Ray, the last ones stay in force", ends: what + " are read from X-Ray again",
		}
	}
	return &xray{
		p: p, connect: connect, clientID: hex.EncodeToString(id),
		rules: trouble("sampling rules"), targets: trouble("sampling targets"),
	}
}

// connect returns how the configuration says to reach X-Ray.
func (c *XRayConfig) connect(logger *zap.Logger, userAgent string) func(context.Context) (poster, error) {
	return func(ctx context.Context) (poster, error) {
		client, err := awsclient.New(ctx, awsclient.Options{
			Service: "xray", Region: c.Region, Endpoint: c.Endpoint, RoleARN: c.RoleARN, ExternalID: c.ExternalID,
			ProxyAddress: c.ProxyAddress, NoVerifySSL: c.NoVerifySSL, LocalMode: c.LocalMode,
			Timeout: requestTimeout, MaxConns: 1, UserAgent: userAgent,
		})
		if err != nil {
			return nil, err
		}
		logger.Info("sampling rules come from " + client.Describe())
		return client, nil
	}
}

// open does nothing: a collector that starts during an outage works on X-Ray's
// default rule until it is over.
func (x *xray) open(context.Context) error { return nil }

// close reports what was decided since the last report, also at the stop, and
// whether it is due or not: nobody else will.
func (x *xray) close(ctx context.Context) {
	if !x.fetched.IsZero() {
		ctx, cancel := context.WithTimeout(ctx, lastReportTimeout)
		defer cancel()
		x.report(ctx, x.p.rules.ReportAll(time.Now()))
		lost := int64(0)
		for _, s := range x.p.rules.ReportAll(time.Now()) { // what came back
			lost += s.Requests
		}
		if lost > 0 {
			x.p.telemetry.ProcessorXrayTailSamplingStatisticsLost.Add(context.WithoutCancel(ctx), lost,
				metric.WithAttributes(attribute.String("reason", lostShutdown)))
			x.p.logger.Warn("X-Ray did not take the last sampling statistics, which are lost", zap.Int64("requests", lost))
		}
	}
	if c, ok := x.client.(interface{ Close() }); ok {
		c.Close()
	}
}

func (x *xray) run(ctx context.Context) {
	rulesAt := time.Now()
	targetsAt := rulesAt.Add(targetsInterval + jitter(targetsJitter))
	for {
		at := rulesAt
		if targetsAt.Before(at) {
			at = targetsAt
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if now := time.Now(); !now.Before(targetsAt) {
			// Before there are rules the statistics wait.
			if !x.fetched.IsZero() && x.report(ctx, x.p.rules.Report(now)) {
				rulesAt = now
			}
			targetsAt = time.Now().Add(targetsInterval + jitter(targetsJitter))
		}
		if !time.Now().Before(rulesAt) {
			wait := rulesInterval + jitter(rulesJitter)
			if !x.refresh(ctx) {
				wait = retryInterval + jitter(targetsJitter)
			}
			rulesAt = time.Now().Add(wait)
		}
	}
}

func jitter(most time.Duration) time.Duration { return mathrand.N(most) }

// ask sends a request and returns the reply to it.
func (x *xray) ask(ctx context.Context, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if x.client == nil {
		client, err := x.connect(ctx)
		if err != nil {
			return nil, err
		}
		x.client = client
	}
	reply, err := x.client.Post(ctx, path, body)
	if f := awsclient.Classify(reply, err); f.Kind != awsclient.None {
		return nil, f
	}
	return reply.Body, nil
}

// refresh reads the rules and puts them in force.
func (x *xray) refresh(ctx context.Context) bool {
	asked := time.Now()
	rules, err := x.read(ctx)
	if err == nil {
		err = x.p.setRules(rules)
	}
	if ctx.Err() != nil {
		return false
	}
	x.p.reloaded(ctx, "rules", err == nil)
	if err != nil {
		x.rules.trouble(fmt.Errorf("read rules from X-Ray: %w", err))
		return false
	}
	x.fetched = asked
	x.p.fresh.Store(asked.UnixNano())
	x.rules.over()
	return true
}

// read reads all pages of rules. Rules that we cannot use are told and left out.
func (x *xray) read(ctx context.Context) ([]samplingrule.Rule, error) {
	var all []samplingrule.Rule
	body := []byte("{}")
	for range maxRulePages {
		reply, err := x.ask(ctx, "/GetSamplingRules", body)
		if err != nil {
			return nil, err
		}
		rules, next, leftOut, err := samplingrule.ParseRules(reply)
		if err != nil {
			return nil, err
		}
		if leftOut != nil {
			x.p.logger.Warn("sampling rules are left out", zap.Error(leftOut))
		}
		all = append(all, rules...)
		if next == "" {
			return all, nil
		}
		if body, err = json.Marshal(map[string]string{"NextToken": next}); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("there are too many pages of rules")
}

// report reports statistics and puts the targets in force. It says whether the
// rules have to be read again.
func (x *xray) report(ctx context.Context, statistics []samplingrule.Statistics) (moved bool) {
	set := x.p.rules
	boosts := set.ReportBoosts()
	for len(statistics) > 0 || len(boosts) > 0 {
		n, m := min(len(statistics), samplingrule.MaxDocuments), min(len(boosts), samplingrule.MaxDocuments)
		targets, err := x.exchange(ctx, statistics[:n], boosts[:m])
		if err != nil {
			set.Restore(statistics)
			set.RestoreBoosts(boosts)
			if ctx.Err() == nil {
				x.p.reloaded(ctx, "targets", false)
				x.targets.trouble(fmt.Errorf("read targets from X-Ray: %w", err))
			}
			return moved
		}
		x.p.reloaded(ctx, "targets", true)
		x.targets.over()
		set.Apply(targets.Targets)
		for _, s := range statistics[:n] {
			if slices.Contains(targets.Again, s.Rule) {
				set.Restore([]samplingrule.Statistics{s})
			}
		}
		if m := targets.Modified; !m.IsZero() && !m.Equal(x.modified) {
			// By X-Ray's clock, so only the first is compared with ours.
			moved = moved || !x.modified.IsZero() || !m.Before(x.fetched)
			x.modified = m
		}
		moved = moved || len(targets.Refused) > 0
		statistics, boosts = statistics[n:], boosts[m:]
	}
	return moved
}

func (x *xray) exchange(ctx context.Context, statistics []samplingrule.Statistics, boosts []samplingrule.BoostStatistics) (samplingrule.Targets, error) {
	body, err := samplingrule.EncodeReport(x.clientID, statistics, boosts, time.Now())
	if err != nil {
		return samplingrule.Targets{}, err
	}
	reply, err := x.ask(ctx, "/SamplingTargets", body)
	if err != nil {
		return samplingrule.Targets{}, err
	}
	return samplingrule.ParseTargets(reply)
}
