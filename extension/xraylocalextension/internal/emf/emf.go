// Package emf takes metrics out of log events in CloudWatch's embedded metric
// format, as CloudWatch does: a document that breaks a rule gives none. The rules are
// those of AWS's "Specification: Embedded metric format" and of its schema.
package emf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
)

const (
	maxMetrics = 100 // of one directive
	maxValues  = 100 // of one target
	// maxSeries bounds what one document may give: each metric of a directive
	// counts once for each of its dimension sets. CloudWatch names no bound; a
	// megabyte of empty sets would be ten million.
	maxSeries = 20_000
)

// ErrParse says that a log event looks like the embedded metric format and is
// not one JSON object. CloudWatch counts it as EMFParsingErrors.
var ErrParse = errors.New("not one JSON object")

// ErrInvalid says that a document breaks a rule. CloudWatch counts it as
// EMFValidationErrors. Errors of Extract wrap one of the two.
var ErrInvalid = errors.New("no valid embedded metric format")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// mark is what every document has; only log events with it are looked at.
const mark = `"CloudWatchMetrics"`

// Extract returns the data points of a log event. There are none, and no error,
// if it is a log event like any other.
func Extract(message string, now time.Time) ([]metric.Datum, error) {
	if !strings.Contains(message, mark) || !strings.HasPrefix(strings.TrimLeft(message, " \t\r\n"), "{") {
		return nil, nil
	}
	root, err := object([]byte(message))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrParse, err)
	}
	d := document{root: root, resolutions: map[string]int64{}}
	directives, err := d.head()
	if directives == nil || err != nil {
		return nil, err
	}
	if err := metric.CheckTime(d.at, now); err != nil {
		return nil, invalid("%v", err)
	}
	for i, raw := range directives {
		if err := d.directive(raw); err != nil {
			return nil, fmt.Errorf("%w (directive %d)", err, i)
		}
	}
	return d.data, nil
}

// object reads a JSON object by the exact names of its members.
func object(text []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	return m, nil
}

// document is what is known while one is read.
type document struct {
	root        map[string]json.RawMessage
	at          time.Time
	resolutions map[string]int64 // by metric; one may not have two
	data        []metric.Datum
}

// head reads the time and returns the directives: nil if this is another kind
// of log event.
func (d *document) head() ([]json.RawMessage, error) {
	raw, ok := d.root["_aws"]
	if !ok {
		return d.headOfVersion0()
	}
	aws, err := object(raw)
	if err != nil || aws == nil {
		return nil, invalid("_aws is no object")
	}
	ms, ok := integer(aws["Timestamp"])
	if !ok {
		return nil, invalid("_aws.Timestamp must be an integer, the milliseconds since 1970")
	}
	d.at = time.UnixMilli(ms)
	return directives(aws["CloudWatchMetrics"])
}

// headOfVersion0 reads the form that old agents write: no _aws, and the time as
// a string.
func (d *document) headOfVersion0() ([]json.RawMessage, error) {
	var version, at string
	if json.Unmarshal(d.root["Version"], &version) != nil || version != "0" {
		return nil, nil
	}
	if json.Unmarshal(d.root["Timestamp"], &at) != nil {
		return nil, invalid("Timestamp must be a string in version 0")
	}
	ms, ok := integer([]byte(at))
	if !ok {
		return nil, invalid("Timestamp must be the milliseconds since 1970")
	}
	d.at = time.UnixMilli(ms)
	return directives(d.root["CloudWatchMetrics"])
}

func directives(raw json.RawMessage) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return nil, invalid("CloudWatchMetrics must be an array")
	}
	return list, nil
}

// integer reads a JSON number without a fraction or an exponent, of a size that
// is a time.
func integer(raw []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, 64)
	return n, err == nil && n > -1<<53 && n < 1<<53
}

