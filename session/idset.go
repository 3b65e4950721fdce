package session

// maxIDs bounds how many event ids a session remembers.
const maxIDs = 4096

// idSet is a set of 64-bit hashes of event ids: open addressing in a table
// whose length is a power of two, 0 for a free place. The zero idSet is empty.
type idSet struct {
	table []uint64
	n     int
}

func (s *idSet) has(h uint64) bool {
	if s.n == 0 {
		return false
	}
	_, found := s.find(h)
	return found
}

// find is where h is, or would be.
func (s *idSet) find(h uint64) (at uint64, found bool) {
	if h == 0 {
		h = 1
	}
	mask := uint64(len(s.table) - 1)
	for at = h & mask; s.table[at] != 0; at = (at + 1) & mask {
		if s.table[at] == h {
			return at, true
		}
	}
	return at, false
}

// add reports whether h is new. A full set takes no more.
func (s *idSet) add(h uint64) bool {
	if 4*(s.n+1) > 3*len(s.table) {
		s.grow()
	}
	at, found := s.find(h)
	if found || s.full() {
		return !found
	}
	s.table[at] = max(h, 1)
	s.n++
	return true
}

func (s *idSet) full() bool { return s.n >= maxIDs }

func (s *idSet) grow() {
	if s.full() {
		return
	}
	old := s.table
	s.table = make([]uint64, max(8, 2*len(old)))
	for _, h := range old {
		if h != 0 {
			at, _ := s.find(h)
			s.table[at] = h
		}
	}
}

// remove takes h out, if it is there, and closes the gap it leaves.
func (s *idSet) remove(h uint64) {
	if s.n == 0 {
		return
	}
	gap, found := s.find(h)
	if !found {
		return
	}
	s.n--
	mask := uint64(len(s.table) - 1)
	for next := (gap + 1) & mask; s.table[next] != 0; next = (next + 1) & mask {
		// An entry may move back to the gap unless its home lies after the gap.
		if home := s.table[next] & mask; (next-home)&mask >= (next-gap)&mask {
			s.table[gap] = s.table[next]
			gap = next
		}
	}
	s.table[gap] = 0
}
