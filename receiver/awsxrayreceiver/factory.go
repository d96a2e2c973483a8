// Package awsxrayreceiver receives X-Ray segments over UDP and serves the sampling API on TCP.
package awsxrayreceiver

import (
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver"
)

// NewFactory returns the factory of the awsxray receiver.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(component.MustNewType("awsxray"), func() component.Config { return &struct{}{} })
}
