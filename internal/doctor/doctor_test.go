package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

// everything uses each component that asks AWS.
func everything(url string) string {
	return strings.ReplaceAll(`
receivers:
  awsxray:
    endpoint: 127.0.0.1:0
    proxy_server: {endpoint: "127.0.0.1:0", aws_endpoint: "URL", region: eu-west-1}
  awss3: {s3downloader: {region: eu-west-1, s3_bucket: archive, s3_prefix: base/traces, endpoint: "URL", s3_force_path_style: true}}
processors:
  xray_tail_sampling: {rules: {xray: {region: eu-west-1, endpoint: "URL"}}}
exporters:
  awsxray: {region: eu-west-1, endpoint: "URL", telemetry: {enabled: true}}
  awsxray/unused: {region: eu-west-1, endpoint: "http://127.0.0.1:1"}
  awsemf: {region: eu-west-1, endpoint: "URL", namespace: shop, log_retention: 7, tags: {a: b}}
  awss3: {s3uploader: {region: eu-west-1, s3_bucket: archive, s3_base_prefix: base, s3_prefix: traces, endpoint: "URL", s3_force_path_style: true, sse: "aws:kms", kms_key_id: "arn:aws:kms:eu-west-1:1:key/k"}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [awsxray, awss3], processors: [xray_tail_sampling], exporters: [awsxray, awss3]}
    metrics: {receivers: [awsxray], exporters: [awsemf]}
`, "URL", url)
}

func failures(findings []Finding) (failed []Finding) {
	for _, f := range findings {
		if f.Status == Fail {
			failed = append(failed, f)
		}
	}
	return failed
}

func TestAllIsWell(t *testing.T) {
	alone(t)
	a := newAWS(t)
	a.groups = true
	o := options(everything(a.URL))
	o.Write = true
	findings := Run(t.Context(), o)
	assert.Empty(t, failures(findings))
	for _, want := range []Finding{
		{Status: OK, Component: "exporter awsxray", Text: "xray:PutTraceSegments is allowed"},
		{Status: OK, Component: "exporter awsxray", Text: "xray:PutTelemetryRecords is allowed"},
		{Status: OK, Component: "receiver awsxray", Text: "xray:GetSamplingRules is allowed"},
		{Status: OK, Component: "receiver awsxray", Text: "xray:GetSamplingTargets is allowed"},
		{Status: OK, Component: "processor xray_tail_sampling", Text: "xray:GetSamplingTargets is allowed"},
		{Status: OK, Component: "exporter awsemf", Text: "logs:PutLogEvents is allowed"},
		{Status: OK, Component: "exporter awsemf", Text: "logs:CreateLogStream is allowed"},
		{Status: OK, Component: "exporter awss3", Text: "s3:PutObject is allowed: object base/traces/tailwater-doctor-probe is stored, and stays"},
		{Status: OK, Component: "receiver awss3", Text: "s3:GetObject is allowed"},
		{Status: OK, Component: "receiver awss3", Text: "signed as " + userARN},
	} {
		assert.Contains(t, findings, want)
	}
	assert.Equal(t, 1, strings.Count(strings.Join(a.asked, " "), "sts:GetCallerIdentity"), "one identity is looked up once")
	assert.Equal(t, map[string]string{"base/traces/tailwater-doctor-probe": "aws:kms tailwaterctl doctor\n"}, a.stored)
}

// Without --write nothing is stored anywhere.
func TestNothingIsChanged(t *testing.T) {
	alone(t)
	a := newAWS(t)
	for _, a.groups = range []bool{false, true} {
		findings := Run(t.Context(), options(everything(a.URL)))
		assert.Empty(t, failures(findings))
		assert.Empty(t, a.stored)
		assert.Contains(t, findings, Finding{Status: Skip, Component: "exporter awss3", Text: "s3:PutObject is not tried",
			Fix: "--write stores the small object base/traces/tailwater-doctor-probe in the bucket"})
	}
}

