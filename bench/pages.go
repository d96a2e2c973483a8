//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lossWords are in the names of counters that count what is not delivered.
var lossWords = []string{"drop", "reject", "refus", "fail", "unprocessed", "lost", "cut"}

// ownLosses reads the collector's metrics page.
func ownLosses(ctx context.Context, port int) (map[string]float64, error) {
	body, err := get(ctx, "http://"+loopback(port)+"/metrics")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	losses := map[string]float64{}
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		if name, v, ok := parseLoss(lines.Text()); ok {
			losses[name] += v
		}
	}
	return losses, lines.Err()
}

// parseLoss reads one line of the Prometheus text format, without the labels
// that name the instance.
func parseLoss(line string) (name string, value float64, ok bool) {
	i := strings.LastIndexByte(line, ' ')
	if strings.HasPrefix(line, "#") || i < 0 {
		return "", 0, false
	}
	name, labels, _ := strings.Cut(line[:i], "{")
	for _, w := range lossWords {
		ok = ok || strings.Contains(name, w)
	}
	value, err := strconv.ParseFloat(line[i+1:], 64)
	if !ok || err != nil || value == 0 || strings.HasSuffix(name, "_bucket") {
		return "", 0, false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(labels, "}"), ",") {
		if key, v, _ := strings.Cut(label, "="); key == "reason" || key == "code" {
			name += " " + strings.Trim(v, `"`)
		}
	}
	return name, value, true
}

// heapMark is in front of the live heap in a heap profile as text.
const heapMark = "# HeapAlloc = "

// liveHeap collects the collector's garbage and returns the bytes that are left.
func liveHeap(ctx context.Context, port int) (int64, error) {
	body, err := get(ctx, "http://"+loopback(port)+"/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return parseHeap(body)
}

func parseHeap(page io.Reader) (int64, error) {
	text, err := io.ReadAll(page)
	if err != nil {
		return 0, err
	}
	_, after, found := strings.Cut(string(text), heapMark)
	if !found {
		return 0, errors.New("the heap profile does not say how much is allocated")
	}
	number, _, _ := strings.Cut(after, "\n")
	return strconv.ParseInt(number, 10, 64)
}

func get(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("get %s: %s", url, resp.Status)
	}
	return resp.Body, nil
}

// startProfile records a CPU profile that begins with the load and ends with
// the window, if profiles are wanted. The function it returns waits for it and
// adds an allocation profile.
func (m measurement) startProfile(ctx context.Context, port int) (finish func() error) {
	if m.profiles == "" {
		return func() error { return nil }
	}
	seconds := int((m.warmUp + m.window).Seconds())
	done := make(chan error, 1)
	go func() { done <- m.profile(ctx, port, "profile", fmt.Sprintf("?seconds=%d", max(1, seconds))) }()
	return func() error {
		return errors.Join(<-done, m.profile(ctx, port, "allocs", ""))
	}
}

// profile stores one profile of the collector.
func (m measurement) profile(ctx context.Context, port int, kind, query string) error {
	body, err := get(ctx, "http://"+loopback(port)+"/debug/pprof/"+kind+query)
	if err != nil {
		return err
	}
	defer body.Close()
	name := fmt.Sprintf("%s-%s-%s-%d.%s.pprof", m.row.name, m.pipeline, m.side.name, m.round, kind)
	f, err := os.Create(filepath.Join(m.profiles, name))
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, body); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
