package emf_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/emf"
	"github.com/tailwater-otel/tailwater/internal/emf/emftest"
)

func documents(t testing.TB, w *emf.Writer, e *emf.Event) ([]string, emf.Report) {
	var out []string
	r := w.Documents(e, func(text []byte) {
		_, err := emftest.Check(text)
		require.NoError(t, err, "%s", text)
		out = append(out, string(text))
	})
	return out, r
}

func TestDocument(t *testing.T) {
	out, r := documents(t, &emf.Writer{}, &emf.Event{
		Timestamp: 1764072000000,
		Namespace: "Tailwater",
		Labels:    []emf.Field{{"Operation", "GET /cart"}, {"Service", "shop"}, {"Telemetry.Source", "ServerSpan"}, {"city", "Köln"}},
		Fields:    []emf.Field{{"Host", "h1"}, {"Service", "taken"}},
		Metrics: []emf.Metric{
			{Name: "Latency", Unit: "Milliseconds", Sets: [][]int{{0, 1, 3}, {1}}, Distribution: &emf.Weighted{
				Values: []float64{1.5, 200}, Counts: []uint64{9, 1}, Min: 1, Max: 200, Sum: 213.5, Count: 10}},
			{Name: "Fault", Sets: [][]int{{0, 1, 3}, {1}}, Numbers: []float64{0}},
			{Name: "Queue", Unit: "Count", Resolution: 1, Sets: [][]int{{}}, Numbers: []float64{3, 4}},
			{Name: "logged", Numbers: []float64{1e21}},
		},
	})
	assert.Equal(t, []string{`{"_aws":{"Timestamp":1764072000000,"CloudWatchMetrics":[` +
		`{"Namespace":"Tailwater","Dimensions":[["Operation","Service","city"],["Service"]],"Metrics":[{"Name":"Fault"},{"Name":"Latency","Unit":"Milliseconds"}]},` +
		`{"Namespace":"Tailwater","Dimensions":[[]],"Metrics":[{"Name":"Queue","Unit":"Count","StorageResolution":1}]}]},` +
		`"Operation":"GET /cart","Service":"shop","city":"K%C3%B6ln","Telemetry.Source":"ServerSpan","city.original":"Köln","Host":"h1",` +
		`"Fault":0,"logged":1e+21,"Queue":[3,4],"Latency":{"Values":[1.5,200],"Counts":[9,1],"Max":200,"Min":1,"Count":10,"Sum":213.5}}`}, out)
	assert.Equal(t, emf.Report{FieldsClashed: 1}, r)
}

func TestDocumentForms(t *testing.T) {
	e := emf.Event{Timestamp: 5, Namespace: "n", Labels: []emf.Field{{"a", "1"}}, Metrics: []emf.Metric{{Name: "m", Sets: [][]int{{0}}, Numbers: []float64{1}}}}

	agent := e
	agent.LogGroup, agent.LogStream = "/g", "s"
	out, _ := documents(t, &emf.Writer{}, &agent)
	assert.Equal(t, `{"_aws":{"Timestamp":5,"LogGroupName":"/g","LogStreamName":"s","CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["a"]],"Metrics":[{"Name":"m"}]}]},"a":"1","m":1}`, out[0])

	old := e
	old.Version0 = true
	out, _ = documents(t, &emf.Writer{}, &old)
	assert.Equal(t, `{"Version":"0","Timestamp":"5","CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["a"]],"Metrics":[{"Name":"m"}]}],"a":"1","m":1}`, out[0])

	log := e
	log.Metrics = []emf.Metric{{Name: "m", Numbers: []float64{1}}}
	out, _ = documents(t, &emf.Writer{}, &log)
	assert.Equal(t, `{"a":"1","m":1}`, out[0])
	log.Labels = nil
	out, _ = documents(t, &emf.Writer{}, &log)
	assert.Equal(t, `{"m":1}`, out[0])

	text := e
	text.Labels = []emf.Field{{"a", `{"x": [1, 2]}`}, {"b", `{"y": 1}`}, {"c", `no json`}}
	text.JSON = []string{"a", "b", "c"}
	out, _ = documents(t, &emf.Writer{}, &text)
	assert.Contains(t, out[0], `"a":"{\"x\": [1, 2]}","b":{"y":1},"c":"no json"`, "a dimension stays a string")
}

