// Package version says which Tailwater this is.
package version

// Version is that of the distribution in builder-config.yaml; a test compares them.
const Version = "0.1.0-dev"
