package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"

	"github.com/tailwater-otel/tailwater/exporter/awss3exporter"
	"github.com/tailwater-otel/tailwater/internal/archive"
)

// athenaDDL prints the table of an archive in the dialect of Athena.
func athenaDDL(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("tailwaterctl athena-ddl", flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", "", "`FILE` with the collector's configuration, or another of its --config URIs")
	exporter := flags.String("exporter", "", "`ID` of the exporter, such as awss3/archive; needed if several write Parquet")
	table := flags.String("table", "spans", "`NAME` of the table, with or without its database")
	since := flags.String("since", "", "first `DAY` with data, such as 2026-03-14; without it, three years ago")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case *config == "" || flags.NArg() > 0:
		fmt.Fprintln(stderr, "tailwaterctl athena-ddl: usage: tailwaterctl athena-ddl --config FILE")
		return 2
	}
	text, err := ddlOf(ctx, *config, *exporter, *table, *since)
	if err != nil {
		fmt.Fprintln(stderr, "tailwaterctl athena-ddl:", err)
		return 1
	}
	if _, err := io.WriteString(stdout, text); err != nil {
		fmt.Fprintln(stderr, "tailwaterctl athena-ddl:", err)
		return 1
	}
	return 0
}

func ddlOf(ctx context.Context, uri, exporter, table, since string) (string, error) {
	uploader, err := archiveExporter(ctx, uri, exporter)
	if err != nil {
		return "", err
	}
	if uploader.S3Bucket == "" {
		return "", errors.New("s3uploader::s3_bucket is not set: Athena reads S3 only; point DuckDB at the directory")
	}
	if since != "" {
		if _, err := time.Parse(time.DateOnly, since); err != nil {
			return "", fmt.Errorf("--since is %q; it must be a day such as 2026-03-14", since)
		}
	}
	for part := range strings.SplitSeq(table, ".") {
		if part == "" || strings.ContainsAny(part, "`\"'; \t\n") {
			return "", fmt.Errorf("--table: %q is no name", table)
		}
	}
	partitions, err := projectionOf(uploader.S3PartitionFormat, since)
	if err != nil {
		return "", fmt.Errorf("s3uploader::s3_partition_format: %w", err)
	}
	return createTable(table, uploader, partitions), nil
}

// archiveExporter reads the exporter that writes Parquet, with its defaults.
func archiveExporter(ctx context.Context, uri, want string) (*awss3exporter.S3UploaderConfig, error) {
	if !strings.Contains(uri, ":") {
		uri = "file:" + uri
	}
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs:              []string{uri},
		DefaultScheme:     "env",
		ProviderFactories: []confmap.ProviderFactory{envprovider.NewFactory(), fileprovider.NewFactory(), yamlprovider.NewFactory()},
	})
	if err != nil {
		return nil, err
	}
	conf, err := resolver.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	if err := resolver.Shutdown(ctx); err != nil {
		return nil, err
	}
	exporters, err := conf.Sub("exporters")
	if err != nil {
		return nil, err
	}
	factory := awss3exporter.NewFactory()
	found := map[string]*awss3exporter.S3UploaderConfig{}
	for name := range exporters.ToStringMap() {
		var id component.ID
		if err := id.UnmarshalText([]byte(name)); err != nil || id.Type() != factory.Type() {
			continue
		}
		sub, err := exporters.Sub(name)
		if err != nil {
			return nil, fmt.Errorf("exporters::%s: %w", name, err)
		}
		cfg := factory.CreateDefaultConfig().(*awss3exporter.Config)
		if err := sub.Unmarshal(cfg); err != nil {
			return nil, fmt.Errorf("exporters::%s: %w", name, err)
		}
		if cfg.Marshaler == "parquet" {
			found[name] = &cfg.S3Uploader
		}
	}
	var names []string
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	switch {
	case len(found) == 0:
		return nil, errors.New("exporters: there is no awss3 exporter with marshaler: parquet")
	case want != "" && found[want] == nil:
		return nil, fmt.Errorf("--exporter: %s is not among those that write Parquet: %s", want, strings.Join(names, ", "))
	case want != "":
		return found[want], nil
	case len(found) > 1:
		return nil, fmt.Errorf("several exporters write Parquet: name one with --exporter: %s", strings.Join(names, ", "))
	}
	return found[names[0]], nil
}

func createTable(table string, u *awss3exporter.S3UploaderConfig, partitions []projected) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- Schema version %d. Partitions are computed: nothing needs to be added or repaired.\n", archive.SchemaVersion)
	if u.S3PartitionTimezone != "" && u.S3PartitionTimezone != "UTC" {
		fmt.Fprintf(&b, "-- The partitions are in the time zone %s.\n", u.S3PartitionTimezone)
	}
	fmt.Fprintf(&b, "CREATE EXTERNAL TABLE IF NOT EXISTS %s (\n", quoted(table))
	for i, c := range archive.Columns() {
		comma := ","
		if i == len(archive.Columns())-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "  `%s` %s%s\n", c.Name, c.Type, comma)
	}
	b.WriteString(")\n")
	location := "s3://" + path.Join(u.S3Bucket, u.S3BasePrefix, u.S3Prefix)
	template := location
	if len(partitions) > 0 {
		var columns []string
		for _, p := range partitions {
			columns = append(columns, "`"+p.name+"` string")
		}
		fmt.Fprintf(&b, "PARTITIONED BY (%s)\n", strings.Join(columns, ", "))
	}
	fmt.Fprintf(&b, "STORED AS PARQUET\nLOCATION '%s/'\nTBLPROPERTIES (\n", literal(location))
	var properties [][2]string
	for _, p := range partitions {
		template += "/" + p.folder
		for _, kv := range p.properties {
			properties = append(properties, [2]string{"projection." + p.name + "." + kv[0], kv[1]})
		}
	}
	if len(partitions) > 0 {
		properties = append([][2]string{{"projection.enabled", "true"}}, properties...)
		properties = append(properties, [2]string{"storage.location.template", template + "/"})
	}
	properties = append(properties, [2]string{"tailwater.schema_version", fmt.Sprint(archive.SchemaVersion)})
	for i, kv := range properties {
		comma := ","
		if i == len(properties)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "  '%s' = '%s'%s\n", kv[0], literal(kv[1]), comma)
	}
	b.WriteString(");\n")
	return b.String()
}

// quoted puts each part of a name into back quotes.
func quoted(table string) string {
	return "`" + strings.ReplaceAll(table, ".", "`.`") + "`"
}

// literal escapes a text between single quotes.
func literal(text string) string { return strings.ReplaceAll(text, "'", "\\'") }
