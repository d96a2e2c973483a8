package segment

import (
	"cmp"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	// cutNamespace is the metadata namespace that says what was cut.
	cutNamespace = "tailwater"
	// maxCutNames is how many cuts of one entity are named.
	maxCutNames = 8
	// maxCutName is the length of such a name.
	maxCutName = 60
	// cutMark is more than the marks take: the names, quoted, and what is around
	// them.
	cutMark = maxCutNames*(maxCutName+len(`"…",`)) + len(`"metadata":{"tailwater":{"cut":[],"cut_more":1000000000}},`)

	// shortText is how many bytes of a text are always left.
	shortText = 200
	ellipsis  = "…"
)

// cutter takes content out of one entity until it is small enough. Its
// functions take out more and more valuable things, each only while excess is
// above zero.
type cutter struct {
	p      *splitter
	s      *Segment
	excess int // bytes that are still too many, with room for the marks
	names  []string
	more   int // cuts that are not in names
}

func newCutter(p *splitter, s *Segment, limit int) *cutter {
	return &cutter{p: p, s: s, excess: p.own(s) + cutMark - limit}
}

func (c *cutter) cut() {
	s := c.s
	s.Metadata = c.dropLargest("metadata.", s.Metadata)
	c.sql()
	c.stacks()
	c.texts()
	s.Extra = c.dropLargest("", s.Extra)
	c.blocks()
	s.Annotations = c.dropLargest("annotations.", s.Annotations)
	c.mark()
}

func (c *cutter) note(name string) {
	if len(c.names) == maxCutNames {
		c.more++
		return
	}
	c.names = append(c.names, name)
}

// dropLargest returns list without the largest members.
func (c *cutter) dropLargest(prefix string, list []Member) []Member {
	if c.excess <= 0 || len(list) == 0 {
		return list
	}
	size := make([]int, len(list))
	order := make([]int, len(list))
	for i := range list {
		size[i] = len(appendMembers(c.p.buf[:0], list[i:i+1]))
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size[b], size[a]) })
	drop := make([]bool, len(list))
	for _, i := range order {
		if c.excess <= 0 {
			break
		}
		drop[i] = true
		c.excess -= size[i]
		c.note(prefix + list[i].Name)
	}
	left := list[:0:0]
	for i := range list {
		if !drop[i] {
			left = append(left, list[i])
		}
	}
	return left
}

// trim cuts the end of a text, but leaves shortText bytes.
func (c *cutter) trim(name string, v *string) {
	if c.excess <= 0 || len(*v) <= shortText {
		return
	}
	n := max(shortText, len(*v)-c.excess) - len(ellipsis)
	for n > 0 && !utf8.RuneStart((*v)[n]) {
		n--
	}
	before := c.length(*v)
	*v = (*v)[:n] + ellipsis
	c.excess -= before - c.length(*v)
	c.note(name)
}

// length returns how long v is as JSON.
func (c *cutter) length(v string) int { return len(AppendString(c.p.buf[:0], v)) }

func (c *cutter) sql() {
	v := c.s.SQL
	if v == nil {
		return
	}
	c.trim("sql.sanitized_query", &v.SanitizedQuery)
	c.trim("sql.connection_string", &v.ConnectionString)
	c.trim("sql.url", &v.URL)
}

// stacks drops frames, the outermost first and those of causes before those of
// what they caused. X-Ray has a member that counts them.
func (c *cutter) stacks() {
	if c.s.Cause == nil {
		return
	}
	for i, e := range slices.Backward(c.s.Cause.Exceptions) {
		n := len(e.Stack)
		if c.excess <= 0 || n == 0 {
			continue
		}
		c.excess += len(`"truncated":"",`) + 20 // which grows or comes
		for n > 0 && c.excess > 0 {
			n--
			c.excess -= len(e.Stack[n].append(c.p.buf[:0])) + len(",")
		}
		e.Extra = without(e.Extra, "truncated")
		e.Truncated.Value += int64(len(e.Stack) - n)
		if e.Truncated.Form == NoInt {
			e.Truncated.Form = NumberInt
		}
		e.Stack = e.Stack[:n]
		c.s.Cause.Exceptions[i] = e
		c.note("cause.exceptions[" + strconv.Itoa(i) + "].stack")
	}
}

