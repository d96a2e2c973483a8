// Package awss3exporter stores telemetry as objects in Amazon S3 or as files in
// a folder: spans as Parquet through a crash-safe spool, or any signal as one
// OTLP document for each request.
package awss3exporter

//go:generate mdatagen metadata.yaml
