// Package packaging tests the image: what `make stage` put together, and what
// the Dockerfile makes of it.
package packaging

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// staged returns the file system that goes into the image. Without one, as in a
// run of this package alone, there is nothing to test.
func staged(t *testing.T) string {
	arch := os.Getenv("IMAGE_ARCH")
	if arch == "" {
		t.Skip("IMAGE_ARCH is not set: make image-test builds what is tested here")
	}
	root, err := filepath.Abs("../../dist/image/linux-" + arch)
	require.NoError(t, err)
	require.DirExists(t, root)
	return root
}

func TestStagedFiles(t *testing.T) {
	testRoot(t, staged(t))
}

// testRoot checks a file system and runs what is in it.
func testRoot(t *testing.T, root string) {
	programs, err := filepath.Glob(filepath.Join(root, "usr/bin/*"))
	require.NoError(t, err)
	var names []string
	for _, program := range programs {
		names = append(names, filepath.Base(program))
		requireStatic(t, program)
	}
	require.Contains(t, names, "tailwater")
	require.Contains(t, names, "tailwater-health")
	for _, dir := range commands(t) {
		require.Contains(t, names, dir)
	}
	require.DirExists(t, filepath.Join(root, "var/lib/tailwater"))
	bundle, err := os.ReadFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))
	require.NoError(t, err)
	require.Contains(t, string(bundle), "-----BEGIN CERTIFICATE-----")

	require.Contains(t, runAlone(t, root, "/usr/bin/tailwater", "--version"), "tailwater version ")
	configs, err := filepath.Glob(filepath.Join(root, "etc/tailwater/*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, configs)
	for _, config := range configs {
		// Not alone: the memory limiter asks /proc, which an engine mounts.
		run(t, exec.Command(filepath.Join(root, "usr/bin/tailwater"), "validate",
			"--feature-gates=+extension.healthcheck.useComponentStatus", "--config="+config))
	}
}

// commands lists the programs beside the collector.
func commands(t *testing.T) (names []string) {
	dirs, err := filepath.Glob("../../cmd/*")
	require.NoError(t, err)
	for _, dir := range dirs {
		names = append(names, filepath.Base(dir))
	}
	return names
}

// requireStatic checks that a program needs no loader and no library.
func requireStatic(t *testing.T, path string) {
	file, err := elf.Open(path)
	require.NoError(t, err, path)
	defer file.Close()
	for _, p := range file.Progs {
		require.NotEqual(t, elf.PT_INTERP, p.Type, "%s needs a loader", path)
	}
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries, path)
}

// runAlone runs a program of the image. As root that is as the image's user, with
// the image's file system and nothing else.
func runAlone(t *testing.T, root, path string, args ...string) string {
	t.Helper()
	cmd := exec.Command(path, args...)
	if !enterRoot(cmd, root) {
		cmd.Path = filepath.Join(root, path)
		cmd.Err = nil
	}
	return run(t, cmd)
}

func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Env = []string{
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true",
		"TAILWATER_BUCKET=example-archive",
		"ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/x",
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v\n%s", cmd.Args, out)
	return string(out)
}

