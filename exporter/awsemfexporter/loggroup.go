package awsemfexporter

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// Operations of CloudWatch Logs, as the protocol names them.
const (
	putLogEvents       = "Logs_20140328.PutLogEvents"
	createLogGroup     = "Logs_20140328.CreateLogGroup"
	createLogStream    = "Logs_20140328.CreateLogStream"
	putRetentionPolicy = "Logs_20140328.PutRetentionPolicy"
)

// caller sends one signed request.
type caller interface {
	Call(ctx context.Context, operation string, header http.Header, body []byte) (*awsclient.Response, error)
}

// logGroups creates log groups and streams that are missing.
type logGroups struct {
	client    caller
	retention int32
	tags      map[string]string
	class     string
	kmsKey    string
	timeout   time.Duration
	count     *counters
	logger    *zap.Logger

	mu      sync.Mutex
	flights map[string]*flight
}

// flight is an attempt to create something. failure is there once done is closed.
type flight struct {
	done    chan struct{}
	failure awsclient.Failure
}

// once runs create, unless somebody is at it already: then it waits for that result.
func (g *logGroups) once(ctx context.Context, what string, create func() awsclient.Failure) awsclient.Failure {
	g.mu.Lock()
	if f, ok := g.flights[what]; ok {
		g.mu.Unlock()
		select {
		case <-f.done:
			return f.failure
		case <-ctx.Done():
			return awsclient.Classify(nil, ctx.Err())
		}
	}
	if g.flights == nil {
		g.flights = map[string]*flight{}
	}
	f := &flight{done: make(chan struct{})}
	g.flights[what] = f
	g.mu.Unlock()

	f.failure = create()
	g.mu.Lock()
	delete(g.flights, what)
	g.mu.Unlock()
	close(f.done)
	return f.failure
}

// create makes a stream, and its group if that is missing too. Callers that
// need the same one at the same time share one attempt.
func (g *logGroups) create(ctx context.Context, group, stream string) awsclient.Failure {
	return g.once(ctx, "stream\x00"+group+"\x00"+stream, func() awsclient.Failure {
		f := g.createStream(ctx, group, stream)
		if f.Code != "ResourceNotFoundException" {
			return f
		}
		// Other streams of the group may find it missing in the same moment.
		f = g.once(ctx, "group\x00"+group, func() awsclient.Failure { return g.createGroup(ctx, group) })
		if f.Kind != awsclient.None {
			return f
		}
		return g.createStream(ctx, group, stream)
	})
}

func (g *logGroups) createStream(ctx context.Context, group, stream string) awsclient.Failure {
	return g.call(ctx, createLogStream, map[string]any{"logGroupName": group, "logStreamName": stream})
}

func (g *logGroups) createGroup(ctx context.Context, group string) awsclient.Failure {
	input := map[string]any{"logGroupName": group}
	if len(g.tags) > 0 {
		input["tags"] = g.tags
	}
	if g.kmsKey != "" {
		input["kmsKeyId"] = g.kmsKey
	}
	if g.class != "" {
		input["logGroupClass"] = g.class
	}
	f := g.call(ctx, createLogGroup, input)
	if f.Kind != awsclient.None || f.Code != "" {
		return f // or somebody else created it, with retention and all
	}
	g.count.groupCreated(ctx)
	g.logger.Info("Created a log group", zap.String("log_group", group))
	if g.retention > 0 {
		g.setRetention(ctx, group)
	}
	return awsclient.Failure{}
}

// retentionTries bounds the attempts to set a retention. The quota is 5 a second.
const retentionTries = 5

// setRetention sets how long the group's events are kept. If that fails for
// good, the group keeps them for ever, which is no reason not to send.
func (g *logGroups) setRetention(ctx context.Context, group string) {
	for try := 1; ; try++ {
		f := g.call(ctx, putRetentionPolicy, map[string]any{"logGroupName": group, "retentionInDays": g.retention})
		if f.Kind == awsclient.None {
			return
		}
		if f.Kind == awsclient.Permanent || f.Kind == awsclient.Denied || try == retentionTries {
			g.count.retentionFailed(ctx)
			g.logger.Warn("Could not set the retention of a log group; its events are kept for ever",
				zap.String("log_group", group), zap.Int32("days", g.retention), zap.Error(f))
			return
		}
		select {
		case <-time.After(time.Duration(try) * time.Second):
		case <-ctx.Done():
		}
	}
}

// call sends one operation. That something exists already is a success.
func (g *logGroups) call(ctx context.Context, operation string, input map[string]any) awsclient.Failure {
	body, err := json.Marshal(input)
	if err != nil {
		return awsclient.Failure{Kind: awsclient.Permanent, Code: "Unwritable", Message: err.Error()}
	}
	if g.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, g.timeout)
		defer cancel()
	}
	f := awsclient.Classify(g.client.Call(ctx, operation, nil, body))
	if f.Code == "ResourceAlreadyExistsException" {
		return awsclient.Failure{Code: f.Code}
	}
	return f
}
