// The demo runs the collector with configs/local.yaml beside a small shop whose
// services send it traces. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/tailwater-otel/tailwater/demo/run"
	"github.com/tailwater-otel/tailwater/demo/shop"
)

func main() {
	shop.RunServiceIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
