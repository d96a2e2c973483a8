package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// dial is an address that a component connects to over TCP.
type dial struct{ component, address string }

func checkDials(ctx context.Context, dials []dial, timeout time.Duration) (findings []Finding) {
	for _, d := range dials {
		dialer := net.Dialer{Timeout: timeout}
		conn, err := dialer.DialContext(ctx, "tcp", d.address)
		if err != nil {
			findings = append(findings, Finding{Status: Fail, Component: d.component,
				Text: fmt.Sprintf("%s cannot be reached: %v", d.address, err), Fix: unreachable(err)})
			continue
		}
		conn.Close()
		findings = append(findings, Finding{Status: OK, Component: d.component, Text: d.address + " accepts connections"})
	}
	return findings
}

// accepts tells whether an address takes connections.
func accepts(ctx context.Context, address string, timeout time.Duration) bool {
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// unreachable says what is the matter with an address by how it fails.
func unreachable(err error) string {
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &dns):
		return "the name has no address here: look for a typing error in endpoint or region, and at the DNS of this network"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: start it, or look at host and port"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "packets vanish: look at security groups and network ACLs; a subnet without a NAT gateway needs a VPC endpoint, or a proxy in proxy_address"
	}
	return "look at the network between this machine and that address"
}
