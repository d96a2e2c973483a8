package awsemfexporter

import (
	"encoding/json"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// Attributes that say how a metric is written. They are no labels.
const (
	resolutionAttribute = "aws.emf.storage_resolution" // of a point: 1 or 60
	namespaceAttribute  = "aws.emf.namespace"          // of a scope
	logGroupAttribute   = "aws.emf.log_group_name"     // of a scope
	setsAttribute       = "aws.emf.dimension_sets"     // of a scope: slice of slices of strings
	fieldAttribute      = "aws.emf.field"              // of an exemplar: the field for its trace id
)

// scopeLabel is the label with the name of the scope.
const scopeLabel = "OTelLib"

// labels are the names and values of a series, sorted by name, each name once.
type labels []emf.Field

func (l labels) find(name string) int {
	n, ok := slices.BinarySearchFunc(l, name, func(f emf.Field, name string) int { return strings.Compare(f.Name, name) })
	if !ok {
		return -1
	}
	return n
}

// sortLabels sorts labels. Of several with one name the last one counts.
func sortLabels(l labels) labels {
	slices.SortStableFunc(l, func(a, b emf.Field) int { return strings.Compare(a.Name, b.Name) })
	kept := l[:0]
	for _, f := range l {
		if n := len(kept); n > 0 && kept[n-1].Name == f.Name {
			kept[n-1] = f
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

// with returns a copy of the labels with one more.
func (l labels) with(name, value string) labels {
	return sortLabels(append(slices.Clone(l), emf.Field{Name: name, Value: value}))
}

// renamed returns labels of which none has the metric's name: the members of
// an event share one name space, and the metric's number would take the place
// of the dimension's value. The order stays.
func (l labels) renamed(metric string) labels {
	n := l.find(metric)
	if n < 0 {
		return l
	}
	name := metric + "_label"
	for l.find(name) >= 0 {
		name += "_label"
	}
	out := slices.Clone(l)
	out[n].Name = name
	return out
}

// kubernetesLabel is what Container Insights has about a pod or container on
// EKS Fargate, as JSON.
func (l labels) kubernetesLabel() string {
	get := func(name string) string {
		if n := l.find(name); n >= 0 {
			return l[n].Value
		}
		return ""
	}
	type docker struct {
		ContainerID string `json:"container_id,omitempty"`
	}
	type podLabels struct {
		App             string `json:"app,omitempty"`
		PodTemplateHash string `json:"pod-template-hash,omitempty"`
	}
	type owners struct {
		OwnerKind string `json:"owner_kind,omitempty"`
		OwnerName string `json:"owner_name,omitempty"`
	}
	text, err := json.Marshal(struct {
		ContainerName string    `json:"container_name,omitempty"`
		Docker        docker    `json:"docker,omitzero"`
		Host          string    `json:"host,omitempty"`
		Labels        podLabels `json:"labels,omitzero"`
		NamespaceName string    `json:"namespace_name,omitempty"`
		PodID         string    `json:"pod_id,omitempty"`
		PodName       string    `json:"pod_name,omitempty"`
		PodOwners     owners    `json:"pod_owners,omitzero"`
		ServiceName   string    `json:"service_name,omitempty"`
	}{
		get("container"), docker{get("container_id")}, get("NodeName"), podLabels{get("app"), get("pod-template-hash")},
		get("Namespace"), get("PodId"), get("PodName"), owners{get("owner_kind"), get("owner_name")}, get("Service"),
	})
	if err != nil {
		return "{}" // strings always marshal
	}
	return string(text)
}

// template is the name of a log group or stream with placeholders, such as
// "/aws/metrics/{ClusterName}".
type template []templatePart

type templatePart struct {
	text        string
	placeholder string // empty for text
}

// placeholders are the attributes that a placeholder stands for, after the one
// of its own name.
var placeholders = map[string]string{
	"ClusterName":          "aws.ecs.cluster.name",
	"TaskId":               "aws.ecs.task.id",
	"NodeName":             "k8s.node.name",
	"PodName":              "pod",
	"ServiceName":          "service.name",
	"ContainerInstanceId":  "aws.ecs.container.instance.id",
	"TaskDefinitionFamily": "aws.ecs.task.family",
}

func parseTemplate(s string) (t template) {
	for s != "" {
		start := strings.IndexByte(s, '{')
		if start < 0 {
			break
		}
		end := strings.IndexByte(s[start:], '}')
		if end < 0 {
			break
		}
		end += start
		name := s[start+1 : end]
		if _, ok := placeholders[name]; !ok {
			t = append(t, templatePart{text: s[:start+1]})
			s = s[start+1:]
			continue
		}
		t = append(t, templatePart{text: s[:start]}, templatePart{placeholder: name})
		s = s[end+1:]
	}
	return append(t, templatePart{text: s})
}

// dynamic tells whether the name depends on attributes.
func (t template) dynamic() bool {
	return slices.ContainsFunc(t, func(p templatePart) bool { return p.placeholder != "" })
}

// resolve fills in the placeholders from the resource, else from the point's
// labels, else with "undefined".
func (t template) resolve(resource pcommon.Map, point labels) string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
		if p.placeholder != "" {
			b.WriteString(lookUp(resource, point, p.placeholder, placeholders[p.placeholder]))
		}
	}
	return b.String()
}

func lookUp(resource pcommon.Map, point labels, names ...string) string {
	for _, name := range names {
		if v, ok := resource.Get(name); ok {
			if text := v.AsString(); text != "" {
				return text
			}
		}
	}
	for _, name := range names {
		if n := point.find(name); n >= 0 && point[n].Value != "" {
			return point[n].Value
		}
	}
	return "undefined"
}

// entity returns the fields from which CloudWatch builds the entity that links
// metrics, logs and traces: the service in its environment, and where it runs.
// Source: "Specification: Embedded metric format", entity information.
func entity(resource pcommon.Map) (fields []emf.Field) {
	first := func(keys ...string) string {
		for _, key := range keys {
			if v, ok := resource.Get(key); ok && v.AsString() != "" {
				return v.AsString()
			}
		}
		return ""
	}
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, emf.Field{Name: name, Value: value})
		}
	}
	platform, cluster, host := first("cloud.platform"), first("k8s.cluster.name"), first("host.id")
	add("Service", first("service.name"))
	add("Environment", first("deployment.environment.name", "deployment.environment"))
	add("K8s.Cluster", cluster)
	if platform == "aws_eks" {
		add("EKS.Cluster", cluster)
	}
	add("ECS.Cluster", first("aws.ecs.cluster.name", "aws.ecs.cluster.arn"))
	if strings.HasPrefix(host, "i-") {
		add("EC2.InstanceId", host)
	}
	if platform == "aws_lambda" {
		add("Lambda.Function", first("faas.name"))
	}
	add("Host", first("host.name"))
	return fields
}
