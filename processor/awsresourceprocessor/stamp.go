package awsresourceprocessor

import (
	"context"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// identity is what is put into resources. It is never changed.
type identity struct {
	attrs    pcommon.Map
	parts    []part // one for each attribute, in their order
	platform string
}

// part names blocks of a segment document that an attribute belongs to
// (internal/segmentspan makes them), as a set of bits.
type part uint8

const (
	partEC2 part = 1 << iota
	partECS
	partEKS
	partBeanstalk
)

// partOf returns the blocks that the attribute is part of; none if it stands
// for itself.
func partOf(key string) part {
	switch key {
	case "cloud.availability_zone":
		return partEC2 | partECS
	case "service.namespace", "service.version", "service.instance.id":
		return partBeanstalk
	}
	switch prefix, _, _ := strings.Cut(key, "."); {
	case prefix == "host":
		return partEC2
	case prefix == "container":
		return partECS | partEKS
	case prefix == "k8s":
		return partEKS
	case strings.HasPrefix(key, "aws.ecs."):
		return partECS
	}
	return 0
}

func newIdentity(attrs pcommon.Map) *identity {
	platform, _ := attrs.Get("cloud.platform")
	id := &identity{attrs: attrs, platform: platform.Str()}
	for key := range attrs.All() {
		id.parts = append(id.parts, partOf(key))
	}
	return id
}

// places are the attributes that name one machine, task, pod, account or
// region. A resource with another value of one of them is not from here.
var places = []string{"aws.ecs.task.arn", "k8s.pod.name", "k8s.cluster.name", "cloud.account.id", "cloud.region", "host.id"}

// stamp fills a resource with what it does not say itself. One that says that
// it comes from another place, or from another platform than the most specific
// one, is left as it is: half of its identity and half of ours would be
// nobody's. So are the blocks of an X-Ray segment, and of whatever else says
// what cloud it runs in.
func (id *identity) stamp(resource pcommon.Map, override bool) {
	if override {
		resource.EnsureCapacity(resource.Len() + id.attrs.Len())
		for key, value := range id.attrs.All() {
			value.CopyTo(resource.PutEmpty(key))
		}
		return
	}
	if id.isElsewhere(resource) {
		return
	}
	kept := keptParts(resource)
	resource.EnsureCapacity(resource.Len() + id.attrs.Len())
	i := -1
	for key, value := range id.attrs.All() {
		i++
		if _, has := resource.Get(key); !has && id.parts[i]&kept == 0 {
			value.CopyTo(resource.PutEmpty(key))
		}
	}
}

// keptParts returns the blocks that a resource has. Without a cloud it has
// none: SDKs find a container's ID, and what they take for that of the host, by
// themselves.
func keptParts(resource pcommon.Map) (parts part) {
	_, provider := resource.Get("cloud.provider")
	platform, ok := resource.Get("cloud.platform")
	if !provider && !ok {
		return 0
	}
	onBeanstalk := ok && strings.EqualFold(platform.AsString(), "aws_elastic_beanstalk")
	for key := range resource.All() {
		switch parted := partOf(key); parted {
		case partEC2 | partECS: // the zone, which makes no block
		case partBeanstalk:
			if onBeanstalk && key != "service.version" {
				parts |= parted
			}
		default:
			parts |= parted
		}
	}
	return parts
}

func (id *identity) isElsewhere(resource pcommon.Map) bool {
	if provider, ok := resource.Get("cloud.provider"); ok && !strings.EqualFold(provider.AsString(), "aws") {
		return true
	}
	if platform, ok := resource.Get("cloud.platform"); ok && !strings.EqualFold(platform.AsString(), id.platform) {
		return true
	}
	for _, key := range places {
		ours, ok := id.attrs.Get(key)
		if !ok {
			continue
		}
		theirs, ok := resource.Get(key)
		if !ok || theirs.AsString() == ours.Str() {
			continue
		}
		// SDKs take the ID of the operating system for that of the host.
		if key == "host.id" && !strings.HasPrefix(theirs.AsString(), "i-") {
			continue
		}
		return true
	}
	return false
}

// fill adds those attributes of from that into does not have.
func fill(into, from pcommon.Map) {
	for key, value := range from.All() {
		if _, has := into.Get(key); !has {
			value.CopyTo(into.PutEmpty(key))
		}
	}
}

func (p *stamper) stampTraces(_ context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	if id := p.found.identity.Load(); id != nil {
		for _, rs := range td.ResourceSpans().All() {
			id.stamp(rs.Resource().Attributes(), p.cfg.Override)
		}
	}
	return td, nil
}

func (p *stamper) stampMetrics(_ context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	if id := p.found.identity.Load(); id != nil {
		for _, rm := range md.ResourceMetrics().All() {
			id.stamp(rm.Resource().Attributes(), p.cfg.Override)
		}
	}
	return md, nil
}

func (p *stamper) stampLogs(_ context.Context, ld plog.Logs) (plog.Logs, error) {
	if id := p.found.identity.Load(); id != nil {
		for _, rl := range ld.ResourceLogs().All() {
			id.stamp(rl.Resource().Attributes(), p.cfg.Override)
		}
	}
	return ld, nil
}
