package popular

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Bounds of what one network block (a /24 of IPv4, a /64 of IPv6) may add to
// one key. Below freeCounts nobody is limited and nothing is remembered; above
// it a block makes up at most blockShare of the key's sum or one count,
// whichever is more. So one block alone reaches five counts, and n blocks add
// at most n counts or n percent, however often they come.
const (
	freeCounts = 4
	blockOnce  = 1
	blockShare = .01

	maxShares = 256     // blocks remembered per key: more than 1/blockShare, so that those left out are below it
	maxBlocks = 1 << 17 // over all keys, 24 bytes each
)

// share is what a block added to a key's sums, relative to the landmarks.
type share struct {
	block       uint64 // a hash of it
	long, short float64
}

// shares are the blocks that added most to a key above freeCounts. They are
// counted as in Space-Saving (Metwally, Agrawal and El Abbadi 2005): when the
// list is full its smallest entry leaves, and a block that is not listed is
// taken to have added as much as the largest that ever left. What is known of a
// block is therefore never too little, and the bound always holds.
type shares struct {
	list        []share
	long, short float64 // no block that is not listed has added more
}

func blockHash(block string) uint64 { return xxhash.Sum64String(block) }

// find is the place of a block, -1 for one that is not listed.
func (s *shares) find(block uint64) int {
	for i := range s.list {
		if s.list[i].block == block {
			return i
		}
	}
	return -1
}

// enlist adds a block, in the place of the smallest one when the list is full.
func (s *shares) enlist(block uint64) (at int, grown bool) {
	if len(s.list) < maxShares {
		s.list = append(s.list, share{block: block, long: s.long, short: s.short})
		return len(s.list) - 1, true
	}
	for i := range s.list {
		if s.list[i].long < s.list[at].long || s.list[i].long == s.list[at].long && s.list[i].block < s.list[at].block {
			at = i
		}
	}
	s.leave(&s.list[at])
	s.list[at] = share{block: block, long: s.long, short: s.short}
	return at, false
}

// leave notes what an entry that leaves had added.
func (s *shares) leave(x *share) {
	s.long, s.short = max(s.long, x.long), max(s.short, x.short)
}

// limited adds to a key what the block may still add to it; long and short are
// what weight 1 is now. It returns the part of weight that was counted.
func (c *Counter) limited(e *cell, block uint64, weight, long, short float64) float64 {
	if e.long+weight*long <= freeCounts*long {
		e.long += weight * long
		e.short += weight * short
		return weight
	}
	if e.blocks == nil {
		e.blocks = &shares{}
	}
	at, has := e.blocks.find(block), share{long: e.blocks.long, short: e.blocks.short}
	if at >= 0 {
		has = e.blocks.list[at]
	}
	x := min(weight*long, max(blockShare*e.long, blockOnce*long)-has.long)
	if !(x > 0) {
		return 0
	}
	y := max(0, min(x/long*short, max(blockShare*e.short, blockOnce*short)-has.short))
	if at < 0 {
		var grown bool
		if at, grown = e.blocks.enlist(block); grown {
			c.listed++
		}
	}
	e.long += x
	e.short += y
	e.blocks.list[at].long += x
	e.blocks.list[at].short += y
	return x / long
}

// forget halves what is known of blocks: first those that are far from their
// bound, then all of the least popular keys, whose blocks may then count once
// more.
func (c *Counter) forget() {
	for _, e := range c.inOrder() {
		if e.blocks == nil {
			continue
		}
		before := len(e.blocks.list)
		e.blocks.list = slices.DeleteFunc(e.blocks.list, func(x share) bool {
			far := x.long <= blockShare/4*e.long
			if far {
				e.blocks.leave(&x)
			}
			return far
		})
		c.listed -= before - len(e.blocks.list)
	}
	keys := slices.DeleteFunc(slices.Clone(c.inOrder()), func(e *cell) bool { return e.blocks == nil })
	slices.SortStableFunc(keys, func(a, b *cell) int { return cmp.Compare(a.long, b.long) })
	for _, e := range keys {
		if c.listed <= maxBlocks/2 {
			break
		}
		c.listed -= len(e.blocks.list)
		e.blocks = nil
	}
}

// scale applies down to the long or the short sums.
func (s *shares) scale(down func(*float64), short bool) {
	if short {
		down(&s.short)
	} else {
		down(&s.long)
	}
	for i := range s.list {
		if short {
			down(&s.list[i].short)
		} else {
			down(&s.list[i].long)
		}
	}
}
