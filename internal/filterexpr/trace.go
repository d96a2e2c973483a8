// Package filterexpr is the X-Ray filter expression language: a parser and an
// evaluator over a summary of a trace.
//
//	e, err := filterexpr.Parse(`service("checkout") { fault } OR responsetime > 3`)
//	if e.Match(&trace) { … }
//
// The grammar is that of the X-Ray Developer Guide, "Use filter expressions".
// Where the guide is silent: AND binds tighter than OR, parentheses group, !=
// is the negation of =, every other comparison with a value that is not there
// is false, a keyword of several values (user, annotations, instance.id, …)
// matches when one of them does, and comparisons of strings respect case.
package filterexpr

// Trace is what an expression sees of a trace. Spans and segment documents can
// both fill it. Only what Expr.Fields names needs to be there.
type Trace struct {
	// Entry is the call that the trace's root served: the keywords outside of
	// braces look at it.
	Entry Call
	// Duration is the time from the earliest start to the latest end, in
	// seconds, and Entry.ResponseTime that of the root alone.
	Duration float64
	// Partial says that segments of the trace are missing or in progress.
	Partial bool

	Nodes []Node
	Edges []Edge

	Annotations       []Annotation
	Users             []string
	AvailabilityZones []string
	InstanceIDs       []string
	ResourceARNs      []string
	Groups            []Group

	FaultRootCauses        []RootCause
	ErrorRootCauses        []RootCause
	ResponseTimeRootCauses []RootCause
}

// Call is one request, as its server or its caller saw it.
type Call struct {
	Error, Throttle, Fault bool
	// ResponseTime is in seconds.
	ResponseTime float64
	// Status is the HTTP status, 0 if there is none.
	Status                           int
	URL, Method, UserAgent, ClientIP string
}

// Node is a service that the trace touched: the segments of one service, or a
// dependency that sent none (Inferred).
type Node struct {
	Name, Type, AccountID string
	Inferred, Root        bool
	// Calls are the requests it served.
	Calls []Call
}

// Edge is the connection from one node to another.
type Edge struct {
	From, To int // indexes into Trace.Nodes
	// Calls are the requests, as the caller saw them.
	Calls []Call
}

// Annotation is one value of one key; a trace may have several of a key.
type Annotation struct {
	Key string
	// Value is a string, a float64 or a bool.
	Value any
}

// Group is an X-Ray group that the trace belongs to.
type Group struct{ Name, ARN string }

// RootCause is a path from the first service that shows a problem to the
// deepest one. The JSON names are those of the X-Ray API.
type RootCause struct {
	Services []CauseService
}

// CauseService is one service of a RootCause.
type CauseService struct {
	Name, Type, AccountID string
	Inferred              bool
	Entities              []CauseEntity
}

// CauseEntity is a segment or subsegment on the path through a CauseService.
type CauseEntity struct {
	Name string
	// Coverage is its share of the root's response time, 0 to 1.
	Coverage   float64
	Remote     bool
	Exceptions []CauseException
}

// CauseException is an exception that a CauseEntity recorded.
type CauseException struct{ Name, Message string }
