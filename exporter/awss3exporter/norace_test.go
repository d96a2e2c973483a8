//go:build !race

package awss3exporter

const raceEnabled = false
