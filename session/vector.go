package session

import "math"

// The position decay of the session vector (δ, in steps) and how many of the
// newest steps it is made of, where a model does not say otherwise.
const (
	DefaultDelta = 2.0
	DefaultLast  = 10
)

// Weighted is one item of a sparse session vector.
type Weighted struct {
	ItemID string
	Weight float64
}

// SparseVector is the session vector over items: the b-th newest of the last
// steps adds weight(kind)·e^(−b/delta) to its item. Items come in the order of
// their newest step; the weight of one that was taken back may be negative.
func SparseVector(steps []Step, delta float64, last int) []Weighted {
	n := min(len(steps), last)
	vector := make([]Weighted, 0, n)
	for b := range n {
		w := steps[b].Kind.Weight() * math.Exp(-float64(b)/delta)
		at := -1
		for i := range vector {
			if vector[i].ItemID == steps[b].ItemID {
				at = i
				break
			}
		}
		if at < 0 {
			vector = append(vector, Weighted{ItemID: steps[b].ItemID})
			at = len(vector) - 1
		}
		vector[at].Weight += w
	}
	return vector
}

// DenseVector adds the session vector in the space of the item vectors to dst:
// Σ weight(kind)·e^(−b/DefaultDelta)·vector over the DefaultLast newest steps.
// Items without a vector of dst's length add nothing.
func DenseVector(steps []Step, lookup func(itemID string) []float32, dst []float32) {
	for b := range min(len(steps), DefaultLast) {
		vector := lookup(steps[b].ItemID)
		if len(vector) != len(dst) {
			continue
		}
		w := float32(steps[b].Kind.Weight() * math.Exp(-float64(b)/DefaultDelta))
		for i, x := range vector {
			dst[i] += w * x
		}
	}
}
