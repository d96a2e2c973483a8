package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// listener is an address that a component binds.
type listener struct{ component, network, address string }

// checkPorts binds each address for a moment.
func checkPorts(ctx context.Context, listeners []listener) (findings []Finding) {
	owner := map[string]string{} // component by network and address
	for _, l := range listeners {
		key := l.network + " " + loopbackIP(l.address)
		if other, taken := owner[key]; taken && !strings.HasSuffix(l.address, ":0") {
			findings = append(findings, Finding{Status: Fail, Component: l.component,
				Text: fmt.Sprintf("%s %s is in this configuration twice: %s has it too", l.network, l.address, other),
				Fix:  "give one of them another port"})
			continue
		}
		owner[key] = l.component
		findings = append(findings, l.check(ctx))
	}
	return findings
}

// loopbackIP writes localhost as its usual address, so that addresses compare.
func loopbackIP(address string) string {
	if port, ok := strings.CutPrefix(address, "localhost:"); ok {
		return "127.0.0.1:" + port
	}
	return address
}

func (l listener) check(ctx context.Context) Finding {
	f := Finding{Component: l.component}
	err := l.bind(ctx)
	switch {
	case err == nil:
		f.Status, f.Text = OK, fmt.Sprintf("%s %s is free", l.network, l.address)
	case errors.Is(err, syscall.EADDRINUSE):
		f.Status = Fail
		by := portOwner(l.network, l.address)
		if by.name == "" {
			f.Text = fmt.Sprintf("%s %s is taken", l.network, l.address)
			f.Fix = "find who has it (as root: ss -lnptu), stop that, or set another port"
			break
		}
		f.Text = fmt.Sprintf("%s %s is taken by %s (process %d)", l.network, l.address, by.name, by.pid)
		switch by.name {
		case "tailwater":
			f.Status = Warn
			f.Fix = "the collector seems to run already; stop it before you start another"
		case "xray":
			f.Fix = "stop the X-Ray daemon, and keep it from starting again: systemctl disable --now xray"
		default:
			f.Fix = "stop that, or set another port; X-Ray SDKs find it by AWS_XRAY_DAEMON_ADDRESS"
		}
	case errors.Is(err, syscall.EACCES):
		f.Status, f.Text = Fail, fmt.Sprintf("%s %s: this user may not bind it: %v", l.network, l.address, err)
		f.Fix = "use a port above 1023"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.Status, f.Text = Fail, fmt.Sprintf("%s %s: this machine has no such address", l.network, l.address)
		f.Fix = "use 127.0.0.1, or 0.0.0.0 for all addresses"
	default:
		f.Status, f.Text = Fail, fmt.Sprintf("%s %s: %v", l.network, l.address, err)
	}
	return f
}

func (l listener) bind(ctx context.Context) error {
	var config net.ListenConfig
	if l.network == "udp" {
		conn, err := config.ListenPacket(ctx, "udp", l.address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	socket, err := config.Listen(ctx, l.network, l.address)
	if err != nil {
		return err
	}
	return socket.Close()
}

// process is who has a port. The zero value is nobody that can be found.
type process struct {
	name string
	pid  int
}
