package embedding

import (
	"math"

	"github.com/viterin/vek/vek32"
)

// forward computes, for one block of examples, the softmax over the drawn
// items and the target, the loss, and the gradient back to h.
func (b *batch) forward(block int) {
	dim := b.t.p.Dim
	from := block * exampleBlock
	to := min(from+exampleBlock, len(b.examples))
	for s := 0; s < b.stride; s += negativeBlock {
		v := b.v[s*dim : (s+negativeBlock)*dim]
		for n := from; n < to; n++ {
			dots(b.p[n*b.stride+s:n*b.stride+s+negativeBlock], v, b.u[n*dim:(n+1)*dim])
		}
	}
	b.loss[block] = 0
	dPos := b.dPos[block*Steps : (block+1)*Steps]
	clear(dPos)
	for n := from; n < to; n++ {
		b.loss[block] += b.softmax(n)
		b.back(n, dPos)
	}
	clear(b.p[to*b.stride : (from+exampleBlock)*b.stride])
	transpose(b.pT[from:], b.width, b.p[from*b.stride:], b.stride, exampleBlock, b.stride)
}

// softmax turns the products of example n into shares of the loss's gradient
// (probability over number of examples) and returns its loss.
func (b *batch) softmax(n int) float64 {
	dim := b.t.p.Dim
	p, s := b.p[n*b.stride:(n+1)*b.stride], b.target[n]
	i := b.items[s]
	e := b.t.row(i)
	norm := float32(math.Sqrt(float64(vek32.Dot(e, e))))
	hit := b.t.bias[i] - float32(math.Log(float64(b.t.p.Negatives))) - b.t.sampler.logQ[i]
	if norm > 0 {
		hit += vek32.Dot(b.u[n*dim:(n+1)*dim], e) / norm
	}
	vek32.Add_Inplace(p, b.offset[:b.stride])
	drawn := p[:b.negatives]
	top := max(hit, vek32.Max(drawn))
	vek32.AddNumber_Inplace(p, -top)
	vek32.Exp_Inplace(p)
	clear(p[b.negatives:])
	if int(s) < b.negatives {
		p[s] = 0 // the target is not its own alternative
	}
	own := float32(math.Exp(float64(hit - top)))
	sum := own + vek32.Sum(drawn)
	share := 1 / (sum * float32(len(b.examples)))
	vek32.MulNumber_Inplace(p, share)
	b.dTarget[n] = own*share - 1/float32(len(b.examples))
	return math.Log(float64(sum)) - float64(hit-top)
}

// back computes the gradient at h of example n and adds its share to that of
// the positions' weights. b.u is ĥ/tau.
func (b *batch) back(n int, dPos []float32) {
	dim, tau := b.t.p.Dim, float32(b.t.p.Tau)
	d, u := b.dh[n*dim:(n+1)*dim], b.u[n*dim:(n+1)*dim]
	if b.length[n] == 0 {
		clear(d)
		return
	}
	dots(d, b.vT[:dim*b.stride], b.p[n*b.stride:(n+1)*b.stride])
	e := b.t.row(b.items[b.target[n]])
	if norm := float32(math.Sqrt(float64(vek32.Dot(e, e)))); norm > 0 {
		addScaled(d, e, b.dTarget[n]/norm)
	}
	// Through the scaling to length 1: only what is across ĥ counts.
	addScaled(d, u, -vek32.Dot(u, d)*tau*tau)
	vek32.MulNumber_Inplace(d, 1/(tau*b.length[n]))
	for k, s := range b.seen[n*Steps : (n+1)*Steps] {
		if s >= 0 {
			dPos[k] += vek32.Dot(d, b.t.row(b.items[s]))
		}
	}
}

// collectRow adds up the gradient of one row: as a drawn item, as a target, as
// a step.
func (b *batch) collectRow(s int) {
	dim := b.t.p.Dim
	g, e := b.grad[s*dim:(s+1)*dim], b.t.row(b.items[s])
	b.gBias[s] = 0
	if s < b.negatives {
		pT := b.pT[s*b.width : (s+1)*b.width]
		dots(g, b.uT[:dim*b.width], pT)
		b.gBias[s] = vek32.Sum(pT)
	} else {
		clear(g)
	}
	parts := b.parts[b.first[s]:b.first[s+1]]
	for _, p := range parts {
		if p.step < 0 {
			n := int(p.example)
			addScaled(g, b.u[n*dim:(n+1)*dim], b.dTarget[n])
			b.gBias[s] += b.dTarget[n]
		}
	}
	if square := vek32.Dot(e, e); square > 0 { // through the scaling to length 1
		norm := float32(math.Sqrt(float64(square)))
		addScaled(g, e, -vek32.Dot(e, g)/square)
		vek32.MulNumber_Inplace(g, 1/norm)
	}
	for _, p := range parts {
		if p.step >= 0 {
			n := int(p.example)
			addScaled(g, b.dh[n*dim:(n+1)*dim], b.t.pos[p.step])
		}
	}
}
