package filterexpr

import "strings"

// predicate is a compiled expression.
type predicate func(*env) bool

// env is what a predicate looks at: the trace, and inside braces also the
// element that the braces run over.
type env struct {
	trace *Trace
	call  *Call

	node    *Node
	service *CauseService
	entity  *CauseEntity
	cause   *CauseException
	index   int
	count   int
}

// scope is where a keyword stands.
type scope uint8

const (
	inTrace scope = 1 << iota
	inService
	inEdge
	inCauseService
	inCauseEntity
	inCauseException

	inCall = inTrace | inService | inEdge
	inList = inCauseService | inCauseEntity | inCauseException
)

// keyword reads one thing; exactly one of flag, number and strings is set.
type keyword struct {
	in     scope
	reads  func(*Fields)
	flag   func(*env) bool
	shows  Failures // that a call has where flag is true
	number func(*env) (value float64, set bool)
	// strings says whether one of the keyword's values satisfies is.
	strings func(e *env, is func(string) bool) bool
}

func (k keyword) note(f *Fields) {
	if k.reads != nil {
		k.reads(f)
	}
}

// alone is the meaning of a keyword without an operator: a flag is true,
// anything else is set.
func (k keyword) alone() predicate {
	switch {
	case k.flag != nil:
		return k.flag
	case k.number != nil:
		return func(e *env) bool { _, set := k.number(e); return set }
	}
	return func(e *env) bool { return k.strings(e, func(s string) bool { return s != "" }) }
}

var numberOps = map[string]func(have, want float64, set bool) bool{
	"=":  func(a, b float64, set bool) bool { return set && a == b },
	"!=": func(a, b float64, set bool) bool { return !set || a != b },
	"<":  func(a, b float64, set bool) bool { return set && a < b },
	"<=": func(a, b float64, set bool) bool { return set && a <= b },
	">":  func(a, b float64, set bool) bool { return set && a > b },
	">=": func(a, b float64, set bool) bool { return set && a >= b },
}

// stringOps compare one value; "!=" is negated over all values by its user.
var stringOps = map[string]func(have, want string) bool{
	"=":          func(a, b string) bool { return a == b },
	"!=":         func(a, b string) bool { return a == b },
	"CONTAINS":   strings.Contains,
	"BEGINSWITH": strings.HasPrefix,
	"ENDSWITH":   strings.HasSuffix,
}

func one(get func(*env) string) func(*env, func(string) bool) bool {
	return func(e *env, is func(string) bool) bool { s := get(e); return s != "" && is(s) }
}

func anyOf(get func(*Trace) []string) func(*env, func(string) bool) bool {
	return func(e *env, is func(string) bool) bool {
		for _, s := range get(e.trace) {
			if is(s) {
				return true
			}
		}
		return false
	}
}

var (
	readsHTTP      = func(f *Fields) { f.HTTP = true }
	readsUsers     = func(f *Fields) { f.Users = true }
	readsNodes     = func(f *Fields) { f.Nodes = true }
	readsResources = func(f *Fields) { f.Resources = true }
	readsGroups    = func(f *Fields) { f.Groups = true }
)

var keywords = map[string]keyword{
	"ok": {in: inCall, flag: func(e *env) bool {
		c := e.call
		return !c.Error && !c.Throttle && !c.Fault && (c.Status == 0 || c.Status/100 == 2)
	}},
	"error":    {in: inCall, shows: Errors, flag: func(e *env) bool { return e.call.Error }},
	"throttle": {in: inCall, shows: Throttles, flag: func(e *env) bool { return e.call.Throttle }},
	"fault":    {in: inCall, shows: Faults, flag: func(e *env) bool { return e.call.Fault }},
	"partial":  {in: inTrace, flag: func(e *env) bool { return e.trace.Partial }},
	"inferred": {in: inTrace | inService | inCauseService, reads: readsNodes, flag: func(e *env) bool {
		switch {
		case e.service != nil:
			return e.service.Inferred
		case e.node != nil:
			return e.node.Inferred
		}
		for i := range e.trace.Nodes {
			if e.trace.Nodes[i].Inferred {
				return true
			}
		}
		return false
	}},
	"root":   {in: inService | inCauseService, flag: func(e *env) bool { return e.node != nil && e.node.Root || e.service != nil && e.index == 0 }},
	"first":  {in: inList, flag: func(e *env) bool { return e.index == 0 }},
	"last":   {in: inList, flag: func(e *env) bool { return e.index == e.count-1 }},
	"remote": {in: inCauseEntity, flag: func(e *env) bool { return e.entity.Remote }},

	"responsetime": {in: inCall, number: func(e *env) (float64, bool) { return e.call.ResponseTime, true }},
	"duration":     {in: inTrace, number: func(e *env) (float64, bool) { return e.trace.Duration, true }},
	"http.status":  {in: inCall, number: func(e *env) (float64, bool) { return float64(e.call.Status), e.call.Status != 0 }},
	"index":        {in: inList, number: func(e *env) (float64, bool) { return float64(e.index), true }},
	"coverage":     {in: inCauseEntity, number: func(e *env) (float64, bool) { return e.entity.Coverage, true }},

	"http.url":       {in: inCall, reads: readsHTTP, strings: one(func(e *env) string { return e.call.URL })},
	"http.method":    {in: inCall, reads: readsHTTP, strings: one(func(e *env) string { return e.call.Method })},
	"http.useragent": {in: inCall, reads: readsHTTP, strings: one(func(e *env) string { return e.call.UserAgent })},
	"http.clientip":  {in: inCall, reads: readsHTTP, strings: one(func(e *env) string { return e.call.ClientIP })},

	"user":             {in: inTrace, reads: readsUsers, strings: anyOf(func(t *Trace) []string { return t.Users })},
	"availabilityzone": {in: inTrace, reads: readsResources, strings: anyOf(func(t *Trace) []string { return t.AvailabilityZones })},
	"instance.id":      {in: inTrace, reads: readsResources, strings: anyOf(func(t *Trace) []string { return t.InstanceIDs })},
	"resource.arn":     {in: inTrace, reads: readsResources, strings: anyOf(func(t *Trace) []string { return t.ResourceARNs })},
	"group.name": {in: inTrace, reads: readsGroups, strings: func(e *env, is func(string) bool) bool {
		for _, g := range e.trace.Groups {
			if is(g.Name) {
				return true
			}
		}
		return false
	}},
	"group.arn": {in: inTrace, reads: readsGroups, strings: func(e *env, is func(string) bool) bool {
		for _, g := range e.trace.Groups {
			if is(g.ARN) {
				return true
			}
		}
		return false
	}},

	"name": {in: inService | inList, strings: one(func(e *env) string {
		switch {
		case e.cause != nil:
			return e.cause.Name
		case e.entity != nil:
			return e.entity.Name
		case e.service != nil:
			return e.service.Name
		}
		return e.node.Name
	})},
	"type": {in: inService | inCauseService, strings: one(func(e *env) string {
		if e.service != nil {
			return e.service.Type
		}
		return e.node.Type
	})},
	"message": {in: inCauseException, strings: one(func(e *env) string { return e.cause.Message })},
}
