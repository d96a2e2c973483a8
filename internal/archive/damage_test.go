package archive_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// mostAllocated is several times what it takes to read the files of this test,
// with all that is freed in between, and far below what a damaged length of 32
// bits asks for.
const mostAllocated = 64 << 20

// readAll reads a file that may be damaged in all ways, and returns the bytes
// that were allocated for it and what went wrong first.
func readAll(text []byte) (allocated uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = func() error {
		f, err := archive.Open(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return err
		}
		q := archive.Query{TraceIDs: set([16]byte{1})}
		for group := range f.Groups() {
			if _, err := f.Admits(group, &q); err != nil {
				return err
			}
			for _, q := range []*archive.Query{&q, {}, {From: f.MaxStart, To: f.MaxStart + 1}} {
				if err := f.Read(context.Background(), group, q, 100, func(ptrace.Traces) error { return nil }); err != nil {
					return err
				}
			}
		}
		return nil
	}()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

// TestDamagedFilesTakeNoMemory: lengths that were true before a few bytes of a
// file were damaged are believed by nobody.
func TestDamagedFilesTakeNoMemory(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "v1.parquet"))
	require.NoError(t, err)
	mixed, _ := file(t, archivetest.MixedRows(5, 300), archive.Options{RowGroupRows: 120})
	rng := rand.New(rand.NewPCG(7, 7))
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x07} // 2^31-1, which the largest lengths may be
	for name, whole := range map[string][]byte{"golden": golden, "mixed": mixed} {
		t.Run(name, func(t *testing.T) {
			allocated, err := readAll(whole)
			require.NoError(t, err)
			require.Less(t, allocated, uint64(mostAllocated))

			footer := len(whole) - 8 - int(binary.LittleEndian.Uint32(whole[len(whole)-8:]))
			var pages []int64
			p, err := parquet.OpenFile(bytes.NewReader(whole), int64(len(whole)))
			require.NoError(t, err)
			for _, g := range p.Metadata().RowGroups {
				for _, c := range g.Columns {
					pages = append(pages, c.MetaData.DataPageOffset)
				}
			}
			refused := 0
			for range 100 {
				text := bytes.Clone(whole)
				at := rng.IntN(len(text))
				switch rng.IntN(5) {
				case 0, 1:
					at = footer + rng.IntN(len(text)-footer)
				case 2, 3: // in or behind the header
					at = int(pages[rng.IntN(len(pages))]) + rng.IntN(40)
				}
				change := "one byte"
				if rng.IntN(2) == 0 {
					text[at] ^= byte(1 + rng.IntN(255))
				} else {
					change = "five bytes"
					copy(text[at:], huge)
				}
				allocated, err := readAll(text)
				if err != nil {
					refused++
				}
				if allocated > mostAllocated {
					assert.Fail(t, "too much memory", "%s at %d (the footer is at %d): %d MiB, %v", change, at, footer, allocated>>20, err)
				}
			}
			assert.Greater(t, refused, 40, "damage is noticed")
		})
	}
}

// TestDamageIsNamed: the error says where and what is wrong.
func TestDamageIsNamed(t *testing.T) {
	whole, _ := file(t, archivetest.MixedRows(5, 300), archive.Options{})
	length := binary.LittleEndian.Uint32(whole[len(whole)-8:])
	for _, tt := range []struct {
		name   string
		damage func(text []byte) []byte
		want   string
	}{
		{"length of the footer", func(text []byte) []byte {
			binary.LittleEndian.PutUint32(text[len(text)-8:], 1<<31)
			return text
		}, "it does not end as Parquet does"},
		{"a list in the footer", func(text []byte) []byte {
			at := len(text) - 8 - int(length)
			i := bytes.IndexByte(text[at:], 0xfc) // a list of many structures
			copy(text[at+i+1:], []byte{0xff, 0xff, 0xff, 0xff, 0x07})
			return text
		}, "its footer: a length in it goes over its end"},
		{"the first page", func(text []byte) []byte {
			copy(text[4:], []byte{0x15, 0x06, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f})
			return text
		}, "page at byte 4"},
		{"a bloom filter", func(text []byte) []byte {
			f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)))
			require.NoError(t, err)
			column, _ := f.Schema().Lookup("trace_id")
			at := f.Metadata().RowGroups[0].Columns[column.ColumnIndex].MetaData.BloomFilterOffset
			copy(text[at:], []byte{0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f}) // its length
			return text
		}, "row group 0: no archive file: the header of a bloom filter"},
		{"data missing in front", func(text []byte) []byte { return text[1000:] }, "its column indexes: "},
		{"a hole in the middle", func(text []byte) []byte {
			clear(text[2000:2200])
			return text
		}, "row group 0: read row 0 of column trace_id: crc32 checksum mismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			allocated, err := readAll(tt.damage(bytes.Clone(whole)))
			require.ErrorContains(t, err, tt.want)
			assert.Less(t, allocated, uint64(mostAllocated), fmt.Sprint(err))
		})
	}
}
