package xraymetricsconnector

import (
	"sync"
	"sync/atomic"
)

// shard holds the series whose key hashes to it. mu guards all of it. Several
// goroutines share the work by taking their spans apart before they lock, and
// then one shard after the other.
type shard struct {
	mu      sync.Mutex
	series  map[uint64]*series // by hash; those of one hash are a list
	tenants map[string]*tenant // by the key of the service
	key     []byte
}

// series is one set of dimensions.
type series struct {
	key    string
	next   *series // of the same hash
	tenant *tenant
	rolled bool // it has a common name, and does not count for the limits
	window *window
	left   float64 // of weights
	idle   int     // flushes without traffic
	score  float64 // its traffic, the last flush's in full, each one before by half
}

// tenant is a service in one shard.
type tenant struct {
	*owner
	count      int                 // of its series in this shard
	requests   [clientSpan]*series // its rolled up requests, by source
	reserved   map[uint64]struct{} // series that have a place when they come
	candidates *candidates         // nil until the service is full
}

// owner is a service in one environment, shared by the shards.
type owner struct {
	key        string
	name       string
	where      string
	attributes []shared
	admitted   atomic.Int64 // its series that have a place

	tenants int                 // of the directory's mu
	remotes map[string]struct{} // remote services that have a series of the rolled up calls; of the directory's mu
}

// maxRolledRemotes bounds the remote services of a service whose rolled up
// calls have a series each.
const maxRolledRemotes = 100

// directory knows the services of all shards.
type directory struct {
	limit CardinalityConfig
	total atomic.Int64 // of the admitted series of all services
	// flushes counts them.
	flushes atomic.Uint64

	mu     sync.Mutex
	owners map[string]*owner
	rest   *owner // of the services that there was no room for
}

func newDirectory(limit CardinalityConfig) *directory {
	return &directory{
		limit: limit, owners: map[string]*owner{},
		rest: &owner{name: allOtherServices, where: anyValue},
	}
}

// join returns the service of a key for one more shard. The rest stands for
// those that there is no room for.
func (d *directory) join(key []byte, v *[numDimensions]string, attributes func() []shared) *owner {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.owners[string(key)]
	if o == nil {
		if len(d.owners) >= d.limit.Services {
			return d.rest
		}
		o = &owner{key: string(key), attributes: attributes(), remotes: map[string]struct{}{}}
		// They share the memory of the key.
		o.where, o.name = o.key[2:2+len(v[inEnvironment])], o.key[len(o.key)-len(v[inService]):]
		d.owners[o.key] = o
	}
	o.tenants++
	return o
}

// leave is the opposite of join.
func (d *directory) leave(o *owner) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o.tenants--; o.tenants == 0 {
		delete(d.owners, o.key)
	}
}

// mayRoll says whether the rolled up calls to a remote service have a series.
func (d *directory) mayRoll(o *owner, remote string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := o.remotes[remote]; known {
		return true
	}
	if len(o.remotes) >= maxRolledRemotes {
		return false
	}
	o.remotes[remote] = struct{}{}
	return true
}

// unroll says that a series of rolled up calls is no more.
func (d *directory) unroll(o *owner, remote string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(o.remotes, remote)
}

// admit takes a place for one more series, if there is one.
func (d *directory) admit(o *owner) bool {
	if o.admitted.Add(1) > int64(d.limit.PerService) {
		o.admitted.Add(-1)
		return false
	}
	if d.total.Add(1) > int64(d.limit.Series) {
		o.admitted.Add(-1)
		d.total.Add(-1)
		return false
	}
	return true
}

// release gives n places back.
func (d *directory) release(o *owner, n int) {
	o.admitted.Add(int64(-n))
	d.total.Add(int64(-n))
}

// hold takes a place for the series of a hash, until the next flush.
func (d *directory) hold(t *tenant, hash uint64) {
	t.admitted.Add(1)
	d.total.Add(1)
	if t.reserved == nil {
		t.reserved = map[uint64]struct{}{}
	}
	t.reserved[hash] = struct{}{}
}

func (s *shard) find(hash uint64, key []byte) *series {
	for at := s.series[hash]; at != nil; at = at.next {
		if at.key == string(key) {
			return at
		}
	}
	return nil
}

// take returns the series that counts a key, and what was rolled up for it.
// The caller holds mu.
func (s *shard) take(d *directory, hash uint64, key []byte, sum func([]byte) uint64, weight float64, attributes func() []shared) (*series, rolled) {
	if at := s.find(hash, key); at != nil {
		return at, rolledNothing
	}
	serviceKey := key[1:endOf(key, inService)]
	t := s.tenants[string(serviceKey)]
	if t == nil {
		src, v := values(string(key))
		o := d.join(serviceKey, &v, attributes)
		if o == d.rest {
			return s.rest(d, src, &v, sum), rolledService
		}
		t = &tenant{owner: o}
		s.tenants[o.key] = t
	}
	if _, has := t.reserved[hash]; has {
		delete(t.reserved, hash)
		return s.add(t, hash, string(key), false), rolledNothing
	}
	if d.admit(t.owner) {
		return s.add(t, hash, string(key), false), rolledNothing
	}
	if t.candidates == nil {
		t.candidates = &candidates{salt: d.flushes.Load()}
	}
	t.candidates.add(hash, weight)
	if src := source(key[0]); !src.isCall() {
		if t.requests[src] == nil {
			_, v := values(string(key))
			rollUp(&v)
			t.requests[src] = s.common(d, t, src, &v, sum)
		}
		return t.requests[src], rolledOperation
	}
	src, v := values(string(key))
	rollUp(&v)
	return s.common(d, t, src, &v, sum), rolledRemoteOperation
}

// common returns the series of dimensions that were rolled up.
func (s *shard) common(d *directory, t *tenant, src source, v *[numDimensions]string, sum func([]byte) uint64) *series {
	s.key = makeKey(s.key[:0], src, v)
	hash := sum(s.key)
	if at := s.find(hash, s.key); at != nil {
		return at
	}
	if v[inRemote] != "" && v[inRemote] != allOtherRemoteServices && !d.mayRoll(t.owner, v[inRemote]) {
		v[inRemote] = allOtherRemoteServices
		return s.common(d, t, src, v, sum)
	}
	return s.add(t, hash, string(s.key), true)
}

// rest returns the series of the services that there was no room for.
func (s *shard) rest(d *directory, src source, v *[numDimensions]string, sum func([]byte) uint64) *series {
	rollUp(v)
	v[inEnvironment], v[inService] = anyValue, allOtherServices
	if v[inRemote] != "" {
		v[inRemote] = allOtherRemoteServices
	}
	t := s.tenants[""]
	if t == nil {
		t = &tenant{owner: d.rest}
		s.tenants[""] = t
	}
	return s.common(d, t, src, v, sum)
}

func (s *shard) add(t *tenant, hash uint64, key string, rolled bool) *series {
	n := &series{key: key, next: s.series[hash], tenant: t, rolled: rolled}
	s.series[hash] = n
	t.count++
	return n
}

// rolled is what was given a common name.
type rolled uint8

const (
	rolledNothing rolled = iota
	rolledOperation
	rolledRemoteOperation
	rolledService
	numRolled
)