// texts cuts long texts and the name.
func (c *cutter) texts() {
	s := c.s
	if name := cutCharacters(s.Name, MaxName); c.excess > 0 && name != s.Name {
		c.excess -= c.length(s.Name) - c.length(name)
		s.Name = name
		c.note("name")
	}
	c.trim("namespace", &s.Namespace)
	c.trim("origin", &s.Origin)
	c.trim("resource_arn", &s.ResourceARN)
	c.trim("user", &s.User)
	if s.HTTP != nil && s.HTTP.Request != nil {
		r := s.HTTP.Request
		c.trim("http.request.url", &r.URL)
		c.trim("http.request.user_agent", &r.UserAgent)
		c.trim("http.request.client_ip", &r.ClientIP)
		c.trim("http.request.method", &r.Method)
	}
	if s.Cause != nil {
		for i := range s.Cause.Exceptions {
			e := &s.Cause.Exceptions[i]
			c.trim("cause.exceptions["+strconv.Itoa(i)+"].message", &e.Message)
			c.trim("cause.exceptions["+strconv.Itoa(i)+"].type", &e.Type)
		}
	}
}

// blocks drops whole blocks, the largest first.
func (c *cutter) blocks() {
	if c.excess <= 0 {
		return
	}
	s := c.s
	type block struct {
		name string
		size int
		drop func()
	}
	measure := c.p.buf[:0]
	blocks := []block{
		{"links", len(appendLinks(measure, s.Links)), func() { s.Links = nil }},
		{"precursor_ids", len(s.PrecursorIDs) * len(`"0000000000000000",`), func() { s.PrecursorIDs = nil }},
		{"cause", len(s.Cause.append(measure)), func() { s.Cause = nil }},
		{"aws", len(s.AWS.append(measure)), func() { s.AWS = nil }},
		{"sql", len(s.SQL.append(measure)), func() { s.SQL = nil }},
		{"http", len(s.HTTP.append(measure)), func() { s.HTTP = nil }},
		{"service", len(s.Service.append(measure)), func() { s.Service = nil }},
	}
	slices.SortStableFunc(blocks, func(a, b block) int { return cmp.Compare(b.size, a.size) })
	for _, b := range blocks {
		if c.excess <= 0 || b.size == 0 {
			return
		}
		b.drop()
		c.excess -= b.size
		c.note(b.name)
	}
}

// mark names the cuts in the metadata.
func (c *cutter) mark() {
	if odd := len(c.s.Extra); odd > 0 {
		// A metadata member that is no object has to make room.
		if c.s.Extra = without(c.s.Extra, "metadata"); len(c.s.Extra) < odd {
			c.note("metadata")
		}
	}
	var members []Member
	names := []byte{'['}
	at := slices.IndexFunc(c.s.Metadata, func(m Member) bool { return m.Name == cutNamespace })
	if at >= 0 {
		members, _ = JSONMembers(c.s.Metadata[at].Value)
	}
	for _, name := range c.names {
		names = append(AppendString(names, printable(name)), ',')
	}
	members = append(without(members, "cut", "cut_more"), Member{"cut", string(closed(names, ']'))})
	if c.more > 0 {
		members = append(members, Member{"cut_more", strconv.Itoa(c.more)})
	}
	mark := Member{cutNamespace, string(closed(appendMembers([]byte{'{'}, members), '}'))}
	if at >= 0 {
		c.s.Metadata[at] = mark
	} else {
		c.s.Metadata = append(c.s.Metadata, mark)
	}
}

// without returns list without the members of these names.
func without(list []Member, names ...string) []Member {
	named := func(m Member) bool { return slices.Contains(names, m.Name) }
	if !slices.ContainsFunc(list, named) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), named)
}

// printable makes a name that is short as JSON as well.
func printable(name string) string {
	b := make([]byte, 0, maxCutName)
	for i, r := range name {
		if i >= maxCutName-len(ellipsis) {
			return string(b) + ellipsis
		}
		if r <= ' ' || r >= 0x7f || r == '"' || r == '\\' {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return string(b)
}
