package awsemfexporter

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// MetricDeclaration gives dimension sets to the metrics that it matches.
type MetricDeclaration struct {
	// Dimension sets. One whose keys are not all labels of the metric does not apply.
	Dimensions [][]string `mapstructure:"dimensions"`
	// Regular expressions; one must match the metric's name.
	MetricNameSelectors []string `mapstructure:"metric_name_selectors"`
	// Rules about labels; one must match if there are any.
	LabelMatchers []*LabelMatcher `mapstructure:"label_matchers"`
}

// LabelMatcher matches the values of labels.
type LabelMatcher struct {
	// Labels whose values are joined. A missing label has an empty value.
	LabelNames []string `mapstructure:"label_names"`
	// Text between the values. Empty means `;`.
	Separator string `mapstructure:"separator"`
	// Regular expression that must match the joined values.
	Regex string `mapstructure:"regex"`
}

// declaration is a MetricDeclaration that is ready for use.
type declaration struct {
	sets   [][]string
	names  []*regexp.Regexp
	labels []labelMatcher
}

type labelMatcher struct {
	names     []string
	separator string
	regex     *regexp.Regexp
}

// compileDeclarations returns the declarations that can match, and a text
// about each thing that does nothing.
func compileDeclarations(from []*MetricDeclaration) (out []declaration, skipped []string, err error) {
	var errs []error
	for i, m := range from {
		key := fmt.Sprintf("metric_declarations[%d]", i)
		if m == nil || len(m.MetricNameSelectors) == 0 {
			skipped = append(skipped, key+" has no effect: it has no metric_name_selectors")
			continue
		}
		var d declaration
		for j, set := range m.Dimensions {
			set = slices.Compact(slices.Sorted(slices.Values(set)))
			switch {
			case len(set) > emf.MaxDimensions:
				skipped = append(skipped, fmt.Sprintf("%s.dimensions[%d] has no effect: it has %d dimensions, CloudWatch takes %d", key, j, len(set), emf.MaxDimensions))
			case !slices.ContainsFunc(d.sets, func(s []string) bool { return slices.Equal(s, set) }):
				d.sets = append(d.sets, set)
			}
		}
		for j, selector := range m.MetricNameSelectors {
			r, err := regexp.Compile(selector)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s.metric_name_selectors[%d]: %w", key, j, err))
			}
			d.names = append(d.names, r)
		}
		for j, l := range m.LabelMatchers {
			at := fmt.Sprintf("%s.label_matchers[%d]", key, j)
			if l == nil || len(l.LabelNames) == 0 {
				errs = append(errs, fmt.Errorf("%s.label_names: empty; name the labels to match", at))
				continue
			}
			if l.Regex == "" {
				errs = append(errs, fmt.Errorf("%s.regex: empty; say what to match", at))
				continue
			}
			r, err := regexp.Compile(l.Regex)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s.regex: %w", at, err))
			}
			separator := l.Separator
			if separator == "" {
				separator = ";"
			}
			d.labels = append(d.labels, labelMatcher{l.LabelNames, separator, r})
		}
		out = append(out, d)
	}
	return out, skipped, errors.Join(errs...)
}

// matches tells whether the declaration is about a metric with these labels.
func (d *declaration) matches(labels labels) bool {
	if len(d.labels) == 0 {
		return true
	}
	return slices.ContainsFunc(d.labels, func(m labelMatcher) bool {
		values := make([]string, len(m.names))
		for i, name := range m.names {
			if n := labels.find(name); n >= 0 {
				values[i] = labels[n].Value
			}
		}
		return m.regex.MatchString(strings.Join(values, m.separator))
	})
}

// setRules say which dimension sets a metric has.
type setRules struct {
	declarations []declaration
	rollup       string
	json         []string // labels that are no dimensions unless a declaration says so

	// byName remembers which declarations match a metric's name.
	byName map[string][]int
	// tooLarge is how many sets were left out since somebody asked, and
	// tooLargeOf a metric that had one.
	tooLarge   int
	tooLargeOf string
}

// maxNames bounds the names that are remembered.
const maxNames = 10_000

func (r *setRules) declared(name string) []int {
	if found, ok := r.byName[name]; ok {
		return found
	}
	found := []int{}
	for i := range r.declarations {
		if slices.ContainsFunc(r.declarations[i].names, func(x *regexp.Regexp) bool { return x.MatchString(name) }) {
			found = append(found, i)
		}
	}
	if len(r.byName) >= maxNames {
		clear(r.byName)
	}
	r.byName[name] = found
	return found
}

// sets returns the dimension sets of a metric as indices of its labels, and
// how many sets were left out because they have too many dimensions. A matching
// declaration wins, then the scope's own sets, then all labels are one set.
func (r *setRules) sets(name string, labels labels, scope [][]string) (sets [][]int, tooLarge int) {
	matched := false
	for _, i := range r.declared(name) {
		d := &r.declarations[i]
		if !d.matches(labels) {
			continue
		}
		matched = true
		for _, set := range d.sets {
			sets, tooLarge = appendSet(sets, labels, set, tooLarge)
		}
	}
	switch {
	case matched:
		return r.rolledUp(sets, labels), tooLarge
	case scope != nil:
		for _, set := range scope {
			sets, tooLarge = appendSet(sets, labels, set, tooLarge)
		}
		return sets, tooLarge
	case len(r.declarations) > 0:
		return nil, 0
	}
	all := make([]int, 0, len(labels))
	for i, l := range labels {
		if usable(l) && !slices.Contains(r.json, l.Name) {
			all = append(all, i)
		}
	}
	if len(all) > emf.MaxDimensions {
		tooLarge++
	} else {
		sets = append(sets, all)
	}
	return r.rolledUp(sets, labels), tooLarge
}

// usable tells whether a label can be a dimension: CloudWatch has no series
// with a blank value.
func usable(l emf.Field) bool { return strings.TrimSpace(l.Value) != "" }

// appendSet appends a set if all its keys are labels.
func appendSet(sets [][]int, labels labels, keys []string, tooLarge int) ([][]int, int) {
	set := make([]int, 0, len(keys))
	for _, key := range keys {
		n := labels.find(key)
		if n < 0 || !usable(labels[n]) {
			return sets, tooLarge
		}
		if !slices.Contains(set, n) {
			set = append(set, n)
		}
	}
	if len(set) > emf.MaxDimensions {
		return sets, tooLarge + 1
	}
	slices.Sort(set)
	return appendNew(sets, set), tooLarge
}

func appendNew(sets [][]int, set []int) [][]int {
	if slices.ContainsFunc(sets, func(s []int) bool { return slices.Equal(s, set) }) {
		return sets
	}
	return append(sets, set)
}

// rolledUp adds the sets of dimension_rollup_option: none, one for each label,
// and one without dimensions, or with the scope's name alone if there is one.
func (r *setRules) rolledUp(sets [][]int, labels labels) [][]int {
	if r.rollup == noRollup {
		return sets
	}
	scope := labels.find(scopeLabel)
	if scope >= 0 && !usable(labels[scope]) {
		scope = -1
	}
	base := []int{}
	if scope >= 0 {
		base = []int{scope}
	}
	if r.rollup == zeroRollup {
		sets = appendNew(sets, base)
	}
	for i, l := range labels {
		if i != scope && usable(l) && !slices.Contains(r.json, l.Name) {
			sets = appendNew(sets, slices.Sorted(slices.Values(append([]int{i}, base...))))
		}
	}
	return sets
}
