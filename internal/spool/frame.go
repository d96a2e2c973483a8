package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"
)

// A log is a header and frames, integers little-endian:
//
//	header  magic "TWSPOOL" | version u8 | node 16 bytes | epoch u64 | crc32c u32
//	frame   length u32 | crc32c u32 | sequence u64 | time i64 (ns) | items u32 | codec u8 | payload
//
// length counts the payload. A frame's checksum covers its length and all that
// comes after the checksum.
const (
	// Version is the version of the log that this program writes. It reads
	// this one and the one before. Version 2 may have payloads that programs of
	// version 1 do not know; the rest is the same.
	Version       = 2
	oldestVersion = 1

	headerSize      = 8 + 16 + 8 + 4
	frameHeaderSize = 4 + 4 + 8 + 8 + 4 + 1

	// MaxPayload is the largest payload of a frame, in bytes.
	MaxPayload = 256 << 20
)

var (
	magic      = [7]byte{'T', 'W', 'S', 'P', 'O', 'O', 'L'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	// ErrDamaged is what reading a log ends with when a frame is cut off or
	// its checksum is wrong.
	ErrDamaged = errors.New("damaged frame")
	// errVersion is what reading a log of another version ends with.
	errVersion = errors.New("unknown version of the log")
)

// A Frame is one record of a log.
type Frame struct {
	Seq     uint64    // counts from 1 in each epoch
	Time    time.Time // when it was appended
	Items   int       // what the record holds, such as its spans
	Codec   uint8     // how the payload is encoded; the spool only stores it
	Payload []byte
}

func appendHeader(out []byte, node [16]byte, epoch uint64) []byte {
	start := len(out)
	out = append(out, magic[:]...)
	out = append(out, Version)
	out = append(out, node[:]...)
	out = binary.LittleEndian.AppendUint64(out, epoch)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out[start:], castagnoli))
}

func appendFrame(out []byte, f *Frame) []byte {
	start := len(out)
	out = slices.Grow(out, frameHeaderSize+len(f.Payload))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(f.Payload)))
	out = append(out, 0, 0, 0, 0)
	out = binary.LittleEndian.AppendUint64(out, f.Seq)
	out = binary.LittleEndian.AppendUint64(out, uint64(f.Time.UnixNano()))
	out = binary.LittleEndian.AppendUint32(out, uint32(f.Items))
	out = append(out, f.Codec)
	out = append(out, f.Payload...)
	binary.LittleEndian.PutUint32(out[start+4:], frameSum(out[start:start+4], out[start+8:]))
	return out
}

func frameSum(length, rest []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, rest)
}

// frameReader reads a log from its start.
type frameReader struct {
	r    *bufio.Reader
	size int64 // bytes read that are header or whole frames
	buf  []byte
}

func newFrameReader(r io.Reader) (*frameReader, error) {
	fr := &frameReader{r: bufio.NewReaderSize(r, 256<<10)}
	var header [headerSize]byte
	if _, err := io.ReadFull(fr.r, header[:]); err != nil {
		return nil, cutOff(err)
	}
	if [7]byte(header[:7]) != magic {
		return nil, fmt.Errorf("%w: not a log", ErrDamaged)
	}
	// What follows the version belongs to the version.
	if v := header[7]; v < oldestVersion || v > Version {
		return nil, fmt.Errorf("%w: %d, this program reads %d to %d", errVersion, v, oldestVersion, Version)
	}
	if binary.LittleEndian.Uint32(header[headerSize-4:]) != crc32.Checksum(header[:headerSize-4], castagnoli) {
		return nil, fmt.Errorf("%w: checksum of the header", ErrDamaged)
	}
	fr.size = headerSize
	return fr, nil
}

// next returns the next frame, io.EOF after the last one, or ErrDamaged. The
// payload is valid until the following call.
func (fr *frameReader) next() (Frame, error) {
	var header [frameHeaderSize]byte
	if n, err := io.ReadFull(fr.r, header[:]); err != nil {
		if n == 0 && err == io.EOF {
			return Frame{}, io.EOF
		}
		return Frame{}, cutOff(err)
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length > MaxPayload {
		return Frame{}, fmt.Errorf("%w: length %d", ErrDamaged, length)
	}
	if err := fr.fill(int(length)); err != nil {
		return Frame{}, err
	}
	sum := crc32.Update(frameSum(header[:4], header[8:]), castagnoli, fr.buf)
	if sum != binary.LittleEndian.Uint32(header[4:]) {
		return Frame{}, fmt.Errorf("%w: checksum", ErrDamaged)
	}
	fr.size += frameHeaderSize + int64(length)
	return Frame{
		Seq:     binary.LittleEndian.Uint64(header[8:]),
		Time:    time.Unix(0, int64(binary.LittleEndian.Uint64(header[16:]))),
		Items:   int(binary.LittleEndian.Uint32(header[24:])),
		Codec:   header[28],
		Payload: fr.buf,
	}, nil
}

// fill reads n bytes into the buffer. A length that lies must not cost memory,
// so the buffer grows with what is really there.
func (fr *frameReader) fill(n int) error {
	const step = 1 << 20
	fr.buf = fr.buf[:0]
	for len(fr.buf) < n {
		have := len(fr.buf)
		want := min(n, max(have+step, cap(fr.buf)))
		if want > cap(fr.buf) {
			grown := make([]byte, have, max(want, min(n, 2*cap(fr.buf))))
			copy(grown, fr.buf)
			fr.buf = grown
		}
		fr.buf = fr.buf[:want]
		if _, err := io.ReadFull(fr.r, fr.buf[have:]); err != nil {
			return cutOff(err)
		}
	}
	return nil
}

// cutOff makes the end of a file within a frame ErrDamaged and leaves errors
// of the disk what they are.
func cutOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: cut off", ErrDamaged)
	}
	return err
}
