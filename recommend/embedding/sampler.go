package embedding

import (
	"math"
	"math/rand/v2"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// sampler draws items with probability q by Vose's alias method (1991): one
// random number and two reads per draw, whatever the number of items.
type sampler struct {
	keep  []float32 // chance to stay with the item that was hit
	alias []uint32
	logQ  []float32 // ln q; of an item without clicks 0, it is never drawn
}

// newSampler draws items by (clicks+.5)^power; items without clicks never.
func newSampler(c *corpus.Corpus, power float64) *sampler {
	n := c.Len()
	s := &sampler{keep: make([]float32, n), alias: make([]uint32, n), logQ: make([]float32, n)}
	weight, total := make([]float64, n), 0.
	for i := range weight {
		if k := c.Count(uint32(i)); k > 0 {
			weight[i] = math.Pow(float64(k)+.5, power)
			total += weight[i]
		}
	}
	for i, w := range weight {
		if w > 0 {
			s.logQ[i] = float32(math.Log(w / total))
		}
		weight[i] = w * float64(n) / total // mean 1
	}
	s.pair(weight)
	return s
}

// pair fills every item below the mean up with one above it.
func (s *sampler) pair(weight []float64) {
	var small, large []uint32
	for i, w := range weight {
		if w < 1 {
			small = append(small, uint32(i))
		} else {
			large = append(large, uint32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		l, g := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		s.keep[l], s.alias[l] = float32(weight[l]), g
		weight[g] -= 1 - weight[l]
		if weight[g] < 1 {
			large = large[:len(large)-1]
			small = append(small, g)
		}
	}
	for _, rest := range [][]uint32{small, large} { // 1 but for rounding
		for _, i := range rest {
			if s.logQ[i] < 0 || len(s.keep) == 1 {
				s.keep[i], s.alias[i] = 1, i
			}
		}
	}
}

func (s *sampler) draw(r *rand.Rand) uint32 {
	x := r.Uint64()
	i := uint32((x >> 32) * uint64(len(s.keep)) >> 32)
	if float32(x&(1<<24-1))/(1<<24) < s.keep[i] {
		return i
	}
	return s.alias[i]
}
