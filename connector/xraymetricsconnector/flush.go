package xraymetricsconnector

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// taken is a series' window at a flush.
type taken struct {
	key    string
	owner  *owner
	window *window
}

// maxIdle is how many flushes a series without traffic keeps its place.
const maxIdle = 10

// batchSeries is how many series go along in one batch.
const batchSeries = 1000

// flush sends what was counted until now.
func (c *metricsConnector) flush(ctx context.Context, now time.Time) {
	all := c.take()
	start := c.flushed
	if start.After(now) {
		start = now // the clock was set back
	}
	c.flushed = now
	for len(all) > 0 {
		n := min(len(all), batchSeries)
		md := c.metrics(all[:n], start, now)
		for i := range all[:n] {
			c.windows.put(all[i].window)
		}
		c.send(ctx, md)
		all = all[n:]
	}
	c.flushGroups(ctx, start, now)
}

// flushGroups sends what was counted in groups.
func (c *metricsConnector) flushGroups(ctx context.Context, start, now time.Time) {
	if c.groups == nil {
		return
	}
	all, causes, late := c.groups.counted()
	md, some := c.groups.metrics(all, c.cfg.Namespace, start, now)
	for _, w := range all {
		if w != nil {
			c.groups.windows.put(w)
		}
	}
	for i, n := range causes {
		if n > 0 {
			c.telemetry.ConnectorXrayMetricsGroupTraces.Add(ctx, n, c.options.causes[i])
		}
	}
	if late > 0 {
		c.telemetry.ConnectorXrayMetricsGroupLateSpans.Add(ctx, late)
	}
	if some {
		c.send(ctx, md)
	}
}

// take takes the windows out of the shards, sorted by service, and gives the
// places of full services to the series with most traffic. Meanwhile nothing is
// counted: a series counts under one name from one take to the next.
func (c *metricsConnector) take() []taken {
	for _, s := range c.shards {
		s.mu.Lock()
	}
	c.directory.flushes.Add(1)
	var all []taken
	full := map[*owner]*struct{ having, wanting []ranked }{}
	for i, s := range c.shards {
		for _, t := range s.tenants {
			// Places that were kept for series that did not come.
			c.directory.release(t.owner, len(t.reserved))
			clear(t.reserved)
			if t.candidates == nil {
				continue
			}
			l := full[t.owner]
			if l == nil {
				l = &struct{ having, wanting []ranked }{}
				full[t.owner] = l
			}
			l.wanting = t.candidates.appendTo(l.wanting, i, t)
			t.candidates = nil
		}
	}
	for i, s := range c.shards {
		for hash, at := range s.series {
			for ; at != nil; at = at.next {
				at.score /= 2
				if w := at.window; w != nil {
					at.window, at.idle = nil, 0
					at.score += float64(w.latency.Count())
					all = append(all, taken{at.key, at.tenant.owner, w})
				} else if at.idle++; at.idle > maxIdle {
					c.forget(s, hash, at)
					continue
				}
				if l := full[at.tenant.owner]; l != nil && !at.rolled {
					l.having = append(l.having, ranked{candidate{hash, at.score}, i, at.tenant, at})
				}
			}
		}
	}
	for _, l := range full {
		lose, gain := exchange(l.having, l.wanting)
		for n := range lose {
			c.forget(c.shards[lose[n].shard], lose[n].hash, lose[n].series)
			c.directory.hold(gain[n].tenant, gain[n].hash)
		}
	}
	for _, s := range c.shards {
		for key, t := range s.tenants {
			if t.count == 0 && len(t.reserved) == 0 && t.owner != c.directory.rest {
				delete(s.tenants, key)
				c.directory.leave(t.owner)
			}
		}
		s.mu.Unlock()
	}
	return c.sorted(all)
}

// sorted sorts windows by service, and merges those of one key: each shard has
// a series of its own for what was rolled up, and a service may have an
// operation of that name.
func (c *metricsConnector) sorted(all []taken) []taken {
	slices.SortFunc(all, func(a, b taken) int {
		return cmp.Or(cmp.Compare(a.owner.name, b.owner.name), cmp.Compare(a.owner.where, b.owner.where), cmp.Compare(a.key, b.key))
	})
	n := 0
	for i := range all {
		if n > 0 && all[n-1].key == all[i].key {
			all[n-1].window.merge(all[i].window)
			c.windows.put(all[i].window)
			continue
		}
		all[n] = all[i]
		n++
	}
	return all[:n]
}

// forget takes a series out of its shard, which is locked.
func (c *metricsConnector) forget(s *shard, hash uint64, gone *series) {
	if first := s.series[hash]; first != gone {
		for first.next != gone {
			first = first.next
		}
		first.next = gone.next
	} else if gone.next != nil {
		s.series[hash] = gone.next
	} else {
		delete(s.series, hash)
	}
	gone.tenant.count--
	if gone.rolled {
		src, v := values(gone.key)
		if !src.isCall() {
			gone.tenant.requests[src] = nil
			return
		}
		c.directory.unroll(gone.tenant.owner, v[inRemote])
		return
	}
	c.directory.release(gone.tenant.owner, 1)
}
