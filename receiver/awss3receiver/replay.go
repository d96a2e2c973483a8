package awss3receiver

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/archive"
)

// Reasons of objects that are not replayed.
const (
	reasonUnknownSuffix = "unknown_suffix"
	reasonBadParquet    = "bad_parquet"
	reasonBadOTLP       = "bad_otlp"
	reasonBadEncoding   = "bad_encoding"
	reasonTooLarge      = "too_large"
	reasonChanged       = "changed"
	reasonDenied        = "denied"
	reasonUnreadable    = "unreadable"
)

// replay goes through the objects once, in the order of layouts, partitions and
// keys. One goroutine runs it.
type replay struct {
	cfg        *Config
	start, end time.Time
	layouts    []layout
	query      archive.Query
	signal     signal
	store      store
	host       component.Host
	logger     *zap.Logger
	count      *counters
	pace       pace
	checkpoint *checkpoint
	unknown    map[string]struct{} // suffixes that were logged; bounded
	total      totals
}

// totals are what the last line of the log says.
type totals struct{ objects, failed, items int64 }

// run replays everything. It returns early only when ctx ends.
func (r *replay) run(ctx context.Context) {
	began := time.Now()
	r.logger.Info("Replaying", zap.String("from", r.store.describe()), zap.Time("starttime", r.start), zap.Time("endtime", r.end))
	if r.checkpoint.Done {
		r.logger.Info("The replay was done before; remove the checkpoint to replay again", zap.String("checkpoint", r.checkpoint.path))
		return
	}
	if err := r.all(ctx); err != nil {
		if ctx.Err() == nil {
			r.logger.Error("The replay ends because objects cannot be listed; what is left waits for the next start", zap.Error(err))
			componentstatus.ReportStatus(r.host, componentstatus.NewPermanentErrorEvent(err))
		}
		return
	}
	r.saved(r.checkpoint.finish())
	r.logger.Info("The replay is done", zap.Int64("objects", r.total.objects), zap.Int64("objects failed", r.total.failed),
		zap.Int64(r.signal.items, r.total.items), zap.Duration("took", time.Since(began)))
}

// all goes through all listings.
func (r *replay) all(ctx context.Context) error {
	for i := range r.layouts {
		for l := range r.layouts[i].listings(r.start, r.end) {
			if !r.checkpoint.reached(i, l.prefix) {
				continue
			}
			if err := r.listing(ctx, i, &l); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// listing replays the objects of one listing. Its error is one of listing or
// that of ctx.
func (r *replay) listing(ctx context.Context, layout int, l *listing) error {
	for o, err := range r.store.list(ctx, l.prefix) {
		if err != nil {
			return err
		}
		if !l.wants(o.key) || r.isHidden(o.key, l.prefix) {
			continue
		}
		at := position{Layout: layout, Prefix: l.prefix, Key: o.key}
		group, done := r.checkpoint.resume(at)
		if done {
			continue
		}
		if err := r.object(ctx, o, at, group); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// isHidden says whether a part of the key behind the partition is hidden.
func (r *replay) isHidden(key, prefix string) bool {
	from := strings.LastIndexByte(prefix, '/') + 1
	for part := range strings.SplitSeq(key[from:], "/") {
		if hidden(part) {
			return true
		}
	}
	return false
}

// object replays one object, from a row group on. What goes wrong with it is
// counted and logged; the error is that of ctx.
func (r *replay) object(ctx context.Context, o object, at position, group int) error {
	format, mine := r.formatOf(path.Base(o.key))
	if !mine {
		return nil
	}
	r.total.objects++
	err := r.read(ctx, o, format, at, group)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.total.failed++
		reason := reasonOf(err, format)
		r.count.objectFailed(reason)
		if reason != reasonUnknownSuffix || r.isNewSuffix(o.key) {
			r.logger.Error("An object is not replayed, or not to its end", zap.String("key", o.key), zap.String("reason", reason), zap.Error(err))
		}
	}
	at.Group = allGroups
	r.saved(r.checkpoint.save(at))
	return nil
}

func (r *replay) saved(err error) {
	if err != nil {
		r.logger.Error("The checkpoint is not written: a restart replays again from the last one", zap.Error(err))
	}
}

// maxUnknown bounds the suffixes that are logged.
const maxUnknown = 64

func (r *replay) isNewSuffix(key string) bool {
	suffix := path.Ext(key)
	if _, found := r.unknown[suffix]; found || len(r.unknown) >= maxUnknown {
		return false
	}
	r.unknown[suffix] = struct{}{}
	return true
}

// read replays one object.
func (r *replay) read(ctx context.Context, o object, format format, at position, group int) error {
	if format.kind == unknownFormat {
		return fmt.Errorf("no reader for names like %s; list one in encodings", path.Base(o.key))
	}
	c, err := r.store.open(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		r.count.bytesRead(c.bytes())
		_ = c.Close()
	}()
	if format.kind == parquetFormat {
		return r.parquet(ctx, c, o.size, at, group)
	}
	if err := r.document(ctx, c, o.size, format); err != nil {
		return err
	}
	r.count.object(true)
	return nil
}

// reasonOf names an error of an object.
func reasonOf(err error, format format) string {
	switch {
	case format.kind == unknownFormat:
		return reasonUnknownSuffix
	case errors.Is(err, errChanged):
		return reasonChanged
	case errors.Is(err, errDenied):
		return reasonDenied
	case errors.Is(err, errTooLarge):
		return reasonTooLarge
	case errors.Is(err, errStore):
		return reasonUnreadable
	case format.kind == parquetFormat:
		return reasonBadParquet
	case format.kind == encodedFormat:
		return reasonBadEncoding
	}
	return reasonBadOTLP
}

// send hands data on and waits until the pipeline takes it. What the pipeline
// refuses for good is lost and counted. The error is that of ctx.
func (r *replay) send(ctx context.Context, items int, consume func(context.Context) error) error {
	if items == 0 {
		return ctx.Err()
	}
	if err := r.pace.wait(ctx, items); err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		err := consume(r.signal.obs.start(ctx))
		r.signal.obs.end(ctx, items, err)
		switch {
		case err == nil:
			r.total.items += int64(items)
			r.count.replayed(items)
			return ctx.Err()
		case ctx.Err() != nil:
			return ctx.Err()
		case consumererror.IsPermanent(err):
			r.count.lost(items)
			r.logger.Error("The pipeline refuses what is replayed", zap.Int(r.signal.items, items), zap.Error(err))
			return nil
		}
		if err := backoff(ctx, attempt); err != nil {
			return err
		}
	}
}
