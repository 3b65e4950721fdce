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
	to := max(from, min(from+exampleBlock, len(b.examples)))
	for s := 0; s < b.stride; s += chunk {
		v := b.v[s*dim : (s+chunk)*dim]
		for n := from; n < to; n++ {
			dots(b.p[n*b.stride+s:n*b.stride+s+chunk], v, b.u[n*dim:(n+1)*dim])
		}
	}
	b.loss[block] = 0
	for n := from; n < to; n++ {
		b.loss[block] += b.softmax(n)
	}
	b.pull(from, to)
	dPos := b.dPos[block*Steps : (block+1)*Steps]
	clear(dPos)
	for n := from; n < to; n++ {
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

// pull adds up the drawn items' directions by their shares, for the examples
// from..to-1.
func (b *batch) pull(from, to int) {
	dim := b.t.p.Dim
	clear(b.dh[from*dim : to*dim])
	var room [MaxDim]float32
	sum := room[:dim]
	for s := 0; s < b.stride; s += chunk {
		vT := b.vT[s*dim : (s+chunk)*dim]
		for n := from; n < to; n++ {
			dots(sum, vT, b.p[n*b.stride+s:n*b.stride+s+chunk])
			vek32.Add_Inplace(b.dh[n*dim:(n+1)*dim], sum)
		}
	}
}

// back completes the gradient at h of example n and adds its share to that of
// the positions' weights. b.u is ĥ/tau.
func (b *batch) back(n int, dPos []float32) {
	dim, tau := b.t.p.Dim, float32(b.t.p.Tau)
	d, u := b.dh[n*dim:(n+1)*dim], b.u[n*dim:(n+1)*dim]
	if b.length[n] == 0 {
		clear(d)
		return
	}
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

// push adds up the examples' directions by their shares in the drawn items
// from..to-1: the first part of the rows' gradients.
func (b *batch) push(from, to int) {
	dim := b.t.p.Dim
	clear(b.grad[from*dim : to*dim])
	var room [MaxDim]float32
	sum := room[:dim]
	for n := 0; n < b.width; n += chunk {
		uT := b.uT[n*dim : (n+chunk)*dim]
		for s := from; s < min(to, b.negatives); s++ {
			dots(sum, uT, b.pT[s*b.width+n:s*b.width+n+chunk])
			vek32.Add_Inplace(b.grad[s*dim:(s+1)*dim], sum)
		}
	}
	for s := from; s < to; s++ {
		b.gBias[s] = 0
		if s < b.negatives {
			b.gBias[s] = vek32.Sum(b.pT[s*b.width : (s+1)*b.width])
		}
	}
}

// complete adds to the gradient of one row what it gets as a target and as a
// step.
func (b *batch) complete(s int) {
	dim := b.t.p.Dim
	g, e := b.grad[s*dim:(s+1)*dim], b.t.row(b.items[s])
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
