package xraymetricsconnector

import (
	"cmp"
	"slices"
)

// candidates finds, among series without number that have no place, those with
// much traffic, in constant memory and time: in each of its slots, series that
// hash to it vote for themselves and against the one that holds it. Who has
// more than half of a slot's traffic holds it, with a count that is never more
// than its true one.
type candidates struct {
	slots [candidateSlots]candidate
}

type candidate struct {
	hash  uint64
	count float64
}

const candidateSlots = 512

func (c *candidates) add(hash uint64, weight float64) {
	s := &c.slots[hash%candidateSlots]
	switch {
	case s.hash == hash:
		s.count += weight
	case s.count >= weight:
		s.count -= weight
	default:
		*s = candidate{hash, weight - s.count}
	}
}

// appendTo appends those who hold a slot.
func (c *candidates) appendTo(all []ranked, shard int, t *tenant) []ranked {
	for _, s := range c.slots {
		if s.count > 0 {
			all = append(all, ranked{candidate: s, shard: shard, tenant: t})
		}
	}
	return all
}

// ranked is a series of a service, or one that has no place yet.
type ranked struct {
	candidate
	shard  int
	tenant *tenant
	series *series // nil without a place
}

// exchange says which of the series that have a place lose it to which of
// those that have none: the smallest to the largest, as long as that has more
// traffic. It sorts both lists.
func exchange(having, wanting []ranked) (lose, gain []ranked) {
	byCount := func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(a.hash, b.hash))
	}
	slices.SortFunc(having, byCount)
	slices.SortFunc(wanting, func(a, b ranked) int { return byCount(b, a) })
	n := 0
	for n < len(having) && n < len(wanting) && wanting[n].count > having[n].count {
		n++
	}
	return having[:n], wanting[:n]
}
