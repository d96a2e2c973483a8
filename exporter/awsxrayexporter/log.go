package awsxrayexporter

import (
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// rareLogger passes the first line of each kind in a minute. What can happen
// for each request is in the metrics.
func rareLogger(logger *zap.Logger) *zap.Logger {
	return logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, 1, 0)
	}))
}

// without leaves out the lines that begin with a text.
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