// Each action that is denied is found, by itself, with the statement that gives it.
func TestEachActionDenied(t *testing.T) {
	alone(t)
	const logGroup = "arn:aws:logs:eu-west-1:*:log-group:/metrics/shop:*"
	for action, test := range map[string]struct {
		components []string
		want       *Statement
		groups     bool
	}{
		"xray:PutTraceSegments":    {[]string{"exporter awsxray"}, allow("*", "xray:PutTraceSegments"), true},
		"xray:PutTelemetryRecords": {[]string{"exporter awsxray"}, allow("*", "xray:PutTelemetryRecords"), true},
		"xray:GetSamplingRules":    {[]string{"receiver awsxray", "processor xray_tail_sampling"}, allow("*", "xray:GetSamplingRules"), true},
		"xray:GetSamplingTargets":  {[]string{"receiver awsxray", "processor xray_tail_sampling"}, allow("*", "xray:GetSamplingTargets"), true},
		"logs:PutLogEvents":        {[]string{"exporter awsemf"}, allow(logGroup, "logs:PutLogEvents"), true},
		"logs:CreateLogStream":     {[]string{"exporter awsemf"}, allow(logGroup, "logs:CreateLogStream"), false},
		"s3:PutObject":             {[]string{"exporter awss3"}, allow("arn:aws:s3:::archive/base/traces/*", "s3:PutObject"), true},
		"s3:GetObject":             {[]string{"receiver awss3"}, allow("arn:aws:s3:::archive/base/traces/*", "s3:GetObject"), true},
		"kms:GenerateDataKey":      {[]string{"exporter awss3"}, allow("arn:aws:kms:eu-west-1:1:key/k", "kms:GenerateDataKey", "kms:Decrypt"), true},
	} {
		t.Run(action, func(t *testing.T) {
			a := newAWS(t)
			a.deny[action], a.groups = true, test.groups
			o := options(everything(a.URL))
			o.Write = true
			findings := Run(t.Context(), o)
			var components []string
			for _, f := range failures(findings) {
				components = append(components, f.Component)
				assert.Equal(t, test.want, f.Policy)
				assert.Contains(t, f.Text, strings.Join(test.want.Action, ", ")+" is denied: ")
				if action != "s3:GetObject" { // the answer to a HEAD has no words
					assert.Contains(t, f.Text, userARN)
				}
				assert.NotEmpty(t, f.Fix)
			}
			slices.Sort(components)
			slices.Sort(test.components)
			assert.Equal(t, test.components, components)

			var text bytes.Buffer
			require.NoError(t, WriteText(&text, findings))
			line, err := json.Marshal(test.want)
			require.NoError(t, err)
			assert.Contains(t, text.String(), "\n  "+string(line)+"\n")
			assert.Contains(t, text.String(), fmt.Sprintf("%d failed", len(components)))
		})
	}
}

// What the exporter does not need is no failure; what the receiver needs is.
func TestListBucketDenied(t *testing.T) {
	alone(t)
	a := newAWS(t)
	a.groups = true
	a.deny["s3:ListBucket"] = true
	o := options(everything(a.URL))
	o.Write = true
	findings := Run(t.Context(), o)
	for _, f := range failures(findings) {
		assert.Equal(t, "receiver awss3", f.Component)
		assert.Equal(t, allow("arn:aws:s3:::archive", "s3:ListBucket"), f.Policy)
	}
	assert.NotEmpty(t, failures(findings))
	assert.NotEmpty(t, a.stored)
}

func TestExplicitDeny(t *testing.T) {
	f := target{}.denied("User: x is not authorized to perform: y with an explicit deny in a service control policy", "*", "y")
	assert.Contains(t, f.Fix, "service control policies")
}

