package segment_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// everyMember has all known members; each text says its own name.
const everyMember = `{"name":"name","id":"0000000000000001","trace_id":"1-00000000-000000000000000000000002","parent_id":"0000000000000003",
"type":"subsegment","start_time":1,"end_time":2,"in_progress":true,"origin":"origin","user":"user","resource_arn":"resource_arn",
"namespace":"namespace","traced":true,"inferred":true,"error":true,"throttle":true,"fault":true,
"service":{"name":"name","version":"version","runtime":"runtime","runtime_version":"runtime_version","compiler":"compiler",
 "compiler_version":"compiler_version","x":1},
"http":{"request":{"method":"method","url":"url","user_agent":"user_agent","client_ip":"client_ip","x_forwarded_for":true,"traced":true,"x":1},
 "response":{"status":1,"content_length":1,"x":1},"x":1},
"sql":{"connection_string":"connection_string","url":"url","sanitized_query":"sanitized_query","database_type":"database_type",
 "database_version":"database_version","driver_version":"driver_version","user":"user","preparation":"preparation","x":1},
"aws":{"account_id":"account_id","operation":"operation","region":"region","request_id":"request_id","queue_url":"queue_url",
 "table_name":"table_name","table_names":["table_names"],"retries":1,
 "cloudwatch_logs":[{"log_group":"log_group","arn":"arn","x":1}],
 "ec2":{"instance_id":"instance_id","instance_size":"instance_size","ami_id":"ami_id","availability_zone":"availability_zone","x":1},
 "ecs":{"container":"container","container_id":"container_id","container_arn":"container_arn","cluster_arn":"cluster_arn",
  "task_arn":"task_arn","task_family":"task_family","launch_type":"launch_type","availability_zone":"availability_zone","x":1},
 "eks":{"cluster_name":"cluster_name","pod":"pod","container_id":"container_id","x":1},
 "elastic_beanstalk":{"environment_name":"environment_name","version_label":"version_label","deployment_id":1,"x":1},
 "xray":{"sdk":"sdk","sdk_version":"sdk_version","sampling_rule_name":"sampling_rule_name","auto_instrumentation":true,"x":1},"x":1},
"cause":{"working_directory":"working_directory","paths":["paths"],"exceptions":[{"id":"0000000000000004","message":"message","type":"type",
 "remote":true,"truncated":1,"skipped":1,"cause":"0000000000000005","stack":[{"path":"path","line":1,"label":"label","x":1}],"x":1}],"x":1},
"annotations":{"x":1},"metadata":{"x":1},"precursor_ids":["0000000000000006"],
"links":[{"trace_id":"1-00000000-000000000000000000000007","id":"0000000000000008","attributes":{"x":1},"x":1}],
"subsegments":[{"name":"name","id":"0000000000000009","start_time":1}],"x":1}`

func TestEveryMemberHasItsField(t *testing.T) {
	s, err := segment.Decode(everyMember)
	if err != nil {
		t.Fatal(err)
	}
	s.Subsegments[0] = nil
	s.Cause.ID[0] = 1 // which excludes the rest
	var walk func(path, name string, v reflect.Value)
	walk = func(path, name string, v reflect.Value) {
		if v.IsZero() {
			t.Errorf("%s is absent", path)
			return
		}
		switch v.Kind() {
		case reflect.Pointer:
			walk(path, name, v.Elem())
		case reflect.Slice:
			if v.Len() != 1 {
				t.Errorf("%s has %d elements", path, v.Len())
			}
			if v.Type().Elem().Kind() != reflect.Pointer {
				walk(path, name, v.Index(0))
			}
		case reflect.Struct:
			switch m := v.Interface().(type) {
			case segment.Member:
				if (m != segment.Member{Name: "x", Value: "1"}) {
					t.Errorf("%s is %v", path, m)
				}
				return
			case segment.Int:
				return
			case segment.LogGroup:
				if m.Name != "log_group" {
					t.Errorf("the log group is %q", m.Name)
				}
				v.FieldByName("Name").SetString("name")
			}
			for i := range v.NumField() {
				f := v.Type().Field(i)
				walk(path+"."+f.Name, f.Name, v.Field(i))
			}
		case reflect.String:
			if got := strings.ReplaceAll(v.String(), "_", ""); got != strings.ToLower(name) {
				t.Errorf("%s is %q", path, v.String())
			}
		}
	}
	walk("segment", "", reflect.ValueOf(s))
}

func TestEveryMemberComesBack(t *testing.T) {
	checkRoundTrip(t, &segment.Decoder{}, []byte(everyMember))
}
