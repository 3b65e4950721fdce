package rows

// Scratch adds up the weights of one request's candidates by item number. Its
// cost depends on the items touched, never on the size of the catalog: keep
// Scratches in a pool and Reset them. The zero value works; not safe for
// concurrent use.
type Scratch struct {
	table   []sum    // open addressing, a power of two, at most half full
	touched []uint32 // slots in use, in the order of their first Add; room for half of the table and one
	best    []uint64 // the list of Top while it grows
	fetched uint32   // keeps Model.fetch from being left out as useless
}

// sum is one slot: key and value share a cache line.
type sum struct {
	key uint32 // 1 + item number, 0 is free
	val float32
}

const scratchSize = 2048 // slots at first: ten rows of fifty, with room for other sources

// NewScratch is an empty Scratch of the usual size.
func NewScratch() *Scratch {
	s := &Scratch{}
	s.grow(scratchSize)
	return s
}

// Reset forgets everything and keeps the memory.
func (s *Scratch) Reset() {
	for _, h := range s.touched {
		s.table[h] = sum{}
	}
	s.touched = s.touched[:0]
}

// Len is the number of items touched since Reset.
func (s *Scratch) Len() int { return len(s.touched) }

// At is the n-th item touched and its sum, 0 <= n < Len(), in the order of
// the first Add: the same calls give the same order.
func (s *Scratch) At(n int) (item uint32, weight float32) {
	e := s.table[s.touched[n]]
	return e.key - 1, e.val
}

// Each calls fn for every item touched, in the order of At.
func (s *Scratch) Each(fn func(item uint32, weight float32)) {
	for n := range s.touched {
		fn(s.At(n))
	}
}

// Add adds w to item j. Unknown is ignored.
func (s *Scratch) Add(j uint32, w float32) {
	if j == Unknown {
		return
	}
	s.reserve(1)
	mask := uint32(len(s.table) - 1)
	h := place(j+1) & mask
	for s.table[h].key != 0 && s.table[h].key != j+1 {
		h = (h + 1) & mask
	}
	if s.table[h].key == 0 {
		s.table[h].key = j + 1
		s.touched = append(s.touched, h)
	}
	s.table[h].val += w
}

// place is where a key would like to be, before it is cut to the table's size.
// The factor is 2^32 divided by the golden ratio: multiplying by it spreads
// neighbouring item numbers over the upper bits (Knuth's multiplicative
// hashing), which are folded onto the lower ones.
func place(key uint32) uint32 {
	key *= 2654435769
	return key ^ key>>16
}

// Get is the sum of item j and whether it was touched.
func (s *Scratch) Get(j uint32) (float32, bool) {
	if len(s.table) == 0 || j == Unknown {
		return 0, false
	}
	mask := uint32(len(s.table) - 1)
	for h := place(j + 1); ; h++ {
		e := s.table[h&mask]
		if e.key == j+1 {
			return e.val, true
		}
		if e.key == 0 {
			return 0, false
		}
	}
}

// Max is the largest sum, 0 when nothing is above 0.
func (s *Scratch) Max() float32 {
	var top float32
	for _, h := range s.touched {
		top = max(top, s.table[h].val)
	}
	return top
}

// Normalize divides every sum by the largest and raises what is below 0 to 0:
// the result lies in 0..1. With no sum above 0 all become 0.
func (s *Scratch) Normalize() {
	top := s.Max()
	for _, h := range s.touched {
		e := &s.table[h]
		if top <= 0 || e.val <= 0 {
			e.val = 0
		} else {
			e.val /= top
		}
	}
}

// reserve makes room for n more items.
func (s *Scratch) reserve(n int) {
	size := max(scratchSize, len(s.table))
	for 2*(len(s.touched)+n) > size {
		size *= 2
	}
	if size > len(s.table) {
		s.grow(size)
	}
}

// grow moves the sums to a table of size slots; the order of At stays.
func (s *Scratch) grow(size int) {
	old, order := s.table, s.touched
	s.table = make([]sum, size)
	s.touched = make([]uint32, 0, size/2+1)
	for _, h := range order {
		s.Add(old[h].key-1, old[h].val)
	}
}
