package xraytailsamplingprocessor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

const (
	fileInterval = 5 * time.Second
	maxFileBytes = 1 << 20
)

// file is a source that is read again when its content changes. It is polled:
// a mounted ConfigMap changes by a symbolic link several levels up, of which a
// watch on the file hears nothing.
type file struct {
	p     *tailSampler
	path  string
	what  string // rules or policies
	apply func([]byte) error

	text    []byte
	refused bool // the text
	trouble health
}

func (p *tailSampler) watch(what, path string, apply func([]byte) error) *file {
	return &file{p: p, path: path, what: what, apply: apply, trouble: health{
		logger: p.logger, all: &p.troubles,
		begins: "the new " + what + " are refused, the old ones stay in force", ends: "the " + what + " can be read again",
	}}
}

func (f *file) close(context.Context) {}

func (p *tailSampler) watchRules(path string) *file {
	return p.watch("rules", path, func(text []byte) error {
		rules, err := samplingrule.ParseLocalFile(text)
		if err != nil {
			return err
		}
		return p.setRules(rules)
	})
}

func (p *tailSampler) watchPolicies(path string) *file {
	return p.watch("policies", path, func(text []byte) error {
		next, err := parsePolicies(text)
		if err != nil {
			return err
		}
		p.setPolicies(next)
		return nil
	})
}

// parsePolicies reads a file of policies.
func parsePolicies(text []byte) (*policies, error) {
	retrieved, err := confmap.NewRetrievedFromYAML(text)
	if err != nil {
		return nil, err
	}
	conf, err := retrieved.AsConf()
	if err != nil {
		return nil, err
	}
	var content struct {
		Drop []DropConfig `mapstructure:"drop"`
		Keep []KeepConfig `mapstructure:"keep"`
	}
	if err := conf.Unmarshal(&content); err != nil {
		return nil, err
	}
	return compilePolicies(content.Drop, content.Keep)
}

// open reads the file for the first time.
func (f *file) open(context.Context) error {
	text, err := readFile(f.path)
	if err == nil {
		err = f.apply(text)
	}
	if err != nil {
		return fmt.Errorf("read %s from %q: %w", f.what, f.path, err)
	}
	f.text = text
	return nil
}

func (f *file) run(ctx context.Context) {
	ticker := time.NewTicker(fileInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.look(ctx)
		}
	}
}

// look reads the file and puts it in force if it changed. A file that was
// refused is not tried again until it changes.
func (f *file) look(ctx context.Context) {
	text, err := readFile(f.path)
	changed := err == nil && !bytes.Equal(text, f.text)
	if changed {
		f.text = text
		err = f.apply(text)
		f.refused = err != nil
	}
	if err != nil {
		f.p.reloaded(ctx, f.what, false)
		f.trouble.trouble(fmt.Errorf("read %s from %q: %w", f.what, f.path, err))
		return
	}
	if changed {
		f.p.reloaded(ctx, f.what, true)
		f.p.logger.Info("new "+f.what+" are in force", zap.String("path", f.path))
	}
	if f.refused {
		return
	}
	f.trouble.over()
	if f.what == "rules" {
		f.p.fresh.Store(time.Now().UnixNano())
	}
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = errors.New("the file has more than 1 MiB")
	}
	return text, err
}

// reloaded counts that rules, policies or targets were read.
func (p *tailSampler) reloaded(ctx context.Context, source string, ok bool) {
	outcome := "ok"
	if !ok {
		outcome = "error"
	}
	p.telemetry.ProcessorXrayTailSamplingReloads.Add(ctx, 1, metric.WithAttributes(
		attribute.String("source", source), attribute.String("outcome", outcome)))
}
