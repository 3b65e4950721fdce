package rows

import "math"

// Scored is a candidate and its score.
type Scored struct {
	Item  uint32
	Score float32
}

// Score adds to s, for each of the newest Params().Last steps of a session,
// the row of the step's item times its weight and the decay of its place.
// steps and weights are newest first; nil weights mean 1 each. Items that the
// model lacks keep their place and add nothing. Weights may be negative: sums
// below 0 are left to Top and Normalize. Score does not allocate unless s has
// to grow.
func (m *Model) Score(s *Scratch, steps []uint32, weights []float32) {
	steps = steps[:min(len(steps), len(m.decay))]
	m.fetch(s, steps)
	for b, item := range steps {
		if uint64(item) >= uint64(len(m.start)) {
			continue
		}
		w := m.decay[b]
		if weights != nil {
			w *= weights[b]
		}
		if w == 0 {
			continue
		}
		s.addRow(m.RowAt(item), w)
	}
}

// line is how many words a cache line holds.
const line = 16

// fetch reads one word of every cache line of the steps' rows. Adding up a row
// waits for its lines one after the other; these reads do not wait for each
// other, so that a large model costs little more than one that fits the cache.
func (m *Model) fetch(s *Scratch, steps []uint32) {
	var rows [MaxLast][]uint32
	n := 0
	for _, item := range steps {
		if uint64(item) < uint64(len(m.start)) {
			rows[n] = m.words[m.start[item]:]
			n++
		}
	}
	var seen uint32
	for _, words := range rows[:n] {
		for end := rowWords(int(words[0])); end > line; end -= line {
			seen |= words[end-1]
		}
	}
	s.fetched = seen
}

// addRow adds w times a row. Whether an item was touched before is as good as
// random, so the loop does not branch on it: a free slot holds 0 to add to, and
// the place behind the last touched slot is written in any case.
func (s *Scratch) addRow(r Row, w float32) {
	s.reserve(len(r.cols))
	w *= r.scale
	table, mask := s.table, uint32(len(s.table)-1)
	n := uint(len(s.touched))
	touched := s.touched[:cap(s.touched)]
	for i, j := range r.cols {
		key := j + 1
		h := place(key) & mask
		e := &table[h]
		for min(e.key, e.key^key) != 0 { // neither free nor this item's
			h = (h + 1) & mask
			e = &table[h]
		}
		touched[n] = h
		fresh := uint(0)
		if e.key == 0 {
			fresh = 1
		}
		n += fresh
		e.key = key
		e.val += w * float32(int32(half(r.weights, i)))
	}
	s.touched = touched[:n]
}

// Top overwrites dst with the k best items of s whose score is above 0, best
// first, ties by item id; items for which skip (may be nil) says true are
// left out. It does not allocate when dst has room for k.
func (m *Model) Top(s *Scratch, k int, skip func(item uint32) bool, dst []Scored) []Scored {
	return s.Top(k, skip, dst)
}

// Top is Model.Top: the order of item numbers is the order of ids.
func (s *Scratch) Top(k int, skip func(item uint32) bool, dst []Scored) []Scored {
	best := s.best[:0]
	worst := uint64(math.MaxUint32) // what does not beat it is no candidate: scores of 0 and below
	for _, h := range s.touched {
		e := s.table[h]
		key := rankKey(e.key-1, e.val)
		if key <= worst || !(e.val > 0) || k <= 0 || skip != nil && skip(e.key-1) {
			continue
		}
		best = insert(best, key, k)
		if len(best) == k {
			worst = best[k-1]
		}
	}
	s.best = best
	dst = dst[:0]
	for _, key := range best {
		dst = append(dst, Scored{Item: ^uint32(key), Score: math.Float32frombits(uint32(key >> 32))})
	}
	return dst
}

// rankKey orders candidates with a score above 0 as whole numbers: the higher
// score first (positive floats compare like their bits), then the smaller id.
func rankKey(item uint32, score float32) uint64 {
	return uint64(math.Float32bits(score))<<32 | uint64(^item)
}

// insert puts key into a list of at most k, largest first. Rows hold their
// strongest entries first, so most keys belong near the end: a list that moves
// a little memory beats a heap that must be sorted afterwards.
func insert(list []uint64, key uint64, k int) []uint64 {
	if len(list) < k {
		list = append(list, key)
	}
	at, end := 0, len(list)-1
	for at < end {
		if middle := int(uint(at+end) / 2); list[middle] > key {
			at = middle + 1
		} else {
			end = middle
		}
	}
	copy(list[at+1:], list[at:])
	list[at] = key
	return list
}