func TestDocumentsSplit(t *testing.T) {
	e := &emf.Event{Timestamp: 1, Namespace: "n", Labels: []emf.Field{{"a", "1"}}}
	for i := range 250 {
		e.Metrics = append(e.Metrics, emf.Metric{Name: fmt.Sprintf("m%03d", i), Sets: [][]int{{0}}, Numbers: []float64{float64(i)}})
	}
	out, r := documents(t, &emf.Writer{}, e)
	assert.Len(t, out, 3, "100 metrics each")
	assert.Zero(t, r)

	out, _ = documents(t, &emf.Writer{MaxMessage: 1000}, e)
	assert.Greater(t, len(out), 5)
	seen := map[string]bool{}
	for _, text := range out {
		assert.LessOrEqual(t, len(text), 1000)
		d, err := emftest.Check([]byte(text))
		require.NoError(t, err)
		for _, name := range d.Metrics() {
			assert.False(t, seen[name], "%s twice", name)
			seen[name] = true
		}
	}
	assert.Len(t, seen, 250)
}

// What is too large for any document is left out and reported: fields first.
func TestDocumentTooLarge(t *testing.T) {
	big := strings.Repeat("x", 2_000_000)
	e := &emf.Event{
		Timestamp: 1, Namespace: "n",
		Labels:  []emf.Field{{"a", "1"}, {"plain", big}},
		Fields:  []emf.Field{{"quotes", strings.Repeat(`"`, 400_000)}},
		Metrics: []emf.Metric{{Name: "m", Sets: [][]int{{0}}, Numbers: []float64{1}}},
	}
	out, r := documents(t, &emf.Writer{}, e)
	assert.Len(t, out, 1)
	assert.Equal(t, emf.Report{FieldsTooLarge: 2}, r)

	e = &emf.Event{Timestamp: 1, Namespace: "n"}
	var set []int
	for i := range 30 {
		e.Labels = append(e.Labels, emf.Field{Name: fmt.Sprint("d", i), Value: strings.Repeat("v", 1024)})
		set = append(set, i)
	}
	e.Metrics = []emf.Metric{{Name: "m", Sets: [][]int{set}, Numbers: []float64{1}}}
	out, r = documents(t, &emf.Writer{MaxMessage: 16 << 10}, e)
	assert.Empty(t, out)
	assert.Equal(t, emf.Report{MetricsTooLarge: 1}, r)
}

// Names that become equal in their legal form stay apart.
func TestNamesThatClash(t *testing.T) {
	out, r := documents(t, &emf.Writer{}, &emf.Event{
		Timestamp: 1, Namespace: "n",
		Labels:  []emf.Field{{"%C3%BC", "1"}, {"_aws", "2"}, {"ü", "3"}},
		Metrics: []emf.Metric{{Name: "m", Sets: [][]int{{0, 1, 2}}, Numbers: []float64{1}}, {Name: "ü", Sets: [][]int{{0}}, Numbers: []float64{1}}},
	})
	require.Len(t, out, 1)
	d, err := emftest.Check([]byte(out[0]))
	require.NoError(t, err)
	assert.Len(t, d.Directives[0].Dimensions[0], 3)
	assert.Equal(t, []string{"m"}, d.Metrics())
	assert.Equal(t, 1, r.MetricsClashed)
}

