// Package xraytailsamplingprocessor holds whole traces and decides once for
// each whether it is kept: by filter expressions, then by X-Ray's sampling rules.
package xraytailsamplingprocessor

//go:generate mdatagen metadata.yaml
