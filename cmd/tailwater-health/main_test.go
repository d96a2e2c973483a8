package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestAsk(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"status":"StatusStarting"}`))
	}))
	require.NoError(t, ask(server.URL))
	status = http.StatusServiceUnavailable
	require.ErrorContains(t, ask(server.URL), `503 Service Unavailable: {"status":"StatusStarting"}`)
	server.Close()
	require.ErrorContains(t, ask(server.URL), "ask for the collector's health")
}
