package shop

import (
	"slices"

	orderservice "github.com/tailwater-otel/tailwater/demo/orders"
)

// Outcome is how X-Ray files a request: the worst flag that it carries.
type Outcome string

// Outcomes, from good to bad.
const (
	OK       Outcome = "ok"
	Error    Outcome = "error"    // 4xx
	Throttle Outcome = "throttle" // 429
	Fault    Outcome = "fault"    // 5xx
)

// Visit is a service that took part in a request, with a segment of its own.
type Visit struct {
	Service string
	Outcome Outcome
}

// Call is one request from a service to another, or to something that sends no
// segments: a table, a database, a host.
type Call struct {
	From, To string
	Outcome  Outcome
}

// Scenario is a kind of request to the shop, with what a whole trace of it holds.
type Scenario struct {
	Name   string
	About  string // what there is to see
	Method string
	Path   string
	Body   string // JSON; may be empty
	Weight int    // share of the traffic
	Status int    // of the reply
	Visits []Visit
	Calls  []Call

	needsNode bool
}

// Names in the graph of what the shop calls but does not own.
const (
	frontend = "frontend"
	catalog  = "catalog"
	orders   = "orders"
	payment  = "payment"
	products = "products"       // a DynamoDB table
	carts    = "carts"          // a DynamoDB table
	database = "orders@db.shop" // SQL, as the X-Ray SDK for Go names it
	bank     = "bank.example"
	// OpenTelemetry's instrumentation of the AWS SDK leaves the HTTP request
	// within an AWS call to that of HTTP, which records it as a call of its own.
	tableHost = "dynamodb.example"
)

// Scenarios returns what the traffic consists of. Without the Node services the
// order service is the shop's front, and what needs them is left out.
func Scenarios(withNode bool) []Scenario {
	if withNode {
		return slices.Clone(scenarios)
	}
	var reduced []Scenario
	for _, s := range scenarios {
		if s.needsNode {
			continue
		}
		s.Visits = slices.DeleteFunc(slices.Clone(s.Visits), func(v Visit) bool { return v.Service == frontend })
		s.Calls = slices.DeleteFunc(slices.Clone(s.Calls), func(c Call) bool { return c.From == frontend })
		reduced = append(reduced, s)
	}
	return reduced
}

var scenarios = []Scenario{
	{
		Name: "browse", About: "a list read from a DynamoDB table",
		Method: "GET", Path: "/products", Weight: 6, Status: 200, needsNode: true,
		Visits: []Visit{{frontend, OK}, {catalog, OK}},
		Calls:  []Call{{frontend, catalog, OK}, {catalog, products, OK}, {catalog, tableHost, OK}},
	},
	{
		Name: "product", About: "one item of that table",
		Method: "GET", Path: "/products/teapot", Weight: 6, Status: 200, needsNode: true,
		Visits: []Visit{{frontend, OK}, {catalog, OK}},
		Calls:  []Call{{frontend, catalog, OK}, {catalog, products, OK}, {catalog, tableHost, OK}},
	},
	{
		Name: "missing", About: "a product that does not exist: 404, an error and no fault",
		Method: "GET", Path: "/products/unicorn", Weight: 1, Status: 404, needsNode: true,
		Visits: []Visit{{frontend, Error}, {catalog, Error}},
		Calls:  []Call{{frontend, catalog, Error}, {catalog, products, OK}, {catalog, tableHost, OK}},
	},
	{
		Name: "search", About: "slow: the table is scanned",
		Method: "GET", Path: "/search?q=tea", Weight: 2, Status: 200, needsNode: true,
		Visits: []Visit{{frontend, OK}, {catalog, OK}},
		Calls:  []Call{{frontend, catalog, OK}, {catalog, products, OK}, {catalog, tableHost, OK}},
	},
	{
		Name: "cart", About: "an AWS call recorded by the X-Ray SDK",
		Method: "POST", Path: "/cart", Body: `{"item":"kettle"}`, Weight: 3, Status: 201, needsNode: true,
		Visits: []Visit{{frontend, OK}},
		Calls:  []Call{{frontend, carts, OK}},
	},
	{
		Name: "order", About: "through all services: SQL, payment, bank",
		Method: "POST", Path: "/orders", Body: `{"item":"teapot","card":"visa","customer":"ada"}`, Weight: 6, Status: 201,
		Visits: []Visit{{frontend, OK}, {orders, OK}, {payment, OK}},
		Calls: []Call{
			{frontend, orders, OK}, {orders, database, OK}, {orders, database, OK},
			{orders, payment, OK}, {payment, bank, OK},
		},
	},
	{
		Name: "retried", About: "the bank is busy at first: one failed call inside a good request",
		Method: "POST", Path: "/orders", Body: `{"item":"cup","card":"flaky","customer":"grace"}`, Weight: 2, Status: 201,
		Visits: []Visit{{frontend, OK}, {orders, OK}, {payment, OK}},
		Calls: []Call{
			{frontend, orders, OK}, {orders, database, OK}, {orders, database, OK},
			{orders, payment, OK}, {payment, bank, Fault}, {payment, bank, OK},
		},
	},
	{
		Name: "declined", About: "the bank refuses the card: 402 all the way up",
		Method: "POST", Path: "/orders", Body: `{"item":"kettle","card":"declined","customer":"alan"}`, Weight: 1, Status: 402,
		Visits: []Visit{{frontend, Error}, {orders, Error}, {payment, Error}},
		Calls: []Call{
			{frontend, orders, Error}, {orders, database, OK}, {orders, database, OK},
			{orders, payment, Error}, {payment, bank, Error},
		},
	},
	{
		Name: "broken", About: "the bank fails: the fault begins four services down",
		Method: "POST", Path: "/orders", Body: `{"item":"teapot","card":"broken","customer":"edsger"}`, Weight: 1, Status: 502,
		Visits: []Visit{{frontend, Fault}, {orders, Fault}, {payment, Fault}},
		Calls: []Call{
			{frontend, orders, Fault}, {orders, database, OK}, {orders, database, OK},
			{orders, payment, Fault}, {payment, bank, Fault},
		},
	},
	{
		Name: "throttled", About: "a customer who orders too often: 429",
		Method: "POST", Path: "/orders", Body: `{"item":"cup","card":"visa","customer":"bot"}`, Weight: 1, Status: 429,
		Visits: []Visit{{frontend, Throttle}, {orders, Throttle}},
		Calls:  []Call{{frontend, orders, Throttle}},
	},
	{
		Name: "archive", About: "slow: one SQL query takes most of the time",
		Method: "GET", Path: "/orders/archive?customer=ada", Weight: 1, Status: 200,
		Visits: []Visit{{frontend, OK}, {orders, OK}},
		Calls:  []Call{{frontend, orders, OK}, {orders, database, OK}},
	},
	{
		Name: "report", About: "thirty SQL queries in a loop, more than the SDK sends in one document",
		Method: "GET", Path: "/orders/report", Weight: 1, Status: 200,
		Visits: []Visit{{frontend, OK}, {orders, OK}},
		Calls:  append([]Call{{frontend, orders, OK}}, slices.Repeat([]Call{{orders, database, OK}}, orderservice.ReportQueries)...),
	},
	{
		Name: "returns", About: "the database cancels a query: a fault with an exception and its stack",
		Method: "GET", Path: "/orders/returns?customer=ada", Weight: 1, Status: 500,
		Visits: []Visit{{frontend, Fault}, {orders, Fault}},
		Calls:  []Call{{frontend, orders, Fault}, {orders, database, Fault}},
	},
}
