//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// The referee counts the spans in objects of each kind.
func TestBucketCountsSpans(t *testing.T) {
	b, err := startBucket()
	require.NoError(t, err)
	defer b.close()
	td := archivetest.NewMixed(1, 100).Next(3)
	json, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	proto, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	var zipped, file bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err = w.Write(json)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	rows := archive.NewWriter(&file, archive.Options{})
	require.NoError(t, archivetest.Write(rows, archivetest.Rows(td), time.Now()))
	_, err = rows.Close()
	require.NoError(t, err)

	size := 0
	for name, body := range map[string][]byte{"a.json": json, "a.json.gz": zipped.Bytes(), "a.binpb.zst": encoder.EncodeAll(proto, nil), "a.parquet": file.Bytes()} {
		request, err := http.NewRequest(http.MethodPut, b.url+"/bucket/"+name, bytes.NewReader(body))
		require.NoError(t, err)
		reply, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, reply.Body.Close())
		require.Equal(t, http.StatusOK, reply.StatusCode)
		size += len(body)
	}
	http.DefaultClient.CloseIdleConnections()
	n, err := b.spans()
	require.NoError(t, err)
	require.Equal(t, int64(4*td.SpanCount()), n)
	require.Equal(t, int64(size), b.size())
	b.objects["/bad.parquet"] = []byte("no")
	_, err = b.spans()
	require.ErrorContains(t, err, "bad.parquet")
}

func TestArchiveVerdict(t *testing.T) {
	run := func(way int, cpu, size float64, stored int64, mb float64) archiveRun {
		return archiveRun{way: archiveWays[way], spans: 100, stored: stored, cpu: cpu, bytes: size, peakMB: mb}
	}
	good := []archiveRun{run(0, 7, 0, 100, 10), run(1, 6, 0, 100, 10), run(2, 12, 50, 100, 10), run(3, 11, 80, 100, 10), run(5, 9, 50, 100, 200)}
	ok, table := reportArchive(good)
	require.True(t, ok, table)
	require.Contains(t, table, "| ours, parquet | 5.00 | 1.00 | 50.0 | 0.62 | 0 | 10 |")
	require.Contains(t, table, "| peer, otlp_json + gzip | 5.00 | 1.00 | 80.0 | 1.00 | 0 | 10 |")
	for name, bad := range map[string]archiveRun{
		"slow":   run(2, 14, 50, 100, 10),
		"large":  run(2, 12, 60, 100, 10),
		"lost":   run(2, 12, 50, 99, 10),
		"memory": run(5, 9, 50, 100, 300),
	} {
		runs := []archiveRun{good[0], good[1], bad, good[3], good[4]}
		if bad.way.memory {
			runs = append(good[:4:4], bad)
		}
		ok, table := reportArchive(runs)
		require.False(t, ok, "%s\n%s", name, table)
	}
}

func TestWithoutArchive(t *testing.T) {
	for names, want := range map[string]string{"": " true", "archive": " true", "mid-2000,archive": "mid-2000 true", "mid-2000": "mid-2000 false"} {
		rows, archive := withoutArchive(names)
		text := rows + " false"
		if archive {
			text = rows + " true"
		}
		require.Equal(t, want, text, names)
	}
	s, err := parse([]string{"-rows", "archive"}, nil)
	require.NoError(t, err)
	require.Empty(t, s.rows)
	require.Equal(t, fullArchive, s.archive)
}
