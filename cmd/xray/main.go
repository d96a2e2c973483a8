// Command xray takes the place of the AWS X-Ray daemon: its flags, its cfg.yaml,
// its log. Underneath it is a small collector.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/memorylimit"
	"github.com/tailwater-otel/tailwater/internal/version"
	"github.com/tailwater-otel/tailwater/internal/xraydaemon"
	"github.com/tailwater-otel/tailwater/provider/xraydaemonprovider"
)

// The daemon's exit codes: 1 if it cannot run as it was told, 2 if the command
// line has no meaning.
const (
	exitOK = iota
	exitFailed
	exitUsage
)

// fullVersion names the daemon's release first, for who matches on it.
const fullVersion = xraydaemon.DaemonVersion + " (Tailwater " + version.Version + ")"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. It logs to stdout, like the daemon, and tells on stderr
// why it cannot start.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	in, err := xraydaemon.Load(args, stderr)
	var usage xraydaemon.UsageError
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case err != nil:
		return refuse(err, in.LogFile, stderr)
	case in.ShowVersion:
		fmt.Fprintf(stdout, "AWS X-Ray daemon version: %s\n", fullVersion)
		return exitOK
	}

	out := stdout
	if in.LogPath != "" {
		file, err := openLog(in.LogPath, in.LogRotation)
		if err != nil {
			return refuse(err, "", stderr)
		}
		defer file.Close()
		out = file
	}
	log := newLog(out, in.LogLevel)
	if err := runDaemon(ctx, in.Settings, log); err != nil {
		log.errorf("%s", explain(err))
		return exitFailed
	}
	return exitOK
}

// runDaemon runs until a signal or the end of ctx.
func runDaemon(ctx context.Context, s xraydaemon.Settings, log *daemonLog) error {
	memorylimit.Set()
	log.infof("Initializing AWS X-Ray daemon %s", fullVersion)
	for _, warning := range s.Warnings {
		log.warnf("%s", warning)
	}
	s.Warnings = nil // the provider would tell them again
	megabytes, err := xraydaemonprovider.BufferMB(s)
	if err != nil {
		return err
	}
	log.infof("Using buffer memory limit of %d MB", megabytes)
	// The daemon has buffers of 64 KiB. Here it is the same memory in bytes.
	log.infof("%d segment buffers allocated", megabytes*16)
	s.TotalBufferSizeMB = megabytes

	stopProfiles, err := startProfiles(log)
	if err != nil {
		return err
	}
	defer stopProfiles()
	return runCollector(ctx, s, log)
}

// refuse tells why the program does not start, on stderr and, as the daemon
// does, in the log file of the command line.
func refuse(err error, logFile string, stderr io.Writer) int {
	newLog(stderr, "error").errorf("%s", explain(err))
	if logFile != "" {
		if file, openErr := openLog(logFile, false); openErr == nil {
			newLog(file, "error").errorf("%s", explain(err))
			file.Close()
		}
	}
	return exitFailed
}

// explain puts the daemon's words in front of an error that it knows too.
func explain(err error) string {
	if errors.Is(err, awsclient.ErrNoRegion) {
		return "Cannot fetch region variable from config file, environment variables, ecs metadata and ec2 metadata: " + err.Error()
	}
	return err.Error()
}
