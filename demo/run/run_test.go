package run

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// What the command does with a collector is tested in the end-to-end tests.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWrongArguments(t *testing.T) {
	for _, wrong := range []string{"-rate 0", "-rate 1001", "-check -1", "-traffic -1s", "more", "-nothing"} {
		var stdout, stderr bytes.Buffer
		args := strings.Fields(wrong)
		assert.Equal(t, 2, Main(t.Context(), args, &stdout, &stderr), wrong)
		assert.Contains(t, stderr.String(), strings.TrimPrefix(args[0], "-"))
		assert.Empty(t, stdout.String())
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Zero(t, Main(t.Context(), []string{"-h"}, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "-free-ports")
}

func TestNoCollector(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Equal(t, 1, Main(t.Context(), []string{"-free-ports", "-bin", "/nowhere/tailwater"}, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "no collector at /nowhere/tailwater (make build makes it)")
}

func TestPortTaken(t *testing.T) {
	// Whoever else holds the port makes the same point.
	if conn, err := net.Listen("tcp", "127.0.0.1:2080"); err == nil {
		defer conn.Close()
	}
	var stdout, stderr bytes.Buffer
	require.Equal(t, 1, Main(t.Context(), nil, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "127.0.0.1:2080 (tcp, for the local X-Ray API and its page) is taken")
	assert.Contains(t, stderr.String(), "-free-ports runs the demo on other ports")
}
