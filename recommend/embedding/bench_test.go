package embedding

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// powerSessions are sessions whose items follow a power law and, mostly, a
// family of neighbours of the first.
func powerSessions(b *testing.B, n, items int) *corpus.Corpus {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 9))
	pick := func() int { return int(float64(items) * math.Pow(r.Float64(), 3)) }
	lists := make([][]int, n)
	for s := range lists {
		first := pick()
		for range 2 + r.IntN(7) {
			i := (first + r.IntN(40)) % items
			if r.IntN(5) == 0 {
				i = pick()
			}
			lists[s] = append(lists[s], i)
		}
	}
	return sessions(b, lists)
}

// BenchmarkUpdate is one update of 256 examples and 1024 negatives with the
// default parameters: the time of an epoch is that times examples/256.
func BenchmarkUpdate(b *testing.B) {
	c := powerSessions(b, 50_000, 40_000)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			p := DefaultParams()
			t := newTrainer(c, p, Options{Workers: workers})
			t.initialise(nil)
			batch, order := newBatch(t), newPlan(c, p.MaxExamples, 1)
			r := order.start(0)
			flop := 0.
			for b.Loop() {
				batch.examples = order.take(batch.examples, p.Batch, r)
				if len(batch.examples) < p.Batch {
					r = order.start(1)
					continue
				}
				t.step(batch, r, 1)
				flop += 6 * float64(batch.width) * float64(batch.stride) * float64(p.Dim)
			}
			b.ReportMetric(flop/b.Elapsed().Seconds()/1e9, "Gflop/s")
		})
	}
}

// BenchmarkLogits is the session's vector from eight steps and the logits of
// 100 candidates.
func BenchmarkLogits(b *testing.B) {
	const candidates = 100
	for _, items := range []int{10_000, 1_000_000} {
		m := anyModel(1, items, 64)
		q := m.Quantise()
		r := rand.New(rand.NewPCG(1, 2))
		lists := make([][]uint32, 1000)
		for n := range lists {
			for range Steps + candidates {
				lists[n] = append(lists[n], uint32(r.IntN(items)))
			}
		}
		dst, h, d := make([]float32, candidates), make([]float32, 64), q.NewDirection()
		b.Run(fmt.Sprintf("float32/items=%d", items), func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				list := lists[n%len(lists)]
				m.Session(h, list[:Steps], nil)
				m.Logits(dst, h, list[Steps:])
			}
		})
		b.Run(fmt.Sprintf("quantised/items=%d", items), func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				list := lists[n%len(lists)]
				q.Session(d, list[:Steps], nil)
				q.Logits(dst, d, list[Steps:])
			}
		})
	}
}

// BenchmarkNeighbours are the 20 neighbours of 1000 items: exact among 40,000,
// through the index among 150,000.
func BenchmarkNeighbours(b *testing.B) {
	for _, items := range []int{40_000, 150_000} {
		m := anyModel(1, items, 64)
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Neighbours(context.Background(), 20, NeighbourOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(items), "ns/item")
		})
	}
}
