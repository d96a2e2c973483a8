//go:build !race

package segment_test

const race = false
