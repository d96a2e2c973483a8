package samplingrule

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMatchWildcard(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "anything", true}, {"*", "", true}, {"*", "x", true},
		{"?", "", false}, {"?", "x", true}, {"?", "é", true}, {"?", "xy", false},
		{"Checkout", "checkout", true}, {"É", "é", true}, {"abc", "abcd", false}, {"abcd", "abc", false},
		{"a*c", "ac", true}, {"a*c", "abbbc", true}, {"a*c", "abbbcd", false}, {"*c", "abc", true},
		{"/v?/orders*", "/v2/orders/12", true}, {"/v?/orders*", "/v22/orders", false},
		{"*a*b*", "xxaxxbxx", true}, {"*a*b*", "xxbxxaxx", false}, {"**", "x", true}, {"a**b", "ab", true},
		{"a.c", "abc", false}, {"[", "[", true}, {"@", "`", false}, {"host:*", "HOST:8080", true},
		{"*ab", "aab", true}, {"*é?", "xéy", true}, {"ſ", "s", true}, {"x", "", false},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, Match(tt.pattern, tt.text), "%q against %q", tt.pattern, tt.text)
	}
}

// Match agrees with a regular expression made from the pattern.
func TestMatchEqualsRegexp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(alphabet string) string {
		var b strings.Builder
		for range rng.IntN(9) {
			r := []rune(alphabet)
			b.WriteRune(r[rng.IntN(len(r))])
		}
		return b.String()
	}
	for range 20000 {
		pattern, text := word("ab*?é"), word("abAÉ.")
		if pattern == "" {
			continue
		}
		re := regexp.MustCompile("(?is)^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern)) + "$")
		require.Equal(t, re.MatchString(text), Match(pattern, text), "%q against %q", pattern, text)
	}
}

func TestRuleFields(t *testing.T) {
	request := Request{
		ServiceName: "checkout", ServiceType: "AWS::ECS::Container", Host: "checkout.example.com", Method: "POST", Path: "/orders/12",
		ResourceARN: "arn:aws:ecs:eu-west-1:123456789012:container/1",
		Attribute: func(key string) (string, bool) {
			v, ok := map[string]string{"tenant": "blue", "tier": "gold"}[key]
			return v, ok
		},
	}
	tests := []struct {
		name string
		rule Rule
		want bool
	}{
		{"empty fields match everything", Rule{}, true},
		{"service name", Rule{ServiceName: "CHECK*"}, true},
		{"other service", Rule{ServiceName: "pay*"}, false},
		{"service type", Rule{ServiceType: "AWS::ECS::*"}, true},
		{"other type", Rule{ServiceType: "AWS::EC2::Instance"}, false},
		{"host", Rule{Host: "*.example.com"}, true},
		{"other host", Rule{Host: "*.example.org"}, false},
		{"method", Rule{HTTPMethod: "post"}, true},
		{"other method", Rule{HTTPMethod: "GET"}, false},
		{"path", Rule{URLPath: "/orders/*"}, true},
		{"path is anchored", Rule{URLPath: "orders"}, false},
		{"arn", Rule{ResourceARN: "arn:aws:ecs:*:container/?"}, true},
		{"other arn", Rule{ResourceARN: "arn:aws:ec2:*"}, false},
		{"attribute", Rule{Attributes: map[string]string{"tenant": "bl*"}}, true},
		{"all attributes", Rule{Attributes: map[string]string{"tenant": "blue", "tier": "silver"}}, false},
		{"missing attribute", Rule{Attributes: map[string]string{"color": "*"}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, tt.rule.matches(&request))
		})
	}
	require.False(t, (&Rule{Host: "h"}).matches(&Request{}), "an unknown host is no match for a named one")
	require.False(t, (&Rule{Attributes: map[string]string{"a": "*"}}).matches(&Request{}))
}

func TestOrder(t *testing.T) {
	s, err := NewSet([]Rule{
		Default(), {Name: "b", Priority: 5}, {Name: "a", Priority: 5}, {Name: "z", Priority: 1, HTTPMethod: "GET"}, {Name: "last", Priority: 9999},
	}, false)
	require.NoError(t, err)
	var names []string
	for _, r := range s.Rules() {
		names = append(names, r.Name)
	}
	require.Equal(t, []string{"z", "a", "b", "last", "Default"}, names)
	require.Equal(t, "z", s.Count(&Request{Method: "GET"}))
	require.Equal(t, "a", s.Count(&Request{Method: "PUT"}))
}

