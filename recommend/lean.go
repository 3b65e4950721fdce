package recommend

import (
	"math"

	"github.com/nextbest/nextbest/recommend/catalog"
)

// A request that brings nothing but a session is the common one. Its scores
// are the session's sums divided by the largest, so the order of the sums is
// the order of the answer, and of the hundreds that the rows name only as many
// are looked at as the answer has places. An explanation wants all of them:
// what it shows and what this file finds must be the same.

// retrieveBest is retrieveRows for the answer's places only.
func (c *scratch) retrieveBest(most int) {
	total, join := c.sumRows(), &c.st.join
	if join.shared != nil {
		c.retrieveShared(total)
	}
	keys, least := c.keys[:0], uint32(1) // bits of the last place's sum once all are taken
	for n := range total {
		i, w := c.sums.At(n)
		bits := math.Float32bits(w) // of numbers above 0 they compare like the numbers
		if bits < least || !(w > 0) || join.shared != nil && join.shared[i] {
			continue
		}
		v := c.pick(join.toGroup[i])
		if v == catalog.None {
			continue
		}
		keys = insertKey(keys, uint64(bits)<<32|uint64(^v), most)
		if len(keys) == most {
			least = uint32(keys[most-1] >> 32)
		}
	}
	for _, key := range keys {
		v := ^uint32(key)
		c.insert(c.st.snap.GroupOf(v), v, bySession, kept).s = float64(math.Float32frombits(uint32(key >> 32)))
	}
	c.keys = keys
}

// retrieveShared takes in the groups of which the model knows several items:
// their sums have to be added up first.
func (c *scratch) retrieveShared(total int) {
	for n := range total {
		i, w := c.sums.At(n)
		if w <= 0 || !c.st.join.shared[i] {
			continue
		}
		if x := c.touchModel(i, bySession); x != nil {
			x.s += float64(w)
		}
	}
}

// pick is the variant of a group that may be recommended, None for none.
func (c *scratch) pick(g uint32) uint32 {
	if g == catalog.None || len(c.cands) > 0 && c.find(g) >= 0 {
		return catalog.None
	}
	v, why := c.choose(g)
	if why != kept {
		return catalog.None
	}
	return v
}

// insertKey keeps list sorted, largest first, and at most most long.
func insertKey(list []uint64, key uint64, most int) []uint64 {
	if len(list) < most {
		list = append(list, key)
	} else if key <= list[most-1] {
		return list
	}
	n := len(list) - 1
	for ; n > 0 && key > list[n-1]; n-- {
		list[n] = list[n-1]
	}
	list[n] = key
	return list
}
