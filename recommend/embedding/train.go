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

// run makes the passes, then the closing ones. The steps start large again for
// those: the newest sessions may move what the others have settled.
func (t *trainer) run(ctx context.Context) (*Model, error) {
	first := newPlan(t.c, t.p.MaxExamples, t.o.Seed)
	closing := newPlan(t.c, t.p.closing(t.c), t.o.Seed+1)
	w := &walk{t: t, b: newBatch(t), report: serial(t.o.Progress)}
	w.total = int64(first.total)*int64(t.p.Epochs) + int64(closing.total)*int64(t.p.Closing)
	if err := w.passes(ctx, first, t.p.Epochs); err != nil {
		return nil, err
	}
	if err := w.passes(ctx, closing, t.p.Closing); err != nil {
		return nil, err
	}
	return t.model(), nil
}

// walk is the way through the examples.
type walk struct {
	t           *trainer
	b           *batch
	done, total int64 // examples
	report      func(done, total int64)
}

// passes goes through a plan's epochs, from the full learning rates down.
func (w *walk) passes(ctx context.Context, order *plan, epochs int) error {
	t, begin, length := w.t, w.done, int64(order.total)*int64(epochs)
	for epoch := range epochs {
		r := order.start(epoch)
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			if w.b.examples = order.take(w.b.examples, t.p.Batch, r); len(w.b.examples) == 0 {
				break
			}
			t.step(w.b, r, 1-(1-t.p.LREnd)*min(1, float64(w.done-begin)/float64(length)))
			w.done += int64(len(w.b.examples))
			w.report(min(w.done, w.total), w.total)
		}
	}
	w.done = begin + length // more or fewer old sessions may have been drawn than expected
	w.report(w.done, w.total)
	return nil
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
