package emf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
)

var now = time.UnixMilli(1760797200123)

// doc returns a document with one directive, of which edit changes a part.
func doc(edit ...string) string {
	text := `{"_aws":{"Timestamp":1760797200000,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[["Service"]],"Metrics":[{"Name":"Latency","Unit":"Milliseconds"}]}]},"Service":"checkout","Latency":12.5}`
	for i := 0; i < len(edit); i += 2 {
		if !strings.Contains(text, edit[i]) {
			panic("nothing to edit: " + edit[i])
		}
		text = strings.Replace(text, edit[i], edit[i+1], 1)
	}
	return text
}

func repeat(n int, format string) string {
	var parts []string
	for i := range n {
		parts = append(parts, strings.ReplaceAll(format, "#", fmt.Sprint(i)))
	}
	return strings.Join(parts, ",")
}

func TestExtract(t *testing.T) {
	service := []metric.Dimension{{Name: "Service", Value: "checkout"}}
	datum := func(edit func(*metric.Datum)) metric.Datum {
		d := metric.Datum{
			ID: metric.ID{Namespace: "Shop", Name: "Latency", Dimensions: service}, Time: time.UnixMilli(1760797200000),
			Unit: "Milliseconds", Samples: metric.Scalar(12.5),
		}
		if edit != nil {
			edit(&d)
		}
		return d
	}
	samples := func(s metric.Samples) []metric.Datum {
		return []metric.Datum{datum(func(d *metric.Datum) { d.Samples = s })}
	}
	for name, c := range map[string]struct {
		message string
		want    []metric.Datum
	}{
		"a scalar":      {doc(), []metric.Datum{datum(nil)}},
		"white space":   {"\n " + doc() + "\n", []metric.Datum{datum(nil)}},
		"no unit":       {doc(`,"Unit":"Milliseconds"`, ``), []metric.Datum{datum(func(d *metric.Datum) { d.Unit = "" })}},
		"seconds":       {doc(`"Unit":`, `"StorageResolution":1,"Unit":`), []metric.Datum{datum(func(d *metric.Datum) { d.HighResolution = true })}},
		"no dimensions": {doc(`[["Service"]]`, `[[]]`), []metric.Datum{datum(func(d *metric.Datum) { d.Dimensions = []metric.Dimension{} })}},
		"two sets": {doc(`[["Service"]]`, `[["Service"],["Region","Service"]]`, `"Service":`, `"Region":"eu","Service":`), []metric.Datum{
			datum(nil), datum(func(d *metric.Datum) { d.Dimensions = []metric.Dimension{{Name: "Region", Value: "eu"}, service[0]} }),
		}},
		"a dot in a name is a part of it": {doc(`"Latency","Unit"`, `"A.a","Unit"`, `"Latency":12.5`, `"A.a":12.5,"A":{"a":1}`), []metric.Datum{datum(func(d *metric.Datum) { d.Name = "A.a" })}},
		"an array":                        {doc(`12.5`, `[1,2,2]`), samples(metric.Array([]float64{1, 2, 2}))},
		"100 values":                      {doc(`12.5`, `[`+repeat(100, "#")+`]`), samples(metric.Array(upTo(100)))},
		"a statistic set":                 {doc(`12.5`, `{"Max":9,"Min":1,"Sum":20,"Count":4}`), samples(metric.Samples{Count: 4, Sum: 20, Min: 1, Max: 9})},
		"a statistic set of one":          {doc(`12.5`, `{"Max":9,"Min":9,"Sum":9,"Count":1}`), samples(metric.Scalar(9))},
		"a histogram takes its count from Counts": {doc(`12.5`, `{"Values":[2,1],"Counts":[3,1],"Max":2.1,"Min":0.9,"Sum":7.5,"Count":99}`), samples(metric.Samples{
			Count: 4, Sum: 7.5, Min: 0.9, Max: 2.1, Values: []metric.Weighted{{Value: 1, Count: 1}, {Value: 2, Count: 3}},
		})},
		"a histogram without Sum, Min and Max": {doc(`12.5`, `{"Values":[2,1],"Counts":[3,0]}`), samples(metric.Samples{
			Count: 3, Sum: 6, Min: 2, Max: 2, Values: []metric.Weighted{{Value: 2, Count: 3}},
		})},
		"members that are not known":  {doc(`{"Name"`, `{"name":1,"Color":"red","Name"`, `{"Namespace"`, `{"x":1,"Namespace"`, `{"_aws":{`, `{"trace_id":["1"],"_aws":{"LogGroupName":"g",`), []metric.Datum{datum(nil)}},
		"version 0":                   {doc(`"_aws":{"Timestamp":1760797200000,"CloudWatchMetrics"`, `"Version":"0","Timestamp":"1760797200000","CloudWatchMetrics"`, `]},"Service"`, `],"Service"`), []metric.Datum{datum(nil)}},
		"two directives":              {doc(`"CloudWatchMetrics":[`, `"CloudWatchMetrics":[{"Namespace":"Other","Dimensions":[[]],"Metrics":[]},`), []metric.Datum{datum(nil)}},
		"30 dimensions":               {doc(`["Service"]`, `[`+repeat(30, `"d#"`)+`]`, `"Service":`, repeat(30, `"d#":"v"`)+`,"Service":`), []metric.Datum{datum(func(d *metric.Datum) { d.Dimensions = thirty() })}},
		"no directives":               {`{"_aws":{"Timestamp":1760797200000,"CloudWatchMetrics":[]}}`, nil},
		"a log event like any other":  {`{"level":"info"}`, nil},
		"text that names the format":  {`see "CloudWatchMetrics" in _aws`, nil},
		"JSON that names the format":  {`{"message":"\"CloudWatchMetrics\""}`, nil},
		"a member of that name alone": {`{"CloudWatchMetrics":[]}`, nil},
		"an array with a document":    {`[` + doc() + `]`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Extract(c.message, now)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func upTo(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(i)
	}
	return v
}

func thirty() []metric.Dimension {
	var d []metric.Dimension
	for i := range 30 {
		d = append(d, metric.Dimension{Name: fmt.Sprint("d", i), Value: "v"})
	}
	metric.Sort(d)
	return d
}

func TestExtractErrors(t *testing.T) {
	for name, c := range map[string]struct{ message, want string }{
		"no timestamp":              {doc(`"Timestamp":1760797200000,`, ``), "_aws.Timestamp"},
		"a fraction":                {doc(`1760797200000`, `1760797200000.5`), "_aws.Timestamp"},
		"a string":                  {doc(`1760797200000`, `"1760797200000"`), "_aws.Timestamp"},
		"too old":                   {doc(`1760797200000`, `1759587600000`), "14 days"},
		"too new":                   {doc(`1760797200000`, `1760804500000`), "2 hours"},
		"no directives":             {doc(`"CloudWatchMetrics"`, `"x":"\"CloudWatchMetrics\"","CloudwatchMetrics"`, `"x":"\"`, `"x":"a","CloudWatchMetrics":null,"y":"\"`), "CloudWatchMetrics must be an array"},
		"a directive that is none":  {doc(`[{"Namespace"`, `[7,{"Namespace"`), "a directive must be an object"},
		"no namespace":              {doc(`"Namespace":"Shop",`, ``), "Namespace must be a string"},
		"a blank namespace":         {doc(`"Shop"`, `" "`), "the namespace is blank"},
		"a namespace of AWS":        {doc(`"Shop"`, `"AWS/Shop"`), "begins with AWS/"},
		"a namespace too long":      {doc(`Shop`, strings.Repeat("s", 257)), "257 characters"},
		"a character in it":         {doc(`Shop`, `Sh(o)p`), "has the character '('"},
		"no dimensions":             {doc(`"Dimensions":[["Service"]],`, ``), "Dimensions must be an array of arrays"},
		"no set":                    {doc(`[["Service"]]`, `[]`), "one set at least"},
		"names without a set":       {doc(`[["Service"]]`, `["Service"]`), "array of arrays of strings"},
		"31 dimensions":             {doc(`["Service"]`, `[`+repeat(31, `"d#"`)+`]`, `"Service":`, repeat(31, `"d#":"v"`)+`,"Service":`), "a set has 31 dimensions"},
		"a dimension that is gone":  {doc(`"Service":"checkout"`, `"service":"checkout"`), `the dimension "Service" is not at the root`},
		"a dimension twice":         {doc(`["Service"]`, `["Service","Service"]`), "twice in a set"},
		"a number":                  {doc(`"checkout"`, `7`), "is no string"},
		"an empty value":            {doc(`"checkout"`, `""`), "0 characters"},
		"a blank value":             {doc(`"checkout"`, `"  "`), "is blank"},
		"a value that is not ASCII": {doc(`checkout`, `caché`), "printable ASCII"},
		"a value too long":          {doc(`checkout`, strings.Repeat("s", 1025)), "1025 characters"},
		"a name with a colon":       {doc(`["Service"]`, `[":s"]`, `"Service":`, `":s":`), "begins with a colon"},
		"a name too long":           {doc(`["Service"]`, `["`+strings.Repeat("s", 251)+`"]`, `"Service":`, `"`+strings.Repeat("s", 251)+`":`), "251 characters"},
		"no metrics":                {doc(`"Metrics"`, `"metrics"`), "Metrics must be an array"},
		"101 metrics":               {doc(`{"Name":"Latency","Unit":"Milliseconds"}`, repeat(101, `{"Name":"Latency"}`)), "101 metrics"},
		"a metric with no name":     {doc(`"Name":"Latency",`, ``), "the Name of a metric"},
		"a metric that is gone":     {doc(`"Latency":12.5`, `"latency":12.5`), `the metric "Latency" is not at the root`},
		"an empty unit":             {doc(`"Milliseconds"`, `""`), `the unit ""`},
		"a unit that is none":       {doc(`"Milliseconds"`, `"Nanoseconds"`), `the unit "Nanoseconds"`},
		"a resolution":              {doc(`"Unit":`, `"StorageResolution":10,"Unit":`), "1 or 60"},
		"two resolutions":           {doc(`{"Name":"Latency","Unit":"Milliseconds"}`, `{"Name":"Latency"},{"Name":"Latency","StorageResolution":1}`), "two resolutions"},
		"a string for a value":      {doc(`12.5`, `"12.5"`), "is no number"},
		"null for a value":          {doc(`12.5`, `null`), "is no number"},
		"too large a value":         {doc(`12.5`, `1e300`), "2^360"},
		"an empty array":            {doc(`12.5`, `[]`), "there are 0 values"},
		"101 values":                {doc(`12.5`, `[`+repeat(101, "#")+`]`), "there are 101 values"},
		"null in an array":          {doc(`12.5`, `[1,null]`), "null is no number"},
		"an empty object":           {doc(`12.5`, `{}`), "Min, Max, Sum and Count"},
		"values without counts":     {doc(`12.5`, `{"Values":[1]}`), "must have Counts"},
		"more values than counts":   {doc(`12.5`, `{"Values":[1,2],"Counts":[1]}`), "2 values and 1 counts"},
		"101 values with counts":    {doc(`12.5`, `{"Values":[`+repeat(101, "#")+`],"Counts":[`+repeat(101, "1")+`]}`), "there are 101 values"},
		"a negative count":          {doc(`12.5`, `{"Values":[1],"Counts":[-1]}`), "the count -1"},
		"counts of nothing":         {doc(`12.5`, `{"Values":[1],"Counts":[0]}`), "all counts are 0"},
		"a statistic set of none":   {doc(`12.5`, `{"Max":0,"Min":0,"Sum":0,"Count":0}`), "not above 0"},
		"a minimum above":           {doc(`12.5`, `{"Max":0,"Min":1,"Sum":0,"Count":2}`), "above the maximum"},
		"millions of series":        {doc(`[["Service"]]`, `[`+repeat(20001, `[]`)+`]`), "more than 20000 series"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Extract(c.message, now)
			require.ErrorIs(t, err, ErrInvalid)
			require.ErrorContains(t, err, c.want)
			require.Empty(t, got)
		})
	}
	for name, message := range map[string]string{
		"cut off":               doc()[:len(doc())-1],
		"something after":       doc() + "x",
		"two documents":         doc() + doc(),
		"a number that is none": doc(`12.5`, `NaN`),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Extract(message, now)
			require.ErrorIs(t, err, ErrParse)
			require.Empty(t, got)
		})
	}
}

