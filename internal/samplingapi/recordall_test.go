package samplingapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

type ruleOf struct {
	RuleName          string
	FixedRate         float64
	ReservoirSize     int64
	Priority          int
	Younger           string
	SamplingRateBoost any
}

func (b *bench) allRules() []ruleOf {
	b.t.Helper()
	status, body := b.post("/GetSamplingRules", "{}")
	require.Equal(b.t, 200, status, body)
	var got struct {
		SamplingRuleRecords []struct{ SamplingRule ruleOf }
	}
	require.NoError(b.t, json.Unmarshal([]byte(body), &got))
	var all []ruleOf
	for _, r := range got.SamplingRuleRecords {
		all = append(all, r.SamplingRule)
	}
	return all
}

func TestRecordAllWithoutCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &RecordAll{})
		b.xray.rules = []string{record("shop", 7) + "," + record("Default", 1)}
		assert.Equal(t, []ruleOf{
			{RuleName: "shop", FixedRate: 1, Priority: 10, Younger: "kept"},
			{RuleName: "Default", FixedRate: 1, Priority: 10, Younger: "kept"},
		}, b.allRules())
		for range 10 {
			got := b.report(doc("shop", anID, 100, 100, 0), doc("never heard of", anID, 1, 1, 0))
			require.Len(t, got.SamplingTargetDocuments, 2)
			for i, name := range []string{"shop", "never heard of"} {
				target := got.SamplingTargetDocuments[i]
				assert.Equal(t, name, target.RuleName)
				assert.Equal(t, 1.0, target.FixedRate)
				assert.Nil(t, target.ReservoirQuota)
				assert.EqualValues(t, 10, *target.Interval)
			}
			assert.Empty(t, got.UnprocessedStatistics)
			time.Sleep(10 * time.Second)
		}
		assert.Zero(t, b.xray.calls(SamplingTargets), "the tail sampler reports, not the clients")
	})
}

// TestRecordAllWithCap: the quotas of all clients and rules add up to the cap.
func TestRecordAllWithCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &RecordAll{MaxPerSecond: 500})
		assert.Equal(t, []ruleOf{{RuleName: "Default", FixedRate: 0, ReservoirSize: 500, Priority: 10, Younger: "kept"}}, b.allRules())
		for round := range 3 {
			sum := int64(0)
			for i := range 10 {
				id := fmt.Sprintf("client%018d", i)
				got := b.report(doc("Default", id, 100, 100, 0), doc("shop", id, 3000, 1000, 0))
				for _, target := range got.SamplingTargetDocuments {
					assert.Zero(t, target.FixedRate)
					sum += *target.ReservoirQuota
					assert.Equal(t, float64(time.Now().Add(recordQuotaTTL).Unix()), *target.ReservoirQuotaTTL)
				}
			}
			if round > 0 {
				assert.EqualValues(t, 500, sum)
			}
			time.Sleep(10 * time.Second)
		}
	})
}

// TestRecordAllWithCapForABorrower: a client that borrows though it has a quota
// gets a rate instead, and whoever uses its quota does not.
func TestRecordAllWithCapForABorrower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &RecordAll{MaxPerSecond: 100})
		rates := func(borrowed int64) (borrower, user float64) {
			time.Sleep(10 * time.Second)
			got := b.report(doc("Default", anID, 1000, 0, borrowed))
			return got.SamplingTargetDocuments[0].FixedRate, b.report(doc("Default", anotherID, 1000, 500, 1)).SamplingTargetDocuments[0].FixedRate
		}
		first, _ := rates(10)
		assert.Zero(t, first, "there was no quota before the first report")
		for range 5 {
			borrower, user := rates(10)
			assert.InDelta(t, 49.0/100, borrower, 0.001, "its share is 50, of which it borrows 1")
			assert.Zero(t, user)
		}
		again, _ := rates(0)
		assert.InDelta(t, 49.0/100, again, 0.001, "nothing to borrow in a quiet time does not change it")
	})
}

// TestRecordAllFollowsRules: clients hear of changed rules though their
// statistics go nowhere.
func TestRecordAllFollowsRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &RecordAll{})
		b.allRules()
		fetched := float64(time.Now().Unix())
		assert.LessOrEqual(t, *b.report().LastRuleModification, fetched)
		b.xray.set(func() { b.xray.rules = []string{record("new", 1) + "," + record("Default", 1)} })
		heard := false
		for range 8 {
			time.Sleep(10 * time.Second)
			heard = heard || *b.report(doc("Default", anID, 1, 1, 0)).LastRuleModification > fetched
		}
		assert.True(t, heard)
		assert.Equal(t, "new", b.allRules()[0].RuleName)
		assert.LessOrEqual(t, b.xray.calls(GetSamplingRules), 3)
	})
}

// TestRecordAllWithoutXRay: nothing that X-Ray does keeps requests from being recorded.
func TestRecordAllWithoutXRay(t *testing.T) {
	for name, unusable := range map[string]func(x *fakeXRay){
		"away": func(x *fakeXRay) {
			x.respond = func(string, string) (*awsclient.Response, error) { return nil, errors.New("connection refused") }
		},
		"slow":     func(x *fakeXRay) { x.delay = time.Hour },
		"no rules": func(x *fakeXRay) { x.rules = []string{""} },
		"not rules": func(x *fakeXRay) {
			x.rules = []string{`1,null,{},{"SamplingRule":null},{"SamplingRule":{"RuleName":1}}`}
		},
		"no such list": func(x *fakeXRay) { x.rules = []string{`{"SamplingRule":`} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, &RecordAll{})
				b.xray.set(func() { unusable(b.xray) })
				for range 10 {
					began := time.Now()
					rules := b.allRules()
					if assert.Len(t, rules, 1) {
						assert.Equal(t, ruleOf{RuleName: "Default", FixedRate: 1, Priority: 10000}, rules[0])
					}
					assert.Len(t, b.report(doc("Default", anID, 1, 1, 0)).SamplingTargetDocuments, 1)
					assert.LessOrEqual(t, time.Since(began), 2*staleAfter)
				}
				assert.LessOrEqual(t, b.xray.calls(GetSamplingRules), 5)
				b.xray.set(func() { b.xray.respond, b.xray.delay, b.xray.rules = nil, 0, []string{record("shop", 1)} })
				time.Sleep(rulesFresh + upstreamTimeout)
				assert.Equal(t, "shop", b.allRules()[0].RuleName)
				assert.Equal(t, "Default", b.allRules()[1].RuleName, "added, as without one samplers do not work")
			})
		})
	}
}
