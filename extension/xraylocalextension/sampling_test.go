package xraylocalextension

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/aws/aws-sdk-go-v2/service/xray/types"
	"github.com/stretchr/testify/require"
)

func samplingRule(name string, priority, reservoir int32, rate float64) *types.SamplingRule {
	return &types.SamplingRule{
		RuleName: aws.String(name), Priority: aws.Int32(priority), ReservoirSize: reservoir, FixedRate: rate,
		ServiceName: aws.String("*"), ServiceType: aws.String("*"), Host: aws.String("*"), HTTPMethod: aws.String("*"),
		URLPath: aws.String("*"), ResourceARN: aws.String("*"), Version: aws.Int32(1),
	}
}

// Rules are made, changed, read and deleted through the SDK's own client.
func TestSDKSamplingRules(t *testing.T) {
	c := client(t, start(t, nop(), nil))
	ctx := t.Context()
	rule := samplingRule("checkout", 100, 10, 0.2)
	rule.Attributes = map[string]string{"tenant": "blue*"}
	rule.SamplingRateBoost = &types.SamplingRateBoost{MaxRate: 0.5, CooldownWindowMinutes: 10}
	made, err := c.CreateSamplingRule(ctx, &xray.CreateSamplingRuleInput{
		SamplingRule: rule, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}},
	})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), aws.ToTime(made.SamplingRuleRecord.CreatedAt), time.Minute)
	got := made.SamplingRuleRecord.SamplingRule
	arn := got.RuleARN
	require.NotEmpty(t, arn)
	got.RuleARN = nil
	require.Equal(t, rule, got)

	updated, err := c.UpdateSamplingRule(ctx, &xray.UpdateSamplingRuleInput{SamplingRuleUpdate: &types.SamplingRuleUpdate{
		RuleARN: arn, FixedRate: aws.Float64(0), ReservoirSize: aws.Int32(0),
	}})
	require.NoError(t, err)
	require.Zero(t, updated.SamplingRuleRecord.SamplingRule.FixedRate)
	require.Equal(t, rule.Attributes, updated.SamplingRuleRecord.SamplingRule.Attributes)

	_, err = c.CreateSamplingRule(ctx, &xray.CreateSamplingRuleInput{SamplingRule: samplingRule("checkout", 1, 0, 0)})
	invalid := (*types.InvalidRequestException)(nil)
	require.ErrorAs(t, err, &invalid)
	for i := range 24 {
		_, err := c.CreateSamplingRule(ctx, &xray.CreateSamplingRuleInput{SamplingRule: samplingRule(fmt.Sprint("rule", i), 1, 0, 0)})
		require.NoError(t, err)
	}
	_, err = c.CreateSamplingRule(ctx, &xray.CreateSamplingRuleInput{SamplingRule: samplingRule("more", 1, 0, 0)})
	limit := (*types.RuleLimitExceededException)(nil)
	require.ErrorAs(t, err, &limit)

	deleted, err := c.DeleteSamplingRule(ctx, &xray.DeleteSamplingRuleInput{RuleName: aws.String("checkout")})
	require.NoError(t, err)
	require.Equal(t, arn, deleted.SamplingRuleRecord.SamplingRule.RuleARN)
	_, err = c.DeleteSamplingRule(ctx, &xray.DeleteSamplingRuleInput{RuleName: aws.String("Default")})
	require.ErrorAs(t, err, &invalid)

	var names []string
	pages := xray.NewGetSamplingRulesPaginator(c, &xray.GetSamplingRulesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		for _, r := range page.SamplingRuleRecords {
			names = append(names, aws.ToString(r.SamplingRule.RuleName))
		}
	}
	require.Len(t, names, 25)
	require.Equal(t, "Default", names[24])
}

// A client's boost, its answer for a rule that is gone, and its share.
func TestSDKSamplingTargets(t *testing.T) {
	c := client(t, start(t, nop(), nil))
	ctx := t.Context()
	rule := samplingRule("checkout", 100, 10, 0.2)
	rule.SamplingRateBoost = &types.SamplingRateBoost{MaxRate: 0.5}
	_, err := c.CreateSamplingRule(ctx, &xray.CreateSamplingRuleInput{SamplingRule: rule})
	require.NoError(t, err)
	statistics := func(rule, id string) types.SamplingStatisticsDocument {
		return types.SamplingStatisticsDocument{RuleName: &rule, ClientID: aws.String(strings.Repeat(id, 24)), Timestamp: aws.Time(time.Now()), RequestCount: 50, SampledCount: 5}
	}
	out, err := c.GetSamplingTargets(ctx, &xray.GetSamplingTargetsInput{
		SamplingStatisticsDocuments: []types.SamplingStatisticsDocument{statistics("checkout", "a"), statistics("checkout", "b"), statistics("gone", "a")},
		SamplingBoostStatisticsDocuments: []types.SamplingBoostStatisticsDocument{{
			RuleName: aws.String("checkout"), ServiceName: aws.String("checkout"), Timestamp: aws.Time(time.Now()), AnomalyCount: 3, TotalCount: 50,
		}},
	})
	require.NoError(t, err)
	require.Len(t, out.SamplingTargetDocuments, 2)
	for i, quota := range []int32{10, 0} {
		target := out.SamplingTargetDocuments[i]
		require.Equal(t, quota, aws.ToInt32(target.ReservoirQuota))
		require.NotNil(t, target.ReservoirQuotaTTL)
		require.EqualValues(t, 10, aws.ToInt32(target.Interval))
		require.Equal(t, 0.2, target.FixedRate)
		require.Equal(t, 0.5, target.SamplingBoost.BoostRate)
		require.True(t, target.SamplingBoost.BoostRateTTL.After(time.Now()))
	}
	require.Len(t, out.UnprocessedStatistics, 1)
	require.Equal(t, "gone", aws.ToString(out.UnprocessedStatistics[0].RuleName))
	require.True(t, strings.HasPrefix(aws.ToString(out.UnprocessedStatistics[0].ErrorCode), "4"))
	require.Empty(t, out.UnprocessedBoostStatistics)
}

// The Default rule begins as the configuration says.
func TestDefaultRule(t *testing.T) {
	c := client(t, start(t, nop(), func(cfg *Config) { cfg.DefaultRule = RuleConfig{ReservoirSize: 3, FixedRate: 0.25} }))
	got, err := c.GetSamplingRules(t.Context(), &xray.GetSamplingRulesInput{})
	require.NoError(t, err)
	require.Len(t, got.SamplingRuleRecords, 1)
	rule := got.SamplingRuleRecords[0].SamplingRule
	require.Equal(t, "Default", aws.ToString(rule.RuleName))
	require.EqualValues(t, 3, rule.ReservoirSize)
	require.Equal(t, 0.25, rule.FixedRate)
}