func TestDefaultIsAdded(t *testing.T) {
	s, err := NewSet(nil, false)
	require.NoError(t, err)
	require.Equal(t, []Rule{Default()}, s.Rules())
}

func TestValidate(t *testing.T) {
	long := strings.Repeat("x", 600)
	tests := []struct {
		rule Rule
		want string
	}{
		{Rule{Name: "", Priority: 1}, `rule "": rule_name has 0 characters, allowed are 1 to 32`},
		{Rule{Name: "r", Priority: 0}, `rule "r": priority is 0, allowed is 1 to 9999`},
		{Rule{Name: "r", Priority: 1, FixedRate: 1.5}, `rule "r": fixed_rate is 1.5, allowed is 0 to 1`},
		{Rule{Name: "r", Priority: 1, FixedRate: math.NaN()}, `rule "r": fixed_rate is NaN, allowed is 0 to 1`},
		{Rule{Name: "r", Priority: 1, ReservoirSize: -1}, `rule "r": reservoir_size is -1, allowed is 0 or more`},
		{Rule{Name: "r", Priority: 1, HTTPMethod: "CONNECTIONS"}, `rule "r": http_method has 11 characters, allowed are 10`},
		{Rule{Name: "r", Priority: 1, ResourceARN: long}, `rule "r": resource_arn has 600 characters, allowed are 500`},
		{Rule{Name: "r", Priority: 1, Attributes: map[string]string{"": "x"}}, `rule "r": the attribute key "" has 0 characters, allowed are 1 to 32`},
		{Rule{Name: "r", Priority: 1, Boost: &Boost{MaxRate: 2}}, `rule "r": sampling_rate_boost: max_rate is 2, allowed is 0 to 1; cooldown is 0s, allowed is 0 or more`},
		{Rule{Name: DefaultName, Priority: 1}, `rule "Default": priority is 1, the Default rule has 10000`},
		{Rule{Name: DefaultName, Priority: 10000, Host: "x"}, `rule "Default": the Default rule takes no match fields`},
	}
	for _, tt := range tests {
		require.EqualError(t, tt.rule.Validate(), tt.want)
	}
	_, err := NewSet([]Rule{{Name: "r", Priority: 1}, {Name: "r", Priority: 2}}, false)
	require.EqualError(t, err, `rule "r" is there twice`)
}

var noon = time.Unix(1_760_000_000, 0)

// never is a randomness that only a rate of 1 samples.
const never = 0

func decide(t *testing.T, s *Set, n int, at time.Time) (sampled int) {
	t.Helper()
	for range n {
		if s.Decide(&Request{}, at, at, never).Sampled {
			sampled++
		}
	}
	return sampled
}

func TestLocalReservoir(t *testing.T) {
	s, err := NewSet([]Rule{{Name: "r", Priority: 1, ReservoirSize: 3}}, false)
	require.NoError(t, err)
	require.Equal(t, 3, decide(t, s, 10, noon))
	require.Equal(t, 0, decide(t, s, 10, noon.Add(999*time.Millisecond)))
	require.Equal(t, 3, decide(t, s, 10, noon.Add(time.Second)))
	require.Equal(t, []Statistics{{"r", 30, 6, 0}}, s.Report(noon))
}

func TestReservoirCountsTheSecondOfTheRequest(t *testing.T) {
	s, err := NewSet([]Rule{{Name: "r", Priority: 1, ReservoirSize: 1}}, false)
	require.NoError(t, err)
	now := noon.Add(30 * time.Second)
	// Decided together, started in different seconds.
	for i := range 30 {
		require.True(t, s.Decide(&Request{}, noon.Add(time.Duration(i)*time.Second), now, never).Sampled, "second %d", i)
		require.False(t, s.Decide(&Request{}, noon.Add(time.Duration(i)*time.Second), now, never).Sampled, "second %d", i)
	}
	// Too old and in the future: the second of the decision.
	require.True(t, s.Decide(&Request{}, now.Add(-time.Hour), now, never).Sampled)
	require.False(t, s.Decide(&Request{}, now.Add(time.Hour), now, never).Sampled)
}

