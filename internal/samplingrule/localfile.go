package samplingrule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// localFile is the X-Ray SDKs' sampling-rules.json, versions 1 and 2.
type localFile struct {
	Version int          `json:"version"`
	Default *localRule   `json:"default"`
	Rules   []*localRule `json:"rules"`
}

type localRule struct {
	ID          json.RawMessage `json:"id"` // shown in some examples, without meaning
	Description *string         `json:"description"`
	ServiceName *string         `json:"service_name"` // version 1: the host
	Host        *string         `json:"host"`         // version 2
	HTTPMethod  *string         `json:"http_method"`
	URLPath     *string         `json:"url_path"`
	FixedTarget *int            `json:"fixed_target"`
	Rate        *float64        `json:"rate"`
}

// ParseLocalFile reads the rules of an X-Ray SDK's sampling-rules.json,
// version 1 or 2. They keep their order, which becomes their priority, and are
// named "rule 1", "rule 2" and so on (the format has no names, and SDKs report
// none). It is as strict as the SDKs, and names what is wrong.
func ParseLocalFile(text []byte) ([]Rule, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f localFile
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("sampling rules: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("sampling rules: there is text after the document")
	}
	if f.Version != 1 && f.Version != 2 {
		return nil, fmt.Errorf("sampling rules: version is %d, allowed are 1 and 2", f.Version)
	}
	if f.Default == nil {
		return nil, errors.New("sampling rules: default is missing")
	}
	rules := make([]Rule, 0, len(f.Rules)+1)
	var errs []error
	for i, r := range f.Rules {
		rule, err := r.rule(f.Version, fmt.Sprintf("rule %d", i+1), i+1)
		rules, errs = append(rules, rule), append(errs, err)
	}
	rule, err := f.Default.defaultRule()
	rules, errs = append(rules, rule), append(errs, err)
	return rules, errors.Join(errs...)
}

func (r *localRule) rule(version int, name string, priority int) (Rule, error) {
	if r == nil {
		return Rule{}, fmt.Errorf("sampling rules: %s is null", name)
	}
	host, key, wrongHost, wrongKey := r.Host, "host", r.ServiceName, "service_name"
	if version == 1 {
		host, key, wrongHost, wrongKey = wrongHost, wrongKey, host, key
	}
	if wrongHost != nil {
		return Rule{}, fmt.Errorf("sampling rules: %s has %s, version %d calls it %s", name, wrongKey, version, key)
	}
	for _, f := range []struct {
		key     string
		missing bool
	}{
		{key, host == nil}, {"http_method", r.HTTPMethod == nil}, {"url_path", r.URLPath == nil},
		{"fixed_target", r.FixedTarget == nil}, {"rate", r.Rate == nil},
	} {
		if f.missing {
			return Rule{}, fmt.Errorf("sampling rules: %s has no %s", name, f.key)
		}
	}
	rule := Rule{
		Name: name, Priority: priority, ReservoirSize: *r.FixedTarget, FixedRate: *r.Rate,
		Host: *host, HTTPMethod: *r.HTTPMethod, URLPath: *r.URLPath,
	}
	return rule, rule.Validate()
}

func (r *localRule) defaultRule() (Rule, error) {
	if r.Host != nil || r.ServiceName != nil || r.HTTPMethod != nil || r.URLPath != nil {
		return Rule{}, errors.New("sampling rules: default takes only fixed_target and rate")
	}
	if r.FixedTarget == nil || r.Rate == nil {
		return Rule{}, errors.New("sampling rules: default needs fixed_target and rate")
	}
	rule := Default()
	rule.ReservoirSize, rule.FixedRate = *r.FixedTarget, *r.Rate
	return rule, rule.Validate()
}