// randomEvent makes what a translator could: labels and metrics with any text
// for names, and sets as the contract of Metric.Sets allows.
func randomEvent(r *rand.Rand) *emf.Event {
	text := func() string {
		alphabet := []string{"a", "b", "_aws", ":", "ü", "\x00", "\xff", `"`, `\`, "%", " ", "~", "東", "longer", ".", "\u2028"}
		var b strings.Builder
		for range r.IntN(5) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		if r.IntN(30) == 0 {
			b.WriteString(strings.Repeat(alphabet[r.IntN(len(alphabet))], r.IntN(3000)))
		}
		return b.String()
	}
	e := &emf.Event{Timestamp: r.Int64N(1 << 41), Namespace: text(), Version0: false}
	used := map[string]bool{}
	unique := func() string {
		for {
			if name := text(); !used[name] {
				used[name] = true
				return name
			}
		}
	}
	for range r.IntN(40) {
		e.Labels = append(e.Labels, emf.Field{Name: unique(), Value: text()})
	}
	for range r.IntN(5) {
		e.Fields = append(e.Fields, emf.Field{Name: text(), Value: text()})
		e.JSON = append(e.JSON, text())
	}
	var sets [][][]int
	for range 1 + r.IntN(3) {
		var list [][]int
		for range r.IntN(4) {
			set := []int{}
			for i, l := range e.Labels {
				if len(set) < emf.MaxDimensions && r.IntN(2) == 0 && strings.TrimSpace(l.Value) != "" {
					set = append(set, i)
				}
			}
			list = append(list, set)
		}
		sets = append(sets, list)
	}
	for range 1 + r.IntN(150) {
		m := emf.Metric{Name: unique(), Sets: sets[r.IntN(len(sets))], Numbers: []float64{r.NormFloat64()}}
		if r.IntN(3) == 0 {
			d := emf.Distribution{}
			for range 1 + r.IntN(200) {
				d.Add(r.NormFloat64() * 1e6)
			}
			w := d.Weighted()
			m.Numbers, m.Distribution = nil, &w
		}
		e.Metrics = append(e.Metrics, m)
	}
	return e
}

func TestAnyEventIsValid(t *testing.T) {
	var w emf.Writer
	for i := range uint64(50) {
		r := rand.New(rand.NewPCG(i, 3))
		e := randomEvent(r)
		w.MaxMessage = []int{0, 16 << 10, 65507}[r.IntN(3)]
		made := 0
		report := w.Documents(e, func(text []byte) {
			d, err := emftest.Check(text)
			require.NoError(t, err, "seed %d: %s", i, text)
			if w.MaxMessage > 0 {
				require.LessOrEqual(t, len(text), w.MaxMessage)
			}
			if d.Directives != nil {
				require.Equal(t, e.Timestamp, d.Timestamp)
			}
			for _, m := range e.Metrics {
				if _, ok := d.Root[emf.MetricName(m.Name)]; ok {
					made++
				}
			}
		})
		if report.MetricsClashed == 0 && report.MetricsTooLarge == 0 {
			require.GreaterOrEqual(t, made, len(e.Metrics), "seed %d", i)
		}
	}
}

// The checks refuse what CloudWatch refuses.
func TestCheckRefuses(t *testing.T) {
	valid := `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["a"]],"Metrics":[{"Name":"m","Unit":"Count"}]}]},"a":"1","m":1}`
	_, err := emftest.Check([]byte(valid))
	require.NoError(t, err)
	many, err := json.Marshal(make([]int, 101))
	require.NoError(t, err)
	for name, change := range map[string][2]string{
		"empty unit":          {`"Unit":"Count"`, `"Unit":""`},
		"no timestamp":        {`"Timestamp":1,`, ``},
		"timestamp as string": {`"Timestamp":1`, `"Timestamp":"1"`},
		"missing dimension":   {`"a":"1",`, ``},
		"empty dimension":     {`"a":"1"`, `"a":""`},
		"number as dimension": {`"a":"1"`, `"a":1`},
		"no ASCII":            {`"a":"1"`, `"a":"ü"`},
		"missing metric":      {`,"m":1`, ``},
		"string as metric":    {`"m":1`, `"m":"1"`},
		"too many values":     {`"m":1`, `"m":` + string(many)},
		"no directive sets":   {`[["a"]]`, `[]`},
		"two members":         {`"m":1`, `"m":1,"m":2`},
		"something behind":    {`"m":1}`, `"m":1}{}`},
		"out of range":        {`"m":1`, `"m":1e300`},
		"counts do not match": {`"m":1`, `"m":{"Values":[1],"Counts":[2],"Max":1,"Min":1,"Count":3,"Sum":2}`},
		"values out of range": {`"m":1`, `"m":{"Values":[5],"Counts":[2],"Max":1,"Min":1,"Count":2,"Sum":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(valid, change[0], change[1], 1)
			require.NotEqual(t, valid, text)
			_, err := emftest.Check([]byte(text))
			assert.Error(t, err)
		})
	}
}