func TestNothingIsKeptAtRateZero(t *testing.T) {
	for _, central := range []bool{false, true} {
		s, err := NewSet([]Rule{{Name: "off", Priority: 1}}, central)
		require.NoError(t, err)
		for i := range 1000 {
			for _, randomness := range []uint64{0, 1<<56 - 1, math.MaxUint64, rand.Uint64()} {
				require.False(t, s.Decide(&Request{}, noon.Add(time.Duration(i)*time.Second), noon, randomness).Sampled)
			}
		}
	}
}

func TestFixedRate(t *testing.T) {
	for _, rate := range []float64{0.05, 0.5, 1} {
		s, err := NewSet([]Rule{{Name: "r", Priority: 1, FixedRate: rate}}, false)
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(3, 4))
		const n = 200_000
		sampled := 0
		for range n {
			d := s.Decide(&Request{}, noon, noon, rng.Uint64())
			if d.Sampled {
				require.Equal(t, Decision{"r", ByRate, true, rate}, d)
				sampled++
			}
		}
		deviation := 5 * math.Sqrt(n*rate*(1-rate))
		require.InDelta(t, n*rate, sampled, deviation+0.5)
	}
	require.Zero(t, Threshold(1))
	require.Equal(t, uint64(1)<<56, Threshold(0))
}

func TestBorrowQuotaAndExpiry(t *testing.T) {
	s, err := NewSet([]Rule{{Name: "r", Priority: 1, ReservoirSize: 10}}, true)
	require.NoError(t, err)
	require.Equal(t, 1, decide(t, s, 5, noon), "one a second is borrowed")
	require.Equal(t, []Statistics{{"r", 5, 0, 1}}, s.Report(noon))

	quota := int64(4)
	s.Apply([]Target{{Rule: "r", Quota: &quota, QuotaTTL: noon.Add(20 * time.Second), Interval: 10 * time.Second}, {Rule: "gone"}})
	require.Equal(t, 4, decide(t, s, 9, noon.Add(10*time.Second)))
	require.Equal(t, 4, decide(t, s, 9, noon.Add(20*time.Second)), "the TTL is inclusive")
	require.Equal(t, 1, decide(t, s, 9, noon.Add(21*time.Second)), "an expired quota borrows again")

	// An answer without a quota leaves the old one, and keeps borrowing here.
	s.Apply([]Target{{Rule: "r", FixedRate: 1}})
	require.Equal(t, 9, decide(t, s, 9, noon.Add(22*time.Second)))
	require.Equal(t, []Statistics{{"r", 36, 16, 2}}, s.Report(noon.Add(22*time.Second)))
}

func TestBoostEndsWithItsTTL(t *testing.T) {
	s, err := NewSet([]Rule{{Name: "r", Priority: 1, FixedRate: 0.1, Boost: &Boost{MaxRate: 1, Cooldown: time.Minute}}}, true)
	require.NoError(t, err)
	s.Apply([]Target{{Rule: "r", FixedRate: 0.1, BoostRate: 1, BoostTTL: noon.Add(time.Minute)}})
	require.Equal(t, 5, decide(t, s, 5, noon.Add(time.Minute)))
	require.Equal(t, 0, decide(t, s, 5, noon.Add(61*time.Second)))
	s.Apply([]Target{{Rule: "r", FixedRate: 0.5, BoostRate: 0.2, BoostTTL: noon.Add(time.Hour)}})
	require.InDelta(t, 0.5, s.Decide(&Request{}, noon, noon, never).Rate, 0, "a boost below the rate is not used")
}

func TestReplaceKeepsState(t *testing.T) {
	kept, changed := Rule{Name: "kept", Priority: 1, ReservoirSize: 2, Host: "a"}, Rule{Name: "changed", Priority: 2, ReservoirSize: 2}
	s, err := NewSet([]Rule{kept, changed}, false)
	require.NoError(t, err)
	a := &Request{Host: "a"}
	require.True(t, s.Decide(a, noon, noon, never).Sampled)
	require.True(t, s.Decide(a, noon, noon, never).Sampled)
	require.Equal(t, 2, decide(t, s, 3, noon))

	changed.ReservoirSize = 1
	require.NoError(t, s.Replace([]Rule{changed, kept}))
	require.False(t, s.Decide(a, noon, noon, never).Sampled, "the reservoir of an unchanged rule is still used up")
	require.Equal(t, 1, decide(t, s, 3, noon), "a changed rule starts anew")
	require.ElementsMatch(t, []Statistics{{"kept", 3, 2, 0}, {"changed", 6, 3, 0}}, s.Report(noon))

	require.Error(t, s.Replace([]Rule{{Name: "bad"}}))
	require.Len(t, s.Rules(), 3, "a refused list changes nothing")
}

