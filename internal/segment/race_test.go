//go:build race

package segment_test

// race says that the race detector is on, which makes everything ten times slower.
const race = true
