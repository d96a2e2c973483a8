package awsxrayreceiver

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestExcerpt(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"plain {\"a\":1}":            "plain {\"a\":1}",
		"line\nfeed\x00\x1b[31m\x7f": "line.feed..[31m.",
		"bad \xff utf8":              "bad . utf8",
		"right\u202eto left":         "right.to left",
		"grüße":                      "grüße",
		strings.Repeat("x", 1000):    strings.Repeat("x", maxExcerpt) + "…",
		strings.Repeat("ü", 1000):    strings.Repeat("ü", maxExcerpt/2) + "…",
	} {
		got := excerpt(in)
		assert.Equal(t, want, got)
		assert.True(t, utf8.ValidString(got))
	}
}

func TestBadInputLogIsOneLineASecond(t *testing.T) {
	core, lines := observer.New(zapcore.InfoLevel)
	l := badInputLog{logger: zap.New(core)}
	now := time.Unix(1000, 0)
	for i := range 1000 {
		l.rejected(now.Add(time.Duration(i)*time.Millisecond/2), "Invalid header", "x\ny", nil)
	}
	require.Equal(t, 1, lines.Len())
	l.rejected(now.Add(time.Second), "Missing header or segment", "", nil)
	require.Equal(t, 2, lines.Len())
	assert.Equal(t, "Invalid header: x.y", lines.All()[0].Message)
	assert.Equal(t, "Missing header or segment: ", lines.All()[1].Message)
	assert.Equal(t, int64(999), lines.All()[1].ContextMap()["rejected_without_a_line"])
}
