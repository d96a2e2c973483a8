package segmentspan

import (
	"os"
	"strings"
	"testing"
)

// TestKeysAreDocumented checks that docs/mapping.md names each attribute that
// means something, in full or as `.rest` after one with the same beginning.
func TestKeysAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for k := noKey + 1; k < numKeys; k++ {
		name := keyNames[k]
		if keyOf(name) != k {
			t.Errorf("key %d has no name, or that of another: %q", k, name)
		}
		found := strings.Contains(doc, "`"+name+"`")
		for i := range name {
			found = found || name[i] == '.' && strings.Contains(doc, "`"+name[i:]+"`")
		}
		if !found {
			t.Errorf("docs/mapping.md does not name %s", name)
		}
	}
}
