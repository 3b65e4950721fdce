package embedding

import (
	"math"
	"math/rand/v2"

	"github.com/viterin/vek/vek32"
)

// Blocks of work handed to a worker. Their sizes are part of the result's last
// bits, the number of workers is not.
const (
	exampleBlock = 32 // examples: their share of the logits stays in the second cache
	rowBlock     = 32 // rows of items that are changed
)

// batch is one update: the examples, the negatives they share, and every
// number on the way from the vectors to their gradients. Its arrays are
// reused. Matrices are by row unless their name ends in T; of those, uT and vT
// are cut into chunks (see turn).
type batch struct {
	t        *trainer
	examples []example

	// The rows that the update touches; the first negatives of them are drawn.
	slot      []int32  // by item: its row in the batch, -1 for none
	items     []uint32 // by row: the item
	times     []uint16 // by drawn row: how often it was drawn
	negatives int      // drawn rows
	stride    int      // negatives rounded up to whole blocks
	width     int      // examples rounded up to whole blocks
	seen      []int32  // by example: Steps rows of the newest items, -1 for none
	target    []int32  // by example: the row of the item to be predicted

	u, uT   []float32 // examples' directions ĥ/tau
	length  []float32 // |h|
	v, vT   []float32 // drawn items' directions Ê
	norm    []float32 // by row: |E|
	offset  []float32 // by drawn row: bias - ln(expected draws) + ln(times)
	p       []float32 // softmax of the drawn items by example
	pT      []float32
	dh      []float32 // gradient at h
	dTarget []float32 // gradient at the target's logit
	dPos    []float32 // by example block: gradient at the positions' weights
	loss    []float64 // by example block

	// Examples by row: who adds to a row's gradient.
	first []int32 // by row: offset into parts; one more at the end
	parts []part

	grad  []float32 // by row: gradient at the vector
	gBias []float32 // by row: gradient at the bias
}

// part is one example's share in a row's gradient: as its target, or as the
// step at a position.
type part struct {
	example int32
	step    int32 // -1: the target
}

func newBatch(t *trainer) *batch {
	p := t.p
	width, stride := round(p.Batch, chunk), round(p.Negatives, chunk)
	rows := p.Negatives + p.Batch*(Steps+1)
	b := &batch{
		t: t, slot: make([]int32, len(t.bias)), times: make([]uint16, p.Negatives),
		seen: make([]int32, p.Batch*Steps), target: make([]int32, p.Batch),
		u: make([]float32, width*p.Dim), uT: make([]float32, width*p.Dim), length: make([]float32, width),
		v: make([]float32, stride*p.Dim), vT: make([]float32, stride*p.Dim), norm: make([]float32, rows),
		offset: make([]float32, stride), p: make([]float32, width*stride), pT: make([]float32, width*stride),
		dh: make([]float32, width*p.Dim), dTarget: make([]float32, width),
		dPos: make([]float32, width/exampleBlock*Steps), loss: make([]float64, width/exampleBlock),
		grad: make([]float32, rows*p.Dim), gBias: make([]float32, rows),
	}
	for i := range b.slot {
		b.slot[i] = -1
	}
	return b
}

func round(n, block int) int { return (n + block - 1) / block * block }

// collect draws the negatives and finds the rows of all items of the examples.
func (b *batch) collect(r *rand.Rand) {
	for _, i := range b.items {
		b.slot[i] = -1
	}
	b.items, b.negatives = b.items[:0], 0
	for range b.t.p.Negatives {
		s := b.row(b.t.sampler.draw(r))
		if int(s) == b.negatives {
			b.times[s] = 0
			b.negatives++
		}
		b.times[s]++
	}
	b.lookUp()
}

// lookUp finds the rows of the examples' items.
func (b *batch) lookUp() {
	b.stride, b.width = round(b.negatives, chunk), round(len(b.examples), chunk)
	for n, e := range b.examples {
		items, t := b.t.c.Session(e.session()), e.target()
		b.target[n] = b.row(items[t])
		seen := b.seen[n*Steps : (n+1)*Steps]
		for k := range seen {
			seen[k] = -1
			if k < t {
				seen[k] = b.row(items[t-1-k])
			}
		}
	}
	b.share()
}

func (b *batch) row(i uint32) int32 {
	s := b.slot[i]
	if s < 0 {
		s = int32(len(b.items))
		b.slot[i] = s
		b.items = append(b.items, i)
	}
	return s
}

// share lists by row the examples that add to its gradient, in their order.
func (b *batch) share() {
	rows := len(b.items)
	b.first = append(b.first[:0], make([]int32, rows+1)...)
	for n := range b.examples {
		b.first[b.target[n]]++
		for _, s := range b.seen[n*Steps : (n+1)*Steps] {
			if s >= 0 {
				b.first[s]++
			}
		}
	}
	sum := int32(0)
	for s, k := range b.first {
		b.first[s] = sum
		sum += k
	}
	b.parts = append(b.parts[:0], make([]part, sum)...)
	put := func(s int32, p part) { b.parts[b.first[s]] = p; b.first[s]++ }
	for n := range b.examples {
		put(b.target[n], part{int32(n), -1})
		for k, s := range b.seen[n*Steps : (n+1)*Steps] {
			if s >= 0 {
				put(s, part{int32(n), int32(k)})
			}
		}
	}
	copy(b.first[1:], b.first[:rows]) // every offset had moved on to the next row's
	b.first[0] = 0
}

// direct computes the directions of one block of examples.
func (b *batch) direct(block int) {
	dim := b.t.p.Dim
	for n := block * exampleBlock; n < (block+1)*exampleBlock; n++ {
		u := b.u[n*dim : (n+1)*dim]
		clear(u)
		if n < len(b.examples) {
			for k, s := range b.seen[n*Steps : (n+1)*Steps] {
				if s >= 0 {
					addScaled(u, b.t.row(b.items[s]), b.t.pos[k])
				}
			}
			b.length[n] = unit(u)
			vek32.MulNumber_Inplace(u, float32(1/b.t.p.Tau))
		}
		turn(b.uT, u, n)
	}
}

// prepare computes the directions of one block of drawn items.
func (b *batch) prepare(block int) {
	dim, draws := b.t.p.Dim, float32(math.Log(float64(b.t.p.Negatives)))
	for s := block * chunk; s < (block+1)*chunk; s++ {
		v := b.v[s*dim : (s+1)*dim]
		clear(v)
		b.offset[s] = 0
		if s < b.negatives {
			i := b.items[s]
			copy(v, b.t.row(i))
			b.norm[s] = unit(v)
			b.offset[s] = b.t.bias[i] - draws - b.t.sampler.logQ[i] + float32(math.Log(float64(b.times[s])))
		}
		turn(b.vT, v, s)
	}
}
