// Package packages tests what `make packages` made: the deb and the rpm are
// unpacked with other libraries than those that made them, and what is in them
// is run. DIST is the folder that they are in.
package packages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/blakesmith/ar"
	"github.com/sassoftware/go-rpmutils"
)

// found is what was unpacked.
type found struct {
	root     string
	modes    map[string]fs.FileMode
	conffile []string
}

// only returns the one file in DIST that matches.
func only(t *testing.T, pattern string) string {
	t.Helper()
	dist := os.Getenv("DIST")
	if dist == "" {
		t.Fatal("DIST is not set: run make packages-test")
	}
	files, err := filepath.Glob(filepath.Join(dist, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s in %s: %v %v, want one", pattern, dist, files, err)
	}
	return files[0]
}

func unpackDeb(t *testing.T) found {
	file, err := os.Open(only(t, "tailwater_*_"+runtime.GOARCH+".deb"))
	check(t, err)
	defer file.Close()
	f := found{root: t.TempDir(), modes: map[string]fs.FileMode{}}
	archive := ar.NewReader(file)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return f
		}
		check(t, err)
		switch strings.TrimSuffix(header.Name, "/") {
		case "control.tar.gz":
			untar(t, archive, func(name string, _ fs.FileMode, content []byte) {
				if filepath.Base(name) == "conffiles" {
					f.conffile = strings.Fields(string(content))
				}
			})
		case "data.tar.gz":
			untar(t, archive, f.put(t))
		}
	}
}

func untar(t *testing.T, r io.Reader, each func(name string, mode fs.FileMode, content []byte)) {
	t.Helper()
	text, err := gzip.NewReader(r)
	check(t, err)
	files := tar.NewReader(text)
	for {
		header, err := files.Next()
		if err == io.EOF {
			return
		}
		check(t, err)
		if header.Typeflag == tar.TypeReg {
			content, err := io.ReadAll(files)
			check(t, err)
			each(header.Name, header.FileInfo().Mode(), content)
		}
	}
}

func unpackRPM(t *testing.T) found {
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	file, err := os.Open(only(t, "tailwater-*."+arch+".rpm"))
	check(t, err)
	defer file.Close()
	pack, err := rpmutils.ReadRpm(file)
	check(t, err)
	f := found{root: t.TempDir(), modes: map[string]fs.FileMode{}}
	infos, err := pack.Header.GetFiles()
	check(t, err)
	const configFile, noReplace = 1, 1 << 4 // rpm's file attributes
	for _, info := range infos {
		if info.Flags()&configFile != 0 && info.Flags()&noReplace != 0 {
			f.conffile = append(f.conffile, info.Name())
		}
	}
	payload, err := pack.PayloadReaderExtended()
	check(t, err)
	put := f.put(t)
	for {
		info, err := payload.Next()
		if err == io.EOF {
			return f
		}
		check(t, err)
		if fs.FileMode(info.Mode()).IsDir() || info.Mode()&0o170000 == 0o040000 {
			continue
		}
		content, err := io.ReadAll(payload)
		check(t, err)
		put(info.Name(), fs.FileMode(info.Mode()&0o777), content)
	}
}

// put writes a file below the root and remembers its mode.
func (f found) put(t *testing.T) func(string, fs.FileMode, []byte) {
	return func(name string, mode fs.FileMode, content []byte) {
		name = "/" + strings.TrimPrefix(strings.TrimPrefix(name, "."), "/")
		path := filepath.Join(f.root, name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, content, mode.Perm()|0o200))
		f.modes[name] = mode.Perm()
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDeb(t *testing.T) { testPackage(t, unpackDeb(t)) }
func TestRPM(t *testing.T) { testPackage(t, unpackRPM(t)) }

func testPackage(t *testing.T, f found) {
	for path, mode := range map[string]fs.FileMode{
		"/usr/bin/tailwater":                          0o755,
		"/usr/bin/tailwater-health":                   0o755,
		"/usr/lib/systemd/system/tailwater.service":   0o644,
		"/etc/tailwater/config.yaml":                  0o644,
		"/etc/tailwater/tailwater.env":                0o640,
		"/usr/share/doc/tailwater/configs/agent.yaml": 0o644,
		"/usr/share/doc/tailwater/configs/README.md":  0o644,
		"/usr/share/doc/tailwater/copyright":          0o644,
		"/usr/share/doc/tailwater/sbom.cdx.json":      0o644,
	} {
		if got, ok := f.modes[path]; !ok || got != mode {
			t.Errorf("%s: mode %o, there: %v; want %o", path, got, ok, mode)
		}
	}
	for _, path := range []string{"/etc/tailwater/config.yaml", "/etc/tailwater/tailwater.env"} {
		if !strings.Contains(" "+strings.Join(f.conffile, " ")+" ", " "+path+" ") {
			t.Errorf("%s is not marked as a configuration file; %v are", path, f.conffile)
		}
	}
	if _, ok := f.modes["/usr/bin/xray"]; ok {
		t.Error("/usr/bin/xray belongs to the package of the X-Ray daemon")
	}

	program := filepath.Join(f.root, "usr/bin/tailwater")
	if out := run(t, f, program, "--version"); !strings.HasPrefix(out, "tailwater version ") {
		t.Errorf("tailwater --version says %q", out)
	}
	if out := run(t, f, program, "--help"); !strings.Contains(out, "--config") {
		t.Errorf("tailwater --help says %q", out)
	}
	unit, err := os.ReadFile(filepath.Join(f.root, "usr/lib/systemd/system/tailwater.service"))
	check(t, err)
	command := ""
	for _, line := range strings.Split(string(unit), "\n") {
		if after, ok := strings.CutPrefix(line, "ExecStart=/usr/bin/tailwater "); ok {
			command = after
		}
	}
	// What the unit starts, as far as it goes without listening.
	args := []string{"validate"}
	for _, arg := range strings.Fields(command) {
		args = append(args, strings.Replace(arg, "=/etc/", "="+f.root+"/etc/", 1))
	}
	if len(args) != 3 {
		t.Errorf("the unit starts tailwater with %q", command)
	}
	run(t, f, program, args...)

	sbom, err := os.ReadFile(filepath.Join(f.root, "usr/share/doc/tailwater/sbom.cdx.json"))
	check(t, err)
	var bom struct {
		BOMFormat  string
		Components []struct{ Name, Version, Purl string }
	}
	check(t, json.Unmarshal(sbom, &bom))
	versions := map[string]string{}
	for _, c := range bom.Components {
		versions[c.Name] = c.Version
	}
	if bom.BOMFormat != "CycloneDX" || versions["go.opentelemetry.io/collector/otelcol"] == "" || versions["std"] == "" {
		t.Errorf("the SBOM is %s with %d components, without the collector or Go itself", bom.BOMFormat, len(bom.Components))
	}
}

// run runs a program of the package and returns what it prints.
func run(t *testing.T, f found, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"TAILWATER_STATE=" + filepath.Join(f.root, "state"), "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true"}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s%s", program, args, err, &out, &problems)
	}
	return out.String()
}
