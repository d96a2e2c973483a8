package awsemfexporter

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tailwater-otel/tailwater/exporter/awsemfexporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

func (r *ResourceToTelemetry) validate() error {
	legacy := r.Enabled || r.ExcludeServiceAttributes
	if legacy && len(r.Included)+len(r.Excluded) > 0 {
		return errors.New("resource_to_telemetry_conversion: enabled and exclude_service_attributes do not go with included and excluded; use the latter two")
	}
	if legacy && metadata.ExporterAwsemfDisableLegacyResourceToTelemetryConversionFeatureGate.IsEnabled() {
		return errors.New("resource_to_telemetry_conversion: enabled and exclude_service_attributes are off with the feature gate exporter.awsemf.DisableLegacyResourceToTelemetryConversion; use included and excluded")
	}
	return nil
}

// matcher returns a function that tells whether a resource attribute becomes a
// label, or nil if none does.
func (r *ResourceToTelemetry) matcher() func(key string) bool {
	included, excluded := r.Included, r.Excluded
	switch {
	case r.Enabled && r.ExcludeServiceAttributes:
		included, excluded = []string{"*"}, []string{"service.name", "service.instance.id", "service.namespace"}
	case r.Enabled:
		included = []string{"*"}
	case len(included) == 0 && len(excluded) == 0:
		return nil
	case len(included) == 0:
		included = []string{"*"}
	}
	in, out := globs(included), globs(excluded)
	return func(key string) bool { return in.MatchString(key) && (len(excluded) == 0 || !out.MatchString(key)) }
}

// globs compiles patterns in which * is any text and ? any character.
func globs(patterns []string) *regexp.Regexp {
	quoted := make([]string, len(patterns))
	for i, p := range patterns {
		quoted[i] = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(p))
	}
	return regexp.MustCompile("(?s)^(?:" + strings.Join(quoted, "|") + ")$")
}

// validateTags refuses tags that CreateLogGroup would refuse.
func validateTags(tags map[string]string) error {
	if tags != nil && len(tags) == 0 {
		return errors.New("tags: empty; name at least one, or leave the key out")
	}
	if len(tags) > 50 {
		return fmt.Errorf("tags: %d are more than 50", len(tags))
	}
	for key, value := range tags {
		if key == "" || !awsclient.TagText(key, awsclient.MaxTagKey) {
			return fmt.Errorf("tags: key %q needs 1 to 128 letters, digits, spaces or _.:/=+-@", key)
		}
		if value == "" || !awsclient.TagText(value, awsclient.MaxTagValue) {
			return fmt.Errorf("tags.%s: value %q needs 1 to 256 letters, digits, spaces or _.:/=+-@", key, value)
		}
	}
	return nil
}
