//go:build linux

// Bench runs the distribution beside a contrib collector and prints what each
// of them needs for one item and what each of them loses.
//
// Both get the same load, at the same rate, from the same generator, and send
// to the same fake X-Ray endpoint. Runs are interleaved (ours, peer, ours,
// peer …), each in a fresh process, so that slow drift of the machine hits
// both alike. See README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// errOverBudget ends the program with a status that scripts can test.
var errOverBudget = errors.New("a row is over its budget, or could not be measured")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// fullArchive is how many spans the archive's runs send, without -quick.
const fullArchive = 150_000

// settings are the command line.
type settings struct {
	ours, peer string
	rows       []row
	archive    int // spans of the archive's runs; 0 means not to run it
	rounds     int
	warmUp     time.Duration
	window     time.Duration
	out        string
	profiles   string
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	ours := "bin/tailwater"
	if v := os.Getenv("TAILWATER_BIN"); v != "" {
		ours = v
	}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&s.ours, "ours", ours, "the distribution's binary (default also from TAILWATER_BIN); empty measures the peer alone")
	fs.StringVar(&s.peer, "peer", ".cache/peer/contribpeer", "the contrib collector's binary; empty measures ours alone")
	names := fs.String("rows", "", "comma-separated row names; empty means all ("+strings.Join(rowNames(allRows), ", ")+", "+archiveRow+")")
	fs.IntVar(&s.rounds, "rounds", 3, "how often each row is run on each side; the median counts")
	fs.DurationVar(&s.warmUp, "warm-up", 3*time.Second, "load before the measured window")
	fs.DurationVar(&s.window, "window", 10*time.Second, "the measured window")
	fs.StringVar(&s.out, "out", "", "file for every single run as JSON")
	fs.StringVar(&s.profiles, "profiles", "", "directory for a CPU and an allocation profile of each run (costs some CPU itself)")
	quick := fs.Bool("quick", false, "one short round of the first rate of each row: a look, not a measurement")
	if err := fs.Parse(args); err != nil {
		return s, err
	}
	if fs.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if s.rounds < 1 || s.rounds > 50 {
		return s, fmt.Errorf("-rounds is %d, allowed are 1 to 50", s.rounds)
	}
	if s.window < 100*time.Millisecond || s.window > 5*time.Minute || s.warmUp < 0 || s.warmUp > time.Minute {
		return s, fmt.Errorf("-window is %v and -warm-up %v, allowed are 100ms to 5m and 0s to 1m", s.window, s.warmUp)
	}
	s.archive = fullArchive
	if *quick {
		s.archive = 60_000
	}
	wanted, archive := withoutArchive(*names)
	if !archive {
		s.archive = 0
	}
	if wanted != "" || *names == "" {
		var err error
		if s.rows, err = selectRows(wanted, *quick); err != nil {
			return s, err
		}
	}
	if *quick {
		s.rounds, s.warmUp, s.window = 1, 1500*time.Millisecond, 2500*time.Millisecond
	}
	return s, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	sides := []side{{name: "ours", binary: s.ours}, {name: "peer", binary: s.peer}}
	sides = slices.DeleteFunc(sides, func(sd side) bool { return sd.binary == "" })
	for _, sd := range sides {
		if _, err := os.Stat(sd.binary); err != nil {
			return fmt.Errorf("the binary of %s is not there: %w", sd.name, err)
		}
	}
	if s.profiles != "" {
		if err := os.MkdirAll(s.profiles, 0o755); err != nil {
			return err
		}
	}

	var runs []result
	for _, r := range s.rows {
		for round := 1; round <= s.rounds; round++ {
			for _, p := range r.pipelines() {
				for _, sd := range sides {
					if r.oursOnly && sd.name != "ours" {
						continue
					}
					m := measurement{row: r, pipeline: p, side: sd, round: round, warmUp: s.warmUp, window: s.window, profiles: s.profiles}
					res, err := m.run(ctx)
					if err != nil {
						return fmt.Errorf("row %s, %s, round %d: %w", r.name, sd.name, round, err)
					}
					fmt.Fprintln(stderr, res)
					runs = append(runs, res)
				}
			}
		}
	}

	archived, err := runArchives(ctx, s, sides, stderr)
	if err != nil {
		return err
	}

	if s.out != "" {
		if err := writeRuns(s.out, runs); err != nil {
			return err
		}
	}
	ok, table := report(s.rows, runs)
	fmt.Fprintf(stdout, "%d CPUs, %s, %s warm-up, %s window, median of %d\n\n%s", runtime.NumCPU(), runtime.Version(), s.warmUp, s.window, s.rounds, table)
	if len(archived) > 0 {
		within, table := reportArchive(archived)
		fmt.Fprintf(stdout, "\n%s", table)
		ok = ok && within
	}
	if !ok {
		return errOverBudget
	}
	return nil
}

// runArchives measures the archive, each side and way in turn.
func runArchives(ctx context.Context, s settings, sides []side, stderr io.Writer) (runs archiveRuns, err error) {
	if s.archive == 0 {
		return nil, nil
	}
	for round := range s.rounds {
		for _, way := range archiveWays {
			if way.load == partitionedSpans && round > 0 {
				continue
			}
			for _, sd := range sides {
				if sd.name != way.side || way.load == partitionedSpans && s.archive < fullArchive {
					continue
				}
				profile := ""
				if s.profiles != "" {
					name := fmt.Sprintf("archive-%s-%s-%d.cpu.pprof", way.load, way.name, round+1)
					if profile, err = filepath.Abs(filepath.Join(s.profiles, strings.NewReplacer(" ", "", ",", "-").Replace(name))); err != nil {
						return runs, err
					}
				}
				r, err := runArchive(ctx, sd.binary, way, archiveRate, int64(s.archive), profile)
				if err != nil {
					return runs, fmt.Errorf("archive, %s spans, %s: %w", way.load, way.name, err)
				}
				fmt.Fprintln(stderr, r)
				runs = append(runs, r)
			}
		}
	}
	return runs, nil
}

func writeRuns(path string, runs []result) error {
	b, err := json.MarshalIndent(runs, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
