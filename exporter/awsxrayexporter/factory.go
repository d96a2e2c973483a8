// Package awsxrayexporter sends spans to AWS X-Ray as segment documents.
package awsxrayexporter

import (
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
)

// NewFactory returns the factory of the awsxray exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(component.MustNewType("awsxray"), func() component.Config { return &struct{}{} })
}
