package disk

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolterrors "go.etcd.io/bbolt/errors"
	"go.uber.org/goleak"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/sampling"
	"github.com/tailwater-otel/tailwater/internal/samplingrule"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Unix(1760797200, 123456789)

func open(t *testing.T, dir string) *Folder {
	t.Helper()
	f, err := Open(dir, func(err error) { require.NoError(t, err) })
	require.NoError(t, err)
	return f
}

type doc struct {
	at   time.Time
	text string
}

func documents(t *testing.T, f *Folder) (all []doc) {
	t.Helper()
	require.NoError(t, f.Documents(func(at time.Time, text string) bool {
		all = append(all, doc{at, text})
		return true
	}))
	return all
}

// Documents come back in the order of their arrival, the last of each entity,
// and none of a trace that was dropped.
func TestDocuments(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	f := open(t, dir)
	a, b := segment.TraceID{1}, segment.TraceID{2}
	one, two := segment.ID{1}, segment.ID{2}
	f.Put(b, one, false, t0.Add(3*time.Second), "b1")
	f.Put(a, one, false, t0, "a1")
	f.Put(a, one, true, t0.Add(time.Second), "a1 as a subsegment")
	f.Put(a, two, false, t0.Add(2*time.Second), "a2")
	f.Put(a, one, false, t0.Add(4*time.Second), "a1 again")
	f.Put(segment.TraceID{3}, one, false, t0, "dropped in the same write")
	f.Drop(segment.TraceID{3})
	require.NoError(t, f.Close())

	f = open(t, dir)
	want := []doc{
		{t0.Add(time.Second), "a1 as a subsegment"}, {t0.Add(2 * time.Second), "a2"},
		{t0.Add(3 * time.Second), "b1"}, {t0.Add(4 * time.Second), "a1 again"},
	}
	require.Equal(t, want, documents(t, f))
	f.Drop(a)
	require.NoError(t, f.Write())
	require.Equal(t, want[2:3], documents(t, f))
	require.NoError(t, f.Documents(func(time.Time, string) bool { return false }))
	require.Empty(t, documents(t, f))
	require.NoError(t, f.Close())
}

// Rules come back as they were kept last, with all their fields.
func TestRules(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	none, err := f.Rules()
	require.NoError(t, err)
	require.Empty(t, none)
	rule := samplingrule.Rule{
		Name: "checkout", ARN: "arn", Priority: 7, ReservoirSize: 3, FixedRate: 0.25, ServiceName: "a", ServiceType: "b", Host: "c",
		HTTPMethod: "d", URLPath: "e", ResourceARN: "f", Attributes: map[string]string{"tenant": "blue*"},
		Boost: &samplingrule.Boost{MaxRate: 0.5, Cooldown: time.Minute},
	}
	records := []sampling.Record{{Rule: samplingrule.Default(), Modified: t0.UTC()}, {Rule: rule, Created: t0.UTC(), Modified: t0.UTC()}}
	f.PutRules(append(records, sampling.Record{Rule: samplingrule.Rule{Name: "gone"}}))
	f.PutRules(records)
	require.NoError(t, f.Close())
	f = open(t, dir)
	got, err := f.Rules()
	require.NoError(t, err)
	require.ElementsMatch(t, records, got)
	require.NoError(t, f.Close())
}

// A folder has one owner, and a file that is no database is refused and kept.
func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	_, err := Open(dir, nil)
	require.ErrorContains(t, err, "another process has it open")
	require.NoError(t, f.Close())

	path := filepath.Join(dir, fileName)
	require.NoError(t, os.WriteFile(path, []byte("something else entirely, not a database of bbolt\n"), 0o600))
	_, err = Open(dir, nil)
	require.ErrorContains(t, err, path)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), "something else")
}

// What does not fit in the next write is written at once, in order.
func TestPendingIsBounded(t *testing.T) {
	f := open(t, t.TempDir())
	text := string(make([]byte, 64<<10))
	for i := range 200 {
		f.Put(segment.TraceID{byte(i)}, segment.ID{1}, false, t0, text)
		f.mu.Lock()
		bytes := f.bytes
		f.mu.Unlock()
		require.LessOrEqual(t, bytes, maxPending+len(text)+100)
	}
	require.NoError(t, f.Write())
	require.Len(t, documents(t, f), 200)
	require.NoError(t, f.Close())
}

// A write that fails is told.
func TestFailedWrite(t *testing.T) {
	told := make(chan error, 100)
	f, err := Open(t.TempDir(), func(err error) { told <- err })
	require.NoError(t, err)
	require.NoError(t, f.db.Close())
	f.Put(segment.TraceID{1}, segment.ID{}, false, t0, "x")
	require.ErrorIs(t, <-told, bolterrors.ErrDatabaseNotOpen)
	f.Put(segment.TraceID{1}, segment.ID{}, false, t0, "y")
	require.Error(t, f.Close())
}
