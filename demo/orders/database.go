package orders

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"
	"time"
)

// SlowQuery is how long a query of the archive takes.
const SlowQuery = 1500 * time.Millisecond

// maxOrders bounds what the database keeps; the oldest order goes first.
const maxOrders = 100

var errTimeout = errors.New("canceling statement due to statement timeout")

// The driver is called as the real one would be, because the X-Ray SDK chooses
// by that name how it asks a database for its version.
func init() { sql.Register("postgres", &database{}) }

// database is a database/sql driver that keeps its one table in memory and
// knows just the shop's queries, so that the demo needs no server.
type database struct {
	mu     sync.Mutex
	orders []storedOrder
}

type storedOrder struct{ customer, item string }

// Version is what the X-Ray SDK records as the driver's version.
func (d *database) Version() string { return "in-memory 1.0" }

// Open implements driver.Driver.
func (d *database) Open(string) (driver.Conn, error) { return &conn{d}, nil }

type conn struct{ db *database }

func (c *conn) Close() error              { return nil }
func (c *conn) Begin() (driver.Tx, error) { return nil, errors.New("no transactions") }
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return &statement{c, query}, nil
}

func (c *conn) ExecContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) != 2 {
		return nil, errors.New("INSERT takes a customer and an item")
	}
	customer, _ := args[0].Value.(string)
	item, _ := args[1].Value.(string)
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	if len(c.db.orders) == maxOrders {
		c.db.orders = c.db.orders[1:]
	}
	c.db.orders = append(c.db.orders, storedOrder{customer, item})
	return driver.RowsAffected(1), nil
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	switch {
	case strings.Contains(query, "version()"): // the X-Ray SDK asks once a connection
		return &rows{[]string{"version", "current_user", "current_database"}, [][]driver.Value{{"PostgreSQL 16.4", "shop", "orders"}}}, nil
	case strings.Contains(query, "FROM returns"):
		return nil, errTimeout
	case strings.Contains(query, "FROM archive"):
		select {
		case <-time.After(SlowQuery):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return &rows{[]string{"item"}, nil}, nil
	case strings.Contains(query, "count(*)"):
		c.db.mu.Lock()
		defer c.db.mu.Unlock()
		return &rows{[]string{"count"}, [][]driver.Value{{int64(len(c.db.orders))}}}, nil
	default:
		return c.db.ordersOf(args), nil
	}
}

func (d *database) ordersOf(args []driver.NamedValue) *rows {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := &rows{columns: []string{"item"}}
	for _, o := range d.orders {
		if len(args) == 1 && args[0].Value == o.customer {
			found.values = append(found.values, []driver.Value{o.item})
		}
	}
	return found
}

type statement struct {
	conn  *conn
	query string
}

func (s *statement) Close() error  { return nil }
func (s *statement) NumInput() int { return -1 }

func (s *statement) Exec(args []driver.Value) (driver.Result, error) {
	return s.conn.ExecContext(context.Background(), s.query, named(args))
}

func (s *statement) Query(args []driver.Value) (driver.Rows, error) {
	return s.conn.QueryContext(context.Background(), s.query, named(args))
}

func named(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return values
}

type rows struct {
	columns []string
	values  [][]driver.Value
}

func (r *rows) Columns() []string { return r.columns }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(dest []driver.Value) error {
	if len(r.values) == 0 {
		return io.EOF
	}
	copy(dest, r.values[0])
	r.values = r.values[1:]
	return nil
}