func TestCredentials(t *testing.T) {
	alone(t)
	const exporter = `{exporters: {awsxray: {region: eu-west-1, ENDPOINT}, awsxray/2: {region: eu-west-1, ENDPOINT}},
service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {exporters: [awsxray, awsxray/2]}}}}`
	run := func(endpoint string) []Finding {
		return Run(t.Context(), options(strings.ReplaceAll(exporter, "ENDPOINT", endpoint)))
	}
	t.Run("none", func(t *testing.T) {
		findings := run("")
		failed := failures(findings)
		require.Len(t, failed, 1, "told once")
		assert.Contains(t, failed[0].Text, "there are no credentials")
		assert.Contains(t, failed[0].Fix, "IRSA")
		assert.Contains(t, findings, Finding{Status: Skip, Component: "exporter awsxray/2", Text: "nothing is tried: the credentials are those of no use above"})
	})
	t.Run("refused", func(t *testing.T) {
		a := newAWS(t)
		a.deny["sts:GetCallerIdentity"] = true
		failed := failures(run("endpoint: '" + a.URL + "'"))
		require.Len(t, failed, 1)
		assert.Contains(t, failed[0].Text, "the credentials are refused: InvalidClientTokenId")
		assert.Contains(t, failed[0].Fix, "clock")
	})
	t.Run("refused by X-Ray", func(t *testing.T) {
		a := newAWS(t)
		t.Setenv("AWS_ENDPOINT_URL_STS", "")
		a.broken = func(w http.ResponseWriter) bool {
			w.Header().Set("X-Amzn-ErrorType", "UnrecognizedClientException")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"Message":"The security token included in the request is invalid."}`)
			return true
		}
		failed := failures(run("endpoint: '" + a.URL + "'"))
		require.Len(t, failed, 2)
		assert.Contains(t, failed[0].Text, "the credentials are refused")
		assert.Nil(t, failed[0].Policy)
	})
	t.Run("role", func(t *testing.T) {
		a := newAWS(t)
		a.broken = func(w http.ResponseWriter) bool {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>%s</Message></Error></ErrorResponse>`, unauthorized("sts:AssumeRole"))
			return true
		}
		failed := failures(run("role_arn: 'arn:aws:iam::1:role/x', endpoint: '" + a.URL + "'"))
		require.Len(t, failed, 1)
		assert.Contains(t, failed[0].Text, "role arn:aws:iam::1:role/x cannot be assumed")
		assert.Contains(t, failed[0].Text, "sts:AssumeRole")
		assert.Equal(t, allow("arn:aws:iam::1:role/x", "sts:AssumeRole"), failed[0].Policy)
	})
	t.Run("region", func(t *testing.T) {
		failed := failures(Run(t.Context(), options(`{exporters: {awsxray: {}}, service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {exporters: [awsxray]}}}}`)))
		require.Len(t, failed, 1)
		assert.Contains(t, failed[0].Text, "no AWS region found")
		assert.Contains(t, failed[0].Fix, "AWS_REGION")
	})
}

func TestEndpoints(t *testing.T) {
	alone(t)
	closed := freeAddress(t)
	config := func(url string) Options {
		return options(strings.ReplaceAll(`{exporters: {awsxray: {region: eu-west-1, endpoint: "URL"}, awsemf: {region: eu-west-1, endpoint: "URL", log_group_name: g},
awss3: {s3uploader: {region: eu-west-1, endpoint: "URL", s3_bucket: other, s3_force_path_style: true}}},
service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {exporters: [awsxray, awss3]}, metrics: {exporters: [awsemf]}}}}`, "URL", url))
	}
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter) bool
		says   map[string]string
	}{
		"nothing listens": {nil, map[string]string{
			"exporter awsxray": "http://" + closed + " does not answer", "exporter awsemf": "does not answer", "exporter awss3": "does not answer"}},
		"no AWS": {func(w http.ResponseWriter) bool { http.NotFound(w, nil); return true }, map[string]string{
			"exporter awsxray": "answers with HTTP 404", "exporter awsemf": "answers with", "exporter awss3": "there is no bucket other"}},
		"trouble": {func(w http.ResponseWriter) bool { http.Error(w, "busy", http.StatusServiceUnavailable); return true }, map[string]string{
			"exporter awsxray": "answers with HTTP 503", "exporter awsemf": "answers with", "exporter awss3": "answers with"}},
		"another region": {func(w http.ResponseWriter) bool {
			w.Header().Set("X-Amz-Bucket-Region", "us-east-1")
			w.WriteHeader(http.StatusMovedPermanently)
			return true
		}, map[string]string{"exporter awss3": "bucket other is in another region than eu-west-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAWS(t)
			t.Setenv("AWS_ENDPOINT_URL_STS", "")
			a.broken = test.answer
			url := a.URL
			if test.answer == nil {
				url = "http://" + closed
			}
			failed := failures(Run(t.Context(), config(url)))
			for component, text := range test.says {
				i := slices.IndexFunc(failed, func(f Finding) bool { return f.Component == component })
				if assert.GreaterOrEqual(t, i, 0, "%s in %v", component, failed) {
					assert.Contains(t, failed[i].Text, text)
				}
			}
		})
	}
}

