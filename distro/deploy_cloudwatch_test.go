package main

import (
	"path/filepath"
	"testing"
)

// What sends Tailwater's own metrics to CloudWatch goes over any configuration.
func TestOwnMetricsRunDry(t *testing.T) {
	for _, file := range configFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) { dryRun(t, file, "../deploy/cloudwatch/collector.yaml") })
	}
}
