package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/archive"
)

func ddl(t *testing.T, config string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	var out, errs bytes.Buffer
	code = run(context.Background(), append([]string{"athena-ddl", "--config", file}, args...), &out, &errs)
	return out.String(), errs.String(), code
}

const archiveConfig = `
exporters:
  awss3:
    marshaler: parquet
    s3uploader: {s3_bucket: "${env:ARCHIVE_BUCKET}", s3_base_prefix: shop, s3_prefix: traces}
    parquet: {spool_directory: /var/lib/tailwater/spool}
  awss3/otlp: {s3uploader: {s3_bucket: other}}
  debug: {}
`

// TestAthenaDDL compares the table, column by column, with the footer of a file
// that the writer wrote.
func TestAthenaDDL(t *testing.T) {
	t.Setenv("ARCHIVE_BUCKET", "my-archive")
	text, stderr, code := ddl(t, archiveConfig, "--since", "2026-01-01", "--table", "traces.spans")
	require.Zero(t, code, stderr)

	var file bytes.Buffer
	w := archive.NewWriter(&file, archive.Options{})
	_, err := w.Close()
	require.NoError(t, err)
	footer, err := parquet.OpenFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	var want [][2]string
	for _, f := range footer.Root().Columns() {
		want = append(want, [2]string{f.Name(), typeInFooter(f)})
	}
	columns := text[strings.Index(text, "(\n"):strings.Index(text, "\n)")]
	var got [][2]string
	for _, m := range regexp.MustCompile("(?m)^  `(.+)` (.+?),?$").FindAllStringSubmatch(columns, -1) {
		got = append(got, [2]string{m[1], m[2]})
	}
	assert.Equal(t, want, got)

	head, tail, _ := strings.Cut(text, "(\n")
	assert.Equal(t, "-- Schema version 1. Partitions are computed: nothing needs to be added or repaired.\n"+
		"CREATE EXTERNAL TABLE IF NOT EXISTS `traces`.`spans` ", head)
	_, tail, _ = strings.Cut(tail, "\n)\n")
	assert.Equal(t, `PARTITIONED BY (`+"`dt` string, `hour` string"+`)
STORED AS PARQUET
LOCATION 's3://my-archive/shop/traces/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = 's3://my-archive/shop/traces/dt=${dt}/hour=${hour}/',
  'tailwater.schema_version' = '1'
);
`, tail)
}

// typeInFooter reads Hive's type from what the footer says of a column.
func typeInFooter(c *parquet.Column) string {
	children := c.Columns()
	switch text := c.Type().String(); {
	case c.Leaf():
		name, found := map[string]string{
			"STRING": "string", "BOOLEAN": "boolean", "BYTE_ARRAY": "binary", "INT(32,true)": "int", "INT(64,true)": "bigint",
			"TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)": "timestamp",
		}[text]
		if !found {
			return "unknown type " + text
		}
		return name
	case text == "MAP":
		entry := children[0].Columns()
		return "map<" + typeInFooter(entry[0]) + "," + typeInFooter(entry[1]) + ">"
	case text == "LIST":
		return "array<" + typeInFooter(children[0].Columns()[0]) + ">"
	}
	var fields []string
	for _, f := range children {
		fields = append(fields, f.Name()+":"+typeInFooter(f))
	}
	return "struct<" + strings.Join(fields, ",") + ">"
}

func TestProjections(t *testing.T) {
	for format, want := range map[string][]projected{
		"": nil,
		"year=%Y/month=%m/day=%d/hour=%H/minute=%M": {
			{"year", "year=${year}", [][2]string{{"type", "integer"}, {"range", "2026,2039"}, {"digits", "4"}}},
			{"month", "month=${month}", [][2]string{{"type", "integer"}, {"range", "1,12"}, {"digits", "2"}}},
			{"day", "day=${day}", [][2]string{{"type", "integer"}, {"range", "1,31"}, {"digits", "2"}}},
			{"hour", "hour=${hour}", [][2]string{{"type", "integer"}, {"range", "0,23"}, {"digits", "2"}}},
			{"minute", "minute=${minute}", [][2]string{{"type", "integer"}, {"range", "0,59"}, {"digits", "2"}}},
		},
		"%Y/%m/%d/%H": {{"dt", "${dt}", [][2]string{
			{"type", "date"}, {"format", "yyyy/MM/dd/HH"}, {"range", "2026/01/02/00,NOW"}, {"interval", "1"}, {"interval.unit", "HOURS"},
		}}},
		"dt=%FT%H": {{"dt", "dt=${dt}", [][2]string{
			{"type", "date"}, {"format", "yyyy-MM-dd'T'HH"}, {"range", "2026-01-02T00,NOW"}, {"interval", "1"}, {"interval.unit", "HOURS"},
		}}},
	} {
		got, err := projectionOf(format, "2026-01-02")
		require.NoError(t, err)
		assert.Equal(t, want, got, format)
	}
	for format, want := range map[string]string{
		"dt=%Y/%H":     "either all folders or none",
		"hour=%I":      "cannot be computed",
		"dt=%m-%d":     "has no year",
		"dt=%Y-%j":     "%j cannot be computed",
		"name=%Y":      "column of the table already",
		"=%Y":          "no name",
		"dt=%Y-%m-%":   "ends with %",
		"dt='%Y-%m-%d": "has a quote",
	} {
		_, err := projectionOf(format, "")
		require.ErrorContains(t, err, want, format)
	}
}

func TestAthenaDDLErrors(t *testing.T) {
	t.Setenv("ARCHIVE_BUCKET", "my-archive")
	for want, tc := range map[string]struct {
		config string
		args   []string
	}{
		"there is no awss3 exporter":                 {config: "exporters: {debug: {}, awss3: {s3uploader: {s3_bucket: b}}}"},
		"name one with --exporter: awss3/a, awss3/b": {config: "exporters: {awss3/a: {marshaler: parquet}, awss3/b: {marshaler: parquet}}"},
		"awss3/c is not among":                       {config: archiveConfig, args: []string{"--exporter", "awss3/c"}},
		"s3_bucket is not set":                       {config: "exporters: {awss3: {marshaler: parquet, s3uploader: {directory: /x}}}"},
		"exporters::awss3: ":                         {config: "exporters: {awss3: {marshaler: parquet, s3uploader: {s3_buckt: b}}}"},
		"--since is \"March\"":                       {config: archiveConfig, args: []string{"--since", "March"}},
		"--table: \"a..b\" is no name":               {config: archiveConfig, args: []string{"--table", "a..b"}},
		"s3_partition_format: %I":                    {config: "exporters: {awss3: {marshaler: parquet, s3uploader: {s3_bucket: b, s3_partition_format: 'dt=%Y-%I'}}}"},
	} {
		stdout, stderr, code := ddl(t, tc.config, tc.args...)
		assert.Equal(t, 1, code, want)
		assert.Empty(t, stdout, want)
		assert.Contains(t, stderr, want)
	}
	_, stderr, code := ddl(t, archiveConfig, "--config", "")
	assert.Equal(t, 2, code, stderr)
}
