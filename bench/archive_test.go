//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"slices"
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
	run := func(way int, cpu, size float64, stored int64, mb, rate float64) archiveRun {
		return archiveRun{way: archiveWays[way], rate: rate, spans: 100, stored: stored, cpu: cpu, bytes: size, peakMB: mb}
	}
	good := archiveRuns{
		run(0, 4, 0, 100, 10, 1), run(1, 4, 0, 100, 10, 1), run(2, 9, 30, 100, 10, 1), run(3, 9.5, 28, 100, 10, 1),
		run(4, 7, 0, 100, 10, 1), run(5, 6, 0, 100, 10, 1), run(6, 17, 50, 100, 10, 1), run(7, 16, 80, 100, 10, 1),
		run(9, 9, 50, 100, 200, 1),
	}
	ok, table := reportArchive(good)
	require.True(t, ok, table)
	require.Contains(t, table, "| uniform | ours, parquet | 5.00 | 0.91 | 30.0 | 1.07 | 0 | 10 | PASS |")
	require.Contains(t, table, "| uniform | peer, otlp_json + gzip | 5.50 | 1.00 | 28.0 | 1.00 | 0 | 10 | – |")
	require.Contains(t, table, "| mixed | ours, parquet | 10.00 | 1.00 | 50.0 | 0.62 | 0 | 10 | PASS |")
	require.Contains(t, table, "| partitioned | ours, parquet | – | – | 50.0 | – | 0 | 200 | PASS |")
	for name, test := range map[string]struct {
		at      int
		run     archiveRun
		verdict string
	}{
		"slow":                  {2, run(2, 10.5, 30, 100, 10, 1), failed},
		"uniform lost":          {2, run(2, 9, 30, 99, 10, 1), failed},
		"slower than the ratio": {6, run(6, 19, 50, 100, 10, 1), failed},
		"large":                 {6, run(6, 17, 60, 100, 10, 1), failed},
		"lost":                  {6, run(6, 17, 50, 99, 10, 1), failed},
		"memory":                {8, run(9, 9, 50, 100, 300, 1), failed},
		"rate":                  {2, run(2, 9, 30, 100, 10, 0.8), void},
	} {
		runs := slices.Clone(good)
		runs[test.at] = test.run
		ok, table := reportArchive(runs)
		require.False(t, ok, "%s\n%s", name, table)
		require.Contains(t, table, "| "+test.verdict+" |", name)
	}
	without := slices.DeleteFunc(slices.Clone(good), func(r archiveRun) bool { return r.way.side == "peer" })
	ok, table = reportArchive(without)
	require.True(t, ok, table)
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
