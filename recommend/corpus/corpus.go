// Package corpus holds the sessions that models are trained on: items numbered
// by the order of their ids' bytes, sessions sorted by their end, and for every
// item the sessions it is in.
package corpus

import (
	"sort"
	"unsafe"
)

// Corpus is a set of training sessions: immutable, safe for any number of
// readers until Close. Items are numbered 0..Len()-1 in the order of their ids'
// bytes, so that a smaller number is a smaller id; sessions 0..Sessions()-1 in
// the order of their ends, equal ends in the order they were added.
type Corpus struct {
	ids     []byte    // all ids, one after the other
	idOff   []uint32  // Len()+1 offsets into ids
	items   []uint32  // the sessions' items, one session after the other
	offsets []uint32  // Sessions()+1 offsets into items
	days    []float64 // the end of each session
	// distinct holds the distinct items of the sessions with a repeated item;
	// distOff are Sessions()+1 offsets into it, equal ones where nothing repeats.
	distinct []uint32
	distOff  []uint32
	counts   []uint32 // clicks of each item in these sessions
	posts    []uint32 // the sessions of each item, ascending
	postOff  []uint32 // Len()+1 offsets into posts
	postEnd  []uint32 // where the item's sessions end in posts: before postOff[i+1] in a Prefix
	memory   []block  // what Close gives back; nil in a Prefix
}

// Len is the number of items. A Prefix keeps the items of the whole.
func (c *Corpus) Len() int { return len(c.counts) }

// ID is the id of item i; it ends with Close.
func (c *Corpus) ID(i uint32) string {
	b := c.ids[c.idOff[i]:c.idOff[i+1]]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Sessions is the number of sessions.
func (c *Corpus) Sessions() int { return len(c.days) }

// Session is the items of session s in time order: read only.
func (c *Corpus) Session(s int) []uint32 {
	from, to := c.offsets[s], c.offsets[s+1]
	return c.items[from:to:to]
}

// Distinct is the items of session s, each once, in the order of their first
// place: read only.
func (c *Corpus) Distinct(s int) []uint32 {
	from, to := c.distOff[s], c.distOff[s+1]
	if from == to {
		return c.Session(s)
	}
	return c.distinct[from:to:to]
}

// Day is the end of session s in days since the epoch. It grows with s.
func (c *Corpus) Day(s int) float64 { return c.days[s] }

// Clicks is the number of items in all sessions, repeats counted.
func (c *Corpus) Clicks() int { return int(c.offsets[len(c.days)]) }

// Count is the number of clicks on item i, repeats in a session counted; 0 is
// possible in a Prefix only.
func (c *Corpus) Count(i uint32) uint32 { return c.counts[i] }

// Latest is the end of the newest session in days since the epoch.
func (c *Corpus) Latest() float64 { return c.days[len(c.days)-1] }

// First is the end of the oldest session in days since the epoch.
func (c *Corpus) First() float64 { return c.days[0] }

// Posts are the sessions that hold item i, ascending, each once: read only.
func (c *Corpus) Posts(i uint32) []uint32 {
	from, to := c.postOff[i], c.postEnd[i]
	return c.posts[from:to:to]
}

// Prefix is the corpus of the oldest n sessions, 1 <= n <= Sessions(); other
// values are cut to that. Items keep their numbers. It shares the memory of c
// and ends with it.
func (c *Corpus) Prefix(n int) *Corpus {
	n = max(1, min(n, len(c.days)))
	p := *c
	p.memory = nil
	p.offsets, p.days, p.distOff = c.offsets[:n+1], c.days[:n], c.distOff[:n+1]
	p.counts = make([]uint32, len(c.counts))
	for _, i := range c.items[:c.offsets[n]] {
		p.counts[i]++
	}
	p.postEnd = make([]uint32, len(c.counts))
	for i := range p.postEnd {
		posts := c.Posts(uint32(i))
		end := sort.Search(len(posts), func(x int) bool { return int(posts[x]) >= n })
		p.postEnd[i] = c.postOff[i] + uint32(end)
	}
	return &p
}

// Close gives the memory back: nothing that came from the Corpus or a Prefix
// of it may be used any more. A Prefix need not be closed.
func (c *Corpus) Close() error {
	blocks := c.memory
	c.memory = nil
	return release(blocks)
}
