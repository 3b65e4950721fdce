package evaluate

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// drawn makes the slots of two models on as many sessions: the first hits
// share a of the predictions, the second share b, both more often in easy
// sessions, so that the predictions of a session hang together.
func drawn(r *rand.Rand, sessions int, a, b float64) (x, y *slots) {
	x, y = &slots{}, &slots{}
	for s := range sessions {
		ease := r.Float64() - .5
		for range 1 + r.IntN(8) {
			luck := r.Float64() // shared: a target that is easy for one is easy for the other
			x.add(s, hit(r, luck, a+ease*.6))
			y.add(s, hit(r, luck, b+ease*.6))
		}
	}
	return x, y
}

func hit(r *rand.Rand, luck, share float64) int {
	if .7*luck+.3*r.Float64() > share {
		return 0
	}
	return 1 + r.IntN(20)
}

func paired(t *testing.T, x, y *slots, resamples int, seed uint64) *Paired {
	t.Helper()
	p, err := pair(t.Context(), x, y, resamples, seed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestIntervalsCoverTheTruth: of many draws about 95 % have the true difference
// inside their interval, whether there is one or not, and without one about
// 5 % call it significant.
func TestIntervalsCoverTheTruth(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ a, b float64 }{{.5, .5}, {.52, .46}} {
		big, other := drawn(r, 400_000, c.a, c.b)
		truth := paired(t, big, other, 1, 1) // its value; one resample is none
		const draws = 400
		hr, mrr, significant := 0, 0, 0
		for n := range draws {
			x, y := drawn(r, 150, c.a, c.b)
			p := paired(t, x, y, 400, uint64(n))
			if p.HR.Low <= truth.HR.Value && truth.HR.Value <= p.HR.High {
				hr++
			}
			if p.MRR.Low <= truth.MRR.Value && truth.MRR.Value <= p.MRR.High {
				mrr++
			}
			if p.HR.P < .05 {
				significant++
			}
		}
		// Three standard errors of a share of 95 % over 400 draws are .033.
		for name, n := range map[string]int{"hr": hr, "mrr": mrr} {
			if share := float64(n) / draws; share < .91 || share > .985 {
				t.Errorf("%v: %.3f of the intervals of %s hold the truth, want .95", c, share, name)
			}
		}
		share := float64(significant) / draws
		if c.a == c.b && (share < .015 || share > .09) {
			t.Errorf("%.3f of the draws without a difference are called significant, want .05", share)
		}
		if c.a != c.b && share < .9 {
			t.Errorf("only %.3f of the draws see a difference of %.3f", share, truth.HR.Value)
		}
	}
}

// TestPairByHand: two sessions, three predictions.
func TestPairByHand(t *testing.T) {
	x, y := &slots{}, &slots{}
	for _, p := range []struct{ session, x, y int }{{0, 1, 0}, {0, 2, 4}, {2, 0, 0}, {2, 5, 0}, {2, 0, 1}} {
		x.add(p.session, p.x)
		y.add(p.session, p.y)
	}
	p := paired(t, x, y, 500, 3)
	mrr := (1 + .5 - .25 + .2 - 1) / 5
	if p.Won != 2 || p.Lost != 1 || p.Sessions != 2 || p.Resamples != 500 || math.Abs(p.HR.Value-.2) > 1e-12 ||
		math.Abs(p.MRR.Value-mrr) > 1e-12 || math.Abs(p.McNemarZ-1/math.Sqrt(3)) > 1e-12 {
		t.Errorf("%+v, want hr .2, mrr %v, z 1/√3", p, mrr)
	}
	// Only three resamples exist: the first session twice, the second twice, both.
	if p.HR.Low != 0 || p.HR.High != .5 || p.MRR.High != (1+.5-.25)/2 {
		t.Errorf("interval of hr %v..%v, of mrr to %v", p.HR.Low, p.HR.High, p.MRR.High)
	}
}

// TestSessionsAreResampled: predictions that only repeat their session's bring
// no evidence, so the interval stays as wide.
func TestSessionsAreResampled(t *testing.T) {
	x, y := drawn(rand.New(rand.NewPCG(5, 6)), 200, .5, .45)
	var xx, yy slots
	at := 0
	for s, n := range x.sessions {
		for range n {
			for range 5 {
				xx.add(s, int(x.slot[at]))
				yy.add(s, int(y.slot[at]))
			}
			at++
		}
	}
	once, often := paired(t, x, y, 1000, 7), paired(t, &xx, &yy, 1000, 7)
	if math.Abs(once.HR.Low-often.HR.Low) > 1e-12 || math.Abs(once.HR.High-often.HR.High) > 1e-12 {
		t.Errorf("interval %v..%v, with every prediction five times %v..%v", once.HR.Low, once.HR.High, often.HR.Low, often.HR.High)
	}
}

func TestPairIsReproducibleAndAntisymmetric(t *testing.T) {
	x, y := drawn(rand.New(rand.NewPCG(8, 9)), 300, .5, .4)
	a, b, back := paired(t, x, y, 1000, 11), paired(t, x, y, 1000, 11), paired(t, y, x, 1000, 11)
	if *a != *b {
		t.Errorf("the same seed gives %+v and %+v", a, b)
	}
	if back.HR.Value != -a.HR.Value || back.McNemarZ != -a.McNemarZ || back.Won != a.Lost || math.Abs(back.HR.P-a.HR.P) > .01 {
		t.Errorf("the other way round %+v, want the opposite of %+v", back, a)
	}
	if other := paired(t, x, y, 1000, 12); other.HR.Low == a.HR.Low && other.HR.High == a.HR.High {
		t.Error("another seed draws the same")
	}
	if same := paired(t, x, x, 1000, 11); same.HR != (Difference{P: 1}) || same.McNemarZ != 0 {
		t.Errorf("a model against itself: %+v", same)
	}
}

func TestPairEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x, y := drawn(rand.New(rand.NewPCG(1, 1)), 10, .5, .5)
	if _, err := pair(ctx, x, y, 1000, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
