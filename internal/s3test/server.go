// Package s3test starts a real S3 server for tests.
package s3test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// What a Server has and takes.
const (
	Bucket = "bucket"
	Key    = "key"
	Secret = "secret"
)

// Server is versitygw over a folder, with the bucket Bucket.
type Server struct {
	Endpoint string // a URL
	Folder   string // of the bucket
}

// Start starts a server that ends with the test. `make versitygw` builds it, and
// `make test` sets VERSITYGW, so that it must be there; otherwise the test is
// skipped without it.
func Start(t testing.TB) *Server {
	t.Helper()
	binary := find(t)
	// Another process may take the port before the server does; then it ends at
	// once, and another port does it.
	for range 5 {
		if s := start(t, binary); s != nil {
			return s
		}
	}
	t.Fatal("no S3 server would start")
	return nil
}

// find looks for the server in .tools of the repository.
func find(t testing.TB) string {
	if binary := os.Getenv("VERSITYGW"); binary != "" {
		return binary
	}
	directory, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			break
		}
		above := filepath.Dir(directory)
		require.NotEqual(t, above, directory, "the test is in no module")
		directory = above
	}
	binary := filepath.Join(directory, ".tools", "versitygw")
	if _, err := os.Stat(binary); err != nil {
		t.Skipf("no S3 server to test against: run make versitygw (%v)", err)
	}
	return binary
}

// start returns nil if the server ended before it answered.
func start(t testing.TB, binary string) *Server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	dir := t.TempDir()
	root, meta := filepath.Join(dir, "root"), filepath.Join(dir, "meta")
	s := &Server{Endpoint: "http://" + address, Folder: filepath.Join(root, Bucket)}
	require.NoError(t, os.MkdirAll(s.Folder, 0o755))
	require.NoError(t, os.MkdirAll(meta, 0o755))
	cmd := exec.Command(binary, "--quiet", "--port", address, "--access", Key, "--secret", Secret, "posix", "--sidecar", meta, root)
	cmd.Env = []string{"HOME=" + dir}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(log.String())
		}
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	up := func() bool {
		reply, err := client.Get(s.Endpoint)
		return err == nil && reply.Body.Close() == nil
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if up() {
			select {
			case <-ended: // another process has the port, and answered
				return nil
			default:
				return s
			}
		}
		select {
		case <-ended:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatal("the S3 server did not answer within a minute")
	return nil
}

// Env returns the credentials as environment variables.
func Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + Key, "AWS_SECRET_ACCESS_KEY=" + Secret}
}

// Setenv puts the credentials into the environment of the test.
func Setenv(t testing.TB) {
	for _, pair := range Env() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// Client returns a client of the AWS SDK.
func (s *Server) Client(t testing.TB) *s3.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return s3.New(s3.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(s.Endpoint),
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(Key, Secret, ""),
		HTTPClient:   &http.Client{Transport: transport},
	})
}
