package page

import (
	"errors"
	"net/url"
	"time"

	"github.com/tailwater-otel/tailwater/internal/filterexpr"
)

// maxSearchTime bounds how long traces are held against an expression for one
// page, so that a costly one cannot keep the machine busy.
const maxSearchTime = 2 * time.Second

// examples are expressions to start from.
var examples = []string{
	`service() { fault }`,
	`responsetime > 0.5 AND !error`,
	`http.method = "POST" AND http.url CONTAINS "/orders"`,
}

// search is the box for a filter expression and what came of it.
type search struct {
	Expression string
	Error      string // what is wrong with it, "" if nothing
	Column     int    // where, from 1
	Good, Bad  string // the expression up to there, and from there on
	Stopped    bool   // it took too long: the list lacks older traces

	Examples  []choice
	ClearLink string
	Keep      []field // what the form sends along

	until time.Time // when it stops; zero before the first trace
}

// field is a hidden field of a form.
type field struct{ Name, Value string }

// newSearch parses the expression of a query. The filter is nil if there is
// none, or if it is wrong.
func newSearch(q query) (search, *filterexpr.Expr) {
	v := search{Expression: q.search}
	c := q
	c.limit = listSize
	for _, e := range examples {
		c.search = e
		v.Examples = append(v.Examples, choice{Text: e, Address: c.address(), Chosen: e == q.search})
	}
	c.search = ""
	v.ClearLink = c.address()
	if u, err := url.Parse(v.ClearLink); err == nil {
		for _, name := range []string{"range", "state", "slow", "service", "type"} {
			if u.Query().Has(name) {
				v.Keep = append(v.Keep, field{name, u.Query().Get(name)})
			}
		}
	}
	if q.search == "" {
		return v, nil
	}
	filter, err := filterexpr.Parse(q.search)
	if err == nil {
		return v, filter
	}
	v.Error, v.Bad = err.Error(), q.search
	if e := (*filterexpr.Error)(nil); errors.As(err, &e) {
		v.Error, v.Column = e.Reason, e.Column
		text := []rune(q.search)
		at := min(e.Column-1, len(text))
		v.Good, v.Bad = string(text[:at]), string(text[at:])
	}
	return v, nil
}

// matches holds a trace against the filter, unless the time is up.
func (v *search) matches(filter *filterexpr.Expr, t *filterexpr.Trace, clock func() time.Time) bool {
	now := clock()
	if v.until.IsZero() {
		v.until = now.Add(maxSearchTime)
	}
	if now.After(v.until) {
		v.Stopped = true
		return false
	}
	return filter.Match(t)
}
