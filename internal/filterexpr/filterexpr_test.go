package filterexpr

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shop is a request for checkout that called a database and, through a retry,
// a payment service whose first answer was a fault.
func shop() *Trace {
	return &Trace{
		Entry: Call{
			ResponseTime: 1.5, Status: 200, Method: "POST", URL: "http://api.example.com/v2/orders?x=1",
			UserAgent: "Mozilla/5.0", ClientIP: "203.0.113.24",
		},
		Duration: 6,
		Nodes: []Node{
			{Name: "checkout", Type: "AWS::ECS::Fargate", AccountID: "123456789012", Root: true, Calls: []Call{{ResponseTime: 1.5, Status: 200}}},
			{Name: "payment", Type: "AWS::EC2::Instance", Calls: []Call{{Fault: true, Status: 500, ResponseTime: 0.2}, {Status: 200, ResponseTime: 0.9}}},
			{Name: "orders", Type: "AWS::DynamoDB::Table", Inferred: true, Calls: []Call{{Error: true, Throttle: true, Status: 400}}},
			{Name: "payment", Type: "AWS::Lambda::Function", Calls: []Call{{Status: 200}}},
		},
		Edges: []Edge{
			{From: 0, To: 1, Calls: []Call{{Fault: true, Status: 500, ResponseTime: 0.25}, {Status: 200, ResponseTime: 1}}},
			{From: 0, To: 2, Calls: []Call{{Error: true, Throttle: true, Status: 400}}},
		},
		Annotations: []Annotation{
			{"gameid", "817DL6VO"}, {"age", 30.0}, {"vip", true}, {"beta", false}, {"http.route", "/orders"}, {"age", 12.0},
		},
		Users:             []string{"user-1", "user-2"},
		AvailabilityZones: []string{"eu-west-1b"},
		InstanceIDs:       []string{"i-0123"},
		ResourceARNs:      []string{"arn:aws:ecs:eu-west-1:123456789012:task/shop"},
		Groups:            []Group{{"slow", "arn:aws:xray:eu-west-1:123456789012:group/slow/ABC"}},
		FaultRootCauses: []RootCause{{Services: []CauseService{
			{Name: "checkout", Type: "AWS::ECS::Fargate", Entities: []CauseEntity{{Name: "checkout"}, {Name: "charge", Remote: true}}},
			{Name: "payment", Type: "AWS::EC2::Instance", Entities: []CauseEntity{
				{Name: "payment", Exceptions: []CauseException{{"TimeoutException", "no answer after 200 ms"}}},
			}},
		}}},
		ResponseTimeRootCauses: []RootCause{{Services: []CauseService{
			{Name: "checkout", Entities: []CauseEntity{{Name: "checkout", Coverage: 1}, {Name: "charge", Coverage: 0.66}}},
		}}},
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		expr string
		want bool
	}{
		// Every example of the documentation.
		{`responsetime > 5`, false},
		{`duration >= 5 AND duration <= 8`, true},
		{`ok`, true},
		{`!ok`, false},
		{`ok = false`, false},
		{`http.status != 200`, false},
		{`ok !partial duration <3`, false},
		{`http.url CONTAINS "/api/game/"`, false},
		{`user CONTAINS ""`, true},
		{`service("api.example.com") { fault }`, false},
		{`service() { fault }`, true},
		{`edge("api.example.com", "backend.example.com") { error }`, false},
		{`http.url BEGINSWITH "http://api.example.com/" AND http.url CONTAINS "/v2/" AND !service("api.example.com")`, true},
		{`annotation.gameid = "817DL6VO"`, true},
		{`annotation.age > 29`, true},
		{`annotation[age] > 29`, true},
		{`service(id(name: "payment", type:"AWS::EC2::Instance")) { fault }`, true},
		{`edge(id(name: "checkout", type:"AWS::ECS::Fargate"), id(name: "payment", type:"AWS::EC2::Instance")) { fault }`, true},
		{`service("payment") { error }`, false},
		{`service(id(name: "payment", type: "AWS::Lambda::Function")) { fault }`, false},
		{`service(id(type: "AWS::DynamoDB::Table")) { error }`, true},
		{`http.url AND responseTime > 1`, true},
		{`rootcause.fault.service { name = traces }`, false},

		// Booleans.
		{`error`, false},
		{`throttle`, false},
		{`fault`, false},
		{`partial`, false},
		{`fault = true`, false},
		{`fault != true`, true},
		{`FAULT = FALSE`, true},
		{`ok = "true"`, true},
		{`inferred`, true},
		{`service("orders") { inferred throttle }`, true},
		{`service("payment") { inferred }`, false},
		{`service("checkout") { root }`, true},
		{`service("payment") { root }`, false},
		{`service(id(account.id: "123456789012"))`, true},
		{`service(id(account.id: "999999999999"))`, false},
		{`service() { name = "orders" AND type BEGINSWITH "AWS::" }`, true},
		{`service("missing")`, false},

		// Both halves must hold for the same call.
		{`service("payment") { fault AND responsetime > 0.5 }`, false},
		{`service("payment") { ok AND responsetime > 0.5 }`, true},
		{`service("payment") { fault } AND service("payment") { responsetime > 0.5 }`, true},

		// Edges.
		{`edge() { fault }`, true},
		{`edge(,) { fault }`, true},
		{`edge("checkout",)`, true},
		{`edge(,"payment") { http.status = 500 }`, true},
		{`edge("payment", "checkout")`, false},
		{`!edge("checkout", "orders")`, false},

		// Numbers.
		{`responsetime = 1.5`, true},
		{`responsetime <= 1.5`, true},
		{`responsetime < 1.5`, false},
		{`responsetime >= 1.5`, true},
		{`http.status`, true},
		{`duration = 6e0`, true},
		{`responsetime > -1`, true},

		// Strings.
		{`http.method = "POST"`, true},
		{`http.method = "post"`, false},
		{`http.method != "GET"`, true},
		{`http.useragent BEGINSWITH "Mozilla"`, true},
		{`http.clientip ENDSWITH ".24"`, true},
		{`user = "user-2"`, true},
		{`user != "user-2"`, false},
		{`user != "nobody"`, true},
		{`availabilityzone = "eu-west-1b"`, true},
		{`instance.id = "i-0123"`, true},
		{`resource.arn CONTAINS "task/shop"`, true},
		{`group.name = "slow"`, true},
		{`group.arn ENDSWITH "/other"`, false},
		{`http.url = "a \"quoted\" \\ text"`, false},

		// Annotations.
		{`annotation.gameid`, true},
		{`annotation.missing`, false},
		{`annotation.vip`, true},
		{`annotation.beta`, false},
		{`annotation.beta = false`, true},
		{`annotation.vip != true`, false},
		{`annotation.age = 12`, true},
		{`annotation.age != 12`, false},
		{`annotation.age = "12"`, false},
		{`annotation.gameid CONTAINS "DL"`, true},
		{`annotation["http.route"] = "/orders"`, true},
		{`annotation[http.route] BEGINSWITH "/"`, true},
		{`annotation.missing != "x"`, true},

		// Precedence and grouping.
		{`ok OR error AND fault`, true},
		{`(ok OR error) AND fault`, false},
		{`fault or error or ok`, true},
		{`!(fault OR error)`, true},
		{`!!ok`, true},

		// Root causes.
		{`rootcause.fault.service { name = "payment" AND last }`, true},
		{`rootcause.fault.service { name = "payment" AND first }`, false},
		{`rootcause.fault.service { type = "AWS::EC2::Instance" AND index = 1 }`, true},
		{`rootcause.fault.service { root AND name = "checkout" }`, true},
		{`rootcause.fault.entity { remote AND name = "charge" }`, true},
		{`rootcause.fault.exception { name = "TimeoutException" AND message CONTAINS "200 ms" }`, true},
		{`rootcause.error.service { name = "payment" }`, false},
		{`rootcause.responsetime.entity { name = "charge" AND coverage > 0.5 }`, true},
		{`rootcause.responsetime.entity { coverage > 0.5 AND !first AND coverage > 0.9 }`, false},
		{`rootcause.json = #[{"Services":[{"Name":"checkout","EntityPath":[{"Name":"checkout"},{"Name":"charge"}]},{"Name":"payment"}]}]`, true},
		{`rootcause.fault.json = #[{"Services":[{"Name":"checkout"}]}]`, false},
		{`rootcause.json != #[{"Services":[{"Name":"other"}]}]`, true},
		{`rootcause.fault.json = #[{"Services":[{},{"EntityPath":[{"Exceptions":[{"Name":"TimeoutException"}]}]}]}]`, true},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			e, err := Parse(tt.expr)
			require.NoError(t, err)
			require.Equal(t, tt.want, e.Match(shop()))
			require.Equal(t, tt.expr, e.String())
			requireNeeds(t, e)
		})
	}
}

