package xraymetricsconnector

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// environmentOf is where a service runs, in the words of Application Signals:
// what the resource says, else the cluster, else the platform.
func environmentOf(resource pcommon.Map) string {
	if name := first(resource, "deployment.environment.name", "deployment.environment", "aws.local.environment"); name != "" {
		return name
	}
	platform := first(resource, "cloud.platform")
	if cluster := first(resource, "k8s.cluster.name"); cluster != "" {
		kind := "k8s:"
		if platform == "aws_eks" {
			kind = "eks:"
		}
		if namespace := first(resource, "k8s.namespace.name"); namespace != "" {
			return kind + cluster + "/" + namespace
		}
		return kind + cluster + "/UnknownNamespace"
	}
	if cluster := first(resource, "aws.ecs.cluster.name", "aws.ecs.cluster.arn"); cluster != "" {
		return "ecs:" + cluster[strings.LastIndexByte(cluster, '/')+1:]
	}
	switch platform {
	case "aws_elastic_beanstalk":
		if name := first(resource, "service.namespace"); name != "" {
			return "elasticbeanstalk:" + name
		}
		return "elasticbeanstalk:default"
	case "aws_lambda":
		return "lambda:default"
	case "aws_ecs":
		return "ecs:default"
	case "aws_ec2":
		return "ec2:default"
	}
	if strings.HasPrefix(first(resource, "host.id"), "i-") {
		return "ec2:default"
	}
	return "generic:default"
}

// first returns the first of the attributes that is a string and not empty.
func first(from pcommon.Map, keys ...string) string {
	for _, key := range keys {
		if value, ok := from.Get(key); ok && value.Type() == pcommon.ValueTypeStr && value.Str() != "" {
			return value.Str()
		}
	}
	return ""
}

// sharedAttributes are those of a resource that all replicas of a service have
// in common. They go along with the metrics beside service.name and
// deployment.environment.name.
var sharedAttributes = [...]string{
	"cloud.provider", "cloud.platform", "cloud.region", "cloud.account.id",
	"k8s.cluster.name", "k8s.namespace.name", "aws.ecs.cluster.name", "aws.ecs.cluster.arn", "faas.name",
}

// maxShared bounds a shared attribute, in bytes.
const maxShared = 512

// shared is an attribute of a resource that all replicas have in common.
type shared struct{ name, value string }

// sharedOf returns the shared attributes of a resource, in memory of their own.
func sharedOf(resource pcommon.Map) []shared {
	var all []shared
	for _, name := range sharedAttributes {
		if value := first(resource, name); value != "" && len(value) <= maxShared {
			all = append(all, shared{name, strings.Clone(value)})
		}
	}
	return all
}
