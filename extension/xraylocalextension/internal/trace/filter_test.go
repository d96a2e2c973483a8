package trace

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/filterexpr"
	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

func decode(t testing.TB, doc string) *segment.Segment {
	t.Helper()
	s, err := segment.Decode(doc)
	require.NoError(t, err)
	return s
}

// A front end calls a service twice, of which only one answer is seen from the
// other side; that service's segment calls a third without a subsegment.
func TestFilter(t *testing.T) {
	const id = `"trace_id":"1-00000000-000000000000000000000001",`
	tr := Merge(traceID, []*segment.Segment{
		decode(t, `{"name":"front","id":"0000000000000001",`+id+`"start_time":1,"end_time":5,"origin":"AWS::ECS::Container","user":"u",
			"http":{"request":{"method":"GET","url":"http://front/","user_agent":"agent","client_ip":"192.0.2.1"},"response":{"status":200}},
			"aws":{"account_id":"123456789012","ec2":{"instance_id":"i-1","availability_zone":"eu-west-1a"}},"resource_arn":"arn:x",
			"annotations":{"n":1,"yes":true,"text":"x"},
			"subsegments":[
				{"name":"back.internal","id":"0000000000000002","start_time":1.5,"end_time":2,"namespace":"remote","fault":true,"http":{"response":{"status":503}}},
				{"name":"back.internal","id":"0000000000000003","start_time":2,"end_time":4.5,"namespace":"remote","http":{"request":{"method":"PUT","url":"http://back.internal/x"},"response":{"status":200}}},
				{"name":"local work","id":"0000000000000009","start_time":2,"end_time":4.5}]}`),
		decode(t, `{"name":"back","id":"0000000000000004","parent_id":"0000000000000003",`+id+`"start_time":2.5,"end_time":4,"http":{"response":{"status":200}}}`),
		decode(t, `{"name":"third","id":"0000000000000005","parent_id":"0000000000000004",`+id+`"start_time":3,"end_time":3.5,"http":{"response":{"status":429}}}`),
		decode(t, `{"type":"subsegment","name":"lost","id":"0000000000000006","parent_id":"00000000000000ff",`+id+`"start_time":3,"end_time":3.5,"namespace":"remote"}`),
	})
	sum := tr.Summarize()
	entry := filterexpr.Call{ResponseTime: 4, Status: 200, Method: "GET", URL: "http://front/", UserAgent: "agent", ClientIP: "192.0.2.1"}
	fault := filterexpr.Call{Fault: true, ResponseTime: 0.5, Status: 503}
	throttled := filterexpr.Call{Error: true, Throttle: true, ResponseTime: 0.5, Status: 429}
	got := tr.Filter(sum)
	require.NotEmpty(t, got.FaultRootCauses)
	require.NotEmpty(t, got.ErrorRootCauses)
	require.NotEmpty(t, got.ResponseTimeRootCauses)
	got.FaultRootCauses, got.ErrorRootCauses, got.ResponseTimeRootCauses = nil, nil, nil
	require.Equal(t, &filterexpr.Trace{
		Entry: entry, Duration: 4, Partial: true,
		Nodes: []filterexpr.Node{
			{Name: "front", Type: "AWS::ECS::Container", AccountID: "123456789012", Root: true, Calls: []filterexpr.Call{entry}},
			{Name: "back", Calls: []filterexpr.Call{{ResponseTime: 1.5, Status: 200}}},
			{Name: "third", Calls: []filterexpr.Call{throttled}},
			{Name: "back.internal", Type: "remote", Inferred: true, Calls: []filterexpr.Call{fault}},
			{Name: "lost", Type: "remote", Inferred: true, Calls: []filterexpr.Call{{ResponseTime: 0.5}}},
		},
		Edges: []filterexpr.Edge{
			{From: 0, To: 3, Calls: []filterexpr.Call{fault}},
			{From: 0, To: 1, Calls: []filterexpr.Call{{ResponseTime: 2.5, Status: 200, Method: "PUT", URL: "http://back.internal/x"}}},
			{From: 1, To: 2, Calls: []filterexpr.Call{throttled}},
		},
		Annotations:       []filterexpr.Annotation{{Key: "n", Value: 1.0}, {Key: "yes", Value: true}, {Key: "text", Value: "x"}},
		Users:             []string{"u"},
		AvailabilityZones: []string{"eu-west-1a"},
		InstanceIDs:       []string{"i-1"},
		ResourceARNs:      []string{"arn:x"},
	}, got)
}

// Expressions and the service graph see the same services and calls, but for
// the callers from outside, and every edge has its ends.
func TestFilterIsTheGraph(t *testing.T) {
	everything, err := filterexpr.Parse(`service() { fault } OR edge() { error } OR rootcause.fault.exception { message = "x" } OR annotation.a OR user = "x"`)
	require.NoError(t, err)
	calls := 0
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 7))
		var docs []*segment.Segment
		for range 1 + random.IntN(4) {
			if s, err := segment.Decode(string(segmenttest.Generate(random))); err == nil {
				docs = append(docs, s)
			}
		}
		// Some of them call one another.
		for i, s := range docs {
			if from := docs[random.IntN(len(docs))]; i > 0 && len(from.Subsegments) > 0 {
				s.ParentID = from.Subsegments[random.IntN(len(from.Subsegments))].ID
			}
		}
		tr := Merge(traceID, docs)
		sum := tr.Summarize()
		flow, f := tr.Flow(), tr.Filter(sum)
		everything.Match(f)

		visits, inside := map[Service]int{}, map[[2]Service]int{}
		for _, v := range flow.Visits {
			visits[v.Service]++
		}
		for _, c := range flow.Calls {
			if c.From.Type != "client" {
				inside[[2]Service{c.From, c.To}]++
				calls++
			}
		}
		service := func(n filterexpr.Node) Service { return Service{Name: n.Name, Type: n.Type, AccountID: n.AccountID} }
		require.Len(t, f.Nodes, len(visits))
		for _, n := range f.Nodes {
			require.Len(t, n.Calls, visits[service(n)], "seed %d", seed)
		}
		require.Len(t, f.Edges, len(inside))
		for _, e := range f.Edges {
			require.Len(t, e.Calls, inside[[2]Service{service(f.Nodes[e.From]), service(f.Nodes[e.To])}], "seed %d", seed)
		}
	}
	require.Greater(t, calls, 500)
}
