package xraylocalextension

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/disk"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metadata"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/sampling"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
)

// restore loads what store::directory holds, and has it kept up to date from
// then on. It returns nil if there is no such folder.
func (x *localXRay) restore(st *store.Store, rules *sampling.Rules, telemetry *metadata.TelemetryBuilder) (*disk.Folder, error) {
	dir := x.cfg.Store.Directory
	if dir == "" {
		return nil, nil
	}
	var failing atomic.Bool
	folder, err := disk.Open(dir, func(err error) {
		if err == nil {
			failing.Store(false)
			x.settings.Logger.Info("store::directory is written to again", zap.String("directory", dir))
			return
		}
		telemetry.ExtensionXrayLocalStoreWriteErrors.Add(context.Background(), 1)
		if failing.CompareAndSwap(false, true) {
			x.settings.Logger.Error("store::directory cannot be written to; traces are kept in memory only", zap.String("directory", dir), zap.Error(err))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("store::directory: %w", err)
	}
	kept, err := folder.Rules()
	if err == nil && len(kept) > 0 {
		err = rules.Restore(kept)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store::directory %q: restore the sampling rules: %w", dir, err), folder.Close())
	}
	st.Keeper = folder
	loaded, unreadable := 0, 0
	err = folder.Documents(func(at time.Time, text string) bool {
		if err := st.Load(at, text); err != nil {
			unreadable++
			return false
		}
		loaded++
		return true
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store::directory %q: %w", dir, err), folder.Close())
	}
	rules.Changed = folder.PutRules
	_, traces := st.Size(time.Now())
	x.settings.Logger.Info("Traces of an earlier run are here again", zap.String("directory", dir),
		zap.Int("traces", traces), zap.Int("documents", loaded), zap.Int("unreadable", unreadable))
	return folder, nil
}
