package filterexpr

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// service parses what follows "service": ( [node] ) [ { expr } ].
func (p *parser) service() (predicate, *Error) {
	p.fields.Nodes = true
	if err := p.symbol("("); err != nil {
		return nil, err
	}
	is, err := p.node(")")
	if err != nil {
		return nil, err
	}
	if err := p.symbol(")"); err != nil {
		return nil, err
	}
	inner, err := p.braces(inService)
	if err != nil {
		return nil, err
	}
	return func(e *env) bool {
		for i := range e.trace.Nodes {
			n := &e.trace.Nodes[i]
			if is(n) && (inner == nil || anyCall(env{trace: e.trace, node: n}, n.Calls, inner)) {
				return true
			}
		}
		return false
	}, nil
}

// edge parses what follows "edge": ( [node] , [node] ) [ { expr } ]. A missing
// node stands for any, as in the default policy edge() { fault } of the tail
// sampler, where the comma may be missing too.
func (p *parser) edge() (predicate, *Error) {
	p.fields.Nodes, p.fields.Edges = true, true
	if err := p.symbol("("); err != nil {
		return nil, err
	}
	from, err := p.node(",", ")")
	if err != nil {
		return nil, err
	}
	to := anyNode
	if p.isSymbol(",") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if to, err = p.node(")"); err != nil {
			return nil, err
		}
	}
	if err := p.symbol(")"); err != nil {
		return nil, err
	}
	inner, err := p.braces(inEdge)
	if err != nil {
		return nil, err
	}
	return func(e *env) bool {
		for i := range e.trace.Edges {
			x := &e.trace.Edges[i]
			if from(&e.trace.Nodes[x.From]) && to(&e.trace.Nodes[x.To]) &&
				(inner == nil || anyCall(env{trace: e.trace}, x.Calls, inner)) {
				return true
			}
		}
		return false
	}, nil
}

// anyCall says whether the expression holds for one of the calls; an element
// that recorded none is looked at once, with an empty call.
func anyCall(e env, calls []Call, inner predicate) bool {
	if len(calls) == 0 {
		e.call = &Call{}
		return inner(&e)
	}
	for i := range calls {
		e.call = &calls[i]
		if inner(&e) {
			return true
		}
	}
	return false
}

func anyNode(*Node) bool { return true }

