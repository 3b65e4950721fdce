package evaluate

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// Difference is one rate of the measured model minus that of the other, with
// what the chance of having drawn these test sessions leaves open.
type Difference struct {
	Value float64 `json:"difference"`
	Low   float64 `json:"low"`  // of the 95 % interval
	High  float64 `json:"high"` // of the 95 % interval
	P     float64 `json:"p"`    // two-sided: how easily chance alone would differ that much
}

// Paired compares two models on the same predictions. Sessions are what was
// drawn, so sessions are resampled: the predictions of one hang together.
type Paired struct {
	HR        Difference `json:"hr"`
	MRR       Difference `json:"mrr"`
	McNemarZ  float64    `json:"mcnemar_z"` // (won − lost)/√(won + lost) over predictions
	Won       int        `json:"won"`       // predictions that only the measured model hit
	Lost      int        `json:"lost"`      // predictions that only the other one hit
	Sessions  int        `json:"sessions"`  // with a prediction
	Resamples int        `json:"resamples"`
}

const (
	defaultResamples = 2000
	bootstrapStream  = 0x6e657874 // of the generator; the seed is the caller's
	lowQuantile      = .025
	highQuantile     = .975
)

// sessionDiff is what two models differ by on one session.
type sessionDiff struct{ n, hits, ranks float64 }

// pair compares the slots that two models gave the same targets.
//
// The interval is the paired percentile bootstrap (Efron, 1979; for lists of
// search results Sakai, SIGIR 2006) over sessions, p is where 0 lies among the
// resamples, z is McNemar's (1947) without correction. resamples 0 means 2000;
// the same seed gives the same figures.
func pair(ctx context.Context, a, b *slots, resamples int, seed uint64) (*Paired, error) {
	if resamples == 0 {
		resamples = defaultResamples
	}
	p := &Paired{Resamples: resamples}
	diffs := make([]sessionDiff, 0, len(a.sessions))
	at := 0
	for _, n := range a.sessions {
		if n == 0 {
			continue
		}
		d := sessionDiff{n: float64(n)}
		for range n {
			p.count(&d, a.slot[at], b.slot[at])
			at++
		}
		diffs = append(diffs, d)
	}
	p.Sessions = len(diffs)
	if tested := p.Won + p.Lost; tested > 0 {
		p.McNemarZ = float64(p.Won-p.Lost) / math.Sqrt(float64(tested))
	}
	return p, p.resample(ctx, diffs, seed)
}

// count takes in one prediction.
func (p *Paired) count(d *sessionDiff, a, b int32) {
	switch {
	case a > 0 && b == 0:
		p.Won++
		d.hits++
	case a == 0 && b > 0:
		p.Lost++
		d.hits--
	}
	d.ranks += reciprocal(a) - reciprocal(b)
}

func reciprocal(slot int32) float64 {
	if slot == 0 {
		return 0
	}
	return 1 / float64(slot)
}

// resample fills in the differences.
func (p *Paired) resample(ctx context.Context, diffs []sessionDiff, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, bootstrapStream))
	hits, ranks := make([]float64, p.Resamples), make([]float64, p.Resamples)
	for k := range p.Resamples {
		if err := ctx.Err(); err != nil {
			return err
		}
		var sum sessionDiff
		for range diffs {
			d := &diffs[r.IntN(len(diffs))]
			sum.n += d.n
			sum.hits += d.hits
			sum.ranks += d.ranks
		}
		hits[k], ranks[k] = sum.hits/max(1, sum.n), sum.ranks/max(1, sum.n)
	}
	var all sessionDiff
	for _, d := range diffs {
		all.n += d.n
		all.hits += d.hits
		all.ranks += d.ranks
	}
	p.HR = difference(all.hits/max(1, all.n), hits)
	p.MRR = difference(all.ranks/max(1, all.n), ranks)
	return nil
}

// difference reads interval and p off the resamples, which it sorts.
func difference(value float64, resamples []float64) Difference {
	slices.Sort(resamples)
	below, above := 0, 0
	for _, x := range resamples {
		if x <= 0 {
			below++
		}
		if x >= 0 {
			above++
		}
	}
	n := len(resamples)
	return Difference{
		Value: value,
		Low:   resamples[int(lowQuantile*float64(n))],
		High:  resamples[min(n-1, int(highQuantile*float64(n)))],
		P:     min(1, 2*float64(min(below, above)+1)/float64(n+1)),
	}
}
