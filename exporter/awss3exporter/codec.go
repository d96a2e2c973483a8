package awss3exporter

import (
	"fmt"

	"github.com/klauspost/compress/s2"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/otlpspan"
	"github.com/tailwater-otel/tailwater/internal/spool"
)

// Codecs of a frame's payload. S2 costs a quarter of zstd's CPU for half again
// the bytes, which are deleted a quarter of an hour later.
const (
	codecNone  uint8 = 0 // OTLP
	codecS2    uint8 = 1 // OTLP in S2
	codecRowS2 uint8 = 2 // encoded rows of the archive in S2
)

// maxRequest bounds one request, in bytes of its rows.
const maxRequest = 256 << 20

// packer encodes requests for the spool.
type packer struct {
	encoder       *archive.Encoder
	plain, packed []byte
}

// encode returns the payload for spans, which is valid until the next call.
//
// It has the rows that a file will have, so that spans are looked at once. An
// error in the program must not lose what a client sent: then it has OTLP, and
// Build, which meets the error again, tells of it and keeps the log.
func (p *packer) encode(td ptrace.Traces) (payload []byte, codec uint8, err error) {
	codec = codecRowS2
	if rows, ok := p.rows(td); ok {
		p.plain = rows
	} else {
		codec = codecS2
		p.plain = otlpspan.AppendTraces(p.plain[:0], td)
	}
	if len(p.plain) > maxRequest {
		return nil, codec, fmt.Errorf("%w: %d bytes", spool.ErrTooLarge, len(p.plain))
	}
	p.packed = s2.Encode(p.packed[:cap(p.packed)], p.plain)
	return p.packed, codec, nil
}

func (p *packer) rows(td ptrace.Traces) (rows []byte, ok bool) {
	defer func() {
		if recover() != nil {
			p.encoder = archive.NewEncoder()
		}
	}()
	rows, err := p.encoder.AppendRows(p.plain[:0], td)
	return rows, err == nil
}

// decode returns the rows of a frame, in buf if they fit.
func decode(f *spool.Frame, buf []byte) ([]byte, error) {
	data := f.Payload
	if f.Codec != codecNone {
		n, err := s2.DecodedLen(f.Payload)
		if err != nil || n > maxRequest {
			return nil, fmt.Errorf("record %d: %d bytes: %v", f.Seq, n, err)
		}
		if data, err = s2.Decode(buf[:cap(buf)], f.Payload); err != nil {
			return nil, fmt.Errorf("record %d: %w", f.Seq, err)
		}
	}
	switch f.Codec {
	case codecRowS2:
		return data, nil
	case codecNone, codecS2: // of a log of version 1, or after an error
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", f.Seq, err)
		}
		return archive.NewEncoder().AppendRows(nil, td)
	}
	return nil, fmt.Errorf("record %d: unknown codec %d", f.Seq, f.Codec)
}
