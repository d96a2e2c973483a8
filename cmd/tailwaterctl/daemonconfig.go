package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/tailwater-otel/tailwater/internal/xraydaemon"
	"github.com/tailwater-otel/tailwater/provider/xraydaemonprovider"
)

// daemonConfig takes the command line of an X-Ray daemon.
func daemonConfig(_ context.Context, args []string, stdout, stderr io.Writer) int {
	in, err := xraydaemon.Load(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if errors.As(err, new(xraydaemon.UsageError)) {
		return 2
	}
	var text []byte
	if err == nil {
		text, err = collectorYAML(in.Settings)
	}
	if err != nil {
		fmt.Fprintln(stderr, "tailwaterctl daemon-config:", err)
		return 1
	}
	for _, warning := range in.Warnings {
		fmt.Fprintln(stderr, "warning:", warning)
	}
	if _, err := stdout.Write(text); err != nil {
		fmt.Fprintln(stderr, "tailwaterctl daemon-config:", err)
		return 1
	}
	return 0
}

func collectorYAML(s xraydaemon.Settings) ([]byte, error) {
	megabytes, err := xraydaemonprovider.BufferMB(s)
	if err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(xraydaemonprovider.CollectorConfig(s, megabytes))
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("# What the X-Ray daemon does with these settings and %d MB for segments that wait.\n", megabytes)
	return append([]byte(head), text...), nil
}
