package emf

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// Field is a member at the root of a document: a dimension, if a set names it.
type Field struct{ Name, Value string }

// Metric is one metric of an event. It has a Distribution or else Numbers.
type Metric struct {
	Name       string
	Unit       string // one of CloudWatch's, or empty
	Resolution int    // StorageResolution in seconds; 0 leaves it out
	// Sets are the dimension sets: indices of Event.Labels, at most
	// MaxDimensions each, of labels whose value is not blank. An empty set is a
	// metric without dimensions. Without sets the number is only logged.
	Sets [][]int
	// Numbers are one number, or up to MaxValues of equal weight, InRange.
	Numbers      []float64
	Distribution *Weighted
}

// Event is metrics of one time and one series set.
type Event struct {
	Timestamp int64 // milliseconds
	Namespace string
	// Labels are what sets refer to. Their names differ from each other and
	// from those of the metrics.
	Labels []Field
	// JSON are the labels whose values are written as the JSON that they hold,
	// unless they are dimensions. Values that are no JSON are strings.
	JSON []string
	// Fields are further fields. Those whose name is taken are left out.
	Fields  []Field
	Metrics []Metric
	// LogGroup and LogStream are named in the document, for the CloudWatch agent.
	LogGroup, LogStream string
	// Version0 leaves out _aws, as the CloudWatch agent once did.
	Version0 bool
}

// Report counts what a document could not have.
type Report struct {
	FieldsTooLarge  int // fields that would have made a document too large
	FieldsClashed   int // fields whose name was taken
	MetricsTooLarge int // metrics with dimensions too large for any document
	MetricsClashed  int // metrics whose legal name is a dimension's as well
}

// Writer writes events as documents. It may be used again, by one goroutine at a time.
type Writer struct {
	// MaxMessage bounds a document in bytes; 0 means the constant MaxMessage.
	MaxMessage int

	taken      map[string]bool
	directives []directive
	order      []int
	parts      []part
	head, text []byte
	names      []string // of labels that are dimensions, else ""
}

// directive is an entry of CloudWatchMetrics without its metrics.
type directive struct {
	sets [][]int
	json []byte // `{"Namespace":…,"Dimensions":[…],"Metrics":[`
}

// part is one metric's share of a document: text[from:middle] is its
// definition, text[middle:to] its value.
type part struct {
	directive, from, middle, to int
}

// Documents calls add with each document of the event. The bytes are add's to keep.
func (w *Writer) Documents(e *Event, add func(document []byte)) (r Report) {
	most := w.MaxMessage
	if most <= 0 {
		most = MaxMessage
	}
	w.reset(e)
	w.writeDimensions(e)
	w.writeMetrics(e, &r)
	w.writePlain(e, most, &r)
	for i := 0; i < len(w.parts); {
		n := w.fit(e, i, most)
		if n == i {
			r.MetricsTooLarge++
			i++
			continue
		}
		add(w.assemble(e, w.parts[i:n]))
		i = n
	}
	return r
}

func (w *Writer) reset(e *Event) {
	if w.taken == nil {
		w.taken = map[string]bool{}
	}
	clear(w.taken)
	w.taken["_aws"] = true
	if e.Version0 {
		w.taken["Version"], w.taken["Timestamp"], w.taken["CloudWatchMetrics"] = true, true, true
	}
	w.directives, w.parts = w.directives[:0], w.parts[:0]
	w.head, w.text, w.order = w.head[:0], w.text[:0], w.order[:0]
	w.names = append(w.names[:0], make([]string, len(e.Labels))...)
}

// claim makes a name unique and takes it.
func (w *Writer) claim(name string) string {
	if w.taken[name] {
		name = name[:min(len(name), MaxDimensionName-17)] + "~" + hash(name)
		for w.taken[name] {
			name = name[:len(name)-16] + hash(name)
		}
	}
	w.taken[name] = true
	return name
}

// writeDimensions writes the labels that a set names, in their legal form.
func (w *Writer) writeDimensions(e *Event) {
	for i := range e.Metrics {
		for _, set := range e.Metrics[i].Sets {
			for _, label := range set {
				if w.names[label] == "" {
					w.names[label] = DimensionName(e.Labels[label].Name)
				}
			}
		}
	}
	for i, name := range w.names {
		if name != "" {
			w.names[i] = w.claim(name)
			w.appendField(w.names[i], DimensionValue(e.Labels[i].Value))
		}
	}
}

