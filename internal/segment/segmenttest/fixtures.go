// Package segmenttest has documents for tests: fixtures of three sizes, a
// generator of valid documents, and a comparison of documents as JSON.
package segmenttest

import _ "embed"

var (
	//go:embed testdata/small.json
	small string
	//go:embed testdata/mid.json
	mid string
	//go:embed testdata/large.json
	large string
)

// Small returns a segment of about 0.7 KB without subsegments, written as an
// X-Ray SDK writes it. The caller may change it.
func Small() []byte { return []byte(small) }

// Mid returns a segment of about 2.9 KB with 5 subsegments.
func Mid() []byte { return []byte(mid) }

// Large returns a segment of about 19 KB with 40 subsegments on two levels.
func Large() []byte { return []byte(large) }
