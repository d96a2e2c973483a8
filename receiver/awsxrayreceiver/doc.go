// Package awsxrayreceiver takes X-Ray segments over UDP and answers the
// sampling API of X-Ray SDKs on TCP.
package awsxrayreceiver

//go:generate mdatagen metadata.yaml
