// Package doctor finds out why a collector configuration does not work on this
// machine: ports, kernel buffers, region, credentials, endpoints and IAM
// actions, each tried in a way that changes nothing.
package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Status says how bad a finding is.
type Status string

// The statuses of a finding.
const (
	// OK: it works.
	OK Status = "ok"
	// Warn: it works, but not as well as it could, or nobody can tell.
	Warn Status = "warn"
	// Fail: it does not work.
	Fail Status = "fail"
	// Skip: it was not tried.
	Skip Status = "skip"
)

// Finding is one thing that was looked at.
type Finding struct {
	Status Status `json:"status"`
	// Component is its name in the configuration, such as "exporter awsxray".
	Component string `json:"component,omitempty"`
	// Text says what was found, for people.
	Text string `json:"text"`
	// Fix says what to do.
	Fix string `json:"fix,omitempty"`
	// Policy is the statement of an IAM policy that is missing.
	Policy *Statement `json:"policy,omitempty"`
}

// Statement is a statement of an IAM policy.
type Statement struct {
	Effect   string   `json:"Effect"`
	Action   []string `json:"Action"`
	Resource string   `json:"Resource"`
}

func allow(resource string, actions ...string) *Statement {
	return &Statement{Effect: "Allow", Action: actions, Resource: resource}
}

// Failed tells whether any finding is a failure.
func Failed(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Status == Fail })
}

// missing returns the statements of the findings, those for one resource as one.
func missing(findings []Finding) []Statement {
	statements := []Statement{}
	for _, f := range findings {
		if f.Policy == nil {
			continue
		}
		i := slices.IndexFunc(statements, func(s Statement) bool { return s.Resource == f.Policy.Resource })
		if i < 0 {
			statements = append(statements, Statement{Effect: f.Policy.Effect, Resource: f.Policy.Resource})
			i = len(statements) - 1
		}
		for _, action := range f.Policy.Action {
			if !slices.Contains(statements[i].Action, action) {
				statements[i].Action = append(statements[i].Action, action)
			}
		}
	}
	return statements
}

// WriteText writes the findings for people: a line each, what to do below it,
// and at the end the policy that is missing.
func WriteText(w io.Writer, findings []Finding) error {
	var b strings.Builder
	count := map[Status]int{}
	for _, f := range findings {
		count[f.Status]++
		name := string(f.Status)
		if f.Status == Fail {
			name = "FAIL"
		}
		fmt.Fprintf(&b, "%-4s  ", name)
		if f.Component != "" {
			fmt.Fprintf(&b, "%s: ", f.Component)
		}
		b.WriteString(f.Text + "\n")
		if f.Fix != "" {
			b.WriteString("      → " + f.Fix + "\n")
		}
	}
	if statements := missing(findings); len(statements) > 0 {
		b.WriteString("\nThese statements, in a policy of the identity above, give what is missing:\n")
		for _, s := range statements {
			text, err := json.Marshal(s)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "  %s\n", text)
		}
	}
	fmt.Fprintf(&b, "\n%d failed, %d warnings, %d ok, %d not tried\n", count[Fail], count[Warn], count[OK], count[Skip])
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes the findings as one JSON object.
func WriteJSON(w io.Writer, findings []Finding) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		OK       bool        `json:"ok"`
		Findings []Finding   `json:"findings"`
		Missing  []Statement `json:"missing_policy_statements"`
	}{!Failed(findings), findings, missing(findings)})
}
