package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

// daemonCore writes what the components log, in the daemon's words where it
// has some: operators match on them. All other Info lines become Debug lines,
// so that at the usual level the log is the daemon's.
type daemonCore struct {
	log    *daemonLog
	fields []zapcore.Field
}

// Enabled passes everything: a line of the daemon's at Info or Error can be a
// Debug line of a component.
func (daemonCore) Enabled(zapcore.Level) bool { return true }

// With implements zapcore.Core.
func (c daemonCore) With(fields []zapcore.Field) zapcore.Core {
	return daemonCore{c.log, append(slices.Clip(c.fields), fields...)}
}

// Check implements zapcore.Core. It leaves out at once what no level shows.
func (c daemonCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if _, ok := translations[entry.Message]; !ok && plainLevel(entry.Level) < c.log.least {
		return checked
	}
	return checked.AddCore(entry, c)
}

// plainLevel is the level of a line that the daemon does not have.
func plainLevel(level zapcore.Level) zapcore.Level {
	if level == zapcore.InfoLevel {
		return zapcore.DebugLevel
	}
	return level
}

// Write implements zapcore.Core.
func (c daemonCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	values := zapcore.NewMapObjectEncoder()
	for _, f := range slices.Concat(c.fields, fields) {
		f.AddTo(values)
	}
	level, text := plainLevel(entry.Level), ""
	if translate, ok := translations[entry.Message]; ok {
		level, text = translate(record(values.Fields))
	} else {
		text = plain(entry.Message, values.Fields)
	}
	return c.log.write(entry.Time, level, oneLine(text))
}

// Sync implements zapcore.Core. Each line is written at once.
func (daemonCore) Sync() error { return nil }

// plain appends the fields to a message.
func plain(message string, fields map[string]any) string {
	var b strings.Builder
	b.WriteString(message)
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		// What every line of a collector says; here there is one of each kind.
		if key != "resource" && !strings.HasPrefix(key, "otelcol.") {
			fmt.Fprintf(&b, " %s=%v", key, fields[key])
		}
	}
	return b.String()
}

// oneLine keeps a line one line, whatever an error says.
func oneLine(text string) string {
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(text)
}

// record is the fields of a line.
type record map[string]any

// took is the time a request took, in seconds.
func (r record) took() float64 {
	d, _ := r["took"].(time.Duration)
	return d.Seconds()
}

// translations hold the daemon's line for a line of a component, by its message.
var translations = map[string]func(record) (zapcore.Level, string){
	"Sending documents to X-Ray": func(r record) (zapcore.Level, string) {
		return zapcore.InfoLevel, fmt.Sprintf("Using region: %v", r["region"])
	},
	"Sampling API asks X-Ray": func(r record) (zapcore.Level, string) {
		return zapcore.InfoLevel, fmt.Sprintf("HTTP Proxy server using X-Ray Endpoint : %v", r["endpoint"])
	},
	"Sampling API is served": func(r record) (zapcore.Level, string) {
		return zapcore.InfoLevel, fmt.Sprintf("Starting proxy http server on %v", r["tcp"])
	},
	"Received signal from OS": func(r record) (zapcore.Level, string) {
		return zapcore.InfoLevel, fmt.Sprintf("Got shutdown signal: %v", r["signal"])
	},
	"Request to X-Ray": func(r record) (zapcore.Level, string) {
		if err, failed := r["error"]; failed {
			return zapcore.ErrorLevel, fmt.Sprintf("Sending segment batch failed with: %v", err)
		}
		if r["unprocessed"] != int64(0) {
			return zapcore.InfoLevel, fmt.Sprintf("Sent batch of %v segments but had %v Unprocessed segments (%.3f seconds)",
				r["documents"], r["unprocessed"], r.took())
		}
		return zapcore.InfoLevel, fmt.Sprintf("Successfully sent batch of %v segments (%.3f seconds)", r["documents"], r.took())
	},
	"Document is unprocessed": func(r record) (zapcore.Level, string) {
		document := fmt.Sprintf("{ErrorCode: %q, Id: %q, Message: %q}", r["code"], r["id"], r["message"])
		if r["trace_id"] == "unknown" {
			return zapcore.ErrorLevel, "Unprocessed segment: " + document
		}
		return zapcore.ErrorLevel, fmt.Sprintf("Unprocessed trace %v, segment: %s", r["trace_id"], document)
	},
	"No room for documents in the queue": func(r record) (zapcore.Level, string) {
		return zapcore.WarnLevel, fmt.Sprintf("Spilling over %v segments", r["documents"])
	},
	"Segment buffer is full. Dropping oldest segment document.": func(record) (zapcore.Level, string) {
		return zapcore.WarnLevel, "Segment buffer is full. Dropping oldest segment document."
	},
	// What the last line of the program says.
	"Failed to start component": func(r record) (zapcore.Level, string) {
		return zapcore.DebugLevel, plain("Failed to start component", r)
	},
	// Told by "Request to X-Ray" and "No room …" already.
	"X-Ray does not accept documents now": func(r record) (zapcore.Level, string) {
		return zapcore.DebugLevel, fmt.Sprintf("X-Ray does not accept documents now: %v", r["error"])
	},
	"X-Ray does not take documents; this is one example of this minute": func(r record) (zapcore.Level, string) {
		return zapcore.DebugLevel, plain("X-Ray does not take documents", r)
	},
}
