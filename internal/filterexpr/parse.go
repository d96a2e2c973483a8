package filterexpr

import (
	"strconv"
	"strings"
)

// maxDepth bounds how deep parentheses, negations and braces nest.
const maxDepth = 64

// Expr is a parsed expression. It is immutable and safe for concurrent use.
type Expr struct {
	text   string
	match  predicate
	fields Fields
	needs  Failures
}

// Failures is a set of the ways in which a call fails.
type Failures uint8

// The members of Failures.
const (
	Errors Failures = 1 << iota
	Throttles
	Faults
)

// Fields is what an expression reads of a Trace beyond the entry call's flags
// and response time. Whoever fills a Trace may leave out the rest.
type Fields struct {
	HTTP        bool // URL, method, user agent, client address
	Annotations []string
	Users       bool
	Nodes       bool
	Edges       bool
	Resources   bool // availability zones, instance ids, resource ARNs
	Groups      bool
	RootCauses  bool
}

// Parse parses and checks an expression. An error is an *Error.
func Parse(text string) (*Expr, error) {
	p := &parser{lexer: lexer{text: text}}
	if len(text) > MaxLength {
		return nil, p.fail(0, "the expression has %d bytes, more than %d", len(text), MaxLength)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.kind == tokenEnd {
		return nil, p.unexpected("an expression")
	}
	match, err := p.or(inTrace)
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEnd {
		return nil, p.unexpected("AND, OR or the end")
	}
	return &Expr{text: text, match: match, fields: p.fields, needs: p.needs}, nil
}

// String returns the text the expression was parsed from.
func (e *Expr) String() string { return e.text }

// Fields returns what the expression reads.
func (e *Expr) Fields() Fields { return e.fields }

// Needs returns failures without which no trace matches: where one of them is
// on no call of a trace, neither as its server nor as its caller saw it, Match
// is false, and the Trace need not be filled.
func (e *Expr) Needs() Failures { return e.needs }

// Match says whether the trace satisfies the expression. Its cost is at most
// the number of terms times the size of the trace.
func (e *Expr) Match(t *Trace) bool { return e.match(&env{trace: t, call: &t.Entry}) }

type parser struct {
	lexer
	token  token
	depth  int
	fields Fields
	needs  Failures // of what was parsed last
}

func (p *parser) advance() *Error {
	var err *Error
	p.token, err = p.lexer.next()
	return err
}

func (p *parser) unexpected(want string) *Error {
	return p.fail(p.token.offset, "expected %s, found %s", want, p.token)
}

func (p *parser) isSymbol(s string) bool { return p.token.kind == tokenSymbol && p.token.text == s }

func (p *parser) isWord(s string) bool {
	return p.token.kind == tokenWord && strings.EqualFold(p.token.text, s)
}

func (p *parser) symbol(s string) *Error {
	if !p.isSymbol(s) {
		return p.unexpected(s)
	}
	return p.advance()
}

func (p *parser) or(in scope) (predicate, *Error) {
	left, err := p.and(in)
	for err == nil && p.isWord("OR") {
		if err = p.advance(); err != nil {
			break
		}
		var right predicate
		needs := p.needs
		if right, err = p.and(in); err == nil {
			a, b := left, right
			p.needs &= needs
			left = func(e *env) bool { return a(e) || b(e) }
		}
	}
	return left, err
}

// and parses terms joined by AND or standing side by side.
func (p *parser) and(in scope) (predicate, *Error) {
	left, err := p.term(in)
	for err == nil {
		switch {
		case p.isWord("AND"):
			if err = p.advance(); err != nil {
				return nil, err
			}
		case p.isWord("OR") || p.token.kind != tokenWord && !p.isSymbol("!") && !p.isSymbol("("):
			return left, nil
		}
		var right predicate
		needs := p.needs
		if right, err = p.term(in); err == nil {
			a, b := left, right
			p.needs |= needs
			left = func(e *env) bool { return a(e) && b(e) }
		}
	}
	return nil, err
}

func (p *parser) term(in scope) (predicate, *Error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(p.token.offset, "nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	switch {
	case p.isSymbol("!"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		inner, err := p.term(in)
		if err != nil {
			return nil, err
		}
		p.needs = 0
		return func(e *env) bool { return !inner(e) }, nil
	case p.isSymbol("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		inner, err := p.or(in)
		if err != nil {
			return nil, err
		}
		return inner, p.symbol(")")
	case p.token.kind != tokenWord:
		return nil, p.unexpected("a keyword")
	}

	p.needs = 0
	word := p.token
	name := strings.ToLower(word.text)
	if err := p.advance(); err != nil {
		return nil, err
	}
	if in == inTrace {
		switch {
		case name == "service":
			return p.service()
		case name == "edge":
			return p.edge()
		case name == "annotation" || strings.HasPrefix(name, "annotation."):
			return p.annotation(word)
		case strings.HasPrefix(name, "rootcause."):
			return p.rootCause(word)
		}
	} else if name == "annotation" || strings.HasPrefix(name, "annotation.") || name == "service" || name == "edge" {
		return nil, p.fail(word.offset, "%s cannot stand inside braces", word.text)
	}
	k, known := keywords[name]
	if !known {
		return nil, p.fail(word.offset, "unknown keyword %s", word.text)
	}
	if k.in&in == 0 {
		return nil, p.fail(word.offset, "%s has no meaning here", word.text)
	}
	k.note(&p.fields)
	return p.comparison(k)
}

// comparison parses what follows a keyword: an operator and a value, or nothing.
func (p *parser) comparison(k keyword) (predicate, *Error) {
	op, offset, err := p.operator()
	if err != nil {
		return nil, err
	}
	if op == "" {
		p.needs = k.shows
		return k.alone(), nil
	}
	value := p.token
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch {
	case k.flag != nil:
		b, ok := boolean(value)
		if op != "=" && op != "!=" {
			return nil, p.fail(offset, "a boolean keyword takes = or !=, not %s", op)
		}
		if !ok {
			return nil, p.fail(value.offset, "expected true or false, found %s", value)
		}
		get, want := k.flag, b == (op == "=")
		if want {
			p.needs = k.shows
		}
		return func(e *env) bool { return get(e) == want }, nil
	case k.number != nil:
		compare, ok := numberOps[op]
		if !ok {
			return nil, p.fail(offset, "a number keyword takes = != < <= > or >=, not %s", op)
		}
		want, perr := strconv.ParseFloat(value.text, 64)
		if value.kind != tokenNumber || perr != nil {
			return nil, p.fail(value.offset, "expected a number, found %s", value)
		}
		get := k.number
		return func(e *env) bool { n, set := get(e); return compare(n, want, set) }, nil
	}
	compare, ok := stringOps[op]
	if !ok {
		return nil, p.fail(offset, "a string keyword takes = != CONTAINS BEGINSWITH or ENDSWITH, not %s", op)
	}
	// One example of the documentation leaves the quotes out: name = traces.
	if value.kind != tokenString && value.kind != tokenWord {
		return nil, p.fail(value.offset, "expected a string in double quotes, found %s", value)
	}
	get, want, negate := k.strings, value.text, op == "!="
	return func(e *env) bool {
		return get(e, func(s string) bool { return compare(s, want) }) != negate
	}, nil
}

// operator reads an operator if there is one.
func (p *parser) operator() (op string, offset int, err *Error) {
	text := strings.ToUpper(p.token.text)
	_, isNumber := numberOps[text]
	_, isString := stringOps[text]
	if p.token.kind != tokenSymbol && p.token.kind != tokenWord || !isNumber && !isString {
		return "", 0, nil
	}
	offset = p.token.offset
	return text, offset, p.advance()
}

func boolean(t token) (value, ok bool) {
	if t.kind != tokenWord && t.kind != tokenString {
		return false, false
	}
	switch strings.ToLower(t.text) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}
