//go:build !race

package xraytailsamplingprocessor

const raceEnabled = false
