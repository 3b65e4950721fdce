package rows

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
	for b, item := range steps {
		if uint64(item) >= uint64(len(m.counts)) {
			continue
		}
		w := m.decay[b]
		if weights != nil {
			w *= weights[b]
		}
		if w == 0 {
			continue
		}
		cols, vals := m.Row(item)
		s.addRow(cols, vals, w)
	}
}

// addRow adds w times a row.
func (s *Scratch) addRow(cols []uint32, vals []float32, w float32) {
	s.reserve(len(cols))
	vals = vals[:len(cols)]
	for n, j := range cols {
		s.add(j, w*vals[n])
	}
}

// Top overwrites dst with the k best items of s whose score is above 0, best
// first, ties by item id; items for which skip (may be nil) says true are
// left out. It does not allocate when dst has room for k.
func (m *Model) Top(s *Scratch, k int, skip func(item uint32) bool, dst []Scored) []Scored {
	return s.Top(k, skip, dst)
}

// Top is Model.Top: the order of item numbers is the order of ids.
func (s *Scratch) Top(k int, skip func(item uint32) bool, dst []Scored) []Scored {
	dst = dst[:0]
	if k <= 0 {
		return dst
	}
	for _, h := range s.touched {
		e := s.table[h]
		c := Scored{Item: e.key - 1, Score: e.val}
		if !(c.Score > 0) || len(dst) == k && !better(c, dst[0]) {
			continue
		}
		if skip != nil && skip(c.Item) {
			continue
		}
		if len(dst) < k {
			dst = append(dst, c)
			siftUp(dst)
		} else {
			dst[0] = c
			siftDown(dst, 0)
		}
	}
	sortHeap(dst)
	return dst
}

// better orders candidates: higher score first, then smaller id.
func better(a, b Scored) bool {
	return a.Score > b.Score || a.Score == b.Score && a.Item < b.Item
}

// siftUp and siftDown keep the worst candidate at the heap's root.
func siftUp(h []Scored) {
	for n := len(h) - 1; n > 0; {
		parent := (n - 1) / 2
		if !better(h[parent], h[n]) {
			return
		}
		h[parent], h[n] = h[n], h[parent]
		n = parent
	}
}

func siftDown(h []Scored, n int) {
	for {
		worst := n
		for child := 2*n + 1; child <= 2*n+2 && child < len(h); child++ {
			if better(h[worst], h[child]) {
				worst = child
			}
		}
		if worst == n {
			return
		}
		h[worst], h[n] = h[n], h[worst]
		n = worst
	}
}

// sortHeap turns the heap into a list with the best first.
func sortHeap(h []Scored) {
	for end := len(h) - 1; end > 0; end-- {
		h[0], h[end] = h[end], h[0]
		siftDown(h[:end], 0)
	}
}