// without takes failures away from every call of a trace.
func without(t *Trace, gone Failures) *Trace {
	cure := func(c *Call) {
		c.Error = c.Error && gone&Errors == 0
		c.Throttle = c.Throttle && gone&Throttles == 0
		c.Fault = c.Fault && gone&Faults == 0
	}
	cure(&t.Entry)
	for _, n := range t.Nodes {
		for i := range n.Calls {
			cure(&n.Calls[i])
		}
	}
	for _, x := range t.Edges {
		for i := range x.Calls {
			cure(&x.Calls[i])
		}
	}
	return t
}

// requireNeeds requires that no trace without one of the failures that an
// expression needs matches it.
func requireNeeds(t *testing.T, e *Expr) {
	for gone := Failures(0); gone <= Errors|Throttles|Faults; gone++ {
		if e.Needs()&gone != 0 {
			require.False(t, e.Match(without(shop(), gone)), "%s needs %b, %b are gone", e, e.Needs(), gone)
			require.False(t, e.Match(&Trace{}), "%s", e)
		}
	}
}

func TestNeeds(t *testing.T) {
	for expr, want := range map[string]Failures{
		`fault`: Faults,
		`service() { fault } OR edge() { fault }`:   Faults,
		`service("a") { fault AND responsetime>1 }`: Faults,
		`fault = true`:                               Faults,
		`fault != false`:                             Faults,
		`fault = false`:                              0,
		`!fault`:                                     0,
		`!service() { !fault }`:                      0,
		`error OR throttle`:                          0,
		`error throttle AND ok`:                      Errors | Throttles,
		`(error OR fault) AND throttle`:              Throttles,
		`throttle AND (error OR fault)`:              Throttles,
		`(error fault) OR (throttle AND fault)`:      Faults,
		`service()`:                                  0,
		`fault AND service()`:                        Faults,
		`service() AND fault`:                        Faults,
		`edge() { error } AND service() { fault }`:   Errors | Faults,
		`fault OR duration > 3`:                      0,
		`duration > 3 OR fault`:                      0,
		`fault AND annotation.x = 1`:                 Faults,
		`rootcause.fault.service { first }`:          0,
		`fault OR rootcause.fault.service { first }`: 0,
	} {
		e, err := Parse(expr)
		require.NoError(t, err)
		require.Equal(t, want, e.Needs(), expr)
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ expr, want string }{
		{``, `column 1: expected an expression, found the end`},
		{`faults`, `column 1: unknown keyword faults`},
		{`ok AND`, `column 7: expected a keyword, found the end`},
		{`ok AND AND error`, `column 8: unknown keyword AND`},
		{`responsetime > "5"`, `column 16: expected a number, found "5"`},
		{`responsetime CONTAINS 5`, `column 14: a number keyword takes = != < <= > or >=, not CONTAINS`},
		{`http.url > "x"`, `column 10: a string keyword takes = != CONTAINS BEGINSWITH or ENDSWITH, not >`},
		{`http.url = 5`, `column 12: expected a string in double quotes, found 5`},
		{`http.url = "x`, `column 12: the string has no closing quote`},
		{`fault > true`, `column 7: a boolean keyword takes = or !=, not >`},
		{`fault = 1`, `column 9: expected true or false, found 1`},
		{`service("a" { fault }`, `column 13: expected ), found {`},
		{`service(a)`, `column 9: expected a name in double quotes, id(…) or ), found a`},
		{`service("a") { fault`, `column 21: expected }, found the end`},
		{`service("a") { annotation.x = 1 }`, `column 16: annotation.x cannot stand inside braces`},
		{`service("a") { duration > 1 }`, `column 16: duration has no meaning here`},
		{`service(id(name: "a", name: "b"))`, `column 23: name is given twice`},
		{`service(id(nam: "a"))`, `column 12: expected name:, type: or account.id:, found nam`},
		{`annotation = 5`, `column 1: annotation needs a key: annotation.key or annotation[key]`},
		{`annotation.x CONTAINS 5`, `column 14: a number takes = != < <= > or >=, not CONTAINS`},
		{`annotation.x > "5"`, `column 14: a string takes = != CONTAINS BEGINSWITH or ENDSWITH, not >`},
		{`annotation.x < true`, `column 14: true and false take = or !=, not <`},
		{`index = 1`, `column 1: index has no meaning here`},
		{`rootcause.wrong.service { name = "x" }`, `column 1: unknown keyword rootcause.wrong.service: expected rootcause.fault, rootcause.error, rootcause.responsetime or rootcause.json`},
		{`rootcause.fault { name = "x" }`, `column 1: unknown keyword rootcause.fault: expected .service, .entity, .exception or .json`},
		{`rootcause.fault.service`, `column 24: expected { after rootcause.fault.service, found the end`},
		{`rootcause.json = #[{"Services":5}]`, `column 18: expected an array of root causes, each {"Services":[…]} as in the X-Ray API`},
		{`rootcause.json = #x`, `column 18: # starts a JSON array, such as #[{"Services":[…]}]`},
		{`ok )`, `column 4: expected AND, OR or the end, found )`},
		{`ok § error`, `column 4: unknown keyword §`},
		{`"é" = ok`, `column 1: expected a keyword, found "é"`},
		{`user = "é" AND ;`, `column 16: unexpected character ';'`},
		{strings.Repeat("(", 100) + "ok", `column 65: nested more than 64 deep`},
		{strings.Repeat("a", MaxLength+1), `column 1: the expression has 8193 bytes, more than 8192`},
	}
	for _, tt := range tests {
		name := tt.expr
		if len(name) > 60 {
			name = name[:60]
		}
		t.Run(name, func(t *testing.T) {
			_, err := Parse(tt.expr)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestFields(t *testing.T) {
	e, err := Parse(`annotation.a = 1 OR annotation[b.c] OR annotation.a OR http.url = "x" AND edge("x", "y") { fault }`)
	require.NoError(t, err)
	require.Equal(t, Fields{HTTP: true, Annotations: []string{"a", "b.c"}, Nodes: true, Edges: true}, e.Fields())

	e, err = Parse(`fault OR responsetime > 3`)
	require.NoError(t, err)
	require.Equal(t, Fields{}, e.Fields())
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`ok !partial duration <3`, `service(id(name: "a", type:"b")) { fault OR (error AND !ok) }`, `edge("a","b"){responsetime>1}`,
		`annotation[a.b] CONTAINS "x"`, `rootcause.json = #[{"Services":[{"Name":"x"}]}]`, `rootcause.fault.exception { message = "x" }`,
		`service() { fault } OR edge() { !error AND fault = true } throttle != false`,
	} {
		f.Add(s)
	}
	trace := shop()
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			column := err.(*Error).Column
			if column < 1 || column > len(text)+1 {
				t.Fatalf("column %d of %q", column, text)
			}
			return
		}
		e.Match(trace)
		e.Match(&Trace{})
		requireNeeds(t, e)
	})
}

func BenchmarkMatch(b *testing.B) {
	e, err := Parse(`service() { fault } OR edge() { fault } OR responsetime > 3`)
	require.NoError(b, err)
	trace := shop()
	b.ReportAllocs()
	for b.Loop() {
		e.Match(trace)
	}
}
