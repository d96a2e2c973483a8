package datagram

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// SampledAttribute marks the spans of UnsampledSpans with the integer 0. It is
// the attribute by which the X-Ray exporter tells them from sampled ones.
const SampledAttribute = "aws.trace.flag.sampled"

// ErrBase64: the body of an OTLP datagram is not base64.
var ErrBase64 = errors.New("invalid base64")

// Decoder decodes the bodies of OTLP datagrams and reuses its memory. The
// zero value is ready. It is not safe for concurrent use.
type Decoder struct {
	text []byte
	raw  []byte
}

// AppendSpans appends the spans in body to td. Spans of kind UnsampledSpans
// get SampledAttribute unless they have it. td is unchanged on an error.
func (d *Decoder) AppendSpans(kind Kind, body string, td ptrace.Traces) error {
	raw, err := d.decode(body)
	if err != nil {
		return err
	}
	var u ptrace.ProtoUnmarshaler
	got, err := u.UnmarshalTraces(raw)
	if err != nil {
		return fmt.Errorf("invalid OTLP spans: %w", err)
	}
	if kind == UnsampledSpans {
		for _, rs := range got.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if _, ok := span.Attributes().Get(SampledAttribute); !ok {
						span.Attributes().PutInt(SampledAttribute, 0)
					}
				}
			}
		}
	}
	got.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	return nil
}

// AppendMetrics appends the metrics in body to md, which is unchanged on an error.
func (d *Decoder) AppendMetrics(body string, md pmetric.Metrics) error {
	raw, err := d.decode(body)
	if err != nil {
		return err
	}
	var u pmetric.ProtoUnmarshaler
	got, err := u.UnmarshalMetrics(raw)
	if err != nil {
		return fmt.Errorf("invalid OTLP metrics: %w", err)
	}
	got.ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
	return nil
}

// decode undoes base64, padded or not. The result is valid until the next call.
func (d *Decoder) decode(body string) ([]byte, error) {
	d.text = append(d.text[:0], strings.TrimRight(body, "=")...)
	size := base64.RawStdEncoding.DecodedLen(len(d.text))
	d.raw = slices.Grow(d.raw[:0], size)[:size]
	n, err := base64.RawStdEncoding.Decode(d.raw, d.text)
	if err != nil {
		return nil, ErrBase64
	}
	return d.raw[:n], nil
}
