package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
)

// The first page of a store with 10,000 traces of two services and a table.
func BenchmarkOverview(b *testing.B) {
	s := &store.Store{MaxBytes: 256 << 20}
	for n := range 10_000 {
		trace := fmt.Sprintf("1-68f3a1c0-%024x", n+1)
		add(b, s, now, fmt.Sprintf(`{"name":"frontend","id":"00000000000000a1","trace_id":"%s","start_time":%d,"end_time":%d.5,"http":{"request":{"method":"GET","url":"http://shop/products/%d"},"response":{"status":200}},"subsegments":[{"name":"orders.internal","id":"00000000000000a2","start_time":1,"end_time":2,"namespace":"remote"}]}`, trace, n+1, n+1, n))
		add(b, s, now, fmt.Sprintf(`{"name":"orders","id":"00000000000000a3","parent_id":"00000000000000a2","trace_id":"%s","start_time":%d,"end_time":%d.5,"subsegments":[{"name":"DynamoDB","id":"00000000000000a4","start_time":1,"end_time":2,"namespace":"aws","aws":{"table_name":"orders"}}]}`, trace, n+1, n+1))
	}
	h := New(s, &logs.Store{}, &metric.Store{}, func() time.Time { return now })
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)) // digests are made once
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