// Whatever comes, there is no panic, and what is taken keeps the store's rules.
func FuzzExtract(f *testing.F) {
	f.Add(doc())
	f.Add(doc(`12.5`, `{"Values":[2,1],"Counts":[3,1],"Max":2.1,"Min":0.9,"Sum":7.5,"Count":99}`))
	f.Add(doc(`12.5`, `[1,2,2]`))
	f.Add(doc(`"_aws":{"Timestamp":1760797200000,"CloudWatchMetrics"`, `"Version":"0","Timestamp":"1760797200000","CloudWatchMetrics"`, `]},"Service"`, `],"Service"`))
	f.Fuzz(func(t *testing.T, message string) {
		data, err := Extract(message, now)
		if err != nil {
			require.Empty(t, data)
		}
		s := metric.Store{MaxBytes: 1 << 30}
		for _, d := range data {
			require.NoError(t, metric.CheckNamespace(d.Namespace))
			require.NoError(t, metric.CheckName(d.Name))
			require.NoError(t, metric.CheckTime(d.Time, now))
			require.Positive(t, d.Samples.Count)
			for _, dim := range d.Dimensions {
				require.NoError(t, metric.CheckDimension(dim))
			}
			s.Add(now, d)
			require.NotEmpty(t, s.Query(now, d.ID, "", d.Time, d.Time.Add(time.Minute), time.Minute))
		}
	})
}

func BenchmarkExtract(b *testing.B) {
	b.ReportAllocs()
	message := doc(`12.5`, `{"Values":[`+repeat(100, "#")+`],"Counts":[`+repeat(100, "1")+`],"Max":99,"Min":0,"Sum":4950,"Count":100}`)
	for b.Loop() {
		if data, err := Extract(message, now); err != nil || len(data) != 1 {
			b.Fatal(data, err)
		}
	}
}
