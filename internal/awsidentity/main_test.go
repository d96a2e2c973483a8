package awsidentity

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// fakeMachine is a machine of files and variables; everything else is absent.
type fakeMachine struct {
	t    *testing.T
	root string
	env  map[string]string
}

func newMachine(t *testing.T) *fakeMachine {
	return &fakeMachine{t: t, root: t.TempDir(), env: map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}}
}

func (m *fakeMachine) machine() Machine {
	return Machine{Root: m.root, Getenv: func(key string) string { return m.env[key] }}
}

func (m *fakeMachine) write(path, text string) {
	path = filepath.Join(m.root, path)
	require.NoError(m.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(m.t, os.WriteFile(path, []byte(text), 0o600))
}

// detect asks one source.
func (m *fakeMachine) detect(name string, o Options) (map[string]any, error) {
	for _, source := range Sources(m.machine(), o) {
		if source.Name == name {
			attrs, err := source.Detect(m.t.Context())
			if err != nil {
				return nil, err
			}
			return attrs.AsRaw(), nil
		}
	}
	m.t.Fatalf("no source %q", name)
	return nil, nil
}

func (m *fakeMachine) claims(name string) bool {
	for _, source := range Sources(m.machine(), Options{}) {
		if source.Name == name {
			return source.Claims()
		}
	}
	return false
}

// serveIMDS runs a metadata service that speaks version 2 only.
func (m *fakeMachine) serveIMDS(document string) {
	const token = "a-session-token"
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		_, _ = w.Write([]byte(token))
	})
	mux.HandleFunc("GET /latest/dynamic/instance-identity/document", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Aws-Ec2-Metadata-Token") != token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(document))
	})
	server := httptest.NewServer(mux)
	m.t.Cleanup(server.Close)
	m.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server.URL
	m.env["AWS_EC2_METADATA_DISABLED"] = ""
}

// serveTask runs a task metadata endpoint; the names are files in testdata.
func (m *fakeMachine) serveTask(container, task string) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v4/x", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "testdata/"+container) })
	mux.HandleFunc("GET /v4/x/task", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "testdata/"+task) })
	server := httptest.NewServer(mux)
	m.t.Cleanup(server.Close)
	m.env["ECS_CONTAINER_METADATA_URI_V4"] = server.URL + "/v4/x"
}

// putToken writes a service account's token with these claims.
func (m *fakeMachine) putToken(claims string) {
	part := base64.RawURLEncoding.EncodeToString
	m.write(serviceAccount+"token", part([]byte(`{"alg":"RS256"}`))+"."+part([]byte(claims))+"."+part([]byte("signature")))
}

// serveKubernetes runs a Kubernetes API that answers only who brings the token.
func (m *fakeMachine) serveKubernetes(answers map[string]string) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := m.machine().readFile(serviceAccount + "token")
		answer, ok := answers[r.URL.Path]
		switch {
		case err != nil || r.Header.Get("Authorization") != "Bearer "+string(token):
			w.WriteHeader(http.StatusUnauthorized)
		case !ok:
			w.WriteHeader(http.StatusForbidden)
		default:
			_, _ = w.Write([]byte(answer))
		}
	}))
	m.t.Cleanup(server.Close)
	m.write(serviceAccount+"ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	host, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	m.env["KUBERNETES_SERVICE_HOST"], m.env["KUBERNETES_SERVICE_PORT"] = host, port
}
