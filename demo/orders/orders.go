// Package orders is the shop's order service, traced with the AWS X-Ray SDK for Go.
package orders

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-xray-sdk-go/strategy/sampling"
	"github.com/aws/aws-xray-sdk-go/xray"
)

// ReportQueries is how many queries a report runs. It is above the number of
// subsegments (20) from which the SDK sends them on their own.
const ReportQueries = 30

// maxBody bounds a request; the demo's own are far smaller.
const maxBody = 64 << 10

type service struct {
	db  *sql.DB
	pay *http.Client
}

// Handler returns the service. client reaches the payment service under the
// host name "payment". The address of the collector comes from
// AWS_XRAY_DAEMON_ADDRESS, as for any program that uses the SDK.
func Handler(client *http.Client) (http.Handler, error) {
	// The demo records every request. In production leave this out, and the
	// SDK asks the collector for X-Ray's sampling rules.
	rules, err := sampling.NewLocalizedStrategyFromJSONBytes([]byte(`{"version": 2, "default": {"fixed_target": 1, "rate": 1}, "rules": []}`))
	if err != nil {
		return nil, fmt.Errorf("sampling rules: %w", err)
	}
	if err := xray.Configure(xray.Config{SamplingStrategy: rules, ServiceVersion: "1.4.2"}); err != nil {
		return nil, fmt.Errorf("configure the X-Ray SDK: %w", err)
	}
	db, err := xray.SQLContext("postgres", "postgres://shop:secret@db.shop:5432/orders")
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := connect(db); err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	s := &service{db: db, pay: xray.Client(client)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.create)
	mux.HandleFunc("GET /orders", s.list)
	mux.HandleFunc("GET /orders/archive", s.archive)
	mux.HandleFunc("GET /orders/report", s.report)
	mux.HandleFunc("GET /orders/returns", s.returns)
	return xray.Handler(xray.NewFixedSegmentNamer("orders"), mux), nil
}

// connections is how many the service holds to its database.
const connections = 16

// connect opens all connections at once, so that no request has to. The SDK
// records connecting; the segment that it needs for that is not sampled.
func connect(db *sql.DB) error {
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	ctx, segment := xray.BeginSegment(context.Background(), "connect")
	segment.Lock()
	segment.Sampled = false
	segment.Unlock()
	defer segment.Close(nil)
	for range connections {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		// They go back to the pool when all of them are open.
		defer conn.Close()
	}
	return nil
}

type order struct {
	Item     string `json:"item"`
	Card     string `json:"card"`
	Customer string `json:"customer"`
}

// create stores an order and has it paid. A customer called "bot" is throttled.
func (s *service) create(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	var o order
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&o); err != nil {
		http.Error(w, "not an order", http.StatusBadRequest)
		return
	}
	note(ctx, o)
	if o.Customer == "bot" {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many orders", http.StatusTooManyRequests)
		return
	}
	var inStock int
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM stock WHERE item = $1", o.Item).Scan(&inStock); err != nil {
		s.fail(ctx, w, http.StatusInternalServerError, fmt.Errorf("look up stock: %w", err))
		return
	}
	if _, err := s.db.ExecContext(ctx, "INSERT INTO orders (customer, item) VALUES ($1, $2)", o.Customer, o.Item); err != nil {
		s.fail(ctx, w, http.StatusInternalServerError, fmt.Errorf("store the order: %w", err))
		return
	}
	status, err := s.charge(ctx, o)
	switch {
	case err != nil:
		s.fail(ctx, w, http.StatusBadGateway, err)
	case status >= http.StatusBadRequest:
		http.Error(w, "payment refused", status)
	default:
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintln(w, `{"ordered":true}`)
	}
}

// note puts what an operator may search for into annotations, and the rest into metadata.
func note(ctx context.Context, o order) {
	// These fail only without a segment, and the handler has opened one.
	_ = xray.AddAnnotation(ctx, "item", o.Item)
	_ = xray.AddMetadata(ctx, "order", o)
	if segment := xray.GetSegment(ctx); segment != nil && o.Customer != "" {
		segment.Lock()
		segment.User = o.Customer
		segment.Unlock()
	}
}

// charge asks the payment service. A refusal is a status; only a failure of
// the payment service is an error.
func (s *service) charge(ctx context.Context, o order) (status int, err error) {
	body, err := json.Marshal(o)
	if err != nil {
		return 0, fmt.Errorf("encode payment: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://payment/pay", bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make payment request: %w", err)
	}
	reply, err := s.pay.Do(request)
	if err != nil {
		return 0, fmt.Errorf("reach payment: %w", err)
	}
	defer reply.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(reply.Body, maxBody)); err != nil {
		return 0, fmt.Errorf("read payment's reply: %w", err)
	}
	if reply.StatusCode >= http.StatusInternalServerError {
		return 0, fmt.Errorf("payment answered %s", reply.Status)
	}
	return reply.StatusCode, nil
}

// list reads the customer's orders.
func (s *service) list(w http.ResponseWriter, r *http.Request) {
	s.query(w, r, "SELECT item FROM orders WHERE customer = $1", r.URL.Query().Get("customer"))
}

// archive reads a table without an index, which is slow.
func (s *service) archive(w http.ResponseWriter, r *http.Request) {
	s.query(w, r, "SELECT item FROM archive WHERE customer = $1", r.URL.Query().Get("customer"))
}

// returns reads a table whose query is cancelled by the database.
func (s *service) returns(w http.ResponseWriter, r *http.Request) {
	s.query(w, r, "SELECT item FROM returns WHERE customer = $1", r.URL.Query().Get("customer"))
}

// report runs one query for each of many days: the pattern that a trace shows
// best.
func (s *service) report(w http.ResponseWriter, r *http.Request) {
	total := 0
	for day := range ReportQueries {
		var n int
		if err := s.db.QueryRowContext(r.Context(), "SELECT count(*) FROM orders WHERE day = $1", day).Scan(&n); err != nil {
			s.fail(r.Context(), w, http.StatusInternalServerError, fmt.Errorf("count day %d: %w", day, err))
			return
		}
		total += n
	}
	fmt.Fprintf(w, "{\"orders\":%d}\n", total)
}

func (s *service) query(w http.ResponseWriter, r *http.Request, query string, args ...any) {
	rows, err := s.db.QueryContext(r.Context(), query, args...)
	if err != nil {
		s.fail(r.Context(), w, http.StatusInternalServerError, fmt.Errorf("read orders: %w", err))
		return
	}
	defer rows.Close()
	items := []string{}
	for rows.Next() {
		var item string
		if err := rows.Scan(&item); err != nil {
			s.fail(r.Context(), w, http.StatusInternalServerError, fmt.Errorf("read an order: %w", err))
			return
		}
		items = append(items, item)
	}
	if err := rows.Err(); err != nil {
		s.fail(r.Context(), w, http.StatusInternalServerError, fmt.Errorf("read orders: %w", err))
		return
	}
	// The client is gone if this fails; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(items)
}

// fail answers with an error and records it, with its stack, on the segment.
func (s *service) fail(ctx context.Context, w http.ResponseWriter, status int, err error) {
	err = errors.Join(err, xray.AddError(ctx, err))
	http.Error(w, err.Error(), status)
}
