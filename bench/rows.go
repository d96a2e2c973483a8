//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A row is one line of the budget: a load, and what it may cost.
type row struct {
	name string // unique
	item string // what is counted
	load load
	rate int // items a second

	latency time.Duration // of the endpoint's answer
	workers int           // num_workers of both exporters

	must, aim float64 // CPU time an item, in µs; 0 means that loss is what counts

	tail                bool    // through the tail sampler, instead of to X-Ray
	keep                float64 // share of the traces that it keeps
	cores               int     // GOMAXPROCS of the collectors; 0 leaves it as it is
	mustBytes, aimBytes float64 // of memory a pending span

	metrics bool // into a connector that makes metrics, which go to nop
	emf     bool // metrics to CloudWatch Logs

	beyondNop bool // subtract the same load into the nop exporter
	oursOnly  bool // the peer is known not to stand this
	extra     bool // left out by -quick
	noVerdict bool // an aim only, or a comparison
}

// A load is what the generator sends.
type load int

const (
	smallSegments load = iota
	midSegments
	largeSegments
	otlpSpans
	otlpPoints
)

// datagrams says whether the load is X-Ray segments, which come as datagrams.
func (l load) datagrams() bool { return l < otlpSpans }

// allRows are the rows of the budget that are measured so far. Times in µs.
var allRows = []row{
	{name: "mid-2000", item: "2.9 KB segment with 5 subsegments", load: midSegments, rate: 2000, workers: 8, must: 80, aim: 41},
	{name: "mid-4000", item: "2.9 KB segment with 5 subsegments", load: midSegments, rate: 4000, workers: 8, must: 80, aim: 41, extra: true},
	{name: "small-4000", item: "0.7 KB segment", load: smallSegments, rate: 4000, workers: 8, must: 40, aim: 21},
	{name: "small-8000", item: "0.7 KB segment", load: smallSegments, rate: 8000, workers: 8, must: 40, aim: 21, extra: true},
	{name: "large-200", item: "19 KB segment with 40 subsegments", load: largeSegments, rate: 200, workers: 8, must: 400, aim: 140},
	{name: "loss-16000", item: "0.7 KB segment, 20 ms endpoint", load: smallSegments, rate: 16000, workers: 8, latency: 20 * time.Millisecond},
	{name: "loss-30000", item: "0.7 KB segment, 20 ms endpoint, 16 workers", load: smallSegments, rate: 30000, workers: 16, latency: 20 * time.Millisecond, oursOnly: true, noVerdict: true},
	{name: "otlp-10000", item: "OTLP span, beyond nop", load: otlpSpans, rate: 10000, workers: 8, must: 8, aim: 4, beyondNop: true},
	{name: "tail-10000", item: "span through tail sampling, 5 % kept, beyond nop, 2 cores", load: otlpSpans, rate: 10000, must: 2.2, aim: 1, beyondNop: true, tail: true, keep: 0.05, cores: 2, mustBytes: 600, aimBytes: 350},
	{name: "tail-10000-1", item: "the same, 1 core", load: otlpSpans, rate: 10000, must: 2.2, aim: 1, beyondNop: true, tail: true, keep: 0.05, cores: 1, mustBytes: 600, aimBytes: 350, extra: true},
	{name: "tail-all-10000", item: "the same, all kept, 2 cores", load: otlpSpans, rate: 10000, must: 2.2, aim: 1, beyondNop: true, tail: true, keep: 1, cores: 2, mustBytes: 600, aimBytes: 350, extra: true},
	{name: "metrics-10000", item: "span to metrics, beyond nop", load: otlpSpans, rate: 10000, must: 1, aim: 0.5, beyondNop: true, metrics: true, noVerdict: true},
	{name: "emf-10000", item: "data point to CloudWatch, beyond nop", load: otlpPoints, rate: 10000, workers: 8, beyondNop: true, emf: true},
}

// hold is how long a tail sampler holds each trace. All spans of a trace come
// at once, so both sides hold as many.
const hold = 5 * time.Second

// flush is how often metrics are sent. A window has at least one flush.
const flush = 5 * time.Second

// A pipeline is what a collector is configured to do with the load.
type pipeline string

const (
	toXRay pipeline = "awsxray"
	toNop  pipeline = "nop"
	toTail pipeline = "tail"

	toMetrics pipeline = "metrics"
	toEMF     pipeline = "awsemf"
)

// delivers says whether what is sent arrives at the endpoint.
func (p pipeline) delivers() bool { return p == toXRay || p == toEMF }

func (r row) pipelines() []pipeline {
	if r.beyondNop {
		return []pipeline{toNop, r.target()}
	}
	return []pipeline{r.target()}
}

// target is the pipeline that the row is about.
func (r row) target() pipeline {
	if r.tail {
		return toTail
	}
	if r.metrics {
		return toMetrics
	}
	if r.emf {
		return toEMF
	}
	return toXRay
}

func rowNames(rows []row) []string {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.name
	}
	return names
}

// selectRows returns the named rows in the order of the budget, or all of them.
func selectRows(names string, quick bool) ([]row, error) {
	if names == "" {
		if !quick {
			return allRows, nil
		}
		return slices.DeleteFunc(slices.Clone(allRows), func(r row) bool { return r.extra }), nil
	}
	want := strings.Split(names, ",")
	for _, n := range want {
		if !slices.Contains(rowNames(allRows), n) {
			return nil, fmt.Errorf("-rows names %q, allowed are %s", n, strings.Join(rowNames(allRows), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(allRows), func(r row) bool { return !slices.Contains(want, r.name) }), nil
}
