// Package awsproxyextension serves X-Ray's sampling API alone, for samplers
// whose spans arrive in another way than through the awsxray receiver.
package awsproxyextension

//go:generate mdatagen metadata.yaml
