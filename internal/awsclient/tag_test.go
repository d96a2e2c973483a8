package awsclient

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTagText(t *testing.T) {
	for _, text := range []string{"", "a", "Team Ü_1.:/=+-@", "日本 ١", strings.Repeat("ä", 10)} {
		assert.True(t, TagText(text, 15), "%q", text)
	}
	for _, text := range []string{"a,b", "a\tb", "a\n", "a*", "😀", "\xff", "a\u200b", strings.Repeat("ä", 16)} {
		assert.False(t, TagText(text, 15), "%q", text)
	}
}
