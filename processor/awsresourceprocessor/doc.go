// Package awsresourceprocessor says in resource attributes where on AWS
// telemetry comes from, for what does not say so itself.
package awsresourceprocessor

//go:generate mdatagen metadata.yaml
