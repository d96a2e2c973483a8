package awss3exporter

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/spool"
)

// An archiver is what the spool delivers to (spool.Deliverer).
var _ spool.Deliverer = (*archiver)(nil)

// Build makes the Parquet files of a segment. It is the one place where what
// arrives could hit an error in the program, and that must not end the process.
func (a *archiver) Build(ctx context.Context, g *spool.Segment, create, temporary func(string) (spool.File, error)) (_ []spool.Output, _ spool.Damage, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &spool.Unacceptable{Err: fmt.Errorf("error in the program: %v\n%s", r, debug.Stack())}
		}
	}()
	outputs, damage, done, err := a.build.build(ctx, g, create, temporary)
	if err != nil {
		return nil, damage, err
	}
	// A crash between here and the manifest builds, and counts, again.
	a.count.built(&done, &damage)
	if damage.Err != nil {
		a.set.Logger.Error("A log of the spool is damaged; what can be read is archived, and the log is kept in quarantine",
			zap.String("segment", g.ID()), zap.Int64("spans lost", damage.Items+done.unreadable), zap.Error(damage.Err))
	}
	return outputs, damage, nil
}

// Put stores a file as an object.
func (a *archiver) Put(ctx context.Context, file string, o spool.Output) error {
	if a.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.cfg.Timeout+time.Duration(o.Bytes>>18)*time.Second)
		defer cancel()
	}
	how, err := a.store.put(ctx, &object{
		bucket: o.Bucket,
		key:    o.Key,
		kind:   "application/vnd.apache.parquet",
		size:   o.Bytes,
		file:   file,
		about: aboutOf(map[string]string{
			"segment":   o.Segment,
			"partition": o.Partition,
			"rows":      strconv.FormatInt(o.Rows, 10),
			"digest":    o.Digest,
		}),
	})
	a.count.object(ctx, how, o.Bytes)
	if how == conflict {
		err = &spool.Unacceptable{Err: err}
	}
	if err == nil {
		a.health.ok(troubleStore)
	}
	return err
}

// Retry tells of a failure that the spool tries again.
func (a *archiver) Retry(err error) { a.health.fail(troubleStore, err) }

// Delivered counts a segment that is done.
func (a *archiver) Delivered(_ *spool.Segment, outputs []spool.Output, _ spool.Damage) {
	var rows int64
	for i := range outputs {
		if !outputs[i].Quarantined {
			rows += outputs[i].Rows
		}
	}
	a.count.archived(rows)
}

// Quarantined tells of a file that no store will take.
func (a *archiver) Quarantined(o spool.Output, err error) {
	a.count.quarantined(o.Rows)
	a.health.fail(troubleStore, err)
	a.set.Logger.Error("A file can never be stored and is kept in quarantine", zap.String("file", o.File), zap.String("key", o.Key), zap.Error(err))
}

// Abandoned tells of a log that cannot be made into files.
func (a *archiver) Abandoned(g *spool.Segment, err error) {
	a.count.quarantined(g.Items())
	a.health.fail(troubleStore, err)
	a.set.Logger.Error("A log of the spool cannot be made into files and is kept in quarantine", zap.String("segment", g.ID()), zap.Error(err))
}
