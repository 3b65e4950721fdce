package embedding

import (
	"math"

	"github.com/viterin/vek/vek32"
)

// Session fills h, Dim values long, with the direction of a session, divided
// by Tau, and tells whether there is one; without, h is 0 and the logits are the
// biases. Steps come newest first, the first
// Steps of them count; an item without a vector is left out but keeps its
// place. Weights, by step, may be nil (all 1) and may be negative. It does not
// allocate.
func (m *Model) Session(h []float32, steps []uint32, weights []float32) bool {
	clear(h)
	for b, s := range steps[:min(len(steps), Steps)] {
		if !m.Has(s) {
			continue
		}
		w := m.Pos[b] * m.Norm[s]
		if weights != nil {
			w *= weights[b]
		}
		addScaled(h, m.Row(s), w)
	}
	n := float32(math.Sqrt(float64(vek32.Dot(h, h))))
	if !(n > 0) {
		clear(h)
		return false
	}
	vek32.MulNumber_Inplace(h, 1/(n*m.Tau))
	return true
}

// Logit is the logit of item i for an h that Session filled.
func (m *Model) Logit(h []float32, i uint32) float32 {
	if !m.Has(i) {
		return NoLogit
	}
	return vek32.Dot(h, m.Row(i)) + m.Bias[i]
}

// Logits fills dst with the logits of items for an h that Session filled. It
// does not allocate.
func (m *Model) Logits(dst []float32, h []float32, items []uint32) {
	for n, i := range items {
		dst[n] = m.Logit(h, i)
	}
}

// addScaled adds w·x to dst.
func addScaled(dst, x []float32, w float32) {
	for len(dst) >= 8 && len(x) >= 8 {
		d, s := dst[:8:8], x[:8:8]
		d[0] += w * s[0]
		d[1] += w * s[1]
		d[2] += w * s[2]
		d[3] += w * s[3]
		d[4] += w * s[4]
		d[5] += w * s[5]
		d[6] += w * s[6]
		d[7] += w * s[7]
		dst, x = dst[8:], x[8:]
	}
	for n := range dst {
		dst[n] += w * x[n]
	}
}
