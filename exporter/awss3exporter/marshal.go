package awss3exporter

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// signal is what differs between traces, metrics and logs.
type signal struct {
	name  string                  // as in the names of objects
	items func(record []byte) int // of a record: a span, a metric, a log record
	json  func(proto []byte) ([]byte, error)
	// extension returns how an encoding extension makes an object, or nil if
	// it cannot.
	extension func(component.Component) func(proto []byte) ([]byte, error)
}

func one([]byte) int { return 1 }

var traces = &signal{
	name:  "traces",
	items: one,
	json: func(proto []byte) ([]byte, error) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(proto)
		if err != nil {
			return nil, err
		}
		return (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	},
	extension: func(e component.Component) func([]byte) ([]byte, error) {
		m, ok := e.(ptrace.Marshaler)
		if !ok {
			return nil
		}
		return func(proto []byte) ([]byte, error) {
			td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(proto)
			if err != nil {
				return nil, err
			}
			return m.MarshalTraces(td)
		}
	},
}

var metrics = &signal{
	name:  "metrics",
	items: dataPoints,
	json: func(proto []byte) ([]byte, error) {
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(proto)
		if err != nil {
			return nil, err
		}
		return (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
	},
	extension: func(e component.Component) func([]byte) ([]byte, error) {
		m, ok := e.(pmetric.Marshaler)
		if !ok {
			return nil
		}
		return func(proto []byte) ([]byte, error) {
			md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(proto)
			if err != nil {
				return nil, err
			}
			return m.MarshalMetrics(md)
		}
	},
}

var logs = &signal{
	name:  "logs",
	items: one,
	json: func(proto []byte) ([]byte, error) {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(proto)
		if err != nil {
			return nil, err
		}
		return (&plog.JSONMarshaler{}).MarshalLogs(ld)
	},
	extension: func(e component.Component) func([]byte) ([]byte, error) {
		m, ok := e.(plog.Marshaler)
		if !ok {
			return nil
		}
		return func(proto []byte) ([]byte, error) {
			ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(proto)
			if err != nil {
				return nil, err
			}
			return m.MarshalLogs(ld)
		}
	},
}

// format is how OTLP becomes the content of an object.
type format struct {
	encode func(proto []byte) ([]byte, error)
	pack   func([]byte) ([]byte, error)
	suffix string // of names, with the point
	kind   string // content type
}

func newFormat(c *Config, s *signal, host component.Host) (*format, error) {
	f := &format{}
	switch {
	case c.Encoding != nil:
		extension, ok := host.GetExtensions()[*c.Encoding]
		if !ok {
			return nil, fmt.Errorf("encoding: there is no extension %s in service.extensions", c.Encoding)
		}
		if f.encode = s.extension(extension); f.encode == nil {
			return nil, fmt.Errorf("encoding: the extension %s cannot write %s", c.Encoding, s.name)
		}
		if c.EncodingFileExtension != "" {
			f.suffix = "." + c.EncodingFileExtension
		}
		f.kind = "application/octet-stream"
	case c.Marshaler == marshalerJSON:
		f.encode, f.suffix, f.kind = s.json, ".json", "application/json"
	case c.Marshaler == marshalerProto:
		f.encode, f.suffix, f.kind = func(proto []byte) ([]byte, error) { return proto, nil }, ".binpb", "application/x-protobuf"
	default:
		return nil, fmt.Errorf("marshaler: %s cannot write %s; use otlp_json or otlp_proto", c.Marshaler, s.name)
	}
	f.pack = func(in []byte) ([]byte, error) { return in, nil }
	switch c.S3Uploader.Compression {
	case configcompression.TypeGzip:
		f.pack, f.suffix, f.kind = packGzip, f.suffix+".gz", "application/gzip"
	case configcompression.TypeZstd:
		f.pack, f.suffix, f.kind = packZstd, f.suffix+".zst", "application/zstd"
	}
	return f, nil
}

// content returns the content of an object. The same OTLP gives the same bytes.
func (f *format) content(proto []byte) ([]byte, error) {
	text, err := f.encode(proto)
	if err != nil {
		return nil, err
	}
	return f.pack(text)
}

func packGzip(in []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(in); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func packZstd(in []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	out := w.EncodeAll(in, nil)
	return out, w.Close()
}
