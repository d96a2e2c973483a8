// Package run is the demo's command: it starts the collector and the shop,
// sends traffic, and stops everything again.
package run

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tailwater-otel/tailwater/demo/local"
	"github.com/tailwater-otel/tailwater/demo/shop"
)

const (
	startTimeout = 60 * time.Second // a cold Node on a busy machine
	checkTimeout = 60 * time.Second
	stopTimeout  = 15 * time.Second
)

type options struct {
	binary, config, dir string
	freePorts           bool
	traffic             time.Duration
	rate                float64
	once                bool
	check               int
	verbose             bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.binary, "bin", "bin/tailwater", "the collector's `path`")
	flags.StringVar(&o.config, "config", "configs/local.yaml", "the collector's configuration, a `path`")
	flags.StringVar(&o.dir, "dir", "demo", "the demo's own `directory`, which holds the Node services")
	flags.BoolVar(&o.freePorts, "free-ports", false, "listen on free ports instead of the standard ones")
	flags.DurationVar(&o.traffic, "traffic", 0, "send traffic for this `duration`, then keep the page open; 0 sends until Ctrl-C")
	flags.Float64Var(&o.rate, "rate", 4, "`requests` a second")
	flags.BoolVar(&o.once, "once", false, "send each kind of request once, then keep the page open")
	flags.IntVar(&o.check, "check", 0, "send each kind of request this many `times`, check that every trace came out whole, and exit")
	flags.BoolVar(&o.verbose, "v", false, "print all that the collector and the services say")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unknown argument %q", flags.Arg(0))
	case o.rate <= 0 || o.rate > 1000:
		return o, fmt.Errorf("-rate is %v: it must be above 0 and at most 1000", o.rate)
	case o.check < 0:
		return o, fmt.Errorf("-check is %d: it must not be negative", o.check)
	case o.traffic < 0:
		return o, fmt.Errorf("-traffic is %s: it must not be negative", o.traffic)
	}
	return o, nil
}

// Main runs the demo until ctx is done or its work is, and returns the exit
// code: 0 if all went well, 1 if not, 2 for wrong arguments. The program must
// have called shop.RunServiceIfAsked.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 2
	}
	d := &demo{options: o, out: &lines{w: stdout}}
	if err := d.run(ctx); err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	return 0
}

// lines lets the children's lines and ours not cut into one another.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, format+"\n", args...)
}

type demo struct {
	options
	out       *lines
	addresses local.Addresses
}

