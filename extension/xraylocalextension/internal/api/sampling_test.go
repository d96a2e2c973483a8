package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (r *rig) report(t *testing.T, client string) map[string]any {
	t.Helper()
	code, out := r.call(t, "/SamplingTargets", map[string]any{"SamplingStatisticsDocuments": []any{map[string]any{
		"RuleName": "Default", "ClientID": client, "Timestamp": r.time.Unix(), "RequestCount": 20, "SampledCount": 1,
	}}})
	require.Equal(t, http.StatusOK, code)
	require.Empty(t, out["UnprocessedStatistics"])
	docs := out["SamplingTargetDocuments"].([]any)
	require.Len(t, docs, 1)
	return docs[0].(map[string]any)
}

func TestSamplingTarget(t *testing.T) {
	r := newRig(t)
	require.Equal(t, map[string]any{
		"RuleName": "Default", "FixedRate": 0.05, "ReservoirQuota": 1.0, "ReservoirQuotaTTL": 1760797500.0, "Interval": 10.0,
	}, r.report(t, "d0b1c2e3f4a5968778695a4b"))
	require.EqualValues(t, 0, r.report(t, "another")["ReservoirQuota"], "not left out: no quota means borrowing")
}

func TestSamplingUnknownRuleAndBoost(t *testing.T) {
	r := newRig(t)
	code, out := r.call(t, "/SamplingTargets", `{"SamplingStatisticsDocuments":[{"RuleName":"gone","ClientID":"x","Timestamp":1,"RequestCount":1}],
		"SamplingBoostStatisticsDocuments":[{"RuleName":"Default","ServiceName":"a","ClientID":"x","AnomalyCount":1,"TotalCount":2},{"RuleName":"gone"}]}`)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, map[string]any{
		"LastRuleModification":    1760797200.0,
		"SamplingTargetDocuments": []any{},
		"UnprocessedStatistics":   []any{map[string]any{"RuleName": "gone", "ErrorCode": "404", "Message": "there is no sampling rule of this name"}},
		"UnprocessedBoostStatistics": []any{
			map[string]any{"RuleName": "Default", "ErrorCode": "400", "Message": "the rule has no sampling rate boost"},
			map[string]any{"RuleName": "gone", "ErrorCode": "404", "Message": "there is no sampling rule of this name"},
		},
	}, out)
}

// An empty body is a report of nothing, one SDK writes SampleCount, others
// leave BorrowCount out, and no count is taken that cannot be.
func TestSamplingStatistics(t *testing.T) {
	r := newRig(t)
	code, out := r.call(t, "/SamplingTargets", "")
	require.Equal(t, http.StatusOK, code)
	require.Empty(t, out["SamplingTargetDocuments"])
	r.call(t, "/SamplingTargets", `{"SamplingStatisticsDocuments":[
		{"RuleName":"Default","ClientID":"a","RequestCount":10,"SampledCount":4,"BorrowCount":1},
		{"RuleName":"Default","ClientID":"b","RequestCount":5,"SampleCount":2},
		{"RuleName":"Default","RequestCount":-9e9,"SampledCount":-1,"BorrowCount":-1}]}`)
	_, out = r.call(t, "/SamplingStatisticSummaries", "{}")
	require.Equal(t, []any{}, out["SamplingStatisticSummaries"], "a body that is none is not taken in part")
	r.call(t, "/SamplingTargets", `{"SamplingStatisticsDocuments":[
		{"RuleName":"Default","ClientID":"a","RequestCount":10,"SampledCount":4,"BorrowCount":1},
		{"RuleName":"Default","ClientID":"b","RequestCount":5,"SampleCount":2},
		{"RuleName":"Default","RequestCount":-9000000000,"SampledCount":-1,"BorrowCount":-1}]}`)
	_, out = r.call(t, "/SamplingStatisticSummaries", "{}")
	require.Equal(t, []any{map[string]any{
		"RuleName": "Default", "Timestamp": float64(r.time.Truncate(time.Minute).Unix()),
		"RequestCount": 15.0, "SampledCount": 6.0, "BorrowCount": 1.0,
	}}, out["SamplingStatisticSummaries"])
	r.time = r.time.Add(2 * time.Hour)
	_, out = r.call(t, "/SamplingStatisticSummaries", "{}")
	require.Equal(t, []any{}, out["SamplingStatisticSummaries"])
}

// ruleNames returns the rules in the order of the answer.
func (r *rig) ruleNames(t *testing.T) (list []string) {
	t.Helper()
	code, out := r.call(t, "/GetSamplingRules", `{"NextToken":null}`)
	require.Equal(t, http.StatusOK, code)
	for _, record := range out["SamplingRuleRecords"].([]any) {
		list = append(list, record.(map[string]any)["SamplingRule"].(map[string]any)["RuleName"].(string))
	}
	return list
}

