package sampling

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

var now = time.Unix(1760797200, 0)

func rule(name string, priority int) samplingrule.Rule {
	return samplingrule.Rule{Name: name, Priority: priority, ReservoirSize: 10, FixedRate: 0.1}
}

func names(r *Rules) (list []string) {
	for _, record := range r.List() {
		list = append(list, record.Name)
	}
	return list
}

func TestRules(t *testing.T) {
	r := New(now)
	require.Equal(t, []Record{{Rule: withARN(samplingrule.Default()), Modified: now}}, r.List())
	require.Equal(t, now, r.Modified())

	at := now.Add(time.Minute)
	made, err := r.Create(at, rule("b", 100))
	require.NoError(t, err)
	require.Equal(t, Record{withARN(rule("b", 100)), at, at}, made)
	require.Equal(t, "arn:aws:xray:us-east-1:000000000000:sampling-rule/b", made.ARN)
	require.Equal(t, at, r.Modified())
	for _, more := range []samplingrule.Rule{rule("c", 2), rule("a", 100)} {
		_, err = r.Create(at, more)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"c", "a", "b", "Default"}, names(r))

	later := at.Add(time.Minute)
	changed, err := r.Update(later, "b", func(b *samplingrule.Rule) {
		b.Name, b.Priority, b.Boost = "x", 1, &samplingrule.Boost{MaxRate: 0.5}
	})
	require.NoError(t, err)
	want := withARN(rule("b", 1))
	want.Boost = &samplingrule.Boost{MaxRate: 0.5}
	require.Equal(t, Record{want, at, later}, changed)
	require.Equal(t, []string{"b", "c", "a", "Default"}, names(r))
	require.Equal(t, later, r.Modified())

	last := later.Add(time.Minute)
	gone, err := r.Delete(last, "b")
	require.NoError(t, err)
	require.Equal(t, changed, gone)
	require.Equal(t, []string{"c", "a", "Default"}, names(r))
	require.Equal(t, last, r.Modified())
	_, err = r.Report(last, "id", samplingrule.Statistics{Rule: "b"})
	require.ErrorIs(t, err, ErrNoRule)
}

// What is refused changes nothing.
func TestRefusedRules(t *testing.T) {
	r := New(now)
	_, err := r.Create(now, rule("a", 1))
	require.NoError(t, err)
	before := r.List()
	later := now.Add(time.Minute)
	for name, do := range map[string]func() (Record, error){
		"there is a sampling rule \"a\" already":                     func() (Record, error) { return r.Create(later, rule("a", 2)) },
		"there is a sampling rule \"Default\" already":               func() (Record, error) { return r.Create(later, samplingrule.Default()) },
		"rule \"z\": priority is 0, allowed is 1 to 9999":            func() (Record, error) { return r.Create(later, rule("z", 0)) },
		"rule \"\": rule_name has 0 characters, allowed are 1 to 32": func() (Record, error) { return r.Create(later, rule("", 1)) },
		"there is no sampling rule of this name":                     func() (Record, error) { return r.Update(later, "z", func(*samplingrule.Rule) {}) },
		"there is no sampling rule of this name ":                    func() (Record, error) { return r.Delete(later, "z") },
		"rule \"a\": fixed_rate is 2, allowed is 0 to 1":             func() (Record, error) { return r.Update(later, "a", func(a *samplingrule.Rule) { a.FixedRate = 2 }) },
		"rule \"Default\": priority is 5, the Default rule has 10000": func() (Record, error) {
			return r.Update(later, "Default", func(d *samplingrule.Rule) { d.Priority = 5 })
		},
		"rule \"Default\": the Default rule takes no match fields": func() (Record, error) { return r.Update(later, "Default", func(d *samplingrule.Rule) { d.Host = "x" }) },
		"rule \"Default\": the Default rule takes no sampling_rate_boost": func() (Record, error) {
			return r.Update(later, "Default", func(d *samplingrule.Rule) { d.Boost = &samplingrule.Boost{} })
		},
		"the Default rule cannot be deleted": func() (Record, error) { return r.Delete(later, "Default") },
	} {
		_, err := do()
		require.Error(t, err, name)
		require.Contains(t, name, err.Error())
	}
	require.Equal(t, before, r.List())
	require.Equal(t, now, r.Modified())

	_, err = r.Update(later, "Default", func(d *samplingrule.Rule) { d.ReservoirSize, d.FixedRate = 5, 1 })
	require.NoError(t, err)
}

func TestRuleLimit(t *testing.T) {
	r := New(now)
	for i := range MaxRules {
		_, err := r.Create(now, rule(fmt.Sprint(i), 1))
		require.NoError(t, err)
	}
	_, err := r.Create(now, rule("more", 1))
	require.ErrorIs(t, err, ErrTooManyRules)
	_, err = r.Delete(now, "7")
	require.NoError(t, err)
	_, err = r.Create(now, rule("more", 1))
	require.NoError(t, err)
	require.Len(t, r.List(), MaxRules+1)
	require.Len(t, r.states, MaxRules+1)
}