func (d *demo) run(ctx context.Context) (err error) {
	d.addresses = local.Standard()
	if d.freePorts {
		if d.addresses, err = local.Free(); err != nil {
			return err
		}
	}
	if err := d.addresses.Check(); err != nil {
		return fmt.Errorf("%w\n-free-ports runs the demo on other ports", err)
	}
	state := "" // the configuration's own, which one demo at a time may use
	if d.freePorts {
		if state, err = os.MkdirTemp("", "tailwater-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
	}
	startCtx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	collector, err := local.Start(startCtx, local.Options{
		Binary: d.binary, Configs: []string{d.config}, Addresses: d.addresses, State: state, OnLine: d.collectorLine,
	})
	if err != nil {
		return err
	}
	// Deferred calls run last to first: the shop stops before the collector, so
	// that its last spans are taken in.
	defer func() { err = errors.Join(err, stop(ctx, collector.Stop)) }()
	s, err := shop.Start(startCtx, shop.Options{
		XRay: d.addresses.XRay, OTLPGRPC: d.addresses.OTLPGRPC, OTLPHTTP: d.addresses.OTLPHTTP,
		Dir: d.dir, OnLine: d.serviceLine,
	})
	if err != nil {
		return stopped(ctx, err)
	}
	defer func() { err = errors.Join(err, stop(ctx, s.Stop)) }()
	if s.LeftOut != "" {
		d.out.printf("%s\n", s.LeftOut)
	}
	// A collector that ends by itself ends the demo.
	ctx, cancelRun := context.WithCancelCause(ctx)
	defer cancelRun(nil)
	go func() {
		select {
		case <-collector.Done():
			cancelRun(fmt.Errorf("the collector ended:\n%s", collector.Log.Tail(15)))
		case <-ctx.Done():
		}
	}()
	if d.check > 0 {
		return d.runCheck(ctx, s)
	}
	d.welcome(s)
	if err := d.sendTraffic(ctx, s); err != nil {
		return stopped(ctx, err)
	}
	<-ctx.Done()
	d.out.printf("\nStopping.")
	return stopped(ctx, ctx.Err())
}

// stop gives a part of the demo time to stop, also when ctx is done.
func stop(ctx context.Context, part func(context.Context) error) error {
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return part(stopCtx)
}

// stopped turns an error that comes from Ctrl-C into none, and one that comes
// from a collector that ended into the reason of that.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// collectorLine prints what the collector complains about, or all of it.
func (d *demo) collectorLine(line string) {
	trouble := slices.ContainsFunc([]string{"\twarn\t", "\terror\t", "\tfatal\t", "panic"}, func(mark string) bool {
		return strings.Contains(line, mark)
	})
	// A warning for those without a tail sampler, which configs/local.yaml has.
	recordAll := strings.Contains(line, "SDKs are told to record every request")
	if d.verbose || trouble && !recordAll {
		d.out.printf("collector | %s", line)
	}
}

func (d *demo) serviceLine(service, line string) {
	if d.verbose {
		d.out.printf("%s | %s", service, line)
	}
}

func (d *demo) welcome(s *shop.Shop) {
	kinds := &strings.Builder{}
	for _, scenario := range s.Scenarios {
		fmt.Fprintf(kinds, "  %-10s %-4s %-28s %s\n", scenario.Name, scenario.Method, scenario.Path, scenario.About)
	}
	d.out.printf(`Tailwater is running, and a small shop sends it traces.

  Service graph and traces   http://%s/
  The shop                   %s
  X-Ray SDKs send to         %s (UDP; sampling rules over TCP)
  OpenTelemetry sends to     %s (gRPC), %s (HTTP)

The customers' requests:
%s
Try:
  curl -i %s/orders/returns
      then look for it at the top of the page's list: a fault with its stack
  AWS_XRAY_DAEMON_ADDRESS=%s your-own-program
  aws xray get-service-graph --endpoint-url http://%s --region us-east-1 \
      --start-time $(($(date +%%s) - 300)) --end-time $(date +%%s)

Everything is recorded: the demo's SDKs have local sampling rules that say so.
Ctrl-C stops it all.
`, d.addresses.API, s.URL, d.addresses.XRay, d.addresses.OTLPGRPC, d.addresses.OTLPHTTP,
		strings.TrimRight(kinds.String(), "\n")+"\n", s.URL, d.addresses.XRay, d.addresses.API)
}

func (d *demo) sendTraffic(ctx context.Context, s *shop.Shop) error {
	if d.once {
		sent, err := s.SendAll(ctx, 1)
		if err != nil {
			return err
		}
		d.out.printf("%d requests sent, one of each kind.", len(sent))
		return nil
	}
	walkCtx, cancel := ctx, context.CancelFunc(func() {})
	if d.traffic > 0 {
		walkCtx, cancel = context.WithTimeout(ctx, d.traffic)
	}
	defer cancel()
	requests, err := s.Walk(walkCtx, d.rate)
	if err == nil && ctx.Err() == nil {
		d.out.printf("%d requests sent; the page stays open until Ctrl-C.", requests)
	}
	return err
}

func (d *demo) runCheck(ctx context.Context, s *shop.Shop) error {
	start := time.Now().Add(-time.Second)
	sent, err := s.SendAll(ctx, d.check)
	if err != nil {
		return stopped(ctx, err)
	}
	checkCtx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	report, err := shop.NewReader("http://"+d.addresses.API).Check(checkCtx, sent, start)
	if err != nil {
		return stopped(ctx, err)
	}
	if len(report.Misses) > 0 {
		return fmt.Errorf("of %d traces not all came out whole:\n  %s", report.Traces, strings.Join(report.Misses, "\n  "))
	}
	d.out.printf("ok: %d requests of %d kinds; every trace is whole, and the graph has its %d nodes and %d edges with the right counts",
		report.Traces, len(s.Scenarios), report.Services, report.Edges)
	return nil
}
