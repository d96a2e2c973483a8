package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// template is a CloudFormation template with its parameters filled in. It knows
// the functions in their short form that ours uses, and no others.
type template struct {
	t          testing.TB
	parameters map[string]any
	conditions map[string]yaml.Node
	resources  map[string]yaml.Node
}

type noValue struct{}

func readTemplate(t testing.TB, path string, parameters map[string]string) *template {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var doc struct {
		Version    string `yaml:"AWSTemplateFormatVersion"`
		Parameters map[string]struct {
			Type        string `yaml:"Type"`
			Description string `yaml:"Description"`
			Default     any    `yaml:"Default"`
		} `yaml:"Parameters"`
		Conditions map[string]yaml.Node `yaml:"Conditions"`
		Resources  map[string]yaml.Node `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(text, &doc))
	require.Equal(t, "2010-09-09", doc.Version)
	require.Less(t, len(text), 51_200, "as CloudFormation takes it inline")
	tmpl := &template{t: t, parameters: map[string]any{}, conditions: doc.Conditions, resources: doc.Resources}
	for name, p := range doc.Parameters {
		require.Contains(t, []string{"String", "Number"}, p.Type, name)
		require.NotEmpty(t, p.Description, name)
		tmpl.parameters[name] = p.Default
		if v, ok := parameters[name]; ok {
			tmpl.parameters[name] = v
		}
		require.NotNil(t, tmpl.parameters[name], "the parameter %s has no value", name)
	}
	for name := range parameters {
		require.Contains(t, doc.Parameters, name)
	}
	return tmpl
}

// resource is one that the template makes.
type resource struct {
	Type       string
	Properties map[string]any
}

// make returns the resources that are made with these parameters.
func (c *template) make() map[string]resource {
	made := map[string]resource{}
	for name, node := range c.resources {
		var r struct {
			Type       string    `yaml:"Type"`
			Condition  string    `yaml:"Condition"`
			Properties yaml.Node `yaml:"Properties"`
		}
		require.NoError(c.t, node.Decode(&r), name)
		if r.Condition != "" && !c.holds(r.Condition) {
			continue
		}
		properties, ok := c.value(&r.Properties).(map[string]any)
		require.True(c.t, ok, name)
		made[name] = resource{r.Type, properties}
	}
	return made
}

func (c *template) holds(condition string) bool {
	node, ok := c.conditions[condition]
	require.True(c.t, ok, condition)
	holds, ok := c.value(&node).(bool)
	require.True(c.t, ok, condition)
	return holds
}

// value works out a node.
func (c *template) value(n *yaml.Node) any {
	switch n.Tag {
	case "!Ref":
		return c.ref(n.Value)
	case "!Sub":
		return c.sub(n.Value)
	case "!Join":
		return c.join(n)
	case "!If":
		require.Len(c.t, n.Content, 3)
		if c.holds(n.Content[0].Value) {
			return c.value(n.Content[1])
		}
		return c.value(n.Content[2])
	case "!Not":
		require.Len(c.t, n.Content, 1)
		holds, ok := c.value(n.Content[0]).(bool)
		require.True(c.t, ok)
		return !holds
	case "!Equals":
		require.Len(c.t, n.Content, 2)
		return fmt.Sprint(c.value(n.Content[0])) == fmt.Sprint(c.value(n.Content[1]))
	}
	require.False(c.t, strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"), "line %d: %s is not known here", n.Line, n.Tag)
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			if v := c.value(n.Content[i+1]); v != (noValue{}) {
				m[n.Content[i].Value] = v
			}
		}
		return m
	case yaml.SequenceNode:
		var list []any
		for _, e := range n.Content {
			if v := c.value(e); v != (noValue{}) {
				list = append(list, v)
			}
		}
		return list
	}
	var v any
	require.NoError(c.t, n.Decode(&v), "line %d", n.Line)
	return v
}

func (c *template) ref(name string) any {
	switch name {
	case "AWS::NoValue":
		return noValue{}
	case "AWS::Region":
		return "us-east-1"
	case "AWS::StackName":
		return "tailwater"
	}
	if v, ok := c.parameters[name]; ok {
		return v
	}
	node, ok := c.resources[name]
	require.True(c.t, ok, "a reference to %s, which is nothing", name)
	var r struct {
		Condition string `yaml:"Condition"`
	}
	require.NoError(c.t, node.Decode(&r))
	require.True(c.t, r.Condition == "" || c.holds(r.Condition), "a reference to %s, which is not made", name)
	return "resource " + name
}

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

func (c *template) sub(text string) string {
	return reference.ReplaceAllStringFunc(text, func(r string) string { return fmt.Sprint(c.ref(r[2 : len(r)-1])) })
}

func (c *template) join(n *yaml.Node) string {
	require.Len(c.t, n.Content, 2)
	list, ok := c.value(n.Content[1]).([]any)
	require.True(c.t, ok)
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, n.Content[0].Value)
}

// named is a metric that a template names.
type named struct {
	Namespace, Name string
	Dimensions      map[string]string
	// Keys are the names of all dimensions, where only some have a value.
	Keys []string
}

// metrics returns the metrics of all alarms and dashboards, by where they stand,
// and checks what CloudWatch would refuse.
func (c *template) metrics() map[string]named {
	found := map[string]named{}
	made := c.make()
	var alarms []string
	var rule string
	for name, r := range made {
		p := r.Properties
		switch r.Type {
		case "AWS::CloudWatch::Alarm":
			alarms = append(alarms, name)
			c.alarm(name, p, found)
		case "AWS::CloudWatch::CompositeAlarm":
			rule, _ = p["AlarmRule"].(string)
			require.Less(c.t, len(rule), 10_240)
		case "AWS::CloudWatch::Dashboard":
			body, ok := p["DashboardBody"].(string)
			require.True(c.t, ok)
			c.dashboard(body, found)
		default:
			require.Fail(c.t, "unknown type", "%s is a %s", name, r.Type)
		}
	}
	for _, name := range alarms {
		assert.Contains(c.t, rule, `ALARM("resource `+name+`")`, "the composite alarm is over all")
	}
	assert.Equal(c.t, len(alarms), strings.Count(rule, "ALARM("))
	return found
}

// alarm collects the metrics of one alarm.
func (c *template) alarm(name string, p map[string]any, found map[string]named) {
	require.Contains(c.t, p, "AlarmDescription", name)
	require.Contains(c.t, []any{"GreaterThanThreshold"}, p["ComparisonOperator"], name)
	require.Equal(c.t, "notBreaching", p["TreatMissingData"], name)
	require.Contains(c.t, p, "Threshold", name)
	require.IsType(c.t, 0, p["EvaluationPeriods"], name)
	require.LessOrEqual(c.t, p["DatapointsToAlarm"], p["EvaluationPeriods"], name)
	list, math := p["Metrics"].([]any)
	if !math {
		require.Equal(c.t, "Sum", p["Statistic"], name)
		require.Equal(c.t, 60, p["Period"], name)
		found[name] = metricOf(p)
		return
	}
	ids := map[string]bool{}
	var expression string
	for _, v := range list {
		q := v.(map[string]any)
		id := q["Id"].(string)
		require.Regexp(c.t, `^[a-z][a-zA-Z0-9_]*$`, id, name)
		require.False(c.t, ids[id], "%s has %s twice", name, id)
		ids[id] = true
		stat, ok := q["MetricStat"].(map[string]any)
		if !ok {
			require.Empty(c.t, expression, "%s returns one series", name)
			require.NotContains(c.t, q, "ReturnData", name)
			expression = q["Expression"].(string)
			continue
		}
		require.Equal(c.t, false, q["ReturnData"], name)
		require.Equal(c.t, 60, stat["Period"], name)
		require.Regexp(c.t, `^(Average|SampleCount|p99)$`, stat["Stat"], name)
		found[name+"."+id] = metricOf(stat["Metric"].(map[string]any))
	}
	for _, word := range regexp.MustCompile(`[a-z][a-z0-9]*`).FindAllString(expression, -1) {
		require.True(c.t, ids[word], "%s: %s is in %q and no id", name, word, expression)
	}
	require.NotEmpty(c.t, expression, name)
}

func metricOf(p map[string]any) named {
	m := named{Namespace: fmt.Sprint(p["Namespace"]), Name: fmt.Sprint(p["MetricName"]), Dimensions: map[string]string{}}
	list, _ := p["Dimensions"].([]any)
	for _, v := range list {
		d := v.(map[string]any)
		m.Dimensions[fmt.Sprint(d["Name"])] = fmt.Sprint(d["Value"])
		m.Keys = append(m.Keys, fmt.Sprint(d["Name"]))
	}
	slices.Sort(m.Keys)
	return m
}

var (
	search = regexp.MustCompile(`^SEARCH\('\{([^}]*)\}([^']*)', '(Average|SampleCount|Sum|p99)', 60\)$`)
	term   = regexp.MustCompile(`([A-Za-z]+)="([^"]*)"`)
)

