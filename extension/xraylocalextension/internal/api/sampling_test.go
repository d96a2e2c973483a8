package api

import (
	"fmt"
	"net/http"
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
}

// All shares together are the reservoir, and a client that went silent has
// none any more.
func TestSamplingQuotaIsSplit(t *testing.T) {
	r := newRig(t)
	quotas := func(clients int) (total int) {
		for i := range clients {
			r.report(t, fmt.Sprintf("%024d", i))
		}
		for i := range clients {
			total += int(r.report(t, fmt.Sprintf("%024d", i))["ReservoirQuota"].(float64))
		}
		return total
	}
	for _, clients := range []int{1, 2, 7, 3} {
		require.Equal(t, 1, quotas(clients), "%d clients", clients)
		r.time = r.time.Add(time.Minute)
	}
	r.report(t, "0")
	require.EqualValues(t, 0, r.report(t, "1")["ReservoirQuota"])
	r.time = r.time.Add(31 * time.Second)
	require.EqualValues(t, 1, r.report(t, "1")["ReservoirQuota"])
}

func TestSamplingClientsAreBounded(t *testing.T) {
	r := newRig(t)
	s := &r.sampling
	for i := range maxClients {
		s.clients[fmt.Sprintf("%024d", i)] = r.time
	}
	require.Contains(t, r.report(t, fmt.Sprintf("%024d", 7)), "ReservoirQuota")
	_, ok := s.report(r.time, samplingStatistics{RuleName: defaultRule, ClientID: "one more"})
	require.False(t, ok)
	require.Len(t, s.clients, maxClients)
	// A client past the bound gets no quota and samples by rate.
	target := r.report(t, "one more")
	require.NotContains(t, target, "ReservoirQuota")
	require.Equal(t, 0.05, target["FixedRate"])
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

// An empty body is a report of nothing, one SDK writes SampleCount, and others
// leave BorrowCount out.
func TestSamplingStatistics(t *testing.T) {
	r := newRig(t)
	code, out := r.call(t, "/SamplingTargets", "")
	require.Equal(t, http.StatusOK, code)
	require.Empty(t, out["SamplingTargetDocuments"])
	r.call(t, "/SamplingTargets", `{"SamplingStatisticsDocuments":[
		{"RuleName":"Default","ClientID":"a","RequestCount":10,"SampledCount":4,"BorrowCount":1},
		{"RuleName":"Default","ClientID":"b","RequestCount":5,"SampleCount":2}]}`)
	for range 70 {
		r.time = r.time.Add(time.Minute)
		r.report(t, "a")
	}
	r.time = r.time.Add(time.Minute)
	r.call(t, "/SamplingTargets", `{"SamplingStatisticsDocuments":[
		{"RuleName":"Default","ClientID":"a","RequestCount":10,"SampledCount":4,"BorrowCount":1},
		{"RuleName":"Default","ClientID":"b","RequestCount":5,"SampleCount":2}]}`)
	_, out = r.call(t, "/SamplingStatisticSummaries", "{}")
	list := out["SamplingStatisticSummaries"].([]any)
	require.Len(t, list, minutesKept)
	require.Equal(t, map[string]any{
		"RuleName": "Default", "Timestamp": float64(r.time.Truncate(time.Minute).Unix()),
		"RequestCount": 15.0, "SampledCount": 6.0, "BorrowCount": 1.0,
	}, list[len(list)-1])
}
