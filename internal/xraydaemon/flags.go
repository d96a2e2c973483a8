package xraydaemon

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Invocation is a command line that was understood.
type Invocation struct {
	Settings
	// ShowVersion asks for the version and nothing else.
	ShowVersion bool
	// LogFile is the log file named on the command line, also where the
	// settings could not be read: the daemon writes its last words there.
	LogFile string
}

// UsageError says that the command line has no meaning. It was told to the
// user already, with the list of flags.
type UsageError struct{ Err error }

// Error implements error.
func (e UsageError) Error() string { return e.Err.Error() }

// Load reads a command line without the program's name: the file that it or
// DefaultFiles name, then the flags, which win. output gets the list of flags
// if it asks for them (the error is flag.ErrHelp) or cannot be understood (it
// is a UsageError). Invocation.LogFile is set with every other error.
func Load(args []string, output io.Writer) (Invocation, error) {
	return load(args, output, DefaultFiles)
}

func load(args []string, output io.Writer, defaultFiles []string) (Invocation, error) {
	// Once to learn of the file, and again over what it says.
	first := Invocation{Settings: Defaults()}
	path, err := first.parse(args, output)
	if err != nil {
		return Invocation{}, err
	}
	if first.ShowVersion {
		return first, nil
	}
	in := Invocation{LogFile: first.LogPath}
	if path != "" {
		in.Settings, err = ReadFile(path)
	} else {
		in.Settings, err = findFile(defaultFiles)
	}
	if err != nil {
		return in, err
	}
	if _, err := in.parse(args, io.Discard); err != nil {
		return in, err
	}
	return in, in.check()
}

// option is a flag in the help text.
type option struct{ short, long, meaning string }

// parse lays flags over the settings and returns the value of --config.
func (in *Invocation) parse(args []string, output io.Writer) (path string, err error) {
	flags := flag.NewFlagSet("xray", flag.ContinueOnError)
	flags.SetOutput(output)
	var options []option
	add := func(short, long, meaning string, define func(name string)) {
		define(long)
		if short != "" {
			define(short)
		}
		options = append(options, option{short, long, meaning})
	}
	text := func(to *string, short, long, meaning string) {
		add(short, long, meaning, func(name string) { flags.StringVar(to, name, *to, meaning) })
	}
	yes := func(to *bool, short, long, meaning string) {
		add(short, long, meaning, func(name string) { flags.BoolVar(to, name, *to, meaning) })
	}
	text(&in.ResourceARN, "a", "resource-arn", "ARN of the AWS resource that runs the daemon, for its telemetry")
	yes(&in.LocalMode, "o", "local-mode", "ask no EC2 or ECS metadata")
	add("m", "buffer-memory", "MB of memory for segments that wait (at least 3; 0 is 1 % of the machine's)", func(name string) {
		flags.IntVar(&in.TotalBufferSizeMB, name, in.TotalBufferSizeMB, "")
	})
	text(&in.Region, "n", "region", "region of the X-Ray service")
	text(&in.UDPAddress, "b", "bind", "UDP address for segments (127.0.0.1:2000)")
	text(&in.TCPAddress, "t", "bind-tcp", "TCP address for sampling rules and targets (127.0.0.1:2000)")
	text(&in.RoleARN, "r", "role-arn", "IAM role to assume, for example of another account")
	text(&path, "c", "config", "configuration file (else /etc/amazon/xray/cfg.yaml, then cfg.yaml)")
	text(&in.LogPath, "f", "log-file", "file to log to")
	text(&in.LogLevel, "l", "log-level", "dev, debug, info, warn, error or prod (the default, as info)")
	text(&in.ProxyAddress, "p", "proxy-address", "proxy to reach X-Ray through")
	text(&in.HealthAddress, "", "health-address", "address of a health check over HTTP (none); not in the AWS daemon")
	text(&in.MetricsAddress, "", "metrics-address", "address of own metrics for Prometheus (none); not in the AWS daemon")
	yes(&in.ShowVersion, "v", "version", "show the version")
	options = append(options, option{"h", "help", "show this list"})

	flags.Usage = func() {
		var b strings.Builder
		b.WriteString("Usage: xray [options]\n")
		for _, o := range options {
			short := "  "
			if o.short != "" {
				short = "-" + o.short
			}
			fmt.Fprintf(&b, "\t%s\t--%-17s %s\n", short, o.long, o.meaning)
		}
		_, _ = io.WriteString(output, b.String()) // there is nowhere else to tell
	}
	switch err := flags.Parse(args); {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return path, err
	default:
		return "", UsageError{err}
	}
}