func (w *Writer) appendField(name, value string) {
	w.head = append(w.head, ',')
	w.head = segment.AppendString(w.head, name)
	w.head = append(w.head, ':')
	w.head = segment.AppendString(w.head, value)
}

// writeMetrics writes definitions and values into w.text, the small ones
// first: CloudWatch Logs Insights finds only the first 200 fields of an event.
func (w *Writer) writeMetrics(e *Event, r *Report) {
	for i := range e.Metrics {
		w.order = append(w.order, i)
	}
	slices.SortStableFunc(w.order, func(a, b int) int {
		x, y := &e.Metrics[a], &e.Metrics[b]
		if d := x.size() - y.size(); d != 0 {
			return d
		}
		return strings.Compare(x.Name, y.Name)
	})
	for _, i := range w.order {
		m := &e.Metrics[i]
		name := MetricName(m.Name)
		if w.taken[name] {
			r.MetricsClashed++
			continue
		}
		w.taken[name] = true
		p := part{directive: w.directive(e, m.Sets), from: len(w.text)}
		if p.directive >= 0 {
			w.text = append(w.text, `{"Name":`...)
			w.text = segment.AppendString(w.text, name)
			if m.Unit != "" {
				w.text = append(w.text, `,"Unit":"`...)
				w.text = append(w.text, m.Unit...)
				w.text = append(w.text, '"')
			}
			if m.Resolution > 0 {
				w.text = append(w.text, `,"StorageResolution":`...)
				w.text = strconv.AppendInt(w.text, int64(m.Resolution), 10)
			}
			w.text = append(w.text, '}')
		}
		p.middle = len(w.text)
		w.text = append(w.text, ',')
		w.text = segment.AppendString(w.text, name)
		w.text = append(w.text, ':')
		w.text = m.appendValue(w.text)
		p.to = len(w.text)
		w.parts = append(w.parts, p)
	}
}

// directive returns the index of the directive with these sets, or -1 if
// there are none.
func (w *Writer) directive(e *Event, sets [][]int) int {
	if len(sets) == 0 {
		return -1
	}
	for i := range w.directives {
		if slices.EqualFunc(w.directives[i].sets, sets, slices.Equal[[]int]) {
			return i
		}
	}
	text := append([]byte(nil), `{"Namespace":`...)
	text = segment.AppendString(text, Namespace(e.Namespace))
	text = append(text, `,"Dimensions":[`...)
	for i, set := range sets {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, '[')
		for j, label := range set {
			if j > 0 {
				text = append(text, ',')
			}
			text = segment.AppendString(text, w.names[label])
		}
		text = append(text, ']')
	}
	text = append(text, `],"Metrics":[`...)
	w.directives = append(w.directives, directive{sets, text})
	return len(w.directives) - 1
}

// writePlain writes what is no dimension, as long as it takes no more than
// half of a document.
func (w *Writer) writePlain(e *Event, most int, r *Report) {
	limit := max(most/2, len(w.head))
	plain := func(f Field, isJSON bool) {
		switch {
		case f.Name == "" || w.taken[f.Name]:
			r.FieldsClashed++
			return
		case len(w.head)+len(f.Name)+len(f.Value)+6 > limit:
			r.FieldsTooLarge++
			return
		}
		before := len(w.head)
		var text []byte
		if isJSON {
			text = compactJSON(f.Value)
		}
		if text != nil {
			w.head = append(w.head, ',')
			w.head = segment.AppendString(w.head, f.Name)
			w.head = append(append(w.head, ':'), text...)
		} else {
			w.appendField(f.Name, f.Value)
		}
		if len(w.head) > limit { // escapes
			w.head = w.head[:before]
			r.FieldsTooLarge++
			return
		}
		w.taken[f.Name] = true
	}
	for i, f := range e.Labels {
		switch {
		case w.names[i] == "":
			plain(f, slices.Contains(e.JSON, f.Name))
		case w.names[i] != f.Name && f.Name != "":
			plain(f, false)
		case DimensionValue(f.Value) != f.Value:
			plain(Field{f.Name + ".original", f.Value}, false)
		}
	}
	for _, f := range e.Fields {
		plain(f, false)
	}
}

// compactJSON returns text without line breaks and spaces, if it is JSON.
func compactJSON(text string) []byte {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return nil
	}
	return bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD"))
}

// Add adds the counts of other.
func (r *Report) Add(other Report) {
	r.FieldsTooLarge += other.FieldsTooLarge
	r.FieldsClashed += other.FieldsClashed
	r.MetricsTooLarge += other.MetricsTooLarge
	r.MetricsClashed += other.MetricsClashed
}
