package awss3receiver

import (
	"strings"

	"go.opentelemetry.io/collector/component"
)

// format is how an object is written.
type format struct {
	kind      formatKind
	extension component.ID // of encodedFormat
}

type formatKind uint8

const (
	unknownFormat formatKind = iota
	parquetFormat
	jsonFormat
	protoFormat
	encodedFormat
)

// formatOf returns the format of an object by its name, and whether it is one
// of the replay: it has the prefix and is not of another signal.
func (r *replay) formatOf(name string) (f format, mine bool) {
	d := &r.cfg.S3Downloader
	rest, found := strings.CutPrefix(name, d.FilePrefix)
	if !found {
		return f, false
	}
	stem := strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	for _, e := range r.cfg.Encodings {
		if strings.HasSuffix(stem, e.Suffix) {
			return format{encodedFormat, e.Extension}, r.isOfSignal(rest)
		}
	}
	switch {
	case strings.HasSuffix(stem, ".parquet"):
		return format{kind: parquetFormat}, r.signal.name == signalTraces
	case strings.HasSuffix(stem, ".json"):
		return format{kind: jsonFormat}, r.isOfSignal(rest)
	case strings.HasSuffix(stem, ".binpb"):
		return format{kind: protoFormat}, r.isOfSignal(rest)
	}
	return f, r.isOfSignal(rest)
}

// isOfSignal says whether a name without its prefix says nothing of another signal.
func (r *replay) isOfSignal(rest string) bool {
	if !r.cfg.S3Downloader.FilePrefixIncludeTelemetryType {
		return true
	}
	for _, signal := range []string{signalTraces, signalMetrics, signalLogs} {
		if strings.HasPrefix(rest, signal+"_") {
			return signal == r.signal.name
		}
	}
	return true
}
