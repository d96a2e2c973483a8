// Package emftest checks documents of the embedded metric format, for tests.
package emftest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// schemaText is the format's JSON schema as AWS publishes it in "Specification:
// Embedded metric format", without its examples.
//
//go:embed schema.json
var schemaText []byte

var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("emf.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("emf.json")
})

// Document is a document as CloudWatch reads it.
type Document struct {
	Timestamp  int64
	Directives []Directive
	Root       map[string]any // numbers are json.Number
}

// Directive is an entry of CloudWatchMetrics.
type Directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []struct {
		Name              string
		Unit              string
		StorageResolution int
	}
}

// Metrics returns the names of the metrics that CloudWatch extracts.
func (d *Document) Metrics() (names []string) {
	for _, directive := range d.Directives {
		for _, m := range directive.Metrics {
			names = append(names, m.Name)
		}
	}
	return names
}

// Check reads a document and returns an error unless the schema and every limit
// that the schema does not know accept it. A document without _aws is a log.
func Check(text []byte) (*Document, error) {
	if len(text) > emf.MaxMessage {
		return nil, fmt.Errorf("%d bytes are more than %d", len(text), emf.MaxMessage)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	if err := uniqueNames(text); err != nil {
		return nil, err
	}
	d := &Document{}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	root, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	d.Root = root
	if _, ok := root["_aws"]; !ok {
		return d, nil
	}
	compiled, err := schema()
	if err != nil {
		return nil, err
	}
	if err := compiled.Validate(value); err != nil {
		return nil, err
	}
	var metadata struct {
		AWS struct {
			Timestamp         int64
			CloudWatchMetrics []Directive
		} `json:"_aws"`
	}
	if err := json.Unmarshal(text, &metadata); err != nil {
		return nil, err
	}
	d.Timestamp, d.Directives = metadata.AWS.Timestamp, metadata.AWS.CloudWatchMetrics
	return d, d.check()
}

// uniqueNames refuses a root with two members of one name.
func uniqueNames(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return fmt.Errorf("not an object: %v", err)
	}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if seen[name] {
			return fmt.Errorf("two members %q", name)
		}
		seen[name] = true
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil { // the closing brace
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

func (d *Document) check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	names := d.Metrics()
	if len(names) > emf.MaxMetrics {
		fail("%d metrics", len(names))
	}
	if slices.Sort(names); len(slices.Compact(names)) != len(d.Metrics()) {
		fail("a metric is defined twice: %q", names)
	}
	for _, directive := range d.Directives {
		if strings.TrimSpace(directive.Namespace) == "" || emf.Namespace(directive.Namespace) != directive.Namespace {
			fail("namespace %q", directive.Namespace)
		}
		for _, set := range directive.Dimensions {
			if sorted := slices.Sorted(slices.Values(set)); len(slices.Compact(sorted)) != len(set) {
				fail("a dimension twice in %q", set)
			}
			for _, name := range set {
				if err := d.dimension(name); err != nil {
					fail("dimension %q: %w", name, err)
				}
			}
		}
		for _, m := range directive.Metrics {
			if !printable(m.Name) || strings.TrimSpace(m.Name) == "" {
				fail("metric name %q", m.Name)
			}
			for _, set := range directive.Dimensions {
				if slices.Contains(set, m.Name) {
					fail("metric %q is a dimension", m.Name)
				}
			}
			if err := target(d.Root[m.Name]); err != nil {
				fail("metric %q: %w", m.Name, err)
			}
		}
	}
	return errors.Join(errs...)
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

func (d *Document) dimension(name string) error {
	if !printable(name) || strings.TrimSpace(name) == "" || name[0] == ':' {
		return errors.New("illegal name")
	}
	value, ok := d.Root[name].(string)
	switch {
	case !ok:
		return fmt.Errorf("its value is a %T", d.Root[name])
	case strings.TrimSpace(value) == "" || !printable(value) || len(value) > emf.MaxDimensionValue:
		return fmt.Errorf("illegal value %q", value)
	}
	return nil
}

// target checks the value of a metric.
func target(value any) error {
	switch v := value.(type) {
	case json.Number:
		_, err := number(v)
		return err
	case []any:
		if len(v) == 0 || len(v) > emf.MaxValues {
			return fmt.Errorf("%d values", len(v))
		}
		for _, one := range v {
			if _, err := number(one); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		_, err := ReadWeighted(v)
		return err
	}
	return fmt.Errorf("its value is a %T", value)
}

func number(value any) (float64, error) {
	n, ok := value.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%v is no number", value)
	}
	v, err := n.Float64()
	if err != nil || !emf.InRange(v) {
		return 0, fmt.Errorf("%s is out of range", n)
	}
	return v, nil
}

// ReadWeighted reads and checks the object form of a value.
func ReadWeighted(value any) (w emf.Weighted, err error) {
	object, ok := value.(map[string]any)
	if !ok {
		return w, fmt.Errorf("a %T is no distribution", value)
	}
	values, _ := object["Values"].([]any)
	counts, _ := object["Counts"].([]any)
	if len(object) != 6 || len(values) != len(counts) || len(values) == 0 || len(values) > emf.MaxValues {
		return w, fmt.Errorf("%d values, %d counts, %d members", len(values), len(counts), len(object))
	}
	for name, to := range map[string]*float64{"Min": &w.Min, "Max": &w.Max, "Sum": &w.Sum} {
		if *to, err = number(object[name]); err != nil {
			return w, fmt.Errorf("%s: %w", name, err)
		}
	}
	count := 0.0
	for i := range values {
		v, err := number(values[i])
		if err != nil {
			return w, err
		}
		n, err := number(counts[i])
		switch {
		case err != nil:
			return w, err
		case n < 1:
			return w, fmt.Errorf("count %v", n)
		case v < w.Min || v > w.Max:
			return w, fmt.Errorf("value %v is not from %v to %v", v, w.Min, w.Max)
		case i > 0 && v <= w.Values[i-1]:
			return w, fmt.Errorf("value %v after %v", v, w.Values[i-1])
		}
		w.Values, w.Counts = append(w.Values, v), append(w.Counts, uint64(n))
		count += n
	}
	total, err := number(object["Count"])
	if err == nil && math.Abs(total-count) > 1e-9*count {
		err = fmt.Errorf("count is %v, the counts add up to %v", total, count)
	}
	w.Count = uint64(total)
	return w, err
}
