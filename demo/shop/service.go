package shop

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	orderservice "github.com/tailwater-otel/tailwater/demo/orders"
	paymentservice "github.com/tailwater-otel/tailwater/demo/payment"
)

// The Go services run in processes of their own, like any service: the program
// starts itself again with this variable naming the one to be.
const serviceVariable = "TAILWATER_DEMO_SERVICE"

// hostsVariable says where the shop's names live: orders=127.0.0.1:2345,...
const hostsVariable = "SHOP_HOSTS"

const ready = "listening on "

// stopTimeout bounds how long a service finishes requests and sends spans.
const stopTimeout = 5 * time.Second

// RunServiceIfAsked turns this process into one of the shop's Go services when
// it was started to be one, and then does not return. A program that calls
// Start must call it first thing in main.
func RunServiceIfAsked() {
	name := os.Getenv(serviceVariable)
	if name == "" {
		return
	}
	if err := runService(name); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runService(name string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	client := &http.Client{Transport: &http.Transport{DialContext: dialByName(os.Getenv(hostsVariable))}, Timeout: 10 * time.Second}
	switch name {
	case orders:
		handler, err := orderservice.Handler(client)
		if err != nil {
			return err
		}
		return serve(ctx, handler)
	case payment:
		handler, flush, err := paymentservice.Handler(ctx, client)
		if err != nil {
			return err
		}
		err = serve(ctx, handler)
		flushCtx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if flushErr := flush(flushCtx); flushErr != nil && err == nil {
			err = fmt.Errorf("send the last spans: %w", flushErr)
		}
		return err
	default:
		return fmt.Errorf("no such service; there are %s and %s", orders, payment)
	}
}

// serve answers on a free loopback port, which it prints, until ctx is done.
func serve(ctx context.Context, handler http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Println(ready + listener.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stopCtx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return server.Shutdown(stopCtx)
}

// dialByName connects to the address that hosts gives for a name, and to
// nothing else.
func dialByName(hosts string) func(context.Context, string, string) (net.Conn, error) {
	addresses := map[string]string{}
	for pair := range strings.SplitSeq(hosts, ",") {
		if name, address, ok := strings.Cut(pair, "="); ok {
			addresses[name] = address
		}
	}
	var dialer net.Dialer
	return func(ctx context.Context, network, target string) (net.Conn, error) {
		name, _, err := net.SplitHostPort(target)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", target, err)
		}
		address, ok := addresses[name]
		if !ok {
			return nil, fmt.Errorf("no address for %q in %s", name, hostsVariable)
		}
		return dialer.DialContext(ctx, network, address)
	}
}
