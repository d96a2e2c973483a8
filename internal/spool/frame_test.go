package spool

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzLog(f *testing.F) {
	log := appendHeader(nil, [16]byte{1}, 1)
	log = appendFrame(log, &Frame{Seq: 1, Time: time.Unix(1, 2), Items: 3, Codec: 1, Payload: []byte("payload")})
	log = appendFrame(log, &Frame{Seq: 2})
	f.Add(log)
	f.Add(log[:len(log)-3])
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := newFrameReader(bytes.NewReader(in))
		if err != nil {
			require.True(t, errors.Is(err, ErrDamaged) || errors.Is(err, errVersion), "%v", err)
			return
		}
		again := bytes.Clone(in[:headerSize])
		for {
			frame, err := r.next()
			if err != nil {
				require.True(t, err == io.EOF || errors.Is(err, ErrDamaged), "%v", err)
				break
			}
			again = appendFrame(again, &frame)
		}
		require.Equal(t, in[:r.size], again)
	})
}

// A length that lies costs no more memory than the file has bytes.
func TestFalseLength(t *testing.T) {
	log := appendHeader(nil, [16]byte{1}, 1)
	log = appendFrame(log, &Frame{Seq: 1, Payload: []byte("payload")})
	log[headerSize+3] = 0x0f // 240 MiB
	r, err := newFrameReader(bytes.NewReader(log))
	require.NoError(t, err)
	_, err = r.next()
	require.ErrorIs(t, err, ErrDamaged)
	require.Less(t, cap(r.buf), 4<<20)
}
