// Package xraylocalextension is an X-Ray endpoint on this machine.
package xraylocalextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
)

// NewFactory returns the factory of the xray_local extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(component.MustNewType("xray_local"), func() component.Config { return &struct{}{} },
		func(context.Context, extension.Settings, component.Config) (extension.Extension, error) {
			return nil, nil
		}, component.StabilityLevelDevelopment)
}
