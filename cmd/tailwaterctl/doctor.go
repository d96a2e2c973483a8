package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/tailwater-otel/tailwater/internal/doctor"
)

// runDoctor looks for what keeps a configuration from working here.
func runDoctor(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("tailwaterctl doctor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var o doctor.Options
	flags.Func("config", "configuration `FILE` or URI, as tailwater takes it; may be given again", func(uri string) error {
		o.URIs = append(o.URIs, uri)
		return nil
	})
	asJSON := flags.Bool("json", false, "print one JSON object")
	flags.BoolVar(&o.Write, "write", false, "store a small object in each S3 bucket that is written to; it stays there")
	flags.StringVar(&o.Tailwater, "tailwater", beside(), "`PATH` of the collector that validates the configuration; empty for none")
	flags.StringVar(&o.FeatureGates, "feature-gates", "", "feature `GATES` that the collector runs with")
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "time for each thing that is tried over the network")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if len(o.URIs) == 0 || flags.NArg() > 0 || o.Timeout <= 0 {
		fmt.Fprintln(stderr, "tailwaterctl doctor: --config FILE is needed, nothing else without a flag, and a --timeout above 0")
		return 2
	}
	findings := doctor.Run(ctx, o)
	write := doctor.WriteText
	if *asJSON {
		write = doctor.WriteJSON
	}
	if err := write(stdout, findings); err != nil {
		fmt.Fprintln(stderr, "tailwaterctl doctor:", err)
		return 1
	}
	if doctor.Failed(findings) {
		return 1
	}
	return 0
}

// beside returns the collector in the folder of this program, if there is one.
func beside() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	path := filepath.Join(filepath.Dir(self), "tailwater")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}
