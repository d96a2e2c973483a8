package xraytailsamplingprocessor

// cache remembers the latest decisions by the hash of the trace ID, the longest
// unused going first. Its memory grows with what it holds. It is not safe for
// concurrent use.
type cache[V any] struct {
	limit   int
	at      map[uint64]uint32
	entries []cacheEntry[V] // a ring of the order of use, through before and after
	head    uint32          // the latest used
}

type cacheEntry[V any] struct {
	key           uint64
	value         V
	before, after uint32
}

// newCache returns a cache of at least one entry.
func newCache[V any](limit int) *cache[V] {
	return &cache[V]{limit: max(1, limit), at: map[uint64]uint32{}}
}

// get returns the value of a key, which counts as used.
func (c *cache[V]) get(key uint64) (value V, found bool) {
	i, found := c.at[key]
	if !found {
		return value, false
	}
	c.use(i)
	return c.entries[i].value, true
}

// put remembers a value.
func (c *cache[V]) put(key uint64, value V) {
	if i, found := c.at[key]; found {
		c.entries[i].value = value
		c.use(i)
		return
	}
	var i uint32
	if len(c.entries) < c.limit {
		i = uint32(len(c.entries))
		c.entries = append(c.entries, cacheEntry[V]{before: i, after: i})
		if i > 0 {
			c.link(i)
		}
	} else {
		i = c.entries[c.head].before // the ring's other end
		delete(c.at, c.entries[i].key)
	}
	c.entries[i].key, c.entries[i].value = key, value
	c.at[key] = i
	c.use(i)
}

func (c *cache[V]) use(i uint32) {
	if i == c.head {
		return
	}
	e := &c.entries[i]
	c.entries[e.before].after, c.entries[e.after].before = e.after, e.before
	c.link(i)
	c.head = i
}

// link puts an entry in front of the head.
func (c *cache[V]) link(i uint32) {
	last := c.entries[c.head].before
	c.entries[i].before, c.entries[i].after = last, c.head
	c.entries[last].after, c.entries[c.head].before = i, i
}
