package xraymetricsconnector

import (
	"math"
	"sync"

	"github.com/lightstep/go-expohisto/structure"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// window is what a series counted since the last flush.
type window struct {
	latency                         structure.Histogram[float64] // milliseconds
	errors, faults, throttles       uint64
	slowest, failedFault, failError example
}

// example is a request that stands for others.
type example struct {
	trace pcommon.TraceID
	value float64 // its latency in milliseconds
	end   pcommon.Timestamp
}

// windows lends windows with histograms of one size.
type windows struct{ pool sync.Pool }

func newWindows(maxSize int32) *windows {
	w := &windows{}
	w.pool.New = func() any {
		n := &window{}
		n.latency.Init(structure.NewConfig(structure.WithMaxSize(maxSize)))
		return n
	}
	return w
}

func (w *windows) get() *window { return w.pool.Get().(*window) }

// put takes a window back, which nobody uses any more.
func (w *windows) put(n *window) {
	n.latency.Clear()
	n.errors, n.faults, n.throttles = 0, 0, 0
	n.slowest, n.failedFault, n.failError = example{}, example{}, example{}
	w.pool.Put(n)
}

// add counts a request that stands for n.
func (w *window) add(o *observation, n uint64) {
	if w.latency.Count() == 0 || o.value > w.slowest.value {
		w.slowest = o.example
	}
	w.latency.UpdateByIncr(o.value, n)
	if o.flags == 0 {
		return
	}
	if o.flags&isFault != 0 {
		w.faults += n
		w.failedFault = o.example
	}
	if o.flags&isError != 0 {
		w.errors += n
		w.failError = o.example
	}
	if o.flags&isThrottle != 0 {
		w.throttles += n
	}
}

// merge adds what another window counted.
func (w *window) merge(o *window) {
	if w.latency.Count() == 0 || o.slowest.value > w.slowest.value {
		w.slowest = o.slowest
	}
	w.latency.MergeFrom(&o.latency)
	w.errors, w.faults, w.throttles = w.errors+o.errors, w.faults+o.faults, w.throttles+o.throttles
	if o.faults > 0 {
		w.failedFault = o.failedFault
	}
	if o.errors > 0 {
		w.failError = o.failError
	}
}

// The flags of an observation.
const (
	isError = 1 << iota
	isThrottle
	isFault
)

// observation is one request or call.
type observation struct {
	example
	weight   float64 // 1 where all are seen
	hash     uint64  // of the key
	from, to uint32  // the key, in the batch's keys
	resource int32
	flags    uint8
}

// maxWeight bounds what a single span may stand for. Who samples one in more
// than a million learns nothing from it.
const maxWeight = 1 << 20

// whole is how many requests a span of a weight stands for, given what is left
// over from the spans before it.
func whole(weight float64, left *float64) uint64 {
	if weight == 1 {
		return 1
	}
	const tiny = 1e-6 // what thirds lose when they are added
	n := math.Floor(weight + *left + tiny)
	*left += weight - n
	return uint64(n)
}