// dashboard collects the metrics of all widgets.
func (c *template) dashboard(body string, found map[string]named) {
	var doc struct {
		Widgets []struct {
			Type                string
			X, Y, Width, Height int
			Properties          struct {
				Title, Region, View, Stat string
				Period                    int
				Metrics                   [][]any
			}
		}
	}
	require.NoError(c.t, json.Unmarshal([]byte(body), &doc), body)
	require.NotEmpty(c.t, doc.Widgets)
	for i, w := range doc.Widgets {
		require.Equal(c.t, "metric", w.Type)
		require.LessOrEqual(c.t, w.X+w.Width, 24)
		require.NotEmpty(c.t, w.Properties.Title)
		require.NotEmpty(c.t, w.Properties.Metrics)
		for j, m := range w.Properties.Metrics {
			where := fmt.Sprintf("widget %d, %q, metric %d", i, w.Properties.Title, j)
			if e, ok := m[0].(map[string]any); ok {
				found[where] = c.search(where, fmt.Sprint(e["expression"]))
				continue
			}
			n := named{Namespace: m[0].(string), Name: m[1].(string), Dimensions: map[string]string{}}
			for k := 2; k+1 < len(m); k += 2 {
				n.Dimensions[m[k].(string)] = m[k+1].(string)
				n.Keys = append(n.Keys, m[k].(string))
			}
			slices.Sort(n.Keys)
			found[where] = n
		}
	}
}

// search reads a search expression: a namespace and the names of all dimensions
// in braces, then the name of a metric and values of dimensions.
func (c *template) search(where, expression string) named {
	parts := search.FindStringSubmatch(expression)
	require.NotNil(c.t, parts, "%s: %q", where, expression)
	schema := strings.Split(parts[1], ",")
	n := named{Namespace: schema[0], Dimensions: map[string]string{}, Keys: slices.Sorted(slices.Values(schema[1:]))}
	for _, t := range term.FindAllStringSubmatch(parts[2], -1) {
		if t[1] == "MetricName" {
			n.Name = t[2]
		} else {
			require.Contains(c.t, n.Keys, t[1], where)
			n.Dimensions[t[1]] = t[2]
		}
	}
	require.NotEmpty(c.t, n.Name, where)
	require.Empty(c.t, strings.TrimSpace(term.ReplaceAllString(parts[2], "")), where)
	return n
}
