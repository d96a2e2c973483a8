package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
)

// oneOrMore is a string or a list of strings, as IAM allows both.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

// policy is the grammar of IAM policies, as far as ours use it
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
type policy struct {
	Version   string
	Statement []struct {
		Sid, Effect string
		Action      oneOrMore
		Resource    oneOrMore                    `json:",omitempty"`
		Principal   map[string]oneOrMore         `json:",omitempty"`
		Condition   map[string]map[string]string `json:",omitempty"`
	}
}

func policies(t *testing.T) map[string]policy {
	files, err := filepath.Glob("../deploy/iam/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string]policy{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		var p policy
		require.NoError(t, decoder.Decode(&p), file)
		all[filepath.Base(file)] = p
	}
	return all
}

var (
	validSid    = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	validAction = regexp.MustCompile(`^[a-z0-9-]+:[A-Z][A-Za-z]+$`)
)

// Each statement of a permission policy is one component's, no action is a
// pattern, and the page names each with its component.
func TestPolicies(t *testing.T) {
	page, err := os.ReadFile("../deploy/iam/README.md")
	require.NoError(t, err)
	described := map[string]string{} // action → components
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+:[A-Za-z]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		described[match[1]] = match[2]
	}
	used := map[string]bool{}
	for file, p := range policies(t) {
		require.Equal(t, "2012-10-17", p.Version, file)
		require.NotEmpty(t, p.Statement, file)
		require.Contains(t, string(page), "["+file+"]("+file+")")
		trust := strings.HasPrefix(file, "trust-")
		seen := map[string]bool{}
		for _, s := range p.Statement {
			require.Equal(t, "Allow", s.Effect, file)
			require.Regexp(t, validSid, s.Sid, file)
			require.False(t, seen[s.Sid], "%s has two statements %s", file, s.Sid)
			seen[s.Sid] = true
			require.Equal(t, trust, len(s.Principal) > 0, file)
			require.Equal(t, trust, len(s.Resource) == 0, file)
			for _, action := range s.Action {
				require.Regexp(t, validAction, action, file)
				if trust {
					continue
				}
				used[action] = true
				name, kind := componentOf(t, s.Sid)
				require.Contains(t, described[action], "`"+name+"` "+kind, "%s in %s", action, file)
			}
		}
	}
	for action := range described {
		require.True(t, used[action], "no policy has %s", action)
	}
}

// componentOf finds the component that a statement is named for.
func componentOf(t *testing.T, sid string) (name, kind string) {
	name, ok := map[string]string{
		"AwsxrayExporter":           "awsxray",
		"AwsxrayReceiver":           "awsxray",
		"XrayTailSamplingProcessor": "xray_tail_sampling",
		"AwsemfExporter":            "awsemf",
		"Awss3Exporter":             "awss3",
		"Awss3Receiver":             "awss3",
		"OtlpHttpExporter":          "otlp_http",
		"LoadBalancingExporter":     "load_balancing",
	}[sid]
	require.True(t, ok, "%s names no component", sid)
	factories, err := components()
	require.NoError(t, err)
	id := component.MustNewType(name)
	switch {
	case strings.HasSuffix(sid, "Receiver"):
		kind, ok = "receiver", factories.Receivers[id] != nil
	case strings.HasSuffix(sid, "Processor"):
		kind, ok = "processor", factories.Processors[id] != nil
	case strings.HasSuffix(sid, "Exporter"):
		kind, ok = "exporter", factories.Exporters[id] != nil
	}
	require.True(t, ok, "the distribution has no %s %s", name, kind)
	return name, kind
}
