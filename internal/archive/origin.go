package archive

import (
	"crypto/sha256"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// origin is what all spans of a resource and scope have in common.
type origin struct {
	values []columnValues
	exact  bool
	digest [32]byte // of what they say
	bytes  int      // of what they say
	facts  segmentspan.ResourceFacts
}

// originCache keeps the origins of the resources and scopes seen last, because
// sorted by trace the spans of a few of them alternate.
type originCache struct {
	row    row // with an arena of its own, the chunks of which live as long as origins in them
	byKey  map[originKey]*origin
	order  [maxOrigins]originKey // a ring, the oldest at next
	next   int
	last   *origin
	lastOf originKey
}

// maxOrigins bounds the cache. Each entry keeps the memory of a resource alive.
const maxOrigins = 64

// originKey says which resource and scope: by identity, not by content.
type originKey struct {
	res                    pcommon.Resource
	scope                  pcommon.InstrumentationScope
	resSchema, scopeSchema string
}

func (c *originCache) get(d *segmentspan.Describer, key originKey) *origin {
	if c.last != nil && c.lastOf == key {
		return c.last
	}
	o := c.byKey[key]
	if o == nil {
		o = c.read(d, key)
		if c.byKey == nil {
			c.byKey = make(map[originKey]*origin, maxOrigins)
		}
		delete(c.byKey, c.order[c.next])
		c.byKey[key], c.order[c.next] = o, key
		c.next = (c.next + 1) % maxOrigins
	}
	c.last, c.lastOf = o, key
	return o
}

func (c *originCache) read(d *segmentspan.Describer, key originKey) *origin {
	r := &c.row
	r.reset()
	r.resource(key.res, key.resSchema, key.scope, key.scopeSchema)
	return &origin{
		values: r.batch.take(),
		exact:  r.exact,
		digest: sha256.Sum256(r.encoded),
		bytes:  len(r.encoded),
		facts:  d.Resource(key.res),
	}
}
