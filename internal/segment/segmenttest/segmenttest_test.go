package segmenttest

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b, want string
	}{
		{`{"a":1,"b":[true,null]}`, ` { "b" : [true, null], "a" : 1.0 } `, ""},
		{`"a\u0062/"`, `"ab\/"`, ""},
		{`[1e2,1.50,-0,0.001]`, `[100,15e-1,0,1E-3]`, ""},
		{`1760797120.35`, `1.76079712035E9`, ""},
		{`1e999999999999999999999`, `1e999999999999999999999`, ""},
		{`1760797120.350000000`, `1760797120.350000001`, `: 1760797120.350000000, then 1760797120.350000001`},
		{`9007199254740993`, `9007199254740992`, `: 9007199254740993, then 9007199254740992`},
		{`{"a":{"b":1}}`, `{"a":{"b":"1"}}`, `.a.b: 1, then "1"`},
		{`{"a":null}`, `{}`, `.a: null, then absent`},
		{`{}`, `{"a":false}`, `.a: absent, then false`},
		{`[1,2]`, `[1]`, `: 2 elements, then 1`},
		{`[1,2]`, `[1,3]`, `[1]: 2, then 3`},
		{`[]`, `{}`, `: [], then {}`},
		{`{`, `{}`, `first: unexpected EOF`},
		{`{}`, `{}x`, `second: text after the value`},
	}
	for _, test := range tests {
		if got := Equal([]byte(test.a), []byte(test.b)); got != test.want {
			t.Errorf("%s and %s: %q, want %q", test.a, test.b, got, test.want)
		}
	}
}

func TestGenerate(t *testing.T) {
	// What each known member was, as JSON types. The name of the object that it
	// stands in tells apart members of one name.
	seen := map[string]map[string]bool{}
	deepest := 0
	var walk func(in string, v any, depth int)
	walk = func(in string, v any, depth int) {
		o, ok := v.(map[string]any)
		if !ok {
			return
		}
		deepest = max(deepest, depth)
		for name, v := range o {
			at := in + "." + name
			if seen[at] == nil {
				seen[at] = map[string]bool{}
			}
			seen[at][kind(v)] = true
			switch list, _ := v.([]any); name {
			case "subsegments":
				for _, e := range list {
					walk("segment", e, depth+1)
				}
			case "exceptions", "stack", "links", "cloudwatch_logs":
				for _, e := range list {
					walk(name, e, depth)
				}
			default:
				walk(name, v, depth)
			}
		}
	}
	for seed := range uint64(2_000) {
		doc := Generate(rand.New(rand.NewPCG(seed, 7)))
		if len(doc) > 64*1024 {
			t.Fatalf("seed %d: %d bytes", seed, len(doc))
		}
		v, err := parse(doc)
		if err != nil {
			t.Fatalf("seed %d: %v in %s", seed, err, doc)
		}
		walk("segment", v, 0)
	}
	if deepest < 3 {
		t.Errorf("subsegments on %d levels at most", deepest)
	}
	for at, types := range map[string]string{
		"segment.name": "string", "segment.id": "string", "segment.trace_id": "string", "segment.start_time": "number",
		"segment.parent_id": "string null", "segment.type": "string", "segment.end_time": "number null",
		"segment.in_progress": "boolean", "segment.origin": "string null object", "segment.user": "string null",
		"segment.resource_arn": "string", "segment.namespace": "string", "segment.traced": "boolean null",
		"segment.inferred": "boolean", "segment.error": "boolean null", "segment.throttle": "boolean", "segment.fault": "boolean",
		"segment.service": "object null array", "segment.http": "object null", "segment.aws": "object string",
		"segment.sql": "object null", "segment.cause": "object string null", "segment.annotations": "object array",
		"segment.metadata": "object array", "segment.precursor_ids": "array null", "segment.links": "array object",
		"segment.subsegments": "array null", "segment.zzz": "string number object",
		"service.version": "string", "service.compiler_version": "string number",
		"http.request": "object null", "request.method": "string", "request.url": "string", "request.user_agent": "string",
		"request.client_ip": "string", "request.x_forwarded_for": "boolean", "request.traced": "boolean",
		"response.status": "number string", "response.content_length": "number string",
		"sql.connection_string": "string", "sql.url": "string", "sql.sanitized_query": "string", "sql.database_type": "string",
		"sql.database_version": "string", "sql.driver_version": "string", "sql.user": "string", "sql.preparation": "string",
		"aws.account_id": "string", "aws.operation": "string", "aws.region": "string", "aws.request_id": "string",
		"aws.queue_url": "string", "aws.table_name": "string", "aws.table_names": "array", "aws.retries": "number string",
		"aws.resource_names": "array", "cloudwatch_logs.log_group": "string", "cloudwatch_logs.arn": "string",
		"ec2.instance_id": "string", "ec2.ami_id": "string", "ecs.container": "string", "ecs.launch_type": "string",
		"eks.pod": "string", "eks.container_id": "string", "elastic_beanstalk.deployment_id": "number string",
		"xray.sdk": "string", "xray.sampling_rule_name": "string", "xray.auto_instrumentation": "boolean",
		"cause.working_directory": "string", "cause.paths": "array", "cause.exceptions": "array null",
		"exceptions.id": "string", "exceptions.message": "string", "exceptions.type": "string", "exceptions.remote": "boolean",
		"exceptions.truncated": "number", "exceptions.skipped": "number", "exceptions.cause": "string",
		"stack.path": "string", "stack.line": "number string", "stack.label": "string",
		"links.trace_id": "string", "links.id": "string", "links.attributes": "object",
		"annotations.tenant": "string number boolean null array object", "metadata.default": "object string array",
	} {
		for _, want := range strings.Fields(types) {
			if !seen[at][want] {
				t.Errorf("%s is never %s", at, want)
			}
		}
	}
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func TestFixtures(t *testing.T) {
	tests := []struct {
		name        string
		doc         []byte
		low, high   int
		subsegments int
	}{
		{"small", Small(), 650, 800, 0},
		{"mid", Mid(), 2_700, 3_000, 5},
		{"large", Large(), 18_500, 19_500, 40},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if n := len(test.doc); n < test.low || n > test.high {
				t.Errorf("%d bytes", n)
			}
			v, err := parse(test.doc)
			if err != nil {
				t.Fatal(err)
			}
			if n := count(v); n != test.subsegments {
				t.Errorf("%d subsegments", n)
			}
		})
	}
}

func count(v any) (n int) {
	subs, _ := v.(map[string]any)["subsegments"].([]any)
	for _, sub := range subs {
		n += 1 + count(sub)
	}
	return n
}
