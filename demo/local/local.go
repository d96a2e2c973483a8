// Package local runs the collector binary on this machine, with addresses of
// the caller's choice, for the demo and the end-to-end tests.
package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/demo/proc"
)

// Addresses are what the collector listens on, each host:port. configs/local.yaml
// takes them from the environment.
type Addresses struct {
	XRay     string // segments over UDP, the sampling API over TCP
	OTLPGRPC string
	OTLPHTTP string
	API      string // the X-Ray API and its page
	Health   string
	Metrics  string // the collector's own, for Prometheus
}

// Standard returns the addresses of configs/local.yaml.
func Standard() Addresses {
	return Addresses{
		XRay: "127.0.0.1:2000", OTLPGRPC: "127.0.0.1:4317", OTLPHTTP: "127.0.0.1:4318",
		API: "127.0.0.1:2080", Health: "127.0.0.1:13133", Metrics: "127.0.0.1:8888",
	}
}

// Free returns addresses that nobody listens on.
func Free() (Addresses, error) {
	var a Addresses
	for _, field := range []*string{&a.XRay, &a.OTLPGRPC, &a.OTLPHTTP, &a.API, &a.Health, &a.Metrics} {
		address, err := proc.FreeAddress()
		if err != nil {
			return Addresses{}, err
		}
		*field = address
	}
	return a, nil
}

// named pairs each address with its environment variable, if there is one for
// the whole of it, and its meaning.
func (a Addresses) named() [][3]string {
	return [][3]string{
		{"TAILWATER_XRAY_ENDPOINT", a.XRay, "X-Ray SDKs"},
		{"TAILWATER_OTLP_GRPC_ENDPOINT", a.OTLPGRPC, "OTLP over gRPC"},
		{"TAILWATER_OTLP_HTTP_ENDPOINT", a.OTLPHTTP, "OTLP over HTTP"},
		{"TAILWATER_LOCAL_ENDPOINT", a.API, "the local X-Ray API and its page"},
		{"TAILWATER_HEALTH_ENDPOINT", a.Health, "health"},
		{"", a.Metrics, "the collector's own metrics"},
	}
}

// Env returns the addresses as environment variables, as configs/local.yaml
// reads them.
func (a Addresses) Env() []string {
	var env []string
	for _, n := range a.named() {
		if n[0] != "" {
			env = append(env, n[0]+"="+n[1])
		}
	}
	// The metrics reader takes host and port apart.
	host, port, _ := net.SplitHostPort(a.Metrics)
	return append(env, "TAILWATER_METRICS_HOST="+host, "TAILWATER_METRICS_PORT="+port)
}

// Check returns an error that names each address that is in use already.
func (a Addresses) Check() error {
	var errs []error
	for _, n := range a.named() {
		if protocol := proc.Taken(n[1]); protocol != "" {
			errs = append(errs, fmt.Errorf("%s (%s, for %s) is taken: stop what listens there", n[1], protocol, n[2]))
		}
	}
	return errors.Join(errs...)
}

// Options say how to run the collector.
type Options struct {
	Binary    string   // path of the tailwater binary
	Configs   []string // each a path, or a URI such as yaml:…
	Addresses Addresses
	// State is the folder for the archive, which one collector at a time may
	// use. Empty leaves it to the configuration.
	State string
	Env   []string // more variables, NAME=value
	Args  []string // more arguments
	// OnLine, if not nil, is called with each line of the collector's log.
	OnLine func(line string)
}

// Collector is a running collector.
type Collector struct {
	*proc.Process
	Addresses Addresses
}

// Start starts the collector and returns when it is healthy. On an error
// nothing is left running.
func Start(ctx context.Context, o Options) (*Collector, error) {
	c, err := Launch(o)
	if err != nil {
		return nil, err
	}
	if err := c.waitHealthy(ctx); err != nil {
		return nil, errors.Join(err, c.Kill())
	}
	return c, nil
}

// Launch starts the collector and does not wait for it.
func Launch(o Options) (*Collector, error) {
	if _, err := os.Stat(o.Binary); err != nil {
		return nil, fmt.Errorf("no collector at %s (make build makes it): %w", o.Binary, err)
	}
	var args []string
	for _, config := range o.Configs {
		args = append(args, "--config", config)
	}
	cmd := exec.Command(o.Binary, append(args, o.Args...)...)
	for _, pair := range os.Environ() {
		// Credentials and regions of this machine have no place here: all of
		// this must work without an AWS account.
		if !strings.HasPrefix(pair, "AWS_") && !strings.HasPrefix(pair, "OTEL_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(cmd.Env, o.Addresses.Env()...)
	if o.State != "" {
		cmd.Env = append(cmd.Env, "TAILWATER_STATE="+o.State)
	}
	cmd.Env = append(cmd.Env, o.Env...)
	process, err := proc.Start("tailwater", cmd, o.OnLine)
	if err != nil {
		return nil, err
	}
	return &Collector{process, o.Addresses}, nil
}

// waitHealthy asks the health check until it answers 200.
func (c *Collector) waitHealthy(ctx context.Context) error {
	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Addresses.Health, nil)
		if err != nil {
			return fmt.Errorf("health address: %w", err)
		}
		if reply, err := client.Do(request); err == nil {
			reply.Body.Close()
			if reply.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-c.Done():
			return fmt.Errorf("the collector ended at its start; it said:\n%s", c.Log.Tail(15))
		case <-ctx.Done():
			return fmt.Errorf("the collector is not healthy: %w; it said:\n%s", ctx.Err(), c.Log.Tail(15))
		case <-tick.C:
		}
	}
}
