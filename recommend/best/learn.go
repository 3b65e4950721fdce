package best

import (
	"context"
	"math"
	"math/rand/v2"
)

// How a ranker is trained: Adam (Kingma and Ba, ICLR 2015) on the softmax loss
// of whole lists, -ln of the target's share.
const (
	learnRate  = .003 // falls linearly
	learnLast  = .05  // to this share of it
	learnDecay = 1e-4 // of the weights, as a part of the gradient
	learnBatch = 32   // lists
	adamMean   = .9
	adamSquare = .999
	adamTiny   = 1e-8
	initFirst  = .18 // spread of W1 at the start
	initSecond = .1  // of w2
)

// learner trains one ranker over standardised inputs.
type learner struct {
	l         *lists
	hidden    int
	mean, sd  [inputs]float64
	weights   []float64 // w0, W1 (hidden by input), b1, w2
	gradients []float64
	moments   [2][]float64
	steps     int

	x, units, scores []float64 // of the list at hand: inputs, hidden units, scores
	delta            []float64
}

// learn trains a ranker on the lists that hold their target. The error is the
// context's.
func learn(ctx context.Context, l *lists, hidden, epochs int, seed uint64) (*ranker, error) {
	t := newLearner(l, hidden)
	random := rand.New(rand.NewPCG(seed, 0))
	t.initialise(random)
	order := append([]int(nil), l.learn...)
	perEpoch := (len(order) + learnBatch - 1) / learnBatch
	all := epochs * perEpoch
	for n := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := n % perEpoch * learnBatch
		if at == 0 {
			random.Shuffle(len(order), func(x, y int) { order[x], order[y] = order[y], order[x] })
		}
		batch := order[at:min(at+learnBatch, len(order))]
		clear(t.gradients)
		for _, k := range batch {
			t.add(k, 1/float64(len(batch)))
		}
		t.step(learnRate * (1 - (1-learnLast)*float64(n)/float64(all)))
	}
	return t.fold(), nil
}

func newLearner(l *lists, hidden int) *learner {
	t := &learner{l: l, hidden: hidden, delta: make([]float64, hidden)}
	size := inputs + inputs*hidden + 2*hidden
	t.weights, t.gradients = make([]float64, size), make([]float64, size)
	t.moments = [2][]float64{make([]float64, size), make([]float64, size)}
	t.standardise()
	return t
}

func (t *learner) initialise(random *rand.Rand) {
	_, first, _, second := t.parts(t.weights)
	for n := range first {
		first[n] = initFirst * random.NormFloat64()
	}
	for n := range second {
		second[n] = initSecond * random.NormFloat64()
	}
}

// constant is the spread below which an input says nothing.
const constant = 1e-4

// standardise finds every input's mean and spread over the candidates of the
// lists that are learned from.
func (t *learner) standardise() {
	var sum, square [inputs]float64
	total := 0.
	for _, n := range t.l.learn {
		request, items, _ := t.l.list(n)
		count := float64(len(items) / itemInputs)
		total += count
		for k, v := range request {
			x := float64(v)
			sum[itemInputs+k] += count * x
			square[itemInputs+k] += count * x * x
		}
		for k, v := range items {
			x := float64(v)
			sum[k%itemInputs] += x
			square[k%itemInputs] += x * x
		}
	}
	for k := range inputs {
		t.mean[k] = sum[k] / max(1, total)
		t.sd[k] = math.Sqrt(max(0, square[k]/max(1, total)-t.mean[k]*t.mean[k]))
		if t.sd[k] < constant {
			t.sd[k] = 1
		}
	}
}

// parts are the four parts of all weights, or of their gradients.
func (t *learner) parts(w []float64) (linear, first, bias, second []float64) {
	h, end := t.hidden, inputs+inputs*t.hidden
	return w[:inputs], w[inputs:end], w[end : end+h], w[end+h:]
}

