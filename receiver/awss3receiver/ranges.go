package awss3receiver

import (
	"fmt"
	"io"
)

const (
	// tailBytes are read first: the footer, the indexes and bloom filters of
	// most files are in it.
	tailBytes = 256 << 10
	// blockBytes are read where nothing was announced.
	blockBytes = 64 << 10
)

// ranges reads an object of which each read is a request. It keeps the end of
// the object, the range that was announced and one block. It is an
// archive.Prefetcher.
type ranges struct {
	get   func(offset, length int64) ([]byte, error)
	size  int64
	tail  part
	ahead part
	block part
	read  int64
}

// part is a piece of the object.
type part struct {
	offset int64
	data   []byte
}

// copy copies what the part has of the object at an offset.
func (p *part) copy(dst []byte, offset int64) int {
	if offset < p.offset || offset >= p.offset+int64(len(p.data)) {
		return 0
	}
	return copy(dst, p.data[offset-p.offset:])
}

func (r *ranges) Close() error { return nil }
func (r *ranges) bytes() int64 { return r.read }

// fetch reads a range.
func (r *ranges) fetch(offset, length int64) (part, error) {
	data, err := r.get(offset, length)
	if err != nil {
		return part{}, err
	}
	if int64(len(data)) != length {
		return part{}, fmt.Errorf("%d bytes at %d were asked for and %d came", length, offset, len(data))
	}
	r.read += length
	return part{offset, data}, nil
}

// Prefetch implements archive.Prefetcher.
func (r *ranges) Prefetch(offset, length int64) error {
	r.ahead, r.block = part{}, part{} // not two row groups at once
	if length == 0 || offset >= r.tail.offset && r.tail.data != nil {
		return nil
	}
	var err error
	r.ahead, err = r.fetch(offset, length)
	return err
}

// ReadAt implements io.ReaderAt.
func (r *ranges) ReadAt(b []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, fmt.Errorf("read at %d", offset)
	}
	done := 0
	for done < len(b) {
		at := offset + int64(done)
		if at >= r.size {
			return done, io.EOF
		}
		n := 0
		for _, p := range []*part{&r.ahead, &r.tail, &r.block} {
			if n = p.copy(b[done:], at); n > 0 {
				break
			}
		}
		if n == 0 {
			var err error
			if from := max(0, r.size-tailBytes); at >= from {
				r.tail, err = r.fetch(from, r.size-from)
			} else {
				r.block, err = r.fetch(at, min(blockBytes, r.size-at))
			}
			if err != nil {
				return done, err
			}
		}
		done += n
	}
	return done, nil
}
