package awss3receiver

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
)

// stamp marks what is replayed: spans and log records themselves, metrics on
// their resource, because on data points it would make other time series.
const stamp = "archive.replayed"

// parquet replays the rows of a file that are asked for, from a row group on.
func (r *replay) parquet(ctx context.Context, c content, size int64, at position, group int) error {
	file, err := archive.Open(c, size)
	if err != nil {
		return err
	}
	some := false
	for ; group < file.Groups(); group++ {
		admitted, err := file.Admits(group, &r.query)
		if err != nil {
			return err
		}
		r.count.rowGroup(admitted)
		if !admitted {
			continue
		}
		some = true
		err = file.Read(ctx, group, &r.query, r.pace.batch(), func(td ptrace.Traces) error {
			stampTraces(td)
			return r.send(ctx, td.SpanCount(), func(ctx context.Context) error { return r.signal.traces.ConsumeTraces(ctx, td) })
		})
		if err != nil {
			return err
		}
		at.Group = group + 1
		r.saved(r.checkpoint.save(at))
	}
	r.count.object(some)
	return nil
}

func stampTraces(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				span.Attributes().PutBool(stamp, true)
			}
		}
	}
}

// askedService says whether the resource is of a service that is asked for.
func (r *replay) askedService(res pcommon.Resource) bool {
	if len(r.query.Services) == 0 {
		return true
	}
	name, found := res.Attributes().Get("service.name")
	if !found {
		return false
	}
	_, asked := r.query.Services[name.AsString()]
	return asked
}
