// Command tailwaterctl helps to set up Tailwater and to find out why it does
// not work.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/tailwater-otel/tailwater/internal/version"
)

// command is a subcommand. run returns the exit code: 0 if all is well, 1 if
// not, 2 if the arguments have no meaning.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

var commands = []command{
	{"athena-ddl", "print the Athena table of the archive that a configuration writes", athenaDDL},
	{"daemon-config", "print the collector configuration that an X-Ray daemon's flags and file mean", daemonConfig},
	{"doctor", "find out why a configuration does not work on this machine", runDoctor},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return c.run(ctx, args[1:], stdout, stderr)
			}
		}
		switch args[0] {
		case "-h", "-help", "--help", "help":
			usage(stdout)
			return 0
		case "-v", "-version", "--version", "version":
			fmt.Fprintln(stdout, "tailwaterctl version", version.Version)
			return 0
		}
		fmt.Fprintf(stderr, "tailwaterctl: there is no command %q\n", args[0])
	}
	usage(stderr)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Usage: tailwaterctl COMMAND [options]; COMMAND --help lists the options.")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-14s %s\n", c.name, c.summary)
	}
}
