// Package shop runs the demo shop: four services that send traces in four
// ways, what they call, the traffic, and the check that what came out of the
// collector is what went in.
package shop

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

	"github.com/tailwater-otel/tailwater/demo/backends"
	"github.com/tailwater-otel/tailwater/demo/proc"
)

// Options say where the shop sends its traces. Addresses are host:port.
type Options struct {
	XRay     string // X-Ray SDKs
	OTLPGRPC string // the OpenTelemetry SDK for Go
	OTLPHTTP string // OpenTelemetry for Node

	// Dir is the demo's directory, which holds the Node services. Without Node,
	// or without their packages, they are left out.
	Dir string

	// OnLine, if not nil, is called with each line that a service prints.
	OnLine func(service, line string)
}

// Shop is a running shop.
type Shop struct {
	// URL is where requests go: the frontend, or without Node the orders.
	URL string
	// Scenarios are the requests that this shop answers.
	Scenarios []Scenario
	// LeftOut says which services are missing and why; empty if none is.
	LeftOut string

	backends []*http.Server
	services []*proc.Process // in the order of their start
}

// Start starts the shop and returns when all of it answers. The calling
// program must have called RunServiceIfAsked. Stop must be called, also when
// only part of the shop could be started; Start does that itself on an error.
func Start(ctx context.Context, o Options) (shop *Shop, err error) {
	s := &Shop{}
	defer func() {
		if err != nil {
			stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer cancel()
			err = errors.Join(err, s.Stop(stopCtx))
			shop = nil
		}
	}()
	bankAddress, err := s.serve(backends.Bank())
	if err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	tableAddress, err := s.serve(backends.Table())
	if err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	tracing := []string{
		"AWS_XRAY_DAEMON_ADDRESS=" + o.XRay,
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + o.OTLPGRPC,
		// A second between batches is pleasant to watch; the default is five.
		"OTEL_BSP_SCHEDULE_DELAY=1000",
	}
	paymentAddress, err := s.goService(ctx, o, payment, append(tracing, hostsVariable+"="+bank+"="+bankAddress))
	if err != nil {
		return nil, err
	}
	ordersAddress, err := s.goService(ctx, o, orders, append(tracing, hostsVariable+"=payment="+paymentAddress))
	if err != nil {
		return nil, err
	}
	node, why := findNode(ctx, o.Dir)
	if why != "" {
		s.LeftOut = "The Node services (frontend and catalog, with their DynamoDB calls) are left out: " + why
		s.URL, s.Scenarios = "http://"+ordersAddress, Scenarios(false)
		return s, nil
	}
	tracing = append(tracing,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+o.OTLPHTTP,
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		"OTEL_SERVICE_NAME="+catalog,
		"OTEL_RESOURCE_ATTRIBUTES=service.version=2.0.1",
		"OTEL_PROPAGATORS=none", // propagator.js sets it
		"OTEL_TRACES_SAMPLER=parentbased_always_on",
		"OTEL_METRICS_EXPORTER=none",
		"OTEL_LOGS_EXPORTER=none",
		// The detectors of clouds would ask their metadata addresses.
		"OTEL_NODE_RESOURCE_DETECTORS=env,host,process",
		"OTEL_NODE_ENABLED_INSTRUMENTATIONS=http,aws-sdk",
	)
	hosts := hostsVariable + "=" + tableHost + "=" + tableAddress
	catalogAddress, err := s.nodeService(ctx, o, node, catalog, append(tracing, hosts),
		"--require", "./catalog/propagator.js", "--require", "@opentelemetry/auto-instrumentations-node/register")
	if err != nil {
		return nil, err
	}
	frontendAddress, err := s.nodeService(ctx, o, node, frontend,
		append(tracing, hosts+",catalog="+catalogAddress+",orders="+ordersAddress))
	if err != nil {
		return nil, err
	}
	s.URL, s.Scenarios = "http://"+frontendAddress, Scenarios(true)
	return s, nil
}

// serve runs one of the backends in this process.
func (s *Shop) serve(handler http.Handler) (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	s.backends = append(s.backends, server)
	// Serve returns when Stop closes the server; a failure before that shows as
	// failed calls in the traffic.
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String(), nil
}

func (s *Shop) goService(ctx context.Context, o Options, name string, env []string) (address string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(cleanEnv(), append(env, serviceVariable+"="+name)...)
	return s.start(ctx, o, name, cmd)
}

func (s *Shop) nodeService(ctx context.Context, o Options, node, name string, env []string, flags ...string) (address string, err error) {
	cmd := exec.Command(node, append(flags, name+"/"+name+".js")...)
	cmd.Dir = o.Dir
	cmd.Env = append(cleanEnv(), env...)
	return s.start(ctx, o, name, cmd)
}

// cleanEnv is our environment without what would change how services trace.
func cleanEnv() []string {
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "OTEL_") && !strings.HasPrefix(pair, "AWS_") {
			env = append(env, pair)
		}
	}
	return env
}

// start starts a service and waits until it says where it listens.
func (s *Shop) start(ctx context.Context, o Options, name string, cmd *exec.Cmd) (address string, err error) {
	var onLine func(string)
	if o.OnLine != nil {
		onLine = func(line string) { o.OnLine(name, line) }
	}
	process, err := proc.Start(name, cmd, onLine)
	if err != nil {
		return "", err
	}
	s.services = append(s.services, process)
	line, err := process.WaitLine(ctx, func(line string) bool { return strings.HasPrefix(line, ready) })
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(line, ready), nil
}

// Stop stops the services, callers before those they call, so that each can
// finish its requests and send its spans. A service that does not end before
// ctx is done is killed.
func (s *Shop) Stop(ctx context.Context) error {
	var errs []error
	for i := len(s.services) - 1; i >= 0; i-- {
		if err := s.services[i].Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.services[i].Name(), err))
		}
	}
	for _, server := range s.backends {
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}
