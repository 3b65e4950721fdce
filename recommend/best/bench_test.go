package best

import (
	"math"
	"math/rand/v2"
	"testing"
)

// benchItems is the size of the catalog that is benchmarked.
const benchItems = 20000

// clicks are sessions over items whose popularity follows a power law; what
// comes next is near in number, as in a shop's categories.
func clicks(n, items int, seed uint64) []testSession {
	r := rand.New(rand.NewPCG(seed, 1))
	var list []testSession
	for s := range n {
		x := testSession{day: 30 * float64(s) / float64(n)}
		at := int(float64(items) * math.Pow(r.Float64(), 3))
		for range 2 + int(4*r.ExpFloat64()) {
			x.items = append(x.items, at)
			if len(x.items) > 1 && r.IntN(4) == 0 {
				at = x.items[r.IntN(len(x.items))]
			} else {
				at = (at + 1 + int(30*math.Pow(r.Float64(), 2))) % items
			}
		}
		list = append(list, x)
	}
	return list
}

func benchModel(b *testing.B, dim int) *Model {
	b.Helper()
	p := DefaultParams()
	p.Dim, p.Epochs, p.Lists = dim, 1, 5000
	return train(b, newCorpus(b, clicks(60000, benchItems, 1)), p, Options{Seed: 1, Workers: 2})
}

// BenchmarkRank is one request: 20 items for a session of ten steps.
func BenchmarkRank(b *testing.B) {
	for name, dim := range map[string]int{"rows": 0, "embedding": 64} {
		b.Run(name, func(b *testing.B) {
			m, s := benchModel(b, dim), NewScratch()
			var sessions [][]uint32
			for _, x := range clicks(1000, m.Len(), 2) {
				var steps []uint32
				for _, i := range x.items {
					steps = append(steps, uint32(i))
				}
				sessions = append(sessions, steps)
			}
			dst := make([]Scored, 0, 20)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				dst = m.Rank(s, sessions[n%len(sessions)], nil, Seen, nil, 20, dst)
			}
		})
	}
}

func BenchmarkRows(b *testing.B) {
	c := newCorpus(b, clicks(60000, benchItems, 1))
	for b.Loop() {
		rowsOf(b, c, DefaultParams(), 1)
	}
	b.ReportMetric(float64(c.Clicks())*float64(b.N)/b.Elapsed().Seconds(), "clicks/s")
}

func BenchmarkLearn(b *testing.B) {
	l := randomLists(2000, 1)
	for b.Loop() {
		if _, err := learn(b.Context(), l, 16, 1, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(l.len())*float64(b.N)/b.Elapsed().Seconds(), "lists/s")
}

func BenchmarkParse(b *testing.B) {
	file := fileOf(b, benchModel(b, 0))
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := Parse(file); err != nil {
			b.Fatal(err)
		}
	}
}
