package emf_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

func TestDimensionName(t *testing.T) {
	for in, want := range map[string]string{
		"Operation":         "Operation",
		"http.route":        "http.route",
		"100%":              "100%",
		"größe":             "gr%C3%B6%C3%9Fe",
		"größe %":           "gr%C3%B6%C3%9Fe %25",
		":scheme":           "%3Ascheme",
		"_aws":              "%5Faws",
		"":                  "_",
		"  ":                "_  ",
		"tab\there":         "tab%09here",
		"not\xffutf8":       "not%FFutf8",
		"{GET} \"/\" \\ ok": "{GET} \"/\" \\ ok",
	} {
		assert.Equal(t, want, emf.DimensionName(in), "%q", in)
	}
}

func TestDimensionValue(t *testing.T) {
	assert.Equal(t, "M%C3%BCnchen", emf.DimensionValue("München"))
	assert.Empty(t, emf.DimensionValue(" \t"))
	back, err := url.PathUnescape(emf.DimensionValue("50 % in 東京"))
	require.NoError(t, err)
	assert.Equal(t, "50 % in 東京", back)
}

// Long texts are cut to their legal length, and never become equal.
func TestLongTexts(t *testing.T) {
	for _, unit := range []string{"a", "ü", "%"} {
		one, two := strings.Repeat(unit, 2000)+"1", strings.Repeat(unit, 2000)+"2"
		for name, legal := range map[string]func(string) string{
			"name": emf.DimensionName, "value": emf.DimensionValue, "metric": emf.MetricName,
		} {
			most := map[string]int{"name": emf.MaxDimensionName, "value": emf.MaxDimensionValue, "metric": emf.MaxMetricName}[name]
			assert.LessOrEqual(t, len(legal(one)), most, name)
			assert.Greater(t, len(legal(one)), most-4, name)
			assert.NotEqual(t, legal(one), legal(two), name)
			_, _, ok := strings.Cut(legal(one), "~")
			assert.True(t, ok, name)
			if unit == "ü" {
				_, err := url.PathUnescape(legal(one))
				assert.NoError(t, err, "an escape was cut")
			}
		}
	}
}

func TestOtherNames(t *testing.T) {
	assert.Equal(t, "shop/cart service", emf.Namespace("shop/cart service"))
	assert.Equal(t, "sh__p_", emf.Namespace("shöp!"))
	assert.Equal(t, "default", emf.Namespace(" "))
	assert.Len(t, emf.Namespace(strings.Repeat("n", 300)), emf.MaxNamespace)
	assert.Equal(t, "/metrics/a_b", emf.LogGroup("/metrics/a b"))
	assert.Equal(t, "/aws/x", emf.LogGroup("aws/x"))
	assert.Equal(t, "_", emf.LogGroup(""))
	assert.Equal(t, "arn_aws_ecs/task", emf.LogStream("arn:aws*ecs/task"))
	assert.Equal(t, "%5Faws", emf.MetricName("_aws"))
	assert.Equal(t, "_ ", emf.MetricName(" "))
}

func TestUnit(t *testing.T) {
	for _, test := range []struct {
		in        string
		monotonic bool
		unit      string
		scale     float64
	}{
		{"", false, "", 1}, {"1", true, "", 1}, {"ms", false, "Milliseconds", 1}, {"ns", false, "Microseconds", 1e-3},
		{"{request}", true, "Count", 1}, {"{request}", false, "", 1}, {"KiBy", false, "Bytes", 1024}, {"%", false, "Percent", 1},
		{"min", false, "Seconds", 60}, {"Bytes/Second", false, "Bytes/Second", 1}, {"furlong", false, "", 1}, {"MBy", false, "Megabytes", 1},
	} {
		unit, scale := emf.Unit(test.in, test.monotonic)
		assert.Equal(t, test.unit, unit, test.in)
		assert.Equal(t, test.scale, scale, test.in)
		assert.True(t, unit == "" || emf.ValidUnit(unit))
	}
}