// The example rule is made, reported on and boosted as in the examples.
func TestExampleRule(t *testing.T) {
	r := newRig(t)
	r.time = time.Unix(1760600000, 0)
	code, out := r.call(t, "/CreateSamplingRule", request(t, "CreateSamplingRule.request"))
	require.Equal(t, http.StatusOK, code, "%v", out)
	want := example(t, "CreateSamplingRule.response")
	want["SamplingRuleRecord"].(map[string]any)["SamplingRule"].(map[string]any)["RuleARN"] = "arn:aws:xray:us-east-1:000000000000:sampling-rule/checkout-writes"
	require.Equal(t, want, out)

	r.time = time.Unix(1760797140, 0)
	code, out = r.call(t, "/SamplingTargets", request(t, "SamplingTargets.boost.request"))
	require.Equal(t, http.StatusOK, code)
	want = example(t, "SamplingTargets.boost.response")
	want["LastRuleModification"] = 1760600000.0
	target := want["SamplingTargetDocuments"].([]any)[0].(map[string]any)
	target["ReservoirQuota"] = 10.0 // there is one client
	target["SamplingBoost"].(map[string]any)["BoostRate"] = 0.5
	require.Equal(t, want, out)

	code, out = r.call(t, "/SamplingTargets", request(t, "SamplingTargets.request"))
	require.Equal(t, http.StatusOK, code)
	require.Empty(t, out["UnprocessedStatistics"])
	require.Len(t, out["SamplingTargetDocuments"], 2)

	code, out = r.call(t, "/DeleteSamplingRule", map[string]any{"RuleName": "checkout-writes"})
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "checkout-writes", out["SamplingRuleRecord"].(map[string]any)["SamplingRule"].(map[string]any)["RuleName"])
	require.Equal(t, []string{"Default"}, r.ruleNames(t))
}

const minimalRule = `{"SamplingRule":{"RuleName":"a","ResourceARN":"*","Priority":7,"ServiceName":"","ServiceType":"*","Host":"*","HTTPMethod":"*","URLPath":"/x*","Version":1}}`