func TestReportHonoursIntervalAndRestore(t *testing.T) {
	s, err := NewSet([]Rule{{Name: "r", Priority: 1}}, true)
	require.NoError(t, err)
	require.Empty(t, s.Report(noon), "a rule that matched nothing is not reported")
	s.Count(&Request{})
	first := s.Report(noon)
	require.Equal(t, []Statistics{{"r", 1, 0, 0}}, first)
	s.Count(&Request{})
	require.Empty(t, s.Report(noon.Add(9*time.Second)))
	s.Restore(append(first, Statistics{Rule: "gone"}))
	require.Equal(t, []Statistics{{"r", 2, 0, 0}}, s.Report(noon.Add(9*time.Second)))
}

func TestParallelUse(t *testing.T) {
	s, err := NewSet([]Rule{{Name: "r", Priority: 1, ReservoirSize: 100}}, false)
	require.NoError(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 8 {
		wg.Go(func() {
			n := 0
			for i := range 1000 {
				if s.Decide(&Request{}, noon, noon, never).Sampled {
					n++
				}
				if i%100 == 0 {
					_ = s.Replace(s.Rules())
				}
			}
			mu.Lock()
			total += n
			mu.Unlock()
		})
	}
	wg.Wait()
	require.Equal(t, 100, total)
}

func TestLocalFiles(t *testing.T) {
	read := func(name string) []byte {
		text, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		return text
	}
	rules, err := ParseLocalFile(read("local-v1.json"))
	require.NoError(t, err)
	require.Equal(t, []Rule{
		{Name: "rule 1", Priority: 1, ReservoirSize: 5, FixedRate: 0.5, Host: "pay.*", HTTPMethod: "POST", URLPath: "/charges*"}, Default(),
	}, rules)
	rules, err = ParseLocalFile(read("local-v2.json"))
	require.NoError(t, err)
	require.Equal(t, []Rule{
		{Name: "rule 1", Priority: 1, ReservoirSize: 5, FixedRate: 0.5, Host: "pay.*", HTTPMethod: "POST", URLPath: "/v?/charges*"},
		{Name: "rule 2", Priority: 2, Host: "*", HTTPMethod: "GET", URLPath: "/healthz"}, Default(),
	}, rules)
	rules, err = ParseLocalFile(read("local-builtin-default.json"))
	require.NoError(t, err)
	require.Equal(t, []Rule{Default()}, rules)

	var invalid []struct {
		Why      string
		Document json.RawMessage
	}
	require.NoError(t, json.Unmarshal(read("local-invalid.json"), &invalid))
	require.NotEmpty(t, invalid)
	for _, c := range invalid {
		_, err := ParseLocalFile(c.Document)
		require.Error(t, err, c.Why)
		t.Log(c.Why, "→", err)
	}
}

func FuzzParseLocalFile(f *testing.F) {
	f.Add([]byte(`{"version":2,"default":{"fixed_target":1,"rate":0.05},"rules":[{"host":"*","http_method":"*","url_path":"*","fixed_target":0,"rate":1}]}`))
	f.Add([]byte(`{"version":1,"default":{"fixed_target":1,"rate":0.05},"rules":[null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		rules, err := ParseLocalFile(text)
		if err != nil {
			return
		}
		if _, err := NewSet(rules, false); err != nil {
			t.Fatalf("%s: parsed, but %v", text, err)
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Fuzz(func(_ *testing.T, pattern, text string) { Match(pattern, text) })
}

func BenchmarkDecide(b *testing.B) {
	var rules []Rule
	for i := range 25 {
		rules = append(rules, Rule{Name: fmt.Sprint("r", i), Priority: i + 1, ServiceName: fmt.Sprint("service-", i), URLPath: "/api/*"})
	}
	s, err := NewSet(rules, false)
	require.NoError(b, err)
	q := &Request{ServiceName: "service-24", Path: "/api/orders"}
	b.ReportAllocs()
	for b.Loop() {
		s.Decide(q, noon, noon, 1)
	}
}
