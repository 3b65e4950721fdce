package best

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// randomLists are lists whose target is found by a rule of one input.
func randomLists(n int, seed uint64) *lists {
	r := rand.New(rand.NewPCG(seed, 6))
	l := &lists{}
	for range n {
		count, best, at := 3+r.IntN(10), math.Inf(-1), 0
		for c := range count {
			x := make([]float32, itemInputs)
			for k := range x {
				x[k] = float32(3 + 2*r.NormFloat64())
			}
			l.items = append(l.items, x...)
			// What lies nearest to the middle counts: no linear ranker can say that.
			if v := -math.Abs(float64(x[inTrend]) - 3); v > best {
				best, at = v, c
			}
		}
		for range requestInputs {
			l.request = append(l.request, float32(r.NormFloat64()))
		}
		l.learn = append(l.learn, len(l.ends))
		l.ends = append(l.ends, len(l.items)/itemInputs)
		l.targets = append(l.targets, at)
	}
	return l
}

// TestGradient compares every weight's gradient with what the loss does when
// the weight moves.
func TestGradient(t *testing.T) {
	l := randomLists(4, 1)
	learner := newLearner(l, 8)
	learner.initialise(rand.New(rand.NewPCG(2, 2)))
	_, _, bias, _ := learner.parts(learner.weights)
	for h := range bias {
		bias[h] = .1 * float64(h-4)
	}
	loss := func() (sum float64) {
		for n := range l.len() {
			sum += learner.add(n, 1)
		}
		return sum
	}
	loss()
	gradients := append([]float64(nil), learner.gradients...)
	const by = 1e-5
	for k := range learner.weights {
		was := learner.weights[k]
		learner.weights[k] = was + by
		up := loss()
		learner.weights[k] = was - by
		down := loss()
		learner.weights[k] = was
		want := (up - down) / (2 * by)
		if math.Abs(gradients[k]-want) > 1e-4*(1+math.Abs(want)) {
			t.Errorf("weight %d has gradient %v, the loss moves by %v", k, gradients[k], want)
		}
	}
}

func TestLearnsWhatIsNotLinear(t *testing.T) {
	l, later := randomLists(1500, 3), randomLists(500, 4)
	hr := func(hidden int) float64 {
		r, err := learn(context.Background(), l, hidden, 12, 1)
		if err != nil {
			t.Fatal(err)
		}
		return later.judge(r, 0).MRR
	}
	linear, network := hr(0), hr(16)
	if network < .8 || linear > .5 {
		t.Errorf("MRR %.3f with hidden units, %.3f without, want .8 and .5 at most", network, linear)
	}
}

// TestFoldKeepsTheScores: the ranker that serves gives what was trained.
func TestFoldKeepsTheScores(t *testing.T) {
	l := randomLists(30, 5)
	learner := newLearner(l, 16)
	learner.initialise(rand.New(rand.NewPCG(3, 3)))
	r := learner.fold()
	for n := range l.len() {
		request, items, _ := l.list(n)
		learner.forward(request, items)
		for c, got := range r.appendScores(nil, request, items) {
			if want := learner.scores[c]; math.Abs(float64(got)-want) > 1e-4 {
				t.Fatalf("served %v, trained %v", got, want)
			}
		}
	}
}

func TestConstantInputsStayFinite(t *testing.T) {
	l := randomLists(50, 6)
	for n := 0; n < len(l.items); n += itemInputs {
		l.items[n+inEmbedding] = 0 // as without an embedding
	}
	r, err := learn(context.Background(), l, 8, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.floats() {
		if x-x != 0 {
			t.Fatalf("the ranker holds %v", x)
		}
	}
}

func TestJudge(t *testing.T) {
	l := randomLists(3, 7)
	l.targets = []int{0, 2, -1} // by pre in slots 1 and 3; the last is below the cut
	got := l.judge(nil, 0)
	if want := (Quality{HR: 2. / 3, MRR: (1 + 1./3) / 3}); math.Abs(got.HR-want.HR) > 1e-12 || math.Abs(got.MRR-want.MRR) > 1e-12 {
		t.Errorf("%+v, want %+v", got, want)
	}
	if slot := slotOf([]float32{1, 3, 3, 0}, 2); slot != 2 {
		t.Errorf("a tie is in slot %d", slot)
	}
}