// add adds weight times the gradient of one list's loss and returns the loss.
func (t *learner) add(n int, weight float64) float64 {
	request, items, target := t.l.list(n)
	t.forward(request, items)
	top, total := math.Inf(-1), 0.
	for _, s := range t.scores {
		top = max(top, s)
	}
	for _, s := range t.scores {
		total += math.Exp(s - top)
	}
	loss := math.Log(total) - (t.scores[target] - top)
	for c, s := range t.scores {
		g := math.Exp(s-top) / total
		if c == target {
			g--
		}
		t.back(c, g*weight)
	}
	return loss
}

// forward computes the list's standardised inputs, hidden units and scores.
func (t *learner) forward(request *[requestInputs]float32, items []float32) {
	t.x, t.units, t.scores = t.x[:0], t.units[:0], t.scores[:0]
	linear, first, bias, second := t.parts(t.weights)
	for c := 0; c*itemInputs < len(items); c++ {
		for k, v := range items[c*itemInputs:][:itemInputs] {
			t.x = append(t.x, (float64(v)-t.mean[k])/t.sd[k])
		}
		for k, v := range request {
			t.x = append(t.x, (float64(v)-t.mean[itemInputs+k])/t.sd[itemInputs+k])
		}
		t.units = append(t.units, bias...)
		units, score := t.units[c*t.hidden:], 0.
		for k, v := range t.x[c*inputs:] {
			score += linear[k] * v
			w := first[k*t.hidden:][:len(units)]
			for h := range units {
				units[h] += v * w[h]
			}
		}
		for h := range units {
			units[h] = max(units[h], 0)
			score += second[h] * units[h]
		}
		t.scores = append(t.scores, score)
	}
}

// negligible gradients are not worth their time.
const negligible = 1e-7

// back adds the gradients that g, the loss's by the score of candidate c,
// brings.
func (t *learner) back(c int, g float64) {
	if math.Abs(g) < negligible {
		return
	}
	linear, first, bias, second := t.parts(t.gradients)
	_, _, _, w2 := t.parts(t.weights)
	units, delta := t.units[c*t.hidden:][:t.hidden], t.delta[:t.hidden]
	for h, u := range units {
		delta[h] = 0
		if u > 0 {
			second[h] += g * u
			delta[h] = g * w2[h]
			bias[h] += delta[h]
		}
	}
	for k, v := range t.x[c*inputs:][:inputs] {
		linear[k] += g * v
		w := first[k*t.hidden:][:len(delta)]
		for h := range delta {
			w[h] += v * delta[h]
		}
	}
}

// step changes the weights by their gradients.
func (t *learner) step(rate float64) {
	t.steps++
	n := float64(t.steps)
	rate *= math.Sqrt(1-math.Pow(adamSquare, n)) / (1 - math.Pow(adamMean, n))
	mean, square := t.moments[0], t.moments[1]
	for k, g := range t.gradients {
		g += learnDecay * t.weights[k]
		mean[k] += (1 - adamMean) * (g - mean[k])
		square[k] += (1 - adamSquare) * (g*g - square[k])
		t.weights[k] -= rate * mean[k] / (math.Sqrt(square[k]) + adamTiny)
	}
}

// fold puts the standardisation into the weights.
func (t *learner) fold() *ranker {
	linear, first, bias, second := t.parts(t.weights)
	r := &ranker{
		hidden: t.hidden, first: make([]float32, len(first)),
		bias: make([]float32, t.hidden), second: make([]float32, t.hidden),
	}
	base, shifts := 0., append([]float64(nil), bias...)
	for k := range inputs {
		r.mean[k], r.sd[k] = float32(t.mean[k]), float32(t.sd[k])
		r.linear[k] = float32(linear[k] / t.sd[k])
		base -= linear[k] / t.sd[k] * t.mean[k]
		for h := range shifts {
			w := first[k*t.hidden+h] / t.sd[k]
			r.first[k*t.hidden+h] = float32(w)
			shifts[h] -= w * t.mean[k]
		}
	}
	r.base = float32(base)
	for h := range shifts {
		r.bias[h], r.second[h] = float32(shifts[h]), float32(second[h])
	}
	return r
}