func TestName(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:xray:eu-west-1:123456789012:sampling-rule/checkout": "checkout",
		"arn:aws-cn:xray:cn-north-1:1:sampling-rule/a/b":             "a/b",
		"arn:aws:xray:eu-west-1:1:sampling-rule/":                    "",
		"arn:aws:xray:eu-west-1:1:group/slow/X":                      "",
		"":                                                           "",
	} {
		name, ok := Name(arn)
		require.Equal(t, want, name)
		require.Equal(t, want != "", ok)
	}
}

func TestStatistics(t *testing.T) {
	r := New(now)
	_, err := r.Create(now, rule("a", 1))
	require.NoError(t, err)
	report := func(rule string, at time.Time, n int64) {
		_, err := r.Report(at, "id", samplingrule.Statistics{Rule: rule, Requests: 10 * n, Sampled: 2 * n, Borrows: n})
		require.NoError(t, err)
	}
	for m := range 70 {
		at := now.Add(time.Duration(m) * time.Minute)
		report("a", at, 1)
		report("a", at.Add(30*time.Second), 2)
		if m == 69 {
			report("Default", at, 1)
		}
	}
	end := now.Add(69 * time.Minute)
	list := r.Minutes(end)
	require.Len(t, list, minutesKept+1)
	require.Equal(t, Minute{samplingrule.Statistics{Rule: "a", Requests: 30, Sampled: 6, Borrows: 3}, now.Add(10 * time.Minute)}, list[0])
	require.Equal(t, []Minute{
		{samplingrule.Statistics{Rule: "a", Requests: 30, Sampled: 6, Borrows: 3}, end},
		{samplingrule.Statistics{Rule: "Default", Requests: 10, Sampled: 2, Borrows: 1}, end},
	}, list[minutesKept-1:])
	require.Empty(t, r.Minutes(end.Add(time.Hour)))

	_, err = r.Delete(end, "a")
	require.NoError(t, err)
	require.Len(t, r.Minutes(end), 1)
}

func TestBoost(t *testing.T) {
	at := func(clock string) time.Time {
		c, err := time.Parse("15:04:05", clock)
		require.NoError(t, err)
		return now.Truncate(24 * time.Hour).Add(c.Sub(c.Truncate(24 * time.Hour)))
	}
	r := New(now)
	boosted := rule("a", 1)
	boosted.Boost = &samplingrule.Boost{MaxRate: 0.5, Cooldown: 10 * time.Minute}
	_, err := r.Create(now, boosted)
	require.NoError(t, err)
	rate := func(clock string) float64 {
		target, err := r.Report(at(clock), "id", samplingrule.Statistics{Rule: "a", Requests: 1})
		require.NoError(t, err)
		require.Equal(t, 0.1, target.FixedRate)
		require.Equal(t, target.BoostRate == 0, target.BoostTTL.IsZero())
		return target.BoostRate
	}
	anomalies := func(clock string, all, sampled int64) { require.NoError(t, r.Anomalies(at(clock), "a", all, sampled)) }

	anomalies("01:12:50", 0, 0)
	anomalies("01:12:55", 7, 7)
	require.Zero(t, rate("01:12:59"), "nothing was missed")
	anomalies("01:13:00", 7, 6)
	require.Equal(t, 0.5, rate("01:13:00"))
	require.Equal(t, 0.5, rate("01:13:59"))
	anomalies("01:13:59", 9, 0)
	require.Zero(t, rate("01:14:00"), "a minute, whatever comes in it")
	anomalies("01:19:59", 9, 0)
	require.Zero(t, rate("01:19:59"), "the window is not over")
	anomalies("01:20:00", 9, 0)
	require.Equal(t, 0.5, rate("01:20:30"))

	// The end of a window is in no window; without a cooldown minutes follow one another.
	_, err = r.Update(now, "a", func(a *samplingrule.Rule) { a.Boost = &samplingrule.Boost{MaxRate: 0.4} })
	require.NoError(t, err)
	require.Equal(t, 0.4, rate("01:20:30"))
	anomalies("01:30:00", 1, 0)
	anomalies("01:31:00", 1, 0)
	require.Equal(t, 0.4, rate("01:31:59"))
	_, err = r.Update(now, "a", func(a *samplingrule.Rule) { a.Boost = &samplingrule.Boost{MaxRate: 0.05} })
	require.NoError(t, err)
	require.Zero(t, rate("01:31:59"), "no boost lowers a rate")
	_, err = r.Update(now, "a", func(a *samplingrule.Rule) { a.Boost = nil })
	require.NoError(t, err)
	require.Zero(t, rate("01:31:59"))
	require.ErrorIs(t, r.Anomalies(now, "a", 1, 0), ErrNoBoost)
	require.ErrorIs(t, r.Anomalies(now, "Default", 1, 0), ErrNoBoost)
	require.ErrorIs(t, r.Anomalies(now, "none", 1, 0), ErrNoRule)
}