func TestSamplingRules(t *testing.T) {
	r := newRig(t)
	// Numbers that are 0 may be left out, and there are no changes in what is not given.
	code, out := r.call(t, "/CreateSamplingRule", minimalRule)
	require.Equal(t, http.StatusOK, code)
	made := map[string]any{
		"RuleName": "a", "RuleARN": "arn:aws:xray:us-east-1:000000000000:sampling-rule/a", "ResourceARN": "*", "Priority": 7.0,
		"FixedRate": 0.0, "ReservoirSize": 0.0, "ServiceName": "*", "ServiceType": "*", "Host": "*", "HTTPMethod": "*",
		"URLPath": "/x*", "Version": 1.0, "Attributes": map[string]any{},
	}
	require.Equal(t, map[string]any{"CreatedAt": 1760797200.0, "ModifiedAt": 1760797200.0, "SamplingRule": made}, out["SamplingRuleRecord"])

	r.time = r.time.Add(1500 * time.Millisecond)
	for _, update := range []string{
		`{"SamplingRuleUpdate":{"RuleARN":"arn:aws:xray:eu-west-1:123456789012:sampling-rule/a","FixedRate":0.25,"Attributes":{"tenant":"blue*"}}}`,
		`{"SamplingRuleUpdate":{"RuleName":"a","Host":"shop","ReservoirSize":3,"SamplingRateBoost":{"MaxRate":0.5}}}`,
	} {
		code, out = r.call(t, "/UpdateSamplingRule", update)
		require.Equal(t, http.StatusOK, code, "%v", out)
	}
	changed := maps.Clone(made)
	maps.Copy(changed, map[string]any{
		"FixedRate": 0.25, "Attributes": map[string]any{"tenant": "blue*"}, "Host": "shop", "ReservoirSize": 3.0,
		"SamplingRateBoost": map[string]any{"MaxRate": 0.5, "CooldownWindowMinutes": 0.0},
	})
	require.Equal(t, map[string]any{"CreatedAt": 1760797200.0, "ModifiedAt": 1760797201.5, "SamplingRule": changed}, out["SamplingRuleRecord"])
	_, out = r.call(t, "/SamplingTargets", "{}")
	require.Equal(t, 1760797201.5, out["LastRuleModification"])

	code, _ = r.call(t, "/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"Default","ReservoirSize":0,"FixedRate":1}}`)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, 1.0, r.report(t, "x")["FixedRate"])
	require.Equal(t, []string{"a", "Default"}, r.ruleNames(t))
}

func TestSamplingRuleErrors(t *testing.T) {
	r := newRig(t)
	code, _ := r.call(t, "/CreateSamplingRule", minimalRule)
	require.Equal(t, http.StatusOK, code)
	with := func(member string, value any) string {
		var in map[string]map[string]any
		require.NoError(t, json.Unmarshal([]byte(minimalRule), &in))
		in["SamplingRule"]["RuleName"] = "b"
		in["SamplingRule"][member] = value
		return marshal(t, in)
	}
	for name, c := range map[string]struct{ path, body, text string }{
		"nothing to create":  {"/CreateSamplingRule", `{}`, "SamplingRule is missing"},
		"no name":            {"/CreateSamplingRule", with("RuleName", nil), "RuleName is missing"},
		"there already":      {"/CreateSamplingRule", minimalRule, `there is a sampling rule "a" already`},
		"the Default rule":   {"/CreateSamplingRule", with("RuleName", "Default"), `there is a sampling rule "Default" already`},
		"no host":            {"/CreateSamplingRule", with("Host", nil), "SamplingRule.Host is missing"},
		"no version":         {"/CreateSamplingRule", with("Version", nil), "SamplingRule.Version is missing"},
		"version 2":          {"/CreateSamplingRule", with("Version", 2), "Version is 2"},
		"priority 10000":     {"/CreateSamplingRule", with("Priority", 10000), "priority is 10000, allowed is 1 to 9999"},
		"rate":               {"/CreateSamplingRule", with("FixedRate", 1.5), "fixed_rate is 1.5, allowed is 0 to 1"},
		"reservoir":          {"/CreateSamplingRule", with("ReservoirSize", -1), "reservoir_size is -1"},
		"attributes":         {"/CreateSamplingRule", with("Attributes", map[string]string{"a": "1", "b": "1", "c": "1", "d": "1", "e": "1", "f": "1"}), "there are 6 attributes"},
		"boost":              {"/CreateSamplingRule", with("SamplingRateBoost", map[string]any{"MaxRate": 2}), "max_rate is 2"},
		"cooldown":           {"/CreateSamplingRule", with("SamplingRateBoost", map[string]any{"CooldownWindowMinutes": maxCooldown + 1}), "CooldownWindowMinutes is 525601"},
		"another's ARN":      {"/CreateSamplingRule", with("RuleARN", "arn:aws:xray:us-east-1:000000000000:sampling-rule/c"), "are not the same rule"},
		"no ARN of a rule":   {"/DeleteSamplingRule", `{"RuleARN":"arn:aws:xray:eu-west-1:1:group/slow/X"}`, "is none of a sampling rule"},
		"nothing to update":  {"/UpdateSamplingRule", `{}`, "SamplingRuleUpdate is missing"},
		"unknown":            {"/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"c"}}`, "there is no sampling rule of this name"},
		"update to worse":    {"/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"a","FixedRate":-1}}`, "fixed_rate is -1"},
		"Default's priority": {"/UpdateSamplingRule", `{"SamplingRuleUpdate":{"RuleName":"Default","Priority":1,"Host":"x"}}`, "has 10000; rule"},
		"delete Default":     {"/DeleteSamplingRule", `{"RuleName":"Default"}`, "the Default rule cannot be deleted"},
		"delete unknown":     {"/DeleteSamplingRule", `{"RuleName":"c"}`, "there is no sampling rule of this name"},
		"delete nothing":     {"/DeleteSamplingRule", ``, "RuleName is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := r.call(t, c.path, c.body)
			require.Equal(t, http.StatusBadRequest, code)
			require.Equal(t, "InvalidRequestException", out["__type"])
			require.Contains(t, out["Message"], c.text)
		})
	}
	require.Equal(t, []string{"a", "Default"}, r.ruleNames(t))

	for i := range 24 {
		code, _ := r.call(t, "/CreateSamplingRule", with("RuleName", fmt.Sprintf("r%02d", i)))
		require.Equal(t, http.StatusOK, code)
	}
	code, out := r.call(t, "/CreateSamplingRule", with("RuleName", "one-more"))
	require.Equal(t, http.StatusBadRequest, code)
	require.Equal(t, "RuleLimitExceededException", out["__type"])
	names := r.ruleNames(t)
	require.Len(t, names, 26)
	require.True(t, slices.IsSorted(names[:25]), "of one priority by name")
	require.Equal(t, "Default", names[25])
}
