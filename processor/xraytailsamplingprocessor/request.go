package xraytailsamplingprocessor

import (
	"github.com/tailwater-otel/tailwater/internal/samplingrule"
	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
	"github.com/tailwater-otel/tailwater/internal/tracesummary"
)

// request is the entry span as sampling rules see it.
func request(v *tracesummary.View, t *tracebuffer.Trace) samplingrule.Request {
	s := &t.Spans[v.Entry()]
	res := tracesummary.ResourceOf(t, s)
	q := samplingrule.Request{ServiceName: res.Service, ServiceType: res.Type, ResourceARN: res.ARN}
	fs := tracesummary.FactsOf(t, s)
	attributes := fs
	for tag, _, value := fs.Next(); tag != tracesummary.TagEnd; tag, _, value = fs.Next() {
		switch tag {
		case tracesummary.TagService:
			q.ServiceName = string(value)
		case tracesummary.TagOrigin:
			q.ServiceType = string(value)
		case tracesummary.TagHost:
			q.Host = string(value)
		case tracesummary.TagMethod:
			q.Method = string(value)
		case tracesummary.TagPath:
			q.Path = string(value)
		case tracesummary.TagARN:
			q.ResourceARN = string(value)
		}
	}
	q.Attribute = func(key string) (string, bool) {
		fs := attributes
		for tag, k, value := fs.Next(); tag != tracesummary.TagEnd; tag, k, value = fs.Next() {
			if tag == tracesummary.TagAttribute && string(k) == key {
				return string(value), true
			}
		}
		return "", false
	}
	return q
}
