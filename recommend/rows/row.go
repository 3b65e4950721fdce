package rows

import "math"

// A row in Model.words: the number n of entries, the scale (the bits of a
// float32), n item numbers, then n weights of 16 bits, two in a word, the first
// in the lower half. A weight is its 16 bits times the scale, so that a row's
// strongest entry is 65535 and nothing is off by more than 1/131070 of it. A row
// is one run of memory, and the rows of popular items lie together: what a
// request touches is few lines and pages.
const (
	rowHead   = 2
	maxWeight = math.MaxUint16
)

// rowWords is the length of a row of n entries.
func rowWords(n int) int { return rowHead + n + (n+1)/2 }

// Row is a view of one item's row: read only, valid as long as its Model.
type Row struct {
	cols    []uint32
	weights []uint32 // two in each
	scale   float32
}

// Len is the number of entries.
func (r Row) Len() int { return len(r.cols) }

// At is the n-th entry, 0 <= n < Len(), strongest first.
func (r Row) At(n int) (item uint32, weight float32) {
	return r.cols[n], float32(half(r.weights, n)) * r.scale
}

// half is the n-th number of 16 bits.
func half(words []uint32, n int) uint32 {
	return words[uint(n)/2] >> (uint(n) % 2 * 16) & maxWeight
}

// RowAt is the row of item i, 0 <= i < Len().
func (m *Model) RowAt(i uint32) Row {
	at := m.start[i]
	n := m.words[at]
	words := m.words[at : at+uint32(rowWords(int(n)))]
	return Row{
		cols:    words[rowHead : rowHead+n : rowHead+n],
		weights: words[rowHead+n:],
		scale:   math.Float32frombits(words[1]),
	}
}

// Row is RowAt as slices that are made for the caller: for tests and tools.
func (m *Model) Row(i uint32) (cols []uint32, weights []float32) {
	r := m.RowAt(i)
	for n := range r.Len() {
		item, weight := r.At(n)
		cols, weights = append(cols, item), append(weights, weight)
	}
	return cols, weights
}

// appendRow appends a row. The weights are above 0 and finite, the first is the
// largest; those too small for the scale become the smallest it has.
func appendRow(words, cols []uint32, weights []float32) []uint32 {
	scale := float32(0)
	if len(weights) > 0 {
		scale = max(weights[0]/maxWeight, math.SmallestNonzeroFloat32)
	}
	words = append(words, uint32(len(cols)), math.Float32bits(scale))
	words = append(words, cols...)
	for n, w := range weights {
		q := uint32(min(maxWeight, max(1, math.Round(float64(w)/float64(scale)))))
		if n%2 == 0 {
			words = append(words, q)
		} else {
			words[len(words)-1] |= q << 16
		}
	}
	return words
}
