package embedding

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// sessions makes a corpus; item n is "i<n>" with leading zeros, so that its
// number in the corpus is n when all are clicked.
func sessions(t testing.TB, lists [][]int) *corpus.Corpus {
	t.Helper()
	b := corpus.NewBuilder(corpus.Options{})
	for n, list := range lists {
		ids := make([]string, len(list))
		for k, i := range list {
			ids[k] = fmt.Sprintf("i%06d", i)
		}
		b.Add(ids, float64(n)/1000)
	}
	c, err := b.Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// anySessions are random walks over items 0..items-1, each item clicked.
func anySessions(r *rand.Rand, n, items int) [][]int {
	var lists [][]int
	for i := range items {
		lists = append(lists, []int{i, r.IntN(items)})
	}
	for range n {
		list := make([]int, 2+r.IntN(12))
		for k := range list {
			list[k] = r.IntN(items)
		}
		lists = append(lists, list)
	}
	return lists
}

// reference is the loss of a batch by its definition, in double precision.
type reference struct {
	b    *batch
	e    [][]float64 // by item
	bias []float64
	pos  [Steps]float64
	q    []float64 // chance to be drawn
}

func newReference(b *batch) *reference {
	r := &reference{b: b}
	for i := range b.t.bias {
		row := make([]float64, b.t.p.Dim)
		for k, x := range b.t.row(uint32(i)) {
			row[k] = float64(x)
		}
		r.e = append(r.e, row)
		r.bias = append(r.bias, float64(b.t.bias[i]))
	}
	for k, w := range b.t.pos {
		r.pos[k] = float64(w)
	}
	sum := 0.
	for i := range uint32(b.t.c.Len()) {
		r.q = append(r.q, math.Pow(float64(b.t.c.Count(i))+.5, b.t.p.Power))
		sum += r.q[i]
	}
	for i := range r.q {
		r.q[i] /= sum
	}
	return r
}

func product(a, b []float64) (s float64) {
	for k := range a {
		s += a[k] * b[k]
	}
	return s
}

// logit is that of an item after a prefix, less the log of its expected draws.
func (r *reference) logit(prefix []uint32, i uint32) float64 {
	p := r.b.t.p
	h := make([]float64, p.Dim)
	for k := range min(Steps, len(prefix)) {
		for d, x := range r.e[prefix[len(prefix)-1-k]] {
			h[d] += r.pos[k] * x
		}
	}
	cosine := product(h, r.e[i]) / math.Sqrt(product(h, h)*product(r.e[i], r.e[i]))
	return cosine/p.Tau + r.bias[i] - math.Log(float64(p.Negatives)*r.q[i])
}

func (r *reference) loss() float64 {
	total := 0.
	for _, x := range r.b.examples {
		items := r.b.t.c.Session(x.session())
		prefix, target := items[:x.target()], items[x.target()]
		hit := r.logit(prefix, target)
		sum := math.Exp(hit)
		for s := range r.b.negatives {
			if i := r.b.items[s]; i != target {
				sum += float64(r.b.times[s]) * math.Exp(r.logit(prefix, i))
			}
		}
		total += math.Log(sum) - hit
	}
	return total / float64(len(r.b.examples))
}

// slope is the derivative of the loss at x by central differences.
func (r *reference) slope(x *float64) float64 {
	const step = 1e-5
	was := *x
	*x = was + step
	up := r.loss()
	*x = was - step
	down := r.loss()
	*x = was
	return (up - down) / (2 * step)
}

func computed(t *trainer, seed uint64, examples int) *batch {
	b := newBatch(t)
	p := newPlan(t.c, t.p.MaxExamples, seed)
	r := p.start(0)
	b.examples = p.take(nil, examples, r)
	b.collect(r)
	t.pass(b)
	b.push(0, len(b.items))
	for s := range b.items {
		b.complete(s)
	}
	return b
}

func TestGradientIsTheSlopeOfTheLoss(t *testing.T) {
	p := Params{
		Dim: 8, Epochs: 1, Batch: 40, Negatives: 70, Power: .75, Tau: .3,
		LR: .05, LREnd: .3, PosLR: .02, MaxExamples: 1 << 20,
	}
	for _, examples := range []int{1, 7, 40} {
		t.Run(fmt.Sprint(examples), func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(examples)))
			tr := newTrainer(sessions(t, anySessions(r, 30, 30)), p, Options{Seed: 3, Workers: 1})
			tr.initialise(nil)
			for i := range tr.bias {
				tr.bias[i] = float32(r.NormFloat64())
			}
			b := computed(tr, 5, examples)
			ref := newReference(b)
			near := func(what string, got float32, x *float64) {
				t.Helper()
				if want := ref.slope(x); math.Abs(float64(got)-want) > 2e-4*(1+math.Abs(want)) {
					t.Errorf("%s: gradient %v, slope of the loss %v", what, got, want)
				}
			}
			for s, i := range b.items {
				near(fmt.Sprintf("bias of item %d", i), b.gBias[s], &ref.bias[i])
				for k := range p.Dim {
					near(fmt.Sprintf("value %d of item %d", k, i), b.grad[s*p.Dim+k], &ref.e[i][k])
				}
			}
			loss, dPos := 0., [Steps]float32{}
			for block := range b.width / exampleBlock {
				loss += b.loss[block]
				for k := range dPos {
					dPos[k] += b.dPos[block*Steps+k]
				}
			}
			for k := range dPos {
				near(fmt.Sprintf("weight of position %d", k), dPos[k], &ref.pos[k])
			}
			if got, want := loss/float64(examples), ref.loss(); math.Abs(got-want) > 1e-4*want {
				t.Errorf("loss %v, want %v", got, want)
			}
		})
	}
}
