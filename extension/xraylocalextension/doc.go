// Package xraylocalextension is X-Ray and CloudWatch on this machine: an
// endpoint that AWS SDKs, the awsxray and awsemf exporters and X-Ray SDKs take
// for the services, stores in memory, and pages that show the service graph,
// the traces, metrics and log events.
package xraylocalextension

//go:generate mdatagen metadata.yaml