// The image is built, taken apart and run. Without an engine that part cannot
// be tested: then image.sh must say so, and what to install.
func TestImage(t *testing.T) {
	staged(t)
	arch := os.Getenv("IMAGE_ARCH")
	require.Equal(t, runtime.GOARCH, arch, "what is built here is run here")
	cmd := exec.Command("./image.sh")
	cmd.Env = append(os.Environ(), "IMAGE=tailwater-test", "VERSION=0", "ARCHES="+arch)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() == noEngine {
		require.Contains(t, string(out), "make image needs buildah")
		if os.Getenv("CI") == "" {
			t.Fatalf("the image itself cannot be tested here: %s(CI=1 leaves it at that)", out)
		}
		t.Logf("the image itself is not tested: %s", out)
		return
	}
	require.NoError(t, err, "%s", out)

	archive := filepath.Join(t.TempDir(), "image.tar")
	save := exec.Command("docker", "save", "--output", archive, "tailwater-test:0-"+arch)
	remove := exec.Command("docker", "rmi", "tailwater-test:0-"+arch)
	if _, err := exec.LookPath("buildah"); err == nil {
		save = exec.Command("buildah", "--storage-driver", "vfs", "push", "tailwater-test:0-"+arch, "docker-archive:"+archive)
		remove = exec.Command("buildah", "--storage-driver", "vfs", "rmi", "tailwater-test:0-"+arch)
	}
	t.Cleanup(func() {
		out, err := remove.CombinedOutput()
		require.NoError(t, err, "%s", out)
	})
	out, err = save.CombinedOutput()
	require.NoError(t, err, "%s", out)
	root, config := unpackImage(t, archive)
	require.Equal(t, "65532:65532", config.User)
	require.Equal(t, []string{"/usr/bin/tailwater"}, config.Entrypoint)
	require.Equal(t, []string{"--feature-gates=+extension.healthcheck.useComponentStatus", "--config=/etc/tailwater/all-in-one.yaml"}, config.Cmd)
	require.Equal(t, []string{"CMD", "/usr/bin/tailwater-health"}, config.Healthcheck.Test)
	require.Contains(t, config.Volumes, "/var/lib/tailwater")
	require.Contains(t, config.ExposedPorts, "2000/udp")
	testRoot(t, root)
}

// noEngine is how image.sh ends if there is neither buildah nor docker.
const noEngine = 3

// imageConfig is what an image says about how to run it.
type imageConfig struct {
	User                  string
	Entrypoint, Cmd       []string
	Volumes, ExposedPorts map[string]struct{}
	Healthcheck           struct{ Test []string }
}

// unpackImage reads an archive of `docker save`: manifest.json names the
// configuration and the layers.
func unpackImage(t *testing.T, archive string) (root string, config imageConfig) {
	members := map[string][]byte{}
	eachFile(t, archive, func(h *tar.Header, content io.Reader) {
		text, err := io.ReadAll(content)
		require.NoError(t, err)
		members[h.Name] = text
	})
	var manifest []struct {
		Config string
		Layers []string
	}
	require.NoError(t, json.Unmarshal(members["manifest.json"], &manifest))
	require.Len(t, manifest, 1)
	var described struct{ Config imageConfig }
	require.NoError(t, json.Unmarshal(members[manifest[0].Config], &described))

	root = t.TempDir()
	for _, name := range manifest[0].Layers {
		layer := tar.NewReader(bytes.NewReader(members[name]))
		for {
			h, err := layer.Next()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			path := filepath.Join(root, h.Name)
			switch h.Typeflag {
			case tar.TypeDir:
				require.NoError(t, os.MkdirAll(path, h.FileInfo().Mode().Perm()|0o700))
			case tar.TypeReg:
				content, err := io.ReadAll(layer)
				require.NoError(t, err)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, content, h.FileInfo().Mode().Perm()|0o200))
			}
			if strings.Trim(h.Name, "./") == "var/lib/tailwater" {
				require.Equal(t, 65532, h.Uid, "the folder for queues must be the user's")
			}
		}
	}
	// A folder of t.TempDir is for its owner only; the image's user is another.
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o005 != 0o005 && os.Getuid() == 0 {
			require.NoError(t, os.Chmod(dir, info.Mode().Perm()|fs.FileMode(0o055)))
		}
	}
	return root, described.Config
}

func eachFile(t *testing.T, path string, each func(*tar.Header, io.Reader)) {
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	files := tar.NewReader(file)
	for {
		h, err := files.Next()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
		if h.Typeflag == tar.TypeReg {
			each(h, files)
		}
	}
}

// The scripts of the packages, and the one that builds the image, are scripts.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("*.sh")
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, script := range scripts {
		out, err := exec.Command("bash", "-n", script).CombinedOutput()
		require.NoError(t, err, "%s: %s", script, out)
	}
}