func TestThrottled(t *testing.T) {
	alone(t)
	a := newAWS(t)
	t.Setenv("AWS_ENDPOINT_URL_STS", "")
	a.broken = func(w http.ResponseWriter) bool {
		w.Header().Set("X-Amzn-ErrorType", "ThrottledException")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"Message":"Rate exceeded"}`)
		return true
	}
	findings := Run(t.Context(), options(fmt.Sprintf(`{exporters: {awsxray: {region: eu-west-1, endpoint: %q}},
service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {exporters: [awsxray]}}}}`, a.URL)))
	assert.Empty(t, failures(findings))
	assert.True(t, slices.ContainsFunc(findings, func(f Finding) bool {
		return f.Status == Warn && strings.Contains(f.Text, "throttled at the moment")
	}))
}

// Log groups whose names depend on the metrics are not guessed at.
func TestLogGroupNames(t *testing.T) {
	alone(t)
	a := newAWS(t)
	for name, keys := range map[string]string{
		"arn:aws:logs:eu-west-1:*:log-group:/metrics/*:*":   "",
		"arn:aws:logs:eu-west-1:*:log-group:/aws/ecs/*:*":   "log_group_name: '/aws/ecs/{ClusterName}/x'",
		"arn:aws:logs:eu-west-1:*:log-group:/metrics/n-*:*": "namespace: 'n-{x}'",
	} {
		findings := Run(t.Context(), options(fmt.Sprintf(`{exporters: {awsemf: {region: eu-west-1, endpoint: %q, %s}},
service: {telemetry: {metrics: {level: none}}, pipelines: {metrics: {exporters: [awsemf]}}}}`, a.URL, keys)))
		assert.True(t, slices.ContainsFunc(findings, func(f Finding) bool { return f.Status == Skip && strings.Contains(f.Fix, name) }), "%s: %v", name, findings)
	}
	findings := Run(t.Context(), options(`{exporters: {awsemf: {output_destination: stdout}},
service: {telemetry: {metrics: {level: none}}, pipelines: {metrics: {exporters: [awsemf]}}}}`))
	assert.Len(t, findings, 1, "only that nothing validates: %v", findings)
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestPorts(t *testing.T) {
	alone(t)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer tcp.Close()
	findings := Run(t.Context(), options(fmt.Sprintf(`
receivers:
  awsxray: {endpoint: %q, proxy_server: {endpoint: ""}}
  otlp: {protocols: {grpc: {endpoint: %q}, http: {endpoint: "192.0.2.1:4318"}}}
extensions: {health_check: {endpoint: "127.0.0.1:0"}, health_check/2: {http: {endpoint: "127.0.0.1:0"}}, zpages: {endpoint: "127.0.0.1:29"}, pprof: {endpoint: "localhost:29"}}
service:
  extensions: [health_check, health_check/2, zpages, pprof]
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 0}}}}]}}
  pipelines: {traces: {receivers: [awsxray, otlp]}}