// node parses "name", id(…), or nothing before one of the symbols in end.
func (p *parser) node(end ...string) (func(*Node) bool, *Error) {
	switch {
	case p.token.kind == tokenString:
		name := p.token.text
		return func(n *Node) bool { return n.Name == name }, p.advance()
	case p.isWord("id"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		return p.id()
	case p.token.kind == tokenSymbol && slices.Contains(end, p.token.text):
		return anyNode, nil
	}
	return nil, p.unexpected("a name in double quotes, id(…) or " + end[len(end)-1])
}

func (p *parser) id() (func(*Node) bool, *Error) {
	if err := p.symbol("("); err != nil {
		return nil, err
	}
	var name, typ, account *string
	for {
		key := p.token
		var target **string
		switch {
		case p.isWord("name"):
			target = &name
		case p.isWord("type"):
			target = &typ
		case p.isWord("account.id"):
			target = &account
		default:
			return nil, p.unexpected("name:, type: or account.id:")
		}
		if *target != nil {
			return nil, p.fail(key.offset, "%s is given twice", key.text)
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		if err := p.symbol(":"); err != nil {
			return nil, err
		}
		if p.token.kind != tokenString {
			return nil, p.unexpected("a string in double quotes")
		}
		text := p.token.text
		*target = &text
		if err := p.advance(); err != nil {
			return nil, err
		}
		if !p.isSymbol(",") {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	return func(n *Node) bool {
		return (name == nil || n.Name == *name) && (typ == nil || n.Type == *typ) && (account == nil || n.AccountID == *account)
	}, p.symbol(")")
}

// braces parses { expr } if it is there.
func (p *parser) braces(in scope) (predicate, *Error) {
	if !p.isSymbol("{") {
		return nil, nil
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	inner, err := p.or(in)
	if err != nil {
		return nil, err
	}
	return inner, p.symbol("}")
}

// annotation parses annotation.key or annotation[key] and its comparison.
func (p *parser) annotation(word token) (predicate, *Error) {
	var key string
	switch {
	case len(word.text) > len("annotation."):
		key = word.text[len("annotation."):]
	case word.text[len(word.text)-1] != '.' && p.isSymbol("["):
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.token.kind != tokenWord && p.token.kind != tokenString && p.token.kind != tokenNumber {
			return nil, p.unexpected("an annotation key")
		}
		key = p.token.text
		if err := p.advance(); err != nil {
			return nil, err
		}
		if err := p.symbol("]"); err != nil {
			return nil, err
		}
	default:
		return nil, p.fail(word.offset, "annotation needs a key: annotation.key or annotation[key]")
	}
	if !slices.Contains(p.fields.Annotations, key) {
		p.fields.Annotations = append(p.fields.Annotations, key)
	}

	op, offset, err := p.operator()
	if err != nil {
		return nil, err
	}
	if op == "" {
		// Set, except that a boolean annotation stands for its value.
		return annotated(key, func(v any) bool { b, isBool := v.(bool); return !isBool || b }), nil
	}
	value := p.token
	if err := p.advance(); err != nil {
		return nil, err
	}
	is, err := p.annotationIs(op, offset, value)
	if err != nil {
		return nil, err
	}
	if op == "!=" {
		return func(e *env) bool { return !annotated(key, is)(e) }, nil
	}
	return annotated(key, is), nil
}

func annotated(key string, is func(any) bool) predicate {
	return func(e *env) bool {
		for i := range e.trace.Annotations {
			if a := &e.trace.Annotations[i]; a.Key == key && is(a.Value) {
				return true
			}
		}
		return false
	}
}

// annotationIs compares a value of any type; a value of another type than the
// annotation's never matches. For != it is the comparison that is then negated.
func (p *parser) annotationIs(op string, offset int, value token) (func(any) bool, *Error) {
	switch value.kind {
	case tokenString:
		if compare, ok := stringOps[op]; ok {
			return func(v any) bool { s, ok := v.(string); return ok && compare(s, value.text) }, nil
		}
		return nil, p.fail(offset, "a string takes = != CONTAINS BEGINSWITH or ENDSWITH, not %s", op)
	case tokenNumber:
		if op == "!=" {
			op = "="
		}
		compare, ok := numberOps[op]
		if !ok {
			return nil, p.fail(offset, "a number takes = != < <= > or >=, not %s", op)
		}
		want, err := strconv.ParseFloat(value.text, 64)
		if err != nil {
			return nil, p.fail(value.offset, "expected a number, found %s", value)
		}
		return func(v any) bool { n, ok := v.(float64); return ok && compare(n, want, true) }, nil
	}
	want, ok := boolean(value)
	if !ok {
		return nil, p.fail(value.offset, "expected a string in double quotes, a number, true or false, found %s", value)
	}
	if op != "=" && op != "!=" {
		return nil, p.fail(offset, "true and false take = or !=, not %s", op)
	}
	return func(v any) bool { b, ok := v.(bool); return ok && b == want }, nil
}

// rootCause parses rootcause.KIND.ELEMENT { expr } and rootcause[.KIND].json = #[…].
func (p *parser) rootCause(word token) (predicate, *Error) {
	p.fields.RootCauses = true
	path := strings.Split(strings.ToLower(word.text), ".")[1:]
	causes := func(t *Trace) [][]RootCause {
		return [][]RootCause{t.FaultRootCauses, t.ErrorRootCauses, t.ResponseTimeRootCauses}
	}
	switch path[0] {
	case "fault":
		causes = func(t *Trace) [][]RootCause { return [][]RootCause{t.FaultRootCauses} }
	case "error":
		causes = func(t *Trace) [][]RootCause { return [][]RootCause{t.ErrorRootCauses} }
	case "responsetime":
		causes = func(t *Trace) [][]RootCause { return [][]RootCause{t.ResponseTimeRootCauses} }
	case "json":
		path = append([]string{"any"}, path...)
	default:
		return nil, p.fail(word.offset, "unknown keyword %s: expected rootcause.fault, rootcause.error, rootcause.responsetime or rootcause.json", word.text)
	}
	if len(path) != 2 {
		return nil, p.fail(word.offset, "unknown keyword %s: expected .service, .entity, .exception or .json", word.text)
	}
	switch path[1] {
	case "service":
		return p.causeElements(word, inCauseService, causes)
	case "entity":
		return p.causeElements(word, inCauseEntity, causes)
	case "exception":
		return p.causeElements(word, inCauseException, causes)
	case "json":
		return p.causeJSON(causes)
	}
	return nil, p.fail(word.offset, "unknown keyword %s: expected .service, .entity, .exception or .json", word.text)
}

func (p *parser) causeElements(word token, in scope, causes func(*Trace) [][]RootCause) (predicate, *Error) {
	if !p.isSymbol("{") {
		return nil, p.fail(p.token.offset, "expected { after %s, found %s", word.text, p.token)
	}
	inner, err := p.braces(in)
	if err != nil {
		return nil, err
	}
	return func(e *env) bool {
		for _, kind := range causes(e.trace) {
			for i := range kind {
				if elementMatches(e.trace, &kind[i], in, inner) {
					return true
				}
			}
		}
		return false
	}, nil
}

func elementMatches(t *Trace, cause *RootCause, in scope, inner predicate) bool {
	for si := range cause.Services {
		s := &cause.Services[si]
		if in == inCauseService && inner(&env{trace: t, service: s, index: si, count: len(cause.Services)}) {
			return true
		}
		for ei := range s.Entities {
			x := &s.Entities[ei]
			if in == inCauseEntity && inner(&env{trace: t, entity: x, index: ei, count: len(s.Entities)}) {
				return true
			}
			for ci := range x.Exceptions {
				if in == inCauseException && inner(&env{trace: t, cause: &x.Exceptions[ci], index: ci, count: len(x.Exceptions)}) {
					return true
				}
			}
		}
	}
	return false
}

// causePattern is the JSON form: members that are left out match anything.
type causePattern struct {
	Services []struct {
		Name, Type, AccountID *string
		EntityPath            []struct {
			Name       *string
			Remote     *bool
			Exceptions []struct{ Name, Message *string }
		}
	}
}

func (p *parser) causeJSON(causes func(*Trace) [][]RootCause) (predicate, *Error) {
	op, _, err := p.operator()
	if err != nil {
		return nil, err
	}
	if op != "=" && op != "!=" {
		return nil, p.fail(p.token.offset, "expected = or != and #[…]")
	}
	if p.token.kind != tokenJSON {
		return nil, p.unexpected("#[…]")
	}
	var patterns []causePattern
	if json.Unmarshal([]byte(p.token.text), &patterns) != nil {
		return nil, p.fail(p.token.offset, "expected an array of root causes, each {\"Services\":[…]} as in the X-Ray API")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	return func(e *env) bool {
		found := false
		for _, kind := range causes(e.trace) {
			for i := range kind {
				for j := range patterns {
					found = found || patterns[j].matches(&kind[i])
				}
			}
		}
		return found == (op == "=")
	}, nil
}

func (c *causePattern) matches(cause *RootCause) bool {
	is := func(want *string, have string) bool { return want == nil || *want == have }
	if len(c.Services) != len(cause.Services) {
		return false
	}
	for i, s := range c.Services {
		have := &cause.Services[i]
		if !is(s.Name, have.Name) || !is(s.Type, have.Type) || !is(s.AccountID, have.AccountID) ||
			s.EntityPath != nil && len(s.EntityPath) != len(have.Entities) {
			return false
		}
		for j, x := range s.EntityPath {
			entity := &have.Entities[j]
			if !is(x.Name, entity.Name) || x.Remote != nil && *x.Remote != entity.Remote ||
				x.Exceptions != nil && len(x.Exceptions) != len(entity.Exceptions) {
				return false
			}
			for k, ex := range x.Exceptions {
				if !is(ex.Name, entity.Exceptions[k].Name) || !is(ex.Message, entity.Exceptions[k].Message) {
					return false
				}
			}
		}
	}
	return true
}
