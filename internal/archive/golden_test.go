package archive_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

var update = flag.Bool("update", false, "write the golden file of the present schema version, if there is none yet")

// TestGoldenFiles reads the file of each schema version that was ever written.
// A golden file is never written again: what is in buckets does not change.
func TestGoldenFiles(t *testing.T) {
	name := func(version int, ext string) string {
		return filepath.Join("testdata", fmt.Sprintf("v%d.%s", version, ext))
	}
	if _, err := os.Stat(name(archive.SchemaVersion, "parquet")); *update && os.IsNotExist(err) {
		rng := rand.New(rand.NewPCG(1, 1))
		td := archivetest.NewMixed(1, 100).Next(6)
		archivetest.Wild(rng, false).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		archivetest.Wild(rng, true).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		parquet, _ := file(t, archivetest.Rows(td), archive.Options{RowGroupRows: 20, Collector: "c", SegmentID: "s", Partition: "p", Tool: "t"})
		otlp, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(name(archive.SchemaVersion, "parquet"), parquet, 0o644))
		require.NoError(t, os.WriteFile(name(archive.SchemaVersion, "binpb"), otlp, 0o644))
	}
	for version := 1; version <= archive.SchemaVersion; version++ {
		text, err := os.ReadFile(name(version, "parquet"))
		require.NoError(t, err)
		want, err := os.ReadFile(name(version, "binpb"))
		require.NoError(t, err)
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(want)
		require.NoError(t, err)
		rows := archivetest.Rows(td)
		assertSame(t, rows, read(t, text, archive.Query{}, 7))
		f, err := archive.Open(bytes.NewReader(text), int64(len(text)))
		require.NoError(t, err)
		assert.Equal(t, version, f.SchemaVersion)
		assert.Equal(t, archive.Options{Collector: "c", SegmentID: "s", Partition: "p", Tool: "t"}, f.Options)

		// The digest decides whether an object in S3 is the one that was to be
		// written, so it must not change with the program.
		_, info := file(t, rows, archive.Options{})
		if version == archive.SchemaVersion {
			assert.Equal(t, hex.EncodeToString(f.Digest[:]), hex.EncodeToString(info.Digest[:]))
			assert.Equal(t, [3]int64{info.Rows, info.MinStart, info.MaxStart}, [3]int64{f.Rows, f.MinStart, f.MaxStart})
		}
	}
}

// TestSchemaOnlyGrows: the columns, types and field ids of a version are those
// of the versions before it, and more.
func TestSchemaOnlyGrows(t *testing.T) {
	describe := func(text []byte) map[string]string {
		f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)))
		require.NoError(t, err)
		columns := map[string]string{}
		ids := map[int]string{}
		var walk func(path string, c *parquet.Column)
		walk = func(path string, c *parquet.Column) {
			for _, child := range c.Columns() {
				name := path + child.Name()
				columns[name] = fmt.Sprint(child.ID(), " ", child.Type(), " optional=", child.Optional(), " repeated=", child.Repeated())
				if child.ID() != 0 {
					assert.Empty(t, ids[child.ID()], "%s has the field id of another column", name)
					ids[child.ID()] = name
				} else {
					assert.True(t, strings.HasSuffix(name, "key_value") || strings.HasSuffix(name, "list"), "%s has no field id", name)
				}
				walk(name+".", child)
			}
		}
		walk("", f.Root())
		return columns
	}
	now, _ := file(t, nil, archive.Options{})
	columns := describe(now)
	for version := 1; version <= archive.SchemaVersion; version++ {
		text, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("v%d.parquet", version)))
		require.NoError(t, err)
		for name, was := range describe(text) {
			assert.Equal(t, was, columns[name], name)
		}
	}
}

// FuzzOpen: no file makes a reader panic, hang or take memory without bound.
func FuzzOpen(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "v1.parquet"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte(""))
	f.Add(uint32(len(golden)-100), []byte("\xff\xff\xff\xff"))
	f.Add(uint32(5), []byte("\x15\x04\x15\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		if len(change) > 64 {
			t.Skip() // the seed is what matters, and a few bytes of it
		}
		text := bytes.Clone(golden)
		copy(text[int(at)%len(text):], change)
		if allocated, _ := readAll(text); allocated > mostAllocated {
			t.Errorf("%d MiB were allocated", allocated>>20)
		}
	})
}
