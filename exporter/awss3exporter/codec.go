package awss3exporter

import (
	"fmt"

	"github.com/klauspost/compress/s2"

	"github.com/tailwater-otel/tailwater/internal/spool"
)

// Codecs of a frame's payload. S2 costs a quarter of zstd's CPU for half again
// the bytes, which are deleted a quarter of an hour later.
const (
	codecNone uint8 = 0
	codecS2   uint8 = 1
)

// decode returns the payload as it was before encoding, in buf if it fits.
func decode(f *spool.Frame, buf []byte) ([]byte, error) {
	switch f.Codec {
	case codecNone:
		return f.Payload, nil
	case codecS2:
		n, err := s2.DecodedLen(f.Payload)
		if err != nil || n > maxRequest {
			return nil, fmt.Errorf("record %d: %d bytes: %v", f.Seq, n, err)
		}
		out, err := s2.Decode(buf[:cap(buf)], f.Payload)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", f.Seq, err)
		}
		return out, nil
	}
	return nil, fmt.Errorf("record %d: unknown codec %d", f.Seq, f.Codec)
}

// maxRequest bounds one request, in bytes of OTLP.
const maxRequest = 256 << 20
