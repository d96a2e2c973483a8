// Package backends holds what the shop calls but does not own: a bank and a
// table service. Neither knows of tracing, so the graph shows them only
// through what their callers record.
package backends

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// SlowSearch is how long a scan with a filter takes.
const SlowSearch = 1200 * time.Millisecond

// maxBody bounds a request; the demo's own are far smaller.
const maxBody = 64 << 10

// Bank answers POST /charge by the card in the JSON body: "declined" is
// refused with 402, "broken" fails with 500, "flaky" answers 503 on every
// first try of an order, and everything else is charged.
func Bank() http.Handler {
	var mu sync.Mutex
	tried := map[string]bool{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /charge", func(w http.ResponseWriter, r *http.Request) {
		var charge struct{ Order, Card string }
		if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&charge); err != nil {
			http.Error(w, "not a charge", http.StatusBadRequest)
			return
		}
		switch charge.Card {
		case "declined":
			http.Error(w, "card declined", http.StatusPaymentRequired)
		case "broken":
			http.Error(w, "ledger is read-only", http.StatusInternalServerError)
		case "flaky":
			mu.Lock()
			first := !tried[charge.Order]
			if first {
				tried[charge.Order] = true
			} else {
				delete(tried, charge.Order)
			}
			mu.Unlock()
			if first {
				http.Error(w, "try again", http.StatusServiceUnavailable)
				return
			}
			fallthrough
		default:
			fmt.Fprintln(w, `{"charged":true}`)
		}
	})
	return mux
}

// products is what the shop sells.
var products = map[string]string{
	"teapot": "Teapot, short and stout",
	"kettle": "Kettle, whistles",
	"cup":    "Cup, holds tea",
}

// Table speaks as much of DynamoDB's JSON protocol as the shop uses: GetItem,
// PutItem and Scan, with strings only. A Scan with a filter is slow.
func Table() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("X-Amzn-Requestid", "DEMO00000000000000000000000000000000000000000000000")
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		var request struct {
			TableName        string
			Key              map[string]struct{ S string }
			FilterExpression string
		}
		if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&request); err != nil {
			writeError(w, "SerializationException", "not JSON")
			return
		}
		switch operation {
		case "GetItem":
			id := request.Key["id"].S
			name, ok := products[id]
			if !ok {
				writeJSON(w, map[string]any{})
				return
			}
			writeJSON(w, map[string]any{"Item": item(id, name)})
		case "PutItem":
			writeJSON(w, map[string]any{})
		case "Scan":
			if request.FilterExpression != "" {
				select {
				case <-time.After(SlowSearch):
				case <-r.Context().Done():
					return
				}
			}
			items := []any{}
			for id, name := range products {
				items = append(items, item(id, name))
			}
			writeJSON(w, map[string]any{"Items": items, "Count": len(items), "ScannedCount": len(items)})
		default:
			writeError(w, "UnknownOperationException", "the demo's table has no "+operation)
		}
	})
}

func item(id, name string) map[string]any {
	return map[string]any{"id": map[string]string{"S": id}, "name": map[string]string{"S": name}}
}

func writeJSON(w http.ResponseWriter, value any) {
	// The client is gone if this fails; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(value)
}

func writeError(w http.ResponseWriter, code, message string) {
	w.WriteHeader(http.StatusBadRequest)
	writeJSON(w, map[string]string{"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": message})
}
