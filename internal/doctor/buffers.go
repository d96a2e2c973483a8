package doctor

import (
	"context"
	"fmt"

	"github.com/tailwater-otel/tailwater/internal/udpsocket"
)

// buffer is what a component asks the kernel for.
type buffer struct {
	component string
	bytes     int // receive_buffer_bytes
}

// checkBuffers asks the kernel for a socket like the component's.
func checkBuffers(ctx context.Context, buffers []buffer) (findings []Finding) {
	for _, b := range buffers {
		socket, err := udpsocket.Listen(ctx, udpsocket.Options{Address: "127.0.0.1:0", ReceiveBuffer: b.bytes})
		if err != nil {
			findings = append(findings, Finding{Status: Warn, Component: b.component, Text: fmt.Sprintf("the receive buffer cannot be tried: %v", err)})
			continue
		}
		granted := socket.ReceiveBuffer()
		if err := socket.Close(); err != nil {
			findings = append(findings, Finding{Status: Warn, Component: b.component, Text: fmt.Sprintf("close a socket: %v", err)})
		}
		findings = append(findings, b.judge(granted))
	}
	return findings
}

// judge compares what the kernel granted, 0 if it does not tell.
func (b buffer) judge(granted int) Finding {
	f := Finding{Component: b.component}
	if granted == 0 || granted >= b.bytes {
		f.Status, f.Text = OK, fmt.Sprintf("the kernel grants this user a receive buffer of %d bytes", b.bytes)
		return f
	}
	f.Status = Warn
	f.Text = fmt.Sprintf("the kernel grants a receive buffer of %d bytes and not of %d: it will drop bursts of segments without a word", granted, b.bytes)
	if udpsocket.ReceiveBufferHint != "" {
		f.Fix = fmt.Sprintf("%s%d (on the host, also for containers; in /etc/sysctl.d/ it stays), or run with the capability NET_ADMIN", udpsocket.ReceiveBufferHint, b.bytes)
	}
	return f
}
