package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// xrayAction is an IAM action of X-Ray, and a request that needs it and
// changes nothing.
type xrayAction struct{ name, path, body string }

var (
	putTraceSegments    = xrayAction{"xray:PutTraceSegments", "/TraceSegments", `{"TraceSegmentDocuments":[]}`}
	putTelemetryRecords = xrayAction{"xray:PutTelemetryRecords", "/TelemetryRecords", `{"TelemetryRecords":[]}`}
	getSamplingRules    = xrayAction{"xray:GetSamplingRules", "/GetSamplingRules", `{}`}
	getSamplingTargets  = xrayAction{"xray:GetSamplingTargets", "/SamplingTargets", `{"SamplingStatisticsDocuments":[]}`}
)

// xrayActions are what a component does with X-Ray.
type xrayActions []xrayAction

func (actions xrayActions) ask(ctx context.Context, t target, client *awsclient.Client, _ Options) (findings []Finding) {
	for _, action := range actions {
		response, err := client.Post(ctx, action.path, []byte(action.body))
		failure := awsclient.Classify(response, err)
		f, more := t.judge(action, client.URL(), failure, err)
		findings = append(findings, f)
		if !more {
			break
		}
	}
	return findings
}

// judge says what the answer to an action means. more is false if the other
// actions would fail for the same reason.
func (t target) judge(action xrayAction, url string, failure awsclient.Failure, err error) (f Finding, more bool) {
	switch {
	case failure.Kind == awsclient.None:
		return t.finding(OK, "%s is allowed", action.name), true
	case failure.Kind == awsclient.Throttle:
		f = t.finding(Warn, "%s is allowed, and throttled at the moment: %v", action.name, failure)
		f.Fix = "the account sends more than its quota; sampling rules and max_segments_per_second lower it"
		return f, true
	case failure.Kind == awsclient.Denied && isDenied(failure.Code, failure.Status):
		return t.denied(failure.Message, "*", action.name), true
	case failure.Kind == awsclient.Denied:
		f = t.finding(Fail, "the credentials are refused: %v", failure)
		f.Fix = badCredentials
		if failure.Code == awsclient.CodeCredentials {
			f.Fix = noCredentials
		}
		return f, false
	case failure.Status == 0:
		return t.unanswered(url, errors.Join(err)), false
	case failure.Status == http.StatusBadRequest:
		// Authorized, understood, and with nothing in it.
		return t.finding(OK, "%s is allowed", action.name), true
	case failure.Kind == awsclient.Permanent:
		f = t.finding(Fail, "%s: %s answers with %v", action.name, url, failure)
		f.Fix = fmt.Sprintf("that is no X-Ray: look at the endpoint, and at proxies on the way to %s", url)
		return f, true
	default:
		f = t.finding(Fail, "%s: %s answers with %v", action.name, url, failure)
		f.Fix = "the service or a proxy is in trouble; the collector tries again by itself"
		return f, true
	}
}
