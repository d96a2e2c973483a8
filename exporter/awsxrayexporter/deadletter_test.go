package awsxrayexporter

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter/internal/metadata"
	"go.opentelemetry.io/collector/component/componenttest"
)

// readLetters reads all files of a folder, oldest first.
func readLetters(t testing.TB, dir string) (letters []deadLetter) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for _, name := range names {
		file, err := os.Open(name)
		require.NoError(t, err)
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var l deadLetter
			require.NoError(t, json.Unmarshal(lines.Bytes(), &l))
			letters = append(letters, l)
		}
		require.NoError(t, lines.Err())
		require.NoError(t, file.Close())
	}
	return letters
}

func newDeadLetters(t *testing.T, dir, name string, most int64) (*deadLetters, *componenttest.Telemetry) {
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { _ = telemetry.Shutdown(context.Background()) })
	builder, err := metadata.NewTelemetryBuilder(telemetry.NewTelemetrySettings())
	require.NoError(t, err)
	t.Cleanup(builder.Shutdown)
	d, err := openDeadLetters(dir, name, most, newCounters(builder), zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	require.NoError(t, err)
	t.Cleanup(d.close)
	return d, telemetry
}

func TestDeadLettersStayWithinTheirBytes(t *testing.T) {
	dir := t.TempDir()
	const most = 1 << 20
	other, _ := newDeadLetters(t, dir, "awsxray/2", most)
	other.write(t.Context(), refusals(documents(0, 1), testFailure))
	other.close()

	d, telemetry := newDeadLetters(t, dir, "awsxray", most)
	written := 0
	for i := range 200 {
		list := refusals(documents(i*50, 50), testFailure)
		d.write(t.Context(), list)
		written += len(list)
		var size int64
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			if info, err := e.Info(); err == nil && !strings.Contains(e.Name(), "~") {
				size += info.Size()
			}
		}
		require.LessOrEqual(t, size, int64(most))
	}
	d.close()
	letters := readLetters(t, dir)
	kept := len(letters) - 1 // the other exporter's is not touched
	lost := sumOf(t, telemetry, "dead_letters_lost", "reason", "full")
	assert.EqualValues(t, written, sumOf(t, telemetry, "dead_letters"))
	assert.EqualValues(t, written, int64(kept)+lost)
	assert.Greater(t, kept, written/20)
	assert.Equal(t, documents(199*50+49, 1)[0].ID.String(), letters[kept-1].ID, "the newest are kept")
}

func TestDeadLettersGoOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		d, _ := newDeadLetters(t, dir, "awsxray", 1<<20)
		d.write(t.Context(), refusals(documents(i, 1), testFailure))
		d.close()
	}
	assert.Len(t, readLetters(t, dir), 3)
}

func TestDeadLettersThatCannotBeWritten(t *testing.T) {
	_, err := openDeadLetters(filepath.Join("/dev/null", "x"), "awsxray", 1<<20, nil, zap.NewNop())
	assert.ErrorContains(t, err, "dead_letter_directory")

	dir := t.TempDir()
	d, telemetry := newDeadLetters(t, dir, "awsxray", 1<<20)
	d.logger = zap.NewNop()
	require.NoError(t, os.RemoveAll(dir))
	d.write(t.Context(), refusals(documents(0, 3), testFailure))
	assert.EqualValues(t, 3, sumOf(t, telemetry, "dead_letters_lost", "reason", "error"))
	require.NoError(t, os.MkdirAll(dir, 0o700))
	d.write(t.Context(), refusals(documents(0, 3), testFailure))
	assert.EqualValues(t, 3, sumOf(t, telemetry, "dead_letters"))
}

// A document that is no JSON is kept as text.
func TestDeadLetterText(t *testing.T) {
	dir := t.TempDir()
	d, _ := newDeadLetters(t, dir, "awsxray", 1<<20)
	parts := documents(0, 1)
	parts[0].JSON = []byte("{\"broken\":\n\xff")
	d.write(t.Context(), refusals(parts, testFailure))
	d.close()
	letters := readLetters(t, dir)
	require.Len(t, letters, 1)
	assert.Equal(t, "{\"broken\":\n\uFFFD", letters[0].Text)
}
