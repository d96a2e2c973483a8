package shop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// oldestNode is the first major version that the packages of the Node services
// run on.
const oldestNode = 20

// findNode returns the node program, or why the Node services cannot run.
func findNode(ctx context.Context, dir string) (path, why string) {
	path, err := exec.LookPath("node")
	if err != nil {
		return "", "there is no node on the PATH."
	}
	output, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Sprintf("%s does not run: %v.", path, err)
	}
	version := strings.TrimSpace(string(output)) // v20.11.1
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
		return "", fmt.Sprintf("node is %s; they need %d or newer.", version, oldestNode)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		return "", fmt.Sprintf("their packages are not installed (run npm ci in %s).", dir)
	}
	return path, ""
}
