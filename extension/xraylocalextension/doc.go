// Package xraylocalextension is X-Ray and CloudWatch on this machine: an endpoint that AWS
// SDKs, the awsxray exporter and X-Ray SDKs take for the service, a store in
// memory, and pages that show the service graph and the traces.
package xraylocalextension

//go:generate mdatagen metadata.yaml
