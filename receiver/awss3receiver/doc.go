// Package awss3receiver reads archived objects back from Amazon S3 or a folder
// and replays what they hold.
package awss3receiver

//go:generate mdatagen metadata.yaml
