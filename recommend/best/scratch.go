package best

import "github.com/nextbest/nextbest/recommend/embedding"

// Scratch is what one request works with: its candidates, their inputs and
// their scores. Its cost depends on the candidates, never on the size of the
// catalog: keep Scratches in a pool. The zero value works; not safe for
// concurrent use. What Rank left in it stays until the next Rank.
type Scratch struct {
	slots   []uint64 // open addressing: item<<32 | 1 + place in cands; 0 is free
	cands   []cand
	keys    []uint64  // the cut by pre, then the ranking: see rankKey
	rest    []uint64  // candidates below the cut
	inputs  []float32 // itemInputs by candidate above the cut, in the order of pre
	scores  []float32 // in that order
	places  []uint32  // in the order of the ranking: 1 + place in that order, 0 below the cut
	ranking []Scored  // what Rank found, best first
	request [requestInputs]float32

	direction *embedding.Direction // the session's vector
	newest    *embedding.Direction // that of its newest item alone
	dim       int                  // of both
	similar   bool                 // newest holds a vector
}

// cand is what rows, session and embedding say of an item.
type cand struct {
	item         uint32
	rows         float32 // b0, then b0/max b0
	togetherBack float32 // cos
	logit        float32 // of the embedding, then es
	pre          float32

	first, firstBack, second, third, together, times, age uint8 // codes

	count    uint8 // steps that name it with a weight above 0
	back     uint8 // the newest of them, 1 for the newest step
	seen     bool  // it is one of the steps
	previous bool  // it is the step before the newest
}

const scratchSlots = 1024 // at first

// NewScratch is an empty Scratch of the usual size.
func NewScratch() *Scratch {
	return &Scratch{slots: make([]uint64, scratchSlots), cands: make([]cand, 0, scratchSlots/2)}
}

func (s *Scratch) reset() {
	if len(s.slots) == 0 {
		s.slots = make([]uint64, scratchSlots)
	}
	mask := uint32(len(s.slots) - 1)
	for n := range s.cands { // from each item's place to the end of its chain
		for h := place(s.cands[n].item) & mask; s.slots[h] != 0; h = (h + 1) & mask {
			s.slots[h] = 0
		}
	}
	s.cands = s.cands[:0]
	s.request = [requestInputs]float32{}
}

// touch is the candidate of an item, made when it is new. The pointer holds
// until the next call.
func (s *Scratch) touch(item uint32) *cand {
	slots := s.slots
	mask := uint32(len(slots) - 1)
	h := place(item) & mask
	for slots[h] != 0 {
		if x := slots[h]; uint32(x>>32) == item {
			return &s.cands[uint32(x)-1]
		}
		h = (h + 1) & mask
	}
	if 2*len(s.cands) >= len(slots) {
		s.grow()
		return s.touch(item)
	}
	s.cands = append(s.cands, cand{item: item, age: codeAbsent})
	slots[h] = uint64(item)<<32 | uint64(len(s.cands))
	return &s.cands[len(s.cands)-1]
}

// find is the candidate of an item, nil when there is none.
func (s *Scratch) find(item uint32) *cand {
	if len(s.slots) == 0 {
		return nil
	}
	mask := uint32(len(s.slots) - 1)
	for h := place(item) & mask; s.slots[h] != 0; h = (h + 1) & mask {
		if x := s.slots[h]; uint32(x>>32) == item {
			return &s.cands[uint32(x)-1]
		}
	}
	return nil
}

func (s *Scratch) grow() {
	s.slots = make([]uint64, 2*len(s.slots))
	mask := uint32(len(s.slots) - 1)
	for n := range s.cands {
		h := place(s.cands[n].item) & mask
		for s.slots[h] != 0 {
			h = (h + 1) & mask
		}
		s.slots[h] = uint64(s.cands[n].item)<<32 | uint64(n+1)
	}
}

// Len is the number of candidates that the last Rank put into order.
func (s *Scratch) Len() int { return len(s.ranking) }

// Candidate is the n-th best candidate of the last Rank, 0 <= n < Len().
func (s *Scratch) Candidate(n int) Candidate {
	r := s.ranking[n]
	c := Candidate{Item: r.Item, Score: r.Score, Reranked: s.places[n] > 0}
	if x := s.find(r.Item); x != nil {
		c.Pre = x.pre
	}
	return c
}

// Candidate is an item that the session's rows, items or embedding named.
type Candidate struct {
	Item     uint32
	Pre      float32 // the order before the ranker
	Score    float32
	Reranked bool // it was above the cut: it has inputs
}

// AppendInputs appends the Inputs inputs of the n-th best candidate, as they
// are before they are standardised; nothing when it was not re-ranked.
func (s *Scratch) AppendInputs(dst []float32, n int) []float32 {
	if s.places[n] == 0 {
		return dst
	}
	at := int(s.places[n]-1) * itemInputs
	return append(append(dst, s.inputs[at:at+itemInputs]...), s.request[:]...)
}
