package rows

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// powerLaw makes sessions like a shop's: few items get most clicks, and an
// item's neighbours in number tend to follow it.
func powerLaw(seed uint64, items, sessions int) []session {
	rnd := rand.New(rand.NewPCG(seed, 1))
	zipf := rand.NewZipf(rnd, 1.2, 8, uint64(items-1))
	out := make([]session, sessions)
	for n := range out {
		at := zipf.Uint64()
		length := 2 + int(rnd.ExpFloat64()*2.5)
		s := session{day: 3 * float64(n) / float64(sessions)}
		for range length {
			s.items = append(s.items, fmt.Sprintf("%06d", at))
			switch rnd.IntN(4) {
			case 0:
				at = zipf.Uint64()
			case 1, 2:
				at = (at*7 + uint64(rnd.IntN(20))) % uint64(items)
			}
		}
		out[n] = s
	}
	return out
}

func numbers(m *Model, ids ...string) []uint32 {
	var out []uint32
	for _, id := range ids {
		i, _ := m.Index(id)
		out = append(out, i)
	}
	return out
}

func TestScoreIsTheDecayedSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultParams()
		p.Last = rapid.IntRange(1, 12).Draw(t, "last")
		p.Delta = rapid.Float64Range(.3, 5).Draw(t, "delta")
		b := NewBuilder(p)
		for _, s := range anySessions(t) {
			b.Add(s.items, s.day)
		}
		m, err := b.Build(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var steps []uint32
		var weights []float32
		want := map[uint32]float64{}
		for b := range rapid.IntRange(0, 20).Draw(t, "steps") {
			step := rapid.Uint32Range(0, uint32(m.Len())).Draw(t, "step")
			weight := float32(rapid.IntRange(-4, 4).Draw(t, "weight"))
			if int(step) == m.Len() {
				step = Unknown
			}
			steps, weights = append(steps, step), append(weights, weight)
			if step == Unknown || b >= p.Last {
				continue
			}
			cols, vals := m.Row(step)
			for n, j := range cols {
				want[j] += float64(weight) * math.Exp(-float64(b)/p.Delta) * float64(vals[n])
			}
		}
		s := NewScratch()
		m.Score(s, steps, weights)
		for j := range uint32(m.Len()) {
			if got, _ := s.Get(j); math.Abs(float64(got)-want[j]) > 1e-4 {
				t.Fatalf("item %d scores %v, want %v", j, got, want[j])
			}
		}
	})
}

func TestUnknownItemsKeepTheirPlace(t *testing.T) {
	m := build(t, DefaultParams(), []session{{items: []string{"a", "b"}}}, nil)
	near, far := NewScratch(), NewScratch()
	m.Score(near, numbers(m, "a"), nil)
	m.Score(far, []uint32{Unknown, numbers(m, "a")[0]}, nil)
	b := numbers(m, "b")[0]
	x, _ := near.Get(b)
	y, _ := far.Get(b)
	if want := x * float32(math.Exp(-1/m.Params().Delta)); math.Abs(float64(y-want)) > 1e-7 {
		t.Errorf("behind an unknown step the score is %v, want %v", y, want)
	}
}

func TestNegativeWeightsNeverShowBelowZero(t *testing.T) {
	m := build(t, DefaultParams(), []session{{items: []string{"a", "b"}}, {items: []string{"c", "d"}}}, nil)
	s := NewScratch()
	m.Score(s, numbers(m, "a", "c"), []float32{1, -3})
	for _, c := range m.Top(s, 10, nil, nil) {
		if c.Score <= 0 || m.ID(c.Item) == "d" {
			t.Errorf("%s is listed with score %v", m.ID(c.Item), c.Score)
		}
	}
	s.Normalize()
	s.Each(func(item uint32, weight float32) {
		if weight < 0 || weight > 1 {
			t.Errorf("%s is %v after Normalize, want 0..1", m.ID(item), weight)
		}
	})
	if s.Max() != 1 {
		t.Errorf("the maximum is %v after Normalize, want 1", s.Max())
	}
}

func TestTopAgainstSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewScratch()
		sums := map[uint32]float32{}
		for range rapid.IntRange(0, 300).Draw(t, "adds") {
			j := rapid.Uint32Range(0, 90).Draw(t, "item")
			w := float32(rapid.IntRange(-2, 3).Draw(t, "weight"))
			s.Add(j, w)
			sums[j] += w
		}
		banned := rapid.Uint32Range(0, 90).Draw(t, "banned")
		var want []Scored
		for j, w := range sums {
			if w > 0 && j != banned {
				want = append(want, Scored{j, w})
			}
		}
		sort.Slice(want, func(x, y int) bool {
			return want[x].Score > want[y].Score || want[x].Score == want[y].Score && want[x].Item < want[y].Item
		})
		k := rapid.IntRange(0, 60).Draw(t, "k")
		got := s.Top(k, func(j uint32) bool { return j == banned }, nil)
		if !slices.Equal(got, want[:min(k, len(want))]) {
			t.Fatalf("top %d is %v, want %v", k, got, want)
		}
	})
}

func TestScratchAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Scratch
		for range 2 { // the second round after a Reset
			sums := map[uint32]float32{}
			var order []uint32
			for range rapid.IntRange(0, 40).Draw(t, "runs") {
				from, run := rapid.Uint32().Draw(t, "from"), rapid.Uint32Range(1, 200).Draw(t, "run")
				for j := from; j != from+run; j++ {
					if _, ok := sums[j]; !ok && j != Unknown {
						order = append(order, j)
					}
					if j != Unknown {
						sums[j]++
					}
					s.Add(j, 1)
				}
			}
			if s.Len() != len(order) {
				t.Fatalf("%d items touched, want %d", s.Len(), len(order))
			}
			for n, j := range order {
				if item, w := s.At(n); item != j || w != sums[j] {
					t.Fatalf("At(%d) is %d, %v; want %d, %v", n, item, w, j, sums[j])
				}
				if w, ok := s.Get(j); !ok || w != sums[j] {
					t.Fatalf("Get(%d) is %v, %v", j, w, ok)
				}
			}
			s.Reset()
			if _, ok := s.Get(7); ok || s.Len() != 0 {
				t.Fatal("Reset left something behind")
			}
		}
	})
}

func TestScoringDoesNotAllocate(t *testing.T) {
	m := build(t, DefaultParams(), powerLaw(5, 3000, 4000), nil)
	s := NewScratch()
	steps := []uint32{5, 900, Unknown, 3, 17, 40, 2, 2, 1, 0, 11, 12}
	weights := []float32{1, 1, 1, -1, 4, 1, 1, 1, 2, 1, 1, 1}
	skip := func(item uint32) bool { return item == steps[0] }
	dst := make([]Scored, 0, 20)
	if n := testing.AllocsPerRun(100, func() {
		s.Reset()
		m.Score(s, steps, weights)
		dst = m.Top(s, 20, skip, dst)
	}); n != 0 {
		t.Errorf("scoring allocates %v times, want 0", n)
	}
	if len(dst) != 20 {
		t.Fatalf("%d items, want 20", len(dst))
	}
}

func TestPopular(t *testing.T) {
	m := build(t, DefaultParams(), []session{{items: []string{"c", "b", "b"}}, {items: []string{"a"}}}, nil)
	if got := m.Popular(2); !slices.Equal(got, numbers(m, "b", "a")) {
		t.Errorf("popular are %v, want b, then a before c", got)
	}
}

// BenchmarkScore is one prediction, scoring and top 20, on sessions like a
// click stream's.
func BenchmarkScore(b *testing.B) {
	p := DefaultParams()
	p.A, p.Delta, p.SWDays = .4, 1, 4
	m := build(b, p, powerLaw(7, 37_000, 110_000), &BuildOptions{Workers: 2})
	var prefixes [][]uint32
	for _, s := range powerLaw(8, 37_000, 15_000) {
		steps := numbers(m, s.items...)
		slices.Reverse(steps)
		for n := 1; n < len(steps); n++ {
			prefixes = append(prefixes, steps[n:])
		}
	}
	s := NewScratch()
	dst := make([]Scored, 0, 20)
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		begin := time.Now()
		s.Reset()
		m.Score(s, prefixes[n%len(prefixes)], nil)
		dst = m.Top(s, 20, nil, dst)
		if len(took) < 1<<20 {
			took = append(took, time.Since(begin))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
}

// BenchmarkBuild is training on a click stream of about 450,000 clicks, one
// goroutine.
func BenchmarkBuild(b *testing.B) {
	sessions := powerLaw(7, 37_000, 110_000)
	for b.Loop() {
		build(b, DefaultParams(), sessions, nil)
	}
}
