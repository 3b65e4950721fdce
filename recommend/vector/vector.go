// Package vector compares dense vectors: dot products, cosines and the best k
// of a set. Results are the same on every machine: what decides an order is
// added up in one fixed order; vector instructions only look ahead.
package vector

import (
	"math"
	"strconv"

	"github.com/viterin/vek/vek32"

	"github.com/nextbest/nextbest/internal/fault"
)

// Limits of vectors.
const (
	MaxDim   = 1024
	maxValue = 1e3
)

// Dot is the dot product of two vectors of one length, 0 when the lengths
// differ. It is added up in eight lanes in a fixed order.
func Dot(a, b []float32) float64 {
	if len(a) != len(b) {
		return 0
	}
	var s [8]float64
	n := 0
	for ; n+8 <= len(a); n += 8 {
		x, y := a[n:n+8:n+8], b[n:n+8:n+8]
		for i := range s {
			// Such a product is exact in 53 bits: fused or not, it is the same.
			s[i] += float64(x[i]) * float64(y[i])
		}
	}
	for ; n < len(a); n++ {
		s[n%8] += float64(a[n]) * float64(b[n])
	}
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
}

// Norm is the length of a vector.
func Norm(a []float32) float64 { return math.Sqrt(Dot(a, a)) }

// Check says what is wrong with a vector: its length, a value that is not a
// finite number of at most 1000, or that all are 0. The error is a fault of
// kind Invalid.
func Check(v []float32, dim int) error {
	if len(v) != dim {
		return fault.Invalidf("vector_dimension", "the vector has %d values where the space has %d", len(v), dim)
	}
	zero := true
	for n, x := range v {
		if f := float64(x); math.IsNaN(f) || math.Abs(f) > maxValue {
			return fault.Invalidf("vector_value", "the vector's value %s is not a finite number of at most 1000", strconv.Itoa(n))
		}
		zero = zero && x == 0
	}
	if zero {
		return fault.Invalidf("vector_zero", "the vector is zero: it points nowhere")
	}
	return nil
}

// Set is the vectors of items in one named space: immutable.
type Set struct {
	space string
	dim   int
	ids   []string
	data  []float32
	index map[string]uint32
}

// NewSet makes a set; rows come in the order of ids. Vectors of another space
// never meet these. The error is a fault of kind Invalid naming the row.
func NewSet(space string, dim int, ids []string, vectors [][]float32) (*Set, error) {
	if dim < 1 || dim > MaxDim || len(ids) != len(vectors) {
		return nil, fault.Invalidf("vector_dimension", "a space has 1 to %d dimensions and one vector per item", MaxDim)
	}
	s := &Set{space: space, dim: dim, ids: ids, index: make(map[string]uint32, len(ids)), data: make([]float32, 0, dim*len(ids))}
	for n, v := range vectors {
		if err := Check(v, dim); err != nil {
			f := fault.Of(err)
			return nil, f.At("/"+strconv.Itoa(n)+"/vector", f.Detail)
		}
		if _, twice := s.index[ids[n]]; twice {
			return nil, fault.Invalidf("vector_duplicate", "an item has two vectors").At("/"+strconv.Itoa(n)+"/id", "comes twice")
		}
		s.index[ids[n]] = uint32(n)
		s.data = append(s.data, v...)
	}
	return s, nil
}

// Space is the name of the space.
func (s *Set) Space() string { return s.space }

// Dim is the number of dimensions.
func (s *Set) Dim() int { return s.dim }

// Len is the number of vectors.
func (s *Set) Len() int { return len(s.ids) }

// ID is the id of row n.
func (s *Set) ID(n uint32) string { return s.ids[n] }

// Row is the vector of row n. Read only.
func (s *Set) Row(n uint32) []float32 {
	from, to := int(n)*s.dim, int(n+1)*s.dim
	return s.data[from:to:to]
}

// Lookup is the vector of an item, nil when there is none. Read only.
func (s *Set) Lookup(id string) []float32 {
	if n, ok := s.index[id]; ok {
		return s.Row(n)
	}
	return nil
}

// Scored is a row and its dot product with a query.
type Scored struct {
	Row   uint32
	Score float64
}

// margin is how many rows beyond k the fast scan keeps: the vector unit's sums
// differ in the last digits, the final order is made with Dot.
const margin = 16

// TopK overwrites dst with the k rows of the largest dot product, ties by
// row; rows for which skip (may be nil) says true are left out. It scans all
// rows: for sets of some ten thousand.
func (s *Set) TopK(query []float32, k int, skip func(row uint32) bool, dst []Scored) []Scored {
	dst = dst[:0]
	if k <= 0 || len(query) != s.dim {
		return dst
	}
	for n := range uint32(len(s.ids)) {
		score := float64(vek32.Dot(query, s.Row(n)))
		if len(dst) == k+margin && score <= dst[len(dst)-1].Score || skip != nil && skip(n) {
			continue
		}
		dst = insert(dst, Scored{Row: n, Score: score}, k+margin)
	}
	rough := len(dst)
	for n := range rough {
		dst[n].Score = Dot(query, s.Row(dst[n].Row))
	}
	for n := 1; n < rough; n++ { // nearly sorted: insertion is linear
		insert(dst[:n], dst[n], n+1)
	}
	return dst[:min(k, len(dst))]
}

// insert keeps dst sorted, best first, and at most max long.
func insert(dst []Scored, c Scored, max int) []Scored {
	if len(dst) < max {
		dst = append(dst, c)
	} else if !before(c, dst[len(dst)-1]) {
		return dst
	}
	n := len(dst) - 1
	for ; n > 0 && before(c, dst[n-1]); n-- {
		dst[n] = dst[n-1]
	}
	dst[n] = c
	return dst
}

func before(a, b Scored) bool { return a.Score > b.Score || a.Score == b.Score && a.Row < b.Row }
