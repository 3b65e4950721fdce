package best

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// session is one session of a test's corpus.
type testSession struct {
	items []int
	day   float64
}

// newCorpus builds a corpus in which item n has the id of n in three digits, so
// that numbers and ids have one order as long as every item occurs.
func newCorpus(t testing.TB, sessions []testSession) *corpus.Corpus {
	t.Helper()
	b := corpus.NewBuilder(corpus.Options{})
	for _, s := range sessions {
		var ids []string
		for _, i := range s.items {
			ids = append(ids, fmt.Sprintf("i%03d", i))
		}
		b.Add(ids, s.day)
	}
	c, err := b.Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// walk makes sessions in a small world with something to learn: items lie on a
// ring, a visitor mostly goes on to the next one, sometimes back to the one
// before, sometimes anywhere.
func walk(n, items int, seed uint64) []testSession {
	r := rand.New(rand.NewPCG(seed, 1))
	var list []testSession
	for s := range n {
		x := testSession{day: 20 * float64(s) / float64(n)}
		at := int(float64(items) * r.Float64() * r.Float64()) // small numbers are popular
		for range 2 + r.IntN(8) {
			x.items = append(x.items, at)
			switch p := r.Float64(); {
			case p < .6:
				at = (at + 1) % items
			case p < .75 && len(x.items) > 1:
				at = x.items[len(x.items)-2]
			case p < .8: // again
			default:
				at = r.IntN(items)
			}
		}
		list = append(list, x)
	}
	return list
}

// smallParams train in a moment.
func smallParams() Params {
	p := DefaultParams()
	p.Top, p.Dim, p.Epochs, p.Neighbours, p.Candidates, p.Hidden, p.RankerEpochs = 20, 8, 2, 5, 15, 8, 2
	return p
}

func train(t testing.TB, c *corpus.Corpus, p Params, o Options) *Model {
	t.Helper()
	m, err := Train(context.Background(), c, p, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// smallModel has rankers and an embedding, kept or not: the parts are put
// together here, so that a test sees all of them.
func smallModel(t testing.TB) *Model {
	t.Helper()
	c := newCorpus(t, walk(1500, 60, 7))
	m := train(t, c, smallParams(), Options{Seed: 3, Workers: 2})
	if m.vectors == nil {
		if _, err := m.trainVectors(context.Background(), c, nil, &Options{Seed: 3}); err != nil {
			t.Fatal(err)
		}
	}
	for policy := range policies {
		if m.rankers[policy] == nil {
			m.rankers[policy] = randomRanker(uint64(policy), 8)
		}
	}
	if err := m.seal(); err != nil {
		t.Fatal(err)
	}
	return m
}

func randomRanker(seed uint64, hidden int) *ranker {
	r := rand.New(rand.NewPCG(seed, 2))
	x := &ranker{hidden: hidden}
	for n := range inputs {
		x.linear[n], x.mean[n], x.sd[n] = float32(r.NormFloat64()), float32(r.NormFloat64()), 1
	}
	for range inputs * hidden {
		x.first = append(x.first, float32(.3*r.NormFloat64()))
	}
	for range hidden {
		x.bias, x.second = append(x.bias, float32(r.NormFloat64())), append(x.second, float32(r.NormFloat64()))
	}
	return x
}

// randomSteps are a session's items, newest first, some of them unknown.
func randomSteps(r *rand.Rand, items, longest int) []uint32 {
	steps := make([]uint32, r.IntN(longest+1))
	for n := range steps {
		switch {
		case r.IntN(10) == 0:
			steps[n] = Unknown
		case n > 0 && r.IntN(3) == 0:
			steps[n] = steps[r.IntN(n)]
		default:
			steps[n] = uint32(r.IntN(items))
		}
	}
	return steps
}
