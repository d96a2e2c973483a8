//go:build !race

package xraymetricsconnector

const raceDetector = false
