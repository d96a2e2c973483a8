package archive_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// TestGoldenRows: encoded rows wait on disk for the program that comes after an
// update. If they change, so does rowsVersion, and both are read.
func TestGoldenRows(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "v1.binpb"))
	require.NoError(t, err)
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(text)
	require.NoError(t, err)
	encoded, err := archivetest.Encode(archivetest.Rows(td))
	require.NoError(t, err)
	name := filepath.Join("testdata", "rows1.bin")
	if _, err := os.Stat(name); *update && os.IsNotExist(err) {
		require.NoError(t, os.WriteFile(name, encoded, 0o644))
	}
	golden, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(golden, encoded), "spans are encoded in another way")

	var out bytes.Buffer
	w := archive.NewWriter(&out, archive.Options{})
	require.NoError(t, archivetest.WriteEncoded(w, golden, archivetest.Start))
	info, err := w.Close()
	require.NoError(t, err)
	parquet, err := os.ReadFile(filepath.Join("testdata", "v1.parquet"))
	require.NoError(t, err)
	f, err := archive.Open(bytes.NewReader(parquet), int64(len(parquet)))
	require.NoError(t, err)
	assert.Equal(t, f.Digest, info.Digest)
}

// TestEncoderForgets: what was encoded before makes no difference.
func TestEncoderForgets(t *testing.T) {
	e := archive.NewEncoder()
	for seed := range uint64(30) {
		td := archivetest.Wild(rand.New(rand.NewPCG(seed, 2)), seed%2 == 0)
		got, err := e.AppendRows([]byte("before"), td)
		require.NoError(t, err)
		want, err := archive.NewEncoder().AppendRows(nil, td)
		require.NoError(t, err)
		require.Equal(t, "before"+string(want), string(got))
	}
}

// FuzzRows: whatever is in a log, it is rows or an error, and rows make a file.
func FuzzRows(f *testing.F) {
	for seed := range uint64(4) {
		rows := archivetest.Rows(archivetest.Wild(rand.New(rand.NewPCG(seed, 3)), seed%2 == 0))
		encoded, err := archivetest.Encode(rows[:min(len(rows), 3)])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var out bytes.Buffer
		w := archive.NewWriter(&out, archive.Options{})
		if archivetest.WriteEncoded(w, encoded, archivetest.Start) != nil {
			return
		}
		info, err := w.Close()
		require.NoError(t, err)
		file, err := archive.Open(bytes.NewReader(out.Bytes()), int64(out.Len()))
		require.NoError(t, err)
		require.Equal(t, info.Rows, file.Rows)
	})
}
