package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/tailwater-otel/tailwater/demo/proc"
)

const podRate = 500 // segments a second

// manifest is what docs/migrate-from-daemon.md tells Kubernetes.
type manifest struct {
	command []string
	config  string // the ConfigMap's config.yaml
	memory  int64  // limits.memory
}

func readManifest(t *testing.T) manifest {
	text, err := os.ReadFile("../docs/migrate-from-daemon.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(text), "```yaml\napiVersion:")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	objects := yaml.NewDecoder(strings.NewReader("apiVersion:" + block))
	var m manifest
	for {
		var object struct {
			Kind string
			Data map[string]string
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Command   []string
							Resources struct{ Limits struct{ Memory string } }
						}
					}
				}
			}
		}
		err := objects.Decode(&object)
		if errors.Is(err, io.EOF) {
			return m
		}
		require.NoError(t, err)
		switch object.Kind {
		case "ConfigMap":
			m.config = object.Data["config.yaml"]
		case "DaemonSet":
			container := object.Spec.Template.Spec.Containers[0]
			m.command = container.Command
			n, err := strconv.ParseInt(strings.TrimSuffix(container.Resources.Limits.Memory, "Mi"), 10, 64)
			require.NoError(t, err)
			m.memory = n << 20
		}
	}
}

// podSeconds is how long the daemon is under load. TAILWATER_E2E_SECONDS
// makes it longer.
func podSeconds(t *testing.T) int {
	text := os.Getenv("TAILWATER_E2E_SECONDS")
	if text == "" {
		return 15
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// runPod is a container without an engine: a root folder that has nothing but
// the program and its file, the machine's /proc and /sys, and a memory cgroup.
// The mounts end with the process. exec keeps the process the one that we
// started.
const runPod = `set -e
root=$1; procs=$2; shift 2
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
echo $$ > "$procs"
exec chroot "$root" "$@"`

// What runs on Kubernetes with the daemon's image runs with ours: the same
// command, the same file, the same memory limit.
func TestDaemonOnKubernetes(t *testing.T) {
	m := readManifest(t)
	require.EqualValues(t, 64<<20, m.memory)
	cgroup := newMemoryCgroup(t, m.memory)
	fake := newFakeXRay(t)
	fake.open()
	address, err := proc.FreeAddress()
	require.NoError(t, err)
	_, port, _ := strings.Cut(address, ":")

	root := t.TempDir()
	for _, dir := range []string{"usr/bin", "aws/xray", "proc", "sys"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	program, err := os.ReadFile(filepath.Join(filepath.Dir(binary(t)), "xray"))
	require.NoError(t, err, "run make build")
	require.NoError(t, os.WriteFile(filepath.Join(root, "usr/bin/xray"), program, 0o755))
	// A test has no port of its own: only that is another one.
	require.Equal(t, 2, strings.Count(m.config, ":2000"))
	config := strings.ReplaceAll(m.config, ":2000", ":"+port)
	require.NoError(t, os.WriteFile(filepath.Join(root, "aws/xray/config.yaml"), []byte(config), 0o644))

	require.Equal(t, []string{"/usr/bin/xray", "-c", "/aws/xray/config.yaml"}, m.command)
	cmd := exec.Command("unshare", append([]string{"--mount", "sh", "-c", runPod, "sh", root, cgroup.procs()}, m.command...)...)
	cmd.Env = []string{"AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL_XRAY=" + fake.url(), "AWS_EC2_METADATA_DISABLED=true", "PATH=" + os.Getenv("PATH")}
	daemon, err := proc.Start("xray", cmd, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, daemon.Kill())
		if t.Failed() {
			t.Logf("the daemon's last words:\n%s", daemon.Log.Tail(40))
		}
	})
	require.Eventually(t, func() bool {
		return strings.Contains(daemon.Log.String(), "[Info] Starting proxy http server on ")
	}, startWait, tick, daemon.Log)
	idle := readMemory(t, cmd.Process.Pid)
	assert.Less(t, idle.anonymous, m.memory/3, "idle anonymous memory")

	udp := dial(t, "udp", address)
	sent := 0
	var ids []string
	// No more than a hundredth of a second at once, whatever this machine does
	// in between: it is the daemon that is measured, not the kernel's buffer.
	pace := time.NewTicker(time.Second / 100)
	defer pace.Stop()
	for range podSeconds(t) * 100 {
		<-pace.C
		for range podRate / 100 {
			document, its := newSegment()
			_, err := udp.Write([]byte(header + document))
			require.NoError(t, err)
			ids = append(ids, its...)
			sent++
		}
	}
	fake.waitFor(ids)
	busy := readMemory(t, cmd.Process.Pid)
	peak, kills := cgroup.usage()
	t.Logf("%d segments; idle: %v; after: %v; peak of the cgroup %.1f of %.0f MiB", sent, idle, busy, mib(peak), mib(m.memory))
	assert.Zero(t, kills, "the kernel killed the daemon")
	_, more := fake.missing(ids)
	assert.Empty(t, more, "sent twice")

	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-daemon.Done():
	case <-time.After(stopWait):
		require.Fail(t, "the daemon does not end")
	}
	require.NoError(t, daemon.Err(), "exit code 0")
	log := daemon.Log.String()
	for _, expression := range []string{
		`(?m)^\S+Z? \[Info\] Using buffer memory limit of 24 MB$`,
		`\[Info\] 384 segment buffers allocated`,
		`\[Info\] Using region: eu-west-1`,
		`\[Info\] Successfully sent batch of 50 segments \(`,
		`\[Info\] Got shutdown signal: terminated`,
	} {
		assert.Regexp(t, regexp.MustCompile(expression), log)
	}
	assert.NotContains(t, log, "[Error]")
}

// memory is what a process holds, in bytes.
type memory struct{ resident, anonymous int64 }

func (m memory) String() string {
	return fmt.Sprintf("%.1f MiB RSS, %.1f anonymous", mib(m.resident), mib(m.anonymous))
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func readMemory(t *testing.T, pid int) memory {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	field := func(name string) int64 {
		_, after, ok := bytes.Cut(text, []byte("\n"+name+":"))
		require.True(t, ok, name)
		n, err := strconv.ParseInt(strings.Fields(string(after))[0], 10, 64)
		require.NoError(t, err)
		return n << 10
	}
	return memory{resident: field("VmRSS"), anonymous: field("RssAnon")}
}
