package best

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestExplanationsAddUp(t *testing.T) {
	m, s := smallModel(t), NewScratch()
	bare := *m
	bare.rankers = [policies]*ranker{}
	r := rand.New(rand.NewPCG(8, 8))
	for range 100 {
		steps := randomSteps(r, m.Len(), 12)
		for _, model := range []*Model{m, &bare} {
			model.Rank(s, steps, nil, Current, nil, 30, nil)
			for n := range min(s.Len(), model.params.Candidates) {
				checkExplanation(t, model.Explain(s.AppendInputs(nil, n), Current), float64(s.Candidate(n).Score))
			}
		}
	}
}

func checkExplanation(t *testing.T, e Explanation, score float64) {
	t.Helper()
	sum := e.Base + e.Joint
	for _, c := range e.Contributions {
		sum += c.Linear + c.Network
	}
	if math.Abs(e.Score-score) > 1e-4 || math.Abs(sum-score) > 1e-4 {
		t.Fatalf("score %v, explained %v, the lines add up to %v", score, e.Score, sum)
	}
}

// TestContributionsAreRemovals: an input's two parts are what the score loses
// when the input has its mean, and what has its mean contributes nothing.
func TestContributionsAreRemovals(t *testing.T) {
	m := smallModel(t)
	r := m.rankers[Seen]
	random := rand.New(rand.NewPCG(9, 9))
	x := make([]float32, Inputs)
	for n := range x {
		x[n] = r.mean[n] + float32(random.NormFloat64())
	}
	x[inTrend] = r.mean[inTrend]
	e := m.Explain(x, Seen)
	for n, c := range e.Contributions {
		without := append([]float32(nil), x...)
		without[n] = r.mean[n]
		lost := float64(m.ScoreInputs(x, Seen)) - float64(m.ScoreInputs(without, Seen))
		if math.Abs(c.Linear+c.Network-lost) > 1e-4 {
			t.Errorf("%s: %v + %v, but the score loses %v", c.Input, c.Linear, c.Network, lost)
		}
		if linear := float64(r.linear[n]) * float64(x[n]-r.mean[n]); math.Abs(c.Linear-linear) > 1e-5 {
			t.Errorf("%s: the linear part is %v, want %v", c.Input, c.Linear, linear)
		}
		if c.Value != x[n] || c.Input != InputNames()[n] {
			t.Errorf("line %d is %s with value %v", n, c.Input, c.Value)
		}
	}
	if c := e.Contributions[inTrend]; c.Linear != 0 || math.Abs(c.Network) > 1e-9 {
		t.Errorf("an input at its mean contributes %+v", c)
	}
	if e.Joint == 0 {
		t.Error("the network never takes inputs together: the test shows nothing")
	}
}

func TestInputNamesAreThere(t *testing.T) {
	names := map[string]bool{}
	for n, name := range InputNames() {
		if name == "" || names[name] {
			t.Errorf("input %d is called %q", n, name)
		}
		names[name] = true
	}
}
