package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/httpprovider"
	"go.opentelemetry.io/collector/confmap/provider/httpsprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"

	"github.com/tailwater-otel/tailwater/provider/xraydaemonprovider"
)

// validate lets the collector itself say whether the configuration is valid.
func validate(ctx context.Context, o Options) []Finding {
	if o.Tailwater == "" {
		return []Finding{{Status: Skip, Text: "the configuration is not validated: there is no tailwater beside this program",
			Fix: "name it with --tailwater"}}
	}
	args := []string{"validate"}
	for _, uri := range o.URIs {
		args = append(args, "--config", uri)
	}
	if o.FeatureGates != "" {
		args = append(args, "--feature-gates", o.FeatureGates)
	}
	output, err := exec.CommandContext(ctx, o.Tailwater, args...).CombinedOutput()
	if err == nil {
		return []Finding{{Status: OK, Text: "the configuration is valid"}}
	}
	said := strings.TrimSpace(string(bytes.ToValidUTF8(output, nil)))
	if said == "" || !errors.As(err, new(*exec.ExitError)) {
		said = err.Error()
	}
	return []Finding{{Status: Fail, Text: fmt.Sprintf("%s validate refuses the configuration: %s", o.Tailwater, said)}}
}

// resolve reads and merges configurations as the collector does.
func resolve(ctx context.Context, uris []string) (_ *confmap.Conf, err error) {
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: uris,
		ProviderFactories: []confmap.ProviderFactory{
			envprovider.NewFactory(), fileprovider.NewFactory(), yamlprovider.NewFactory(),
			httpprovider.NewFactory(), httpsprovider.NewFactory(), xraydaemonprovider.NewFactory(),
		},
		DefaultScheme: "env",
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resolver.Shutdown(ctx)) }()
	return resolver.Resolve(ctx)
}

// section is a part of a configuration. A missing one is empty.
type section map[string]any

func (s section) sub(key string) section {
	switch m := s[key].(type) {
	case map[string]any:
		return m
	case section:
		return m
	}
	return nil
}

func (s section) has(key string) bool {
	_, ok := s[key]
	return ok
}

// text returns a string, or otherwise if there is none.
func (s section) text(key, otherwise string) string {
	if v, ok := s[key]; ok && v != nil {
		return fmt.Sprint(v)
	}
	return otherwise
}

// list returns the texts of a list.
func (s section) list(key string) (out []string) {
	items, _ := s[key].([]any)
	for _, item := range items {
		out = append(out, fmt.Sprint(item))
	}
	return out
}
