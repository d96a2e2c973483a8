package xraymetricsconnector

import (
	"cmp"
	"slices"
)

// candidates finds, among series without number that have no place, those with
// much traffic, in constant memory and time: in each slot of a row, series that
// hash to it vote for themselves and against the one that holds it. Who has
// more than half of a slot's traffic holds it, with a count that is never more
// than its true one. Series that are in each other's way in one row are not in
// the other, nor after the next flush.
type candidates struct {
	salt uint64
	rows [2][candidateSlots]candidate
}

type candidate struct {
	hash  uint64
	count float64
}

const candidateSlots = 128

func (c *candidates) add(hash uint64, weight float64) {
	mixed := (hash ^ c.salt) * 0x9e3779b97f4a7c15
	for i := range c.rows {
		s := &c.rows[i][mixed>>(32+16*i)%candidateSlots]
		switch {
		case s.hash == hash:
			s.count += weight
		case s.count >= weight:
			s.count -= weight
		default:
			*s = candidate{hash, weight - s.count}
		}
	}
}

// appendTo appends those who hold a slot, each once.
func (c *candidates) appendTo(all []ranked, shard int, t *tenant) []ranked {
	best := map[uint64]float64{}
	for i := range c.rows {
		for _, s := range c.rows[i] {
			if s.count > best[s.hash] {
				best[s.hash] = s.count
			}
		}
	}
	for hash, count := range best {
		all = append(all, ranked{candidate: candidate{hash, count}, shard: shard, tenant: t})
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
