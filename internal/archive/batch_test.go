package archive

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCellsOfNoRow: cells that cannot be are an error, and no file comes of
// them.
func TestCellsOfNoRow(t *testing.T) {
	event := leafLevels[leafEventName].definition
	for what, cells := range map[string][]byte{
		"cut off":                  {byte(colName), 0},
		"no such column":           {byte(numLeaves), 0, 0, 0},
		"repeats what cannot":      {byte(colName), 1, 0, 0},
		"too defined":              {byte(colName), 0, 1, 0},
		"a text that is too short": {byte(colName), 0, 0, 2, 'a'},
		"a length without an end":  {byte(colName), 0, 0, 0x80},
		"a number that is cut off": {byte(colStartTimeUnixNano), 0, 0, 1, 2, 3, 4, 5, 6, 7},
		"a column twice":           {byte(colName), 0, 0, 1, 'a', byte(colName), 0, 0, 1, 'b'},
		"an id":                    {byte(colTraceID), 0, 0, 0},
		"a second without a first": {byte(leafEventName), 1, event, 1, 'a'},
		"a column of the Writer":   {byte(colIngestTime), 0, 0, 1, 2, 3, 4, 5, 6, 7, 8},
	} {
		t.Run(what, func(t *testing.T) {
			o, err := NewOrigin(nil)
			require.NoError(t, err)
			w := NewWriter(&bytes.Buffer{}, Options{})
			require.ErrorIs(t, w.Write(o, &Row{Cells: cells}, time.Unix(1, 0), false), ErrRows)
			_, err = w.Close()
			require.ErrorIs(t, err, ErrRows)
		})
	}
}
