package samplingrule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRules(t *testing.T) {
	rules, next, leftOut, err := ParseRules([]byte(`{"NextToken":"more","SamplingRuleRecords":[
		{"CreatedAt":0.0,"SamplingRule":{"RuleName":"Default","RuleARN":"arn:d","ResourceARN":"*","Priority":10000,"FixedRate":0.05,"ReservoirSize":1,"ServiceName":"*","ServiceType":"*","Host":"*","HTTPMethod":"*","URLPath":"*","Version":1,"Attributes":{}}},
		{"SamplingRule":{"RuleName":"orders","Priority":100,"FixedRate":0.2,"ReservoirSize":10,"ServiceName":"checkout","ServiceType":"AWS::ECS::Container","Host":"h","HTTPMethod":"POST","URLPath":"/orders*","ResourceARN":"arn:*","Version":1,"Attributes":{"tenant":"b*"},"SamplingRateBoost":{"MaxRate":0.5,"CooldownWindowMinutes":10}}},
		{"SamplingRule":{"RuleName":"future","Priority":1,"Version":2}},
		{"SamplingRule":{"RuleName":"broken","Priority":0}},
		{}]}`))
	require.NoError(t, err)
	assert.Equal(t, "more", next)
	assert.ErrorContains(t, leftOut, `rule "future": version is 2`)
	assert.ErrorContains(t, leftOut, `rule "broken": priority is 0`)
	assert.Equal(t, []Rule{
		{Name: DefaultName, ARN: "arn:d", ResourceARN: "*", Priority: 10000, FixedRate: 0.05, ReservoirSize: 1,
			ServiceName: "*", ServiceType: "*", Host: "*", HTTPMethod: "*", URLPath: "*", Attributes: map[string]string{}},
		{Name: "orders", Priority: 100, FixedRate: 0.2, ReservoirSize: 10, ServiceName: "checkout", ServiceType: "AWS::ECS::Container",
			Host: "h", HTTPMethod: "POST", URLPath: "/orders*", ResourceARN: "arn:*", Attributes: map[string]string{"tenant": "b*"},
			Boost: &Boost{0.5, 10 * time.Minute}},
	}, rules)
	for _, bad := range []string{"", "[]", "{}", `{"SamplingRuleRecords":[{"SamplingRule":{"Priority":"x"}}]}`} {
		_, _, _, err := ParseRules([]byte(bad))
		assert.Error(t, err, bad)
	}
}

func TestParseTargets(t *testing.T) {
	got, err := ParseTargets([]byte(`{"LastRuleModification":1760700000.5,"SamplingTargetDocuments":[
		{"RuleName":"a","FixedRate":0.2,"ReservoirQuota":4,"ReservoirQuotaTTL":1760797440.0,"Interval":15,"SamplingBoost":{"BoostRate":0.45,"BoostRateTTL":1760797200.0}},
		{"RuleName":"b"},
		{"RuleName":"c","FixedRate":1,"ReservoirQuota":-1,"Interval":1e9,"SamplingBoost":{"BoostRate":7,"BoostRateTTL":1}}],
		"UnprocessedStatistics":[{"RuleName":"d","ErrorCode":"500"},{"RuleName":"e","ErrorCode":"400"}]}`))
	require.NoError(t, err)
	quota := int64(4)
	assert.Equal(t, Targets{
		Targets: []Target{
			{Rule: "a", FixedRate: 0.2, Quota: &quota, QuotaTTL: time.Unix(1760797440, 0), Interval: 15 * time.Second, BoostRate: 0.45, BoostTTL: time.Unix(1760797200, 0)},
			{Rule: "b", FixedRate: -1},
			{Rule: "c", FixedRate: 1},
		},
		Modified: time.Unix(1760700000, 500_000_000),
		Again:    []string{"d"},
		Refused:  []string{"e"},
	}, got)
	for _, bad := range []string{"", "[]", "{}"} {
		_, err := ParseTargets([]byte(bad))
		assert.Error(t, err, bad)
	}
}

func FuzzParseReplies(f *testing.F) {
	f.Add([]byte(`{"SamplingRuleRecords":[{"SamplingRule":{"RuleName":"a","Priority":1,"Attributes":{"a":"b"}}}]}`))
	f.Add([]byte(`{"LastRuleModification":1e300,"SamplingTargetDocuments":[{"ReservoirQuota":1e300,"Interval":-1}]}`))
	f.Fuzz(func(t *testing.T, reply []byte) {
		if rules, _, _, err := ParseRules(reply); err == nil {
			for i := range rules {
				require.NoError(t, rules[i].Validate())
			}
		}
		if targets, err := ParseTargets(reply); err == nil {
			set, err := NewSet(nil, true)
			require.NoError(t, err)
			set.Apply(targets.Targets)
		}
	})
}

func TestEncodeReport(t *testing.T) {
	got, err := EncodeReport("d0b1c2e3f4a5968778695a4b", []Statistics{{"a", 3, 2, 1}},
		[]BoostStatistics{{"a", "web", 9, 5, 2}}, time.Unix(1760797140, 0))
	require.NoError(t, err)
	assert.JSONEq(t, `{"SamplingStatisticsDocuments":[{"RuleName":"a","ClientID":"d0b1c2e3f4a5968778695a4b","Timestamp":1760797140,"RequestCount":3,"SampledCount":2,"BorrowCount":1}],
		"SamplingBoostStatisticsDocuments":[{"RuleName":"a","ServiceName":"web","Timestamp":1760797140,"AnomalyCount":5,"TotalCount":9,"SampledAnomalyCount":2}]}`, string(got))
	got, err = EncodeReport("c", nil, nil, time.Unix(0, 0))
	require.NoError(t, err)
	assert.JSONEq(t, `{"SamplingStatisticsDocuments":[]}`, string(got))
}

func TestBoostStatistics(t *testing.T) {
	rules := []Rule{{Name: "b", Priority: 1, Boost: &Boost{MaxRate: 1}}, {Name: "plain", Priority: 2}}
	set, err := NewSet(rules, true)
	require.NoError(t, err)
	set.Observe("b", "web", true, true)
	set.Observe("b", "web", true, false)
	set.Observe("b", "cart", false, true)
	set.Observe("plain", "web", true, true)
	set.Observe("gone", "web", true, true)
	want := []BoostStatistics{{"b", "cart", 1, 0, 0}, {"b", "web", 2, 2, 1}}
	got := set.ReportBoosts()
	assert.Equal(t, want, got)
	assert.Empty(t, set.ReportBoosts())

	// What could not be delivered adds to what came since, and survives a change
	// of the rule's settings.
	set.Observe("b", "web", false, false)
	set.RestoreBoosts(got)
	rules[0].FixedRate = 0.5
	require.NoError(t, set.Replace(rules))
	assert.Equal(t, []BoostStatistics{{"b", "cart", 1, 0, 0}, {"b", "web", 3, 2, 1}}, set.ReportBoosts())

	for i := range 2 * maxBoostServices {
		set.Observe("b", string(rune('A'+i)), false, false)
	}
	assert.Len(t, set.ReportBoosts(), maxBoostServices)
}
