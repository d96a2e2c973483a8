package awsemfexporter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/delivery"
)

// maxDatagram is the largest document that fits into a UDP datagram.
const maxDatagram = 65507

// agentAddress returns the network and address of the CloudWatch agent's EMF
// socket: what the option or the environment names, else the agent's default.
func agentAddress(option string) (network, address string, err error) {
	key := "agent_endpoint"
	if option == "" {
		key, option = "AWS_EMF_AGENT_ENDPOINT", os.Getenv("AWS_EMF_AGENT_ENDPOINT")
	}
	if option == "" {
		option = "tcp://127.0.0.1:25888"
	}
	u, err := url.Parse(option)
	if err != nil || u.Scheme != "tcp" && u.Scheme != "udp" || u.Hostname() == "" || u.Port() == "" || u.Path != "" {
		return "", "", fmt.Errorf("%s: %q is no agent: want tcp://host:port or udp://host:port", key, option)
	}
	return u.Scheme, u.Host, nil
}

// agent sends events to the EMF socket of a CloudWatch agent: one document a
// line over TCP, one a datagram over UDP. The agent never answers. What it had
// not read when a connection breaks is lost with it, and over UDP what it does
// not read in time.
type agent struct {
	network, address string
	timeout          time.Duration
	dial             func(ctx context.Context, network, address string) (net.Conn, error)
	patience         delivery.Patience
	answers          bool
	health           *delivery.Health
	count            *counters
	logger           *zap.Logger

	mu   sync.Mutex // one writer at a time
	conn net.Conn
}

// deliver writes events until the agent's socket has taken each.
func (a *agent) deliver(ctx context.Context, p *portion) error {
	left := p.events
	wait := delivery.Backoff{Config: a.patience.Retry}
	started := time.Now()
	for {
		n, err := a.write(ctx, left)
		a.count.sent(ctx, n)
		left = left[n:]
		var f awsclient.Failure
		if err != nil {
			f = awsclient.Classify(nil, err)
		}
		if n > 0 || err == nil {
			wait.Reset()
		}
		if f.Code != awsclient.CodeCanceled {
			a.count.request(ctx, f)
			a.health.Report(f)
		}
		if err == nil {
			return nil
		}
		if err := a.patience.Pause(ctx, wait.Next(0), started); err != nil {
			return giveUp(ctx, []request{{events: left}}, f, err, a.answers, a.patience.Kept, a.count, a.logger)
		}
		a.count.retried(ctx, len(left))
	}
}

// write returns how many events the socket took before the error.
func (a *agent) write(ctx context.Context, events []event) (n int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.patience.Over, cancel)()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if a.conn == nil {
		if a.conn, err = a.dial(ctx, a.network, a.address); err != nil {
			a.conn = nil
			return 0, err
		}
	}
	conn := a.conn
	defer context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })()
	var line []byte
	for i := range events {
		if a.timeout > 0 && ctx.Err() == nil {
			_ = conn.SetWriteDeadline(time.Now().Add(a.timeout))
		}
		line = append(line[:0], events[i].message...)
		if a.network == "tcp" {
			line = append(line, '\n')
		}
		if _, err := conn.Write(line); err != nil {
			_ = conn.Close()
			a.conn = nil
			return i, errors.Join(err, ctx.Err())
		}
	}
	return len(events), nil
}

// close ends the connection.
func (a *agent) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn != nil {
		_ = a.conn.Close()
		a.conn = nil
	}
}
