package corpus

import (
	"context"
	"slices"
)

// chunk is how many sessions are gone through between two looks at the context.
const chunk = 1 << 14

// arrivals are the sessions as they were added.
type arrivals struct {
	items   []uint32
	offsets []uint32 // where each session starts in items, and the end; nil when the order is that of arrival
	days    []float64
	order   []uint32 // the sessions by their ends; nil when that is the order of arrival
}

// byEnd sorts the sessions by their ends, equal ends as they came; nil when
// they came sorted.
func (a *arrivals) byEnd(m *memory) ([]uint32, error) {
	if slices.IsSorted(a.days) {
		return nil, nil
	}
	order, err := alloc[uint32](m, len(a.days))
	if err != nil {
		return nil, err
	}
	for s := range order {
		order[s] = uint32(s)
	}
	slices.SortFunc(order, func(x, y uint32) int {
		switch {
		case a.days[x] < a.days[y]:
			return -1
		case a.days[x] > a.days[y]:
			return 1
		}
		return int(x) - int(y)
	})
	return order, nil
}

// starts adds up sizes.
func starts(sizes []uint16, m *memory) ([]uint32, error) {
	off, err := alloc[uint32](m, len(sizes)+1)
	if err != nil {
		return nil, err
	}
	for s, n := range sizes {
		off[s+1] = off[s] + uint32(n)
	}
	return off, nil
}

// copy puts the session that ends s-th into its place.
func (a *arrivals) copy(c *Corpus, s int, rank []uint32) {
	old := uint32(s)
	if a.order != nil {
		old = a.order[s]
	}
	to := c.offsets[s]
	for _, i := range a.items[a.offsets[old]:a.offsets[old+1]] {
		c.items[to] = rank[i]
		c.counts[rank[i]]++
		to++
	}
	c.offsets[s+1] = to
	c.days[s] = a.days[old]
}

// findDistinct keeps the distinct items of the sessions that hold an item
// twice; in the others the session itself is the list.
func (c *Corpus) findDistinct(m *memory) error {
	seen := newMet(c.Len())
	total, repeats := 0, 0
	c.eachDistinct(seen, func(_ int, list []uint32) { total, repeats = total+len(list), repeats+1 })
	var err error
	if c.distinct, err = alloc[uint32](m, total); err != nil {
		return err
	}
	if c.distOff, err = alloc[uint32](m, c.Sessions()+1); err != nil {
		return err
	}
	end, next := uint32(0), 0
	c.eachDistinct(seen, func(s int, list []uint32) {
		for ; next <= s; next++ {
			c.distOff[next] = end
		}
		end += uint32(copy(c.distinct[end:], list))
	})
	for ; next <= c.Sessions(); next++ {
		c.distOff[next] = end
	}
	return nil
}

// eachDistinct calls fn with the distinct items of every session that holds an
// item twice, in the order of their first place; the slice is reused.
func (c *Corpus) eachDistinct(seen *met, fn func(s int, list []uint32)) {
	var list []uint32
	for s := range c.Sessions() {
		items := c.Session(s)
		list = list[:0]
		seen.next()
		for _, i := range items {
			if !seen.before(i) {
				list = append(list, i)
			}
		}
		if len(list) < len(items) {
			fn(s, list)
		}
	}
}

// met remembers which items one session has had.
type met struct {
	round uint32
	at    []uint32 // the round in which the item was last met
}

func newMet(items int) *met { return &met{at: make([]uint32, items)} }

// next starts the next session.
func (m *met) next() {
	if m.round++; m.round == 0 {
		clear(m.at)
		m.round = 1
	}
}

// before reports whether the item came before, and remembers it.
func (m *met) before(i uint32) bool {
	if m.at[i] == m.round {
		return true
	}
	m.at[i] = m.round
	return false
}

// postRange is how many posts are filled in one pass over the sessions: their
// writes go everywhere, and 128 MiB of it stay in memory whatever the size of
// the whole.
const postRange = 32 << 20

// post finds each item's sessions: one pass counts, the others fill, each the
// posts of one range of items.
func (c *Corpus) post(ctx context.Context, m *memory) error {
	c.postOff = make([]uint32, c.Len()+1)
	for s := range c.Sessions() {
		for _, i := range c.Distinct(s) {
			c.postOff[i+1]++
		}
	}
	for i := range c.Len() {
		c.postOff[i+1] += c.postOff[i]
	}
	var err error
	if c.posts, err = alloc[uint32](m, int(c.postOff[c.Len()])); err != nil {
		return err
	}
	c.postEnd = slices.Clone(c.postOff[:c.Len()])
	for from := uint32(0); int(from) < c.Len(); {
		to := from + 1
		for int(to) < c.Len() && c.postOff[to+1]-c.postOff[from] <= postRange {
			to++
		}
		if err := c.fillPosts(ctx, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// fillPosts fills the posts of the items from..to-1.
func (c *Corpus) fillPosts(ctx context.Context, from, to uint32) error {
	for s := range c.Sessions() {
		if s%chunk == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		for _, i := range c.Distinct(s) {
			if i >= from && i < to {
				c.posts[c.postEnd[i]] = uint32(s)
				c.postEnd[i]++
			}
		}
	}
	return nil
}
