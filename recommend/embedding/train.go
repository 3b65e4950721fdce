package embedding

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/viterin/vek/vek32"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
)

// Options are what training needs besides the corpus and the parameters; the
// zero value works.
type Options struct {
	Seed     uint64                  // of every random number
	Workers  int                     // goroutines; one per processor when 0
	Progress func(done, total int64) // examples; may be nil
}

// Train learns vectors for the items of c that have clicks; the others have
// none. The same corpus, parameters and seed give the same model on the same
// processor, whatever the number of workers. The error is a fault of kind
// Invalid for bad parameters, or the context's.
func Train(ctx context.Context, c *corpus.Corpus, p Params, o Options) (*Model, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	t := newTrainer(c, p, o)
	t.initialise(nil)
	return t.run(ctx)
}

// Continue trains a model further on c, whose items it numbers the same way
// (see Model.Renumber); items of c that it has no vector for start anew. The
// given model stays as it is. p.Dim and p.Tau must be the model's.
func Continue(ctx context.Context, m *Model, c *corpus.Corpus, p Params, o Options) (*Model, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	if m.Dim != p.Dim || m.Tau != float32(p.Tau) || m.Len() != c.Len() {
		return nil, fault.Invalidf("embedding_shape", "the model to continue has other items, dim or tau")
	}
	t := newTrainer(c, p, o)
	t.initialise(m)
	return t.run(ctx)
}

// trainer holds what is learned.
type trainer struct {
	c       *corpus.Corpus
	p       Params
	o       Options
	sampler *sampler
	e       []float32
	bias    []float32
	pos     [Steps]float32
	sums    Sums
}

func newTrainer(c *corpus.Corpus, p Params, o Options) *trainer {
	return &trainer{
		c: c, p: p, o: o, sampler: newSampler(c, p.Power),
		e: make([]float32, c.Len()*p.Dim), bias: make([]float32, c.Len()),
		sums: Sums{E: make([]float32, c.Len()), Bias: make([]float32, c.Len())},
	}
}

func (t *trainer) row(i uint32) []float32 {
	from, to := int(i)*t.p.Dim, int(i+1)*t.p.Dim
	return t.e[from:to:to]
}

// initialise takes the vectors of m, which may be nil, and small random ones
// for items that it does not have.
func (t *trainer) initialise(m *Model) {
	r := rand.New(rand.NewPCG(t.o.Seed, 0))
	for k := range t.pos {
		t.pos[k] = float32(math.Exp(-float64(k)))
	}
	if m != nil {
		t.pos = m.Pos
		t.sums.Pos = m.Sums.Pos
	}
	for i := range uint32(t.c.Len()) {
		switch {
		case m != nil && m.Has(i):
			copy(t.row(i), m.Row(i))
			vek32.MulNumber_Inplace(t.row(i), m.Norm[i])
			t.bias[i] = m.Bias[i]
			if m.Sums.E != nil && m.Sums.Bias != nil {
				t.sums.E[i], t.sums.Bias[i] = m.Sums.E[i], m.Sums.Bias[i]
			}
		case t.c.Count(i) > 0:
			for k := range t.row(i) {
				t.row(i)[k] = float32(.1 * r.NormFloat64())
			}
		}
	}
}

// run makes the epochs.
func (t *trainer) run(ctx context.Context) (*Model, error) {
	order := newPlan(t.c, t.p.MaxExamples, t.o.Seed)
	total := int64(order.total) * int64(t.p.Epochs)
	b, done := newBatch(t), int64(0)
	for epoch := range t.p.Epochs {
		r := order.start(epoch)
		for {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if b.examples = order.take(b.examples, t.p.Batch, r); len(b.examples) == 0 {
				break
			}
			t.step(b, r, 1-(1-t.p.LREnd)*min(1, float64(done)/float64(total)))
			done += int64(len(b.examples))
			if t.o.Progress != nil {
				t.o.Progress(min(done, total), total)
			}
		}
	}
	if t.o.Progress != nil && done < total { // fewer old sessions were drawn than expected
		t.o.Progress(total, total)
	}
	return t.model(), nil
}

// step makes one update; rate is the share of the learning rates.
func (t *trainer) step(b *batch, r *rand.Rand, rate float64) {
	b.collect(r)
	t.pass(b)
	spread(t.o.Workers, (len(b.items)+rowBlock-1)/rowBlock, func(k int) {
		from, to := k*rowBlock, min((k+1)*rowBlock, len(b.items))
		b.push(from, to)
		for s := from; s < to; s++ {
			b.complete(s)
			b.applyRow(s, float32(t.p.LR*rate))
		}
	})
	t.stepPos(b, float32(t.p.PosLR*rate))
}

// pass computes what the rows' gradients are made of.
func (t *trainer) pass(b *batch) {
	examples, drawn := b.width/exampleBlock, b.stride/chunk
	spread(t.o.Workers, examples+drawn, func(k int) {
		if k < examples {
			b.direct(k)
		} else {
			b.prepare(k - examples)
		}
	})
	spread(t.o.Workers, examples, b.forward)
}

// tiny keeps the first steps of AdaGrad finite.
const tiny = 1e-10

// applyRow changes a row by its gradient: one step size per vector, by the
// mean of its squared gradients (row-wise AdaGrad).
func (b *batch) applyRow(s int, lr float32) {
	dim, i := b.t.p.Dim, b.items[s]
	g := b.grad[s*dim : (s+1)*dim]
	b.t.sums.E[i] += vek32.Dot(g, g) / float32(dim)
	addScaled(b.t.row(i), g, -lr/sqrt(b.t.sums.E[i]+tiny))
	b.t.sums.Bias[i] += b.gBias[s] * b.gBias[s]
	b.t.bias[i] -= lr * b.gBias[s] / sqrt(b.t.sums.Bias[i]+tiny)
}

func (t *trainer) stepPos(b *batch, lr float32) {
	for k := range t.pos {
		g := float32(0)
		for block := range b.width / exampleBlock {
			g += b.dPos[block*Steps+k]
		}
		t.sums.Pos[k] += g * g
		t.pos[k] -= lr * g / sqrt(t.sums.Pos[k]+tiny)
	}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// model scales the vectors to length 1.
func (t *trainer) model() *Model {
	m := &Model{
		Dim: t.p.Dim, Tau: float32(t.p.Tau), E: t.e, Bias: t.bias, Pos: t.pos,
		Norm: make([]float32, t.c.Len()), Sums: t.sums,
	}
	for i := range m.Norm {
		m.Norm[i] = unit(m.Row(uint32(i)))
	}
	return m
}