// directive reads one element of CloudWatchMetrics.
func (d *document) directive(raw json.RawMessage) error {
	members, err := object(raw)
	if err != nil || members == nil {
		return invalid("a directive must be an object")
	}
	var namespace string
	if json.Unmarshal(members["Namespace"], &namespace) != nil {
		return invalid("Namespace must be a string")
	}
	if err := metric.CheckNamespace(namespace); err != nil {
		return invalid("%v", err)
	}
	sets, err := d.dimensions(members["Dimensions"])
	if err != nil {
		return err
	}
	var definitions []json.RawMessage
	if err := json.Unmarshal(members["Metrics"], &definitions); err != nil || definitions == nil {
		return invalid("Metrics must be an array")
	}
	if len(definitions) > maxMetrics {
		return invalid("there are %d metrics, at most %d are allowed in a directive", len(definitions), maxMetrics)
	}
	if len(d.data)+len(definitions)*len(sets) > maxSeries {
		return invalid("more than %d series in one document", maxSeries)
	}
	for _, raw := range definitions {
		datum, err := d.definition(raw)
		if err != nil {
			return err
		}
		datum.Namespace = namespace
		for _, set := range sets {
			datum.Dimensions = set
			d.data = append(d.data, datum)
		}
	}
	return nil
}

// dimensions reads the sets and looks their values up.
func (d *document) dimensions(raw json.RawMessage) ([][]metric.Dimension, error) {
	var sets [][]string
	if err := json.Unmarshal(raw, &sets); err != nil {
		return nil, invalid("Dimensions must be an array of arrays of strings")
	}
	if len(sets) == 0 {
		return nil, invalid("Dimensions must hold one set at least")
	}
	out := make([][]metric.Dimension, 0, len(sets))
	for _, names := range sets {
		if names == nil {
			return nil, invalid("Dimensions must be an array of arrays of strings")
		}
		if len(names) > metric.MaxDimensions {
			return nil, invalid("a set has %d dimensions, at most %d are allowed", len(names), metric.MaxDimensions)
		}
		set := make([]metric.Dimension, 0, len(names))
		for _, name := range names {
			var value string
			raw, ok := d.root[name]
			if !ok {
				return nil, invalid("the dimension %q is not at the root", name)
			}
			if raw[0] != '"' || json.Unmarshal(raw, &value) != nil {
				return nil, invalid("the value of dimension %q is no string", name)
			}
			dimension := metric.Dimension{Name: name, Value: value}
			if err := metric.CheckDimension(dimension); err != nil {
				return nil, invalid("%v", err)
			}
			set = append(set, dimension)
		}
		metric.Sort(set)
		for i := 1; i < len(set); i++ {
			if set[i].Name == set[i-1].Name {
				return nil, invalid("the dimension %q is twice in a set", set[i].Name)
			}
		}
		out = append(out, set)
	}
	return out, nil
}

// definition reads one element of Metrics and its target.
func (d *document) definition(raw json.RawMessage) (metric.Datum, error) {
	var datum metric.Datum
	members, err := object(raw)
	if err != nil || members == nil {
		return datum, invalid("a metric must be an object")
	}
	if json.Unmarshal(members["Name"], &datum.Name) != nil {
		return datum, invalid("the Name of a metric must be a string")
	}
	if err := metric.CheckName(datum.Name); err != nil {
		return datum, invalid("%v", err)
	}
	if raw, ok := members["Unit"]; ok {
		if json.Unmarshal(raw, &datum.Unit) != nil {
			return datum, invalid("the Unit of %q must be a string", datum.Name)
		}
		if err := metric.CheckUnit(datum.Unit); err != nil {
			return datum, invalid("%q: %v", datum.Name, err)
		}
	}
	resolution := int64(60)
	if raw, ok := members["StorageResolution"]; ok {
		if resolution, ok = integer(raw); !ok {
			return datum, invalid("the StorageResolution of %q must be 1 or 60", datum.Name)
		}
		if err := metric.CheckResolution(resolution); err != nil {
			return datum, invalid("%q: %v", datum.Name, err)
		}
	}
	if before, ok := d.resolutions[datum.Name]; ok && before != resolution {
		return datum, invalid("the metric %q has two resolutions", datum.Name)
	}
	d.resolutions[datum.Name] = resolution
	datum.HighResolution = resolution == 1
	datum.Time = d.at
	target, ok := d.root[datum.Name]
	if !ok {
		return datum, invalid("the metric %q is not at the root", datum.Name)
	}
	if datum.Samples, err = samples(target); err != nil {
		return datum, invalid("%q: %v", datum.Name, err)
	}
	return datum, nil
}
