package best

import (
	"math"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// pairSums are the sums of a pair of items (a, b) over all sessions, before
// anything is divided. A session s weighs w = exp(-(t_max - t_s)/sw); |s| is
// the number of its distinct items.
type pairSums struct {
	item     uint32  // b
	next     uint32  // times that b came right after a
	lastDay  float64 // end of the newest session in which it did
	together float64 // w/|s| of the sessions that hold both
	follow   float64 // w·exp(-(gap-1)/tw) of b after a, up to maxGap
	first    float64 // w of b right after a
	second   float64 // w of b two after a
	third    float64 // w·exp(-(gap-3)/2) of b three or more after a
}

// itemSums are the sums of an item over all sessions.
type itemSums struct {
	clicks   uint32
	recent   uint32  // clicks in sessions that ended in the recent days
	steps    uint32  // clicks that were not a session's last
	returns  uint32  // clicks after which the item came again in the session
	mass     float64 // what a row is divided by, without lambda
	together float64 // w of the sessions that hold it
	first    float64 // w of its steps
	second   float64 // sum of the pairs' second
	third    float64 // sum of the pairs' third
}

// sums is what the sums of all items share. All that drifts while a log grows
// (weights, ages, what is recent) is measured from the newest session here,
// once, and nowhere else.
type sums struct {
	c       *corpus.Corpus
	p       Params
	latest  float64   // t_max
	since   float64   // the recent days begin here
	weights []float32 // w by session
	follow  [maxGap]float64
	third   [maxGap]float64
}

// recentShare is the share of the span that is recent when no days are given.
const recentShare = .05

func newSums(c *corpus.Corpus, p Params) *sums {
	s := &sums{c: c, p: p, latest: c.Latest(), weights: make([]float32, c.Sessions())}
	recent := p.RecentDays
	if recent == 0 { // old sessions fade: the span of a long log is that of those that count
		recent = recentShare * min(s.latest-c.First(), p.SWDays)
	}
	s.since = s.latest - recent
	for g := range s.follow {
		s.follow[g] = math.Exp(-float64(g) / p.TW)
		s.third[g] = math.Exp(-float64(g-2) / 2)
	}
	for n := range s.weights {
		s.weights[n] = float32(math.Exp(-(s.latest - c.Day(n)) / p.SWDays))
	}
	return s
}

// summer sums up one item at a time. Its memory is that of the item with the
// most partners; there is no map of all pairs.
type summer struct {
	*sums
	pairs []pairSums
	slots []uint32 // open addressing: 1 + place in pairs, 0 is free
}

const summerSlots = 1024 // at first

func newSummer(s *sums) *summer {
	return &summer{sums: s, slots: make([]uint32, summerSlots)}
}

// item fills s.pairs with the sums of all pairs (a, ·), in the order in which
// the partners are met, and returns those of a. Sessions are read oldest first,
// so that every sum is the same whoever computes it.
func (s *summer) item(a uint32) itemSums {
	s.reset()
	var sum itemSums
	for _, n := range s.c.Posts(a) {
		s.session(a, int(n), &sum)
	}
	return sum
}

// session adds one session that holds a.
func (s *summer) session(a uint32, n int, sum *itemSums) {
	distinct := s.c.Distinct(n)
	w, size := float64(s.weights[n]), float64(len(distinct))
	for _, b := range distinct {
		s.pair(b).together += w / size
	}
	sum.together += w
	sum.mass += s.p.A * w / (size * size)
	items, times := s.c.Session(n), uint32(0)
	for p, i := range items {
		if i != a {
			continue
		}
		times++
		if p < len(items)-1 {
			s.step(items[p+1:min(p+1+maxGap, len(items))], w, s.c.Day(n), sum)
		}
	}
	sum.clicks += times
	sum.returns += times - 1
	if s.c.Day(n) >= s.since {
		sum.recent += times
	}
}

// step adds what came after one click on a.
func (s *summer) step(after []uint32, w, day float64, sum *itemSums) {
	sum.steps++
	sum.first += w
	sum.mass += (1 - s.p.A) * w
	for g, b := range after {
		x := s.pair(b)
		x.follow += w * s.follow[g]
		switch g {
		case 0:
			x.first += w
			x.next++
			x.lastDay = max(x.lastDay, day)
		case 1:
			x.second += w
			sum.second += w
		default:
			x.third += w * s.third[g]
			sum.third += w * s.third[g]
		}
	}
}

// pair is the sums with b; the pointer holds until the next call.
func (s *summer) pair(b uint32) *pairSums {
	mask := uint32(len(s.slots) - 1)
	h := place(b) & mask
	for ; s.slots[h] != 0; h = (h + 1) & mask {
		if x := &s.pairs[s.slots[h]-1]; x.item == b {
			return x
		}
	}
	if 2*len(s.pairs) >= len(s.slots) {
		s.grow()
		return s.pair(b)
	}
	s.pairs = append(s.pairs, pairSums{item: b, lastDay: math.Inf(-1)})
	s.slots[h] = uint32(len(s.pairs))
	return &s.pairs[len(s.pairs)-1]
}

func (s *summer) grow() {
	s.slots = make([]uint32, 2*len(s.slots))
	mask := uint32(len(s.slots) - 1)
	for n := range s.pairs {
		h := place(s.pairs[n].item) & mask
		for s.slots[h] != 0 {
			h = (h + 1) & mask
		}
		s.slots[h] = uint32(n) + 1
	}
}

func (s *summer) reset() {
	mask := uint32(len(s.slots) - 1)
	for n := range s.pairs { // from each item's place to the end of its chain
		for h := place(s.pairs[n].item) & mask; s.slots[h] != 0; h = (h + 1) & mask {
			s.slots[h] = 0
		}
	}
	s.pairs = s.pairs[:0]
}

// place is where an item would like to be in a table, before it is cut to the
// table's size: multiplying by 2^32 divided by the golden ratio spreads
// neighbouring numbers (Knuth's multiplicative hashing).
func place(item uint32) uint32 {
	item = (item + 1) * 2654435769
	return item ^ item>>15
}
