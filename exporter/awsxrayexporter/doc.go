//go:generate mdatagen metadata.yaml

// Package awsxrayexporter sends spans to AWS X-Ray as segment documents.
//
// The way of a batch of spans, file by file: exporter.go makes documents and
// offers them to the sending queue in portions (portion.go), deliver.go sends a
// portion until X-Ray has all of it or refuses it for good, and reply.go reads
// which of its documents X-Ray did not take.
package awsxrayexporter