`, udp.LocalAddr(), tcp.Addr())))
	by := ""
	if runtime.GOOS == "linux" {
		name, err := os.ReadFile("/proc/self/comm")
		require.NoError(t, err)
		by = fmt.Sprintf(" by %s (process %d)", strings.TrimSpace(string(name)), os.Getpid())
	}
	find := func(component, text string) Finding {
		i := slices.IndexFunc(findings, func(f Finding) bool { return f.Component == component && strings.Contains(f.Text, text) })
		require.GreaterOrEqual(t, i, 0, "%s: %s in %v", component, text, findings)
		return findings[i]
	}
	assert.Equal(t, Fail, find("receiver awsxray", "udp "+udp.LocalAddr().String()+" is taken"+by).Status)
	assert.Equal(t, Fail, find("receiver otlp (grpc)", "tcp "+tcp.Addr().String()+" is taken"+by).Status)
	assert.Equal(t, Fail, find("receiver otlp (http)", "192.0.2.1:4318").Status)
	assert.Equal(t, OK, find("extension health_check", "is free").Status)
	assert.Equal(t, OK, find("extension health_check/2 (http)", "127.0.0.1:0 is free").Status)
	assert.Equal(t, OK, find("own metrics", "is free").Status)
	assert.Equal(t, Fail, find("extension zpages", "twice: extension pprof has it too").Status)
}

func TestBuffers(t *testing.T) {
	for _, test := range []struct {
		buffer  buffer
		granted int
		want    Status
	}{
		{buffer{"c", 4 << 20}, 4 << 20, OK},
		{buffer{"c", 4 << 20}, 8 << 20, OK},
		{buffer{"c", 4 << 20}, 0, OK},
		{buffer{"c", 4 << 20}, 212992, Warn},
	} {
		f := test.buffer.judge(test.granted)
		assert.Equal(t, test.want, f.Status)
		if test.want == Warn && runtime.GOOS == "linux" {
			assert.Contains(t, f.Fix, "sysctl -w net.core.rmem_max=4194304")
		}
	}
}

// Addresses that other components connect to.
func TestDials(t *testing.T) {
	alone(t)
	open, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer open.Close()
	closed := freeAddress(t)
	findings := Run(t.Context(), options(fmt.Sprintf(`
exporters:
  otlp: {endpoint: %q}
  otlp_http: {endpoint: "http://%s"}
  otlp_grpc: {endpoint: "dns:///gateway:4317"}
  load_balancing: {resolver: {static: {hostnames: [%q, %q]}}}
  loadbalancing: {resolver: {dns: {hostname: 127.0.0.1, port: "1"}}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {exporters: [otlp, otlp_http, otlp_grpc, load_balancing, loadbalancing]}}
