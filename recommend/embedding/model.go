package embedding

import (
	"math"
	"slices"

	"github.com/viterin/vek/vek32"

	"github.com/nextbest/nextbest/internal/fault"
)

// Unknown marks a step whose item the model does not have.
const Unknown = math.MaxUint32

// NoLogit is the logit of an item without a vector. It is finite so that
// differences stay numbers.
const NoLogit = -1e9

// Model is a trained embedding of the items 0..Len()-1 of a corpus. Safe for
// any number of readers; the fields are for whoever stores the model.
//
//	h = sum of Pos[b]·Norm[s_b]·Ê[s_b] over the newest steps s_0, s_1, …
//	logit_j = (h/|h|)·Ê_j/Tau + Bias[j]
type Model struct {
	Dim  int            // values of a vector
	Tau  float32        // temperature
	E    []float32      // Len() rows of Dim values, each of length 1; all 0 for an item without a vector
	Norm []float32      // the length that each vector has as an input; 0 for an item without a vector
	Bias []float32      // 0 for an item without a vector
	Pos  [Steps]float32 // weight of the newest step, the one before it …
	Sums Sums           // what Continue needs; may be dropped
}

// Sums are AdaGrad's sums of squared gradients. A Model without them is
// served as well; Continue then starts its steps anew.
type Sums struct {
	E, Bias []float32 // one value per item
	Pos     [Steps]float32
}

// Check says whether the parts of a model fit together and hold finite
// numbers; the error is a fault of kind Invalid. It guards models read from
// a file.
func (m *Model) Check() error {
	n := len(m.Norm)
	if m.Dim < MinDim || m.Dim > MaxDim || m.Dim%8 != 0 || len(m.E) != n*m.Dim || len(m.Bias) != n ||
		!sized(m.Sums.E, n) || !sized(m.Sums.Bias, n) {
		return fault.Invalidf("embedding_shape", "the embedding's parts have sizes that do not fit together")
	}
	if !(m.Tau > 0) || !finite([]float32{m.Tau}) || !finite(m.E) || !finite(m.Norm) || !finite(m.Bias) || !finite(m.Pos[:]) {
		return fault.Invalidf("embedding_value", "the embedding holds a value that is not a finite number")
	}
	return nil
}

func sized(x []float32, n int) bool { return x == nil || len(x) == n }

func finite(x []float32) bool {
	return !slices.ContainsFunc(x, func(v float32) bool { return v-v != 0 })
}

// Len is the number of items.
func (m *Model) Len() int { return len(m.Norm) }

// Has tells whether item i has a vector; false also for Unknown.
func (m *Model) Has(i uint32) bool { return uint64(i) < uint64(len(m.Norm)) && m.Norm[i] > 0 }

// Row is the vector of item i, of length 1 (0 for an item without): read only.
func (m *Model) Row(i uint32) []float32 {
	from, to := int(i)*m.Dim, int(i+1)*m.Dim
	return m.E[from:to:to]
}

// Place gives item i, which no session had, the mean direction of others
// (those that share its attributes): its length is their mean length, its bias
// the smallest of theirs, for a new item is not yet popular. It tells whether
// one of them had a vector. It changes the model: call it before the model is
// shared.
func (m *Model) Place(i uint32, others ...uint32) bool {
	if uint64(i) >= uint64(len(m.Norm)) {
		return false
	}
	mean := make([]float32, m.Dim)
	length, bias, n := float32(0), float32(math.Inf(1)), float32(0)
	for _, o := range others {
		if m.Has(o) && o != i {
			vek32.Add_Inplace(mean, m.Row(o))
			length += m.Norm[o]
			bias = min(bias, m.Bias[o])
			n++
		}
	}
	if n == 0 || unit(mean) == 0 {
		return false
	}
	copy(m.Row(i), mean)
	m.Norm[i], m.Bias[i] = length/n, bias
	return true
}

// Renumber is the model for other item numbers: item i of the result is item
// from[i] of m, and has no vector where that is Unknown.
func (m *Model) Renumber(from []uint32) *Model {
	out := &Model{
		Dim: m.Dim, Tau: m.Tau, Pos: m.Pos,
		E: make([]float32, len(from)*m.Dim), Norm: make([]float32, len(from)), Bias: make([]float32, len(from)),
	}
	if m.Sums.E != nil && m.Sums.Bias != nil {
		out.Sums = Sums{E: make([]float32, len(from)), Bias: make([]float32, len(from)), Pos: m.Sums.Pos}
	}
	for i, f := range from {
		if !m.Has(f) {
			continue
		}
		copy(out.Row(uint32(i)), m.Row(f))
		out.Norm[i], out.Bias[i] = m.Norm[f], m.Bias[f]
		if out.Sums.E != nil {
			out.Sums.E[i], out.Sums.Bias[i] = m.Sums.E[f], m.Sums.Bias[f]
		}
	}
	return out
}

// unit scales v to length 1 and returns the length it had; a zero v stays.
func unit(v []float32) float32 {
	n := float32(math.Sqrt(float64(vek32.Dot(v, v))))
	if n > 0 {
		vek32.MulNumber_Inplace(v, 1/n)
	}
	return n
}
