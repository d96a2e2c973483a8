package main

import "github.com/tailwater-otel/tailwater/internal/memorylimit"

// main.go is generated, so this is an init.
func init() { memorylimit.Set() }
