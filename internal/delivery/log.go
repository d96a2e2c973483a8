package delivery

import (
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// rareInterval is how often the same text is logged at most.
const rareInterval = time.Minute

// RareLogger passes each text once a minute, with the fields it had first.
// What can happen for each request is in the metrics. (zap's sampler does the
// same with half a megabyte of counters.)
func RareLogger(logger *zap.Logger) *zap.Logger {
	return logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return rare{core, &logged{last: map[string]time.Time{}}}
	}))
}

type rare struct {
	zapcore.Core
	logged *logged
}

// logged remembers when a text was logged last. The texts are constants of
// this package, so there are few.
type logged struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// Check lets a line pass if its text was not logged for a minute.
func (r rare) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !r.Enabled(entry.Level) {
		return checked
	}
	r.logged.mu.Lock()
	defer r.logged.mu.Unlock()
	if last, ok := r.logged.last[entry.Message]; ok && entry.Time.Sub(last) < rareInterval {
		return checked
	}
	r.logged.last[entry.Message] = entry.Time
	return r.Core.Check(entry, checked)
}

// With shares what was logged.
func (r rare) With(fields []zapcore.Field) zapcore.Core {
	return rare{r.Core.With(fields), r.logged}
}

// Without leaves out the lines that begin with text.
func Without(logger *zap.Logger, text string) *zap.Logger {
	return logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return without{core, text}
	}))
}

type without struct {
	zapcore.Core
	text string
}

// Check lets other lines pass.
func (w without) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if strings.HasPrefix(entry.Message, w.text) {
		return checked
	}
	return w.Core.Check(entry, checked)
}

// With keeps leaving them out.
func (w without) With(fields []zapcore.Field) zapcore.Core {
	return without{w.Core.With(fields), w.text}
}
