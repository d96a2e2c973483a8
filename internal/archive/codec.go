package archive

import (
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// zstdCodec compresses pages. parquet-go's own keeps encoders in a pool, and the
// race detector makes pools forget: each page would get a new encoder of some
// megabytes. One encoder of each level serves all writers.
type zstdCodec struct{ encoder func() *zstd.Encoder }

var (
	// zstdText is for columns of text that hardly comes again. Lower levels
	// would store random ids, which are hexadecimal text here, at twice their
	// size.
	zstdText = zstdCodec{zstdEncoder(zstd.SpeedBetterCompression)}
	// zstdPacked is for what an encoding has made small before.
	zstdPacked = zstdCodec{zstdEncoder(zstd.SpeedDefault)}
)

// zstdWindow is more than a page. An encoder keeps twice as much memory, of
// which it would take tens of megabytes by itself.
const zstdWindow = 512 << 10

func zstdEncoder(level zstd.EncoderLevel) func() *zstd.Encoder {
	return sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false),
			zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow))
		if err != nil {
			panic(err) // of the options above
		}
		return e
	})
}

var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil)
	if err != nil {
		panic(err)
	}
	return d
})

func (zstdCodec) String() string                            { return "ZSTD" }
func (zstdCodec) CompressionCodec() format.CompressionCodec { return format.Zstd }
func (c zstdCodec) Encode(dst, src []byte) ([]byte, error) {
	return c.encoder().EncodeAll(src, dst[:0]), nil
}
func (zstdCodec) Decode(dst, src []byte) ([]byte, error) {
	return zstdDecoder().DecodeAll(src, dst[:0])
}
