package popular

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPairs: every row holds its strongest pairs in order, whatever the order
// in which they came.
func TestPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type added struct {
			row, key string
			weight   float64
		}
		var all []added
		want := map[string][]Pair{}
		for n := range rapid.IntRange(0, 200).Draw(t, "pairs") {
			a := added{
				row: string(rune('a' + n%5)), key: fmt.Sprint(rune('a'+n/5%26), n/5/26),
				weight: rapid.SampledFrom([]float64{.5, .25, .1, 2, 0, -1, math.NaN()}).Draw(t, "weight"),
			}
			all = append(all, a)
			if a.weight > 0 {
				want[a.row] = append(want[a.row], Pair{a.key, min(1, a.weight)})
			}
		}
		b := NewPairs(77, 0)
		for _, a := range rapid.Permutation(all).Draw(t, "order") {
			b.Add(a.row, a.key, a.weight)
		}
		b.Add("a", "a", 1) // an item does not go with itself
		p := b.Build()
		if p.Len() != len(want) || p.At() != 77 {
			t.Fatalf("%d rows, want %d", p.Len(), len(want))
		}
		last := ""
		for key, row := range p.All() {
			w := want[key]
			slices.SortFunc(w, func(x, y Pair) int { return cmp.Or(cmp.Compare(y.Weight, x.Weight), cmp.Compare(x.Key, y.Key)) })
			if key <= last || !slices.Equal(row, w[:min(len(w), MaxPairs)]) || !slices.Equal(row, p.Row(key)) {
				t.Fatalf("row %s after %s is %v, want %v", key, last, row, w)
			}
			last = key
		}
	})
}

func TestNoPairs(t *testing.T) {
	var none *Pairs
	for key := range none.All() {
		t.Errorf("no table has a row %s", key)
	}
	if none.Row("a") != nil || none.Len() != 0 || none.At() != 0 {
		t.Error("no table says something")
	}
	b := NewPairs(1, 2)
	b.Add("a", "b", .5)
	p := b.Build()
	if got := testing.AllocsPerRun(100, func() { _, _ = p.Row("a"), p.Row("z") }); got != 0 {
		t.Errorf("a row takes %v allocations", got)
	}
}