`, open.Addr(), open.Addr(), open.Addr(), closed)))
	texts := map[string]Status{}
	for _, f := range findings {
		texts[f.Component+": "+f.Text[:min(len(f.Text), 40)]] = f.Status
	}
	ok := open.Addr().String() + " accepts connections"
	ok = ok[:min(len(ok), 40)]
	for text, want := range map[string]Status{
		"exporter otlp: " + ok:                                             OK,
		"exporter otlp_http: " + ok:                                        OK,
		"exporter load_balancing: " + ok:                                   OK,
		"exporter load_balancing: " + closed + " cannot be":                Fail,
		"exporter loadbalancing: 127.0.0.1:1 cannot be reached: dial tcp ": Fail,
	} {
		found := false
		for have, status := range texts {
			found = found || strings.HasPrefix(have, text[:min(len(text), 60)]) && status == want
		}
		assert.True(t, found, "%s in %v", text, texts)
	}
}

func TestConfiguration(t *testing.T) {
	alone(t)
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte("exporters: {awsxray: {num_workers: many}}\nservice: {telemetry: {metrics: {level: none}}, pipelines: {traces: {exporters: [awsxray, absent]}}}"), 0o600))
	findings := Run(t.Context(), Options{URIs: []string{path}})
	failed := failures(findings)
	require.Len(t, failed, 1)
	assert.Contains(t, failed[0].Text, "num_workers")

	for _, uri := range []string{"/nowhere.yaml", "yaml:[", "xraydaemon:/nowhere"} {
		failed := failures(Run(t.Context(), Options{URIs: []string{uri}}))
		require.Len(t, failed, 1, uri)
		assert.Contains(t, failed[0].Text, "the configuration cannot be read")
	}

	t.Setenv("XRAY_ADDRESS", "127.0.0.1:0")
	findings = Run(t.Context(), options(`{receivers: {awsxray: {endpoint: "${env:XRAY_ADDRESS}", proxy_server: {endpoint: ""}}}, service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {receivers: [awsxray]}}}}`))
	assert.Contains(t, findings, Finding{Status: OK, Component: "receiver awsxray", Text: "udp 127.0.0.1:0 is free"})
}

// The collector beside the program says first what it thinks.
func TestValidate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the fake collector is a shell script")
	}
	script := func(text string) string {
		path := filepath.Join(t.TempDir(), "tailwater")
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700))
		return path
	}
	for _, test := range []struct {
		path string
		want Status
		text string
	}{
		{"", Skip, "is not validated"},
		{script(`test "$*" = "validate --config a --config b --feature-gates +x"`), OK, "the configuration is valid"},
		{script("echo exporters::awsxray: no; exit 1"), Fail, "exporters::awsxray: no"},
		{"/nowhere/tailwater", Fail, "no such file"},
	} {
		findings := validate(t.Context(), Options{URIs: []string{"a", "b"}, Tailwater: test.path, FeatureGates: "+x"})
		require.Len(t, findings, 1)
		assert.Equal(t, test.want, findings[0].Status, findings)
		assert.Contains(t, findings[0].Text, test.text)
	}
}

func TestServedByTheConfigurationItself(t *testing.T) {
	alone(t)
	address := freeAddress(t)
	findings := Run(t.Context(), options(fmt.Sprintf(`{extensions: {xray_local: {endpoint: %q}}, exporters: {awsxray: {region: eu-west-1, endpoint: %q}},
service: {extensions: [xray_local], telemetry: {metrics: {level: none}}, pipelines: {traces: {exporters: [awsxray]}}}}`, address, address)))
	assert.Empty(t, failures(findings))
	assert.Contains(t, findings, Finding{Status: Skip, Component: "exporter awsxray",
		Text: "http://" + address + " is extension xray_local of this configuration, which does not run now"})
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteJSON(&b, []Finding{
		{Status: OK, Text: "fine"},
		{Status: Fail, Component: "exporter awsxray", Text: "<denied>", Fix: "allow it", Policy: allow("*", "xray:A")},
		{Status: Fail, Component: "exporter awsxray/2", Text: "denied", Policy: allow("*", "xray:B", "xray:A")},
	}))
	assert.JSONEq(t, `{"ok":false,"findings":[{"status":"ok","text":"fine"},
		{"status":"fail","component":"exporter awsxray","text":"<denied>","fix":"allow it","policy":{"Effect":"Allow","Action":["xray:A"],"Resource":"*"}},
		{"status":"fail","component":"exporter awsxray/2","text":"denied","policy":{"Effect":"Allow","Action":["xray:B","xray:A"],"Resource":"*"}}],
		"missing_policy_statements":[{"Effect":"Allow","Action":["xray:A","xray:B"],"Resource":"*"}]}`, b.String())
	b.Reset()
	require.NoError(t, WriteJSON(&b, nil))
	assert.Contains(t, b.String(), `"ok": true`)
}

// Whatever a configuration holds, reading what it needs does not panic.
func FuzzRead(f *testing.F) {
	f.Add(everything("http://127.0.0.1:1"))
	f.Add("{service: {pipelines: {traces: {receivers: [awsxray, otlp], exporters: [awss3, 5]}}, extensions: x}, receivers: {awsxray: 5, otlp: {protocols: [grpc]}}, exporters: []}")
	f.Add("{service: {telemetry: {metrics: {readers: [1, {pull: 2}, {pull: {exporter: {prometheus: }}}]}}}}")
	f.Fuzz(func(t *testing.T, text string) {
		var root map[string]any
		if yaml.Unmarshal([]byte(text), &root) != nil {
			return
		}
		read(confmap.NewFromStringMap(root))
	})
}
