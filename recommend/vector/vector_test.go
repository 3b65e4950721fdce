package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
)

func random(r *rand.Rand, dim int) []float32 {
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func TestDot(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for dim := range 40 {
		a, b := random(r, dim), random(r, dim)
		want := 0.0
		for i := range a {
			want += float64(a[i]) * float64(b[i])
		}
		if got := Dot(a, b); math.Abs(got-want) > 1e-12 {
			t.Errorf("dim %d: %v, want %v", dim, got, want)
		}
	}
	if Dot([]float32{1}, []float32{1, 2}) != 0 {
		t.Error("two lengths have a product")
	}
	if n := Norm([]float32{3, 4}); n != 5 {
		t.Errorf("norm = %v", n)
	}
}

func TestCheck(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, v := range [][]float32{{1}, {1, nan}, {1, inf}, {1001, 0}, {0, 0}} {
		if err := Check(v, 2); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v: %v, want invalid", v, err)
		}
	}
	if err := Check([]float32{-1000, 0}, 2); err != nil {
		t.Error(err)
	}
}

func TestNewSetRefuses(t *testing.T) {
	for name, make := range map[string]func() (*Set, error){
		"dimension": func() (*Set, error) { return NewSet("s", 0, nil, nil) },
		"rows":      func() (*Set, error) { return NewSet("s", 1, []string{"a"}, nil) },
		"value":     func() (*Set, error) { return NewSet("s", 1, []string{"a"}, [][]float32{{0}}) },
		"twice":     func() (*Set, error) { return NewSet("s", 1, []string{"a", "a"}, [][]float32{{1}, {1}}) },
	} {
		if _, err := make(); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func TestTopK(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n, dim = 500, 24
	names, vectors := make([]string, n), make([][]float32, n)
	for i := range vectors {
		names[i], vectors[i] = fmt.Sprint("i", i), random(r, dim)
	}
	copy(vectors[400], vectors[20]) // a tie
	set, err := NewSet("space", dim, names, vectors)
	if err != nil {
		t.Fatal(err)
	}
	if set.Space() != "space" || set.Dim() != dim || set.Len() != n || set.ID(3) != "i3" ||
		!slices.Equal(set.Lookup("i7"), vectors[7]) || set.Lookup("?") != nil {
		t.Fatal("the set does not hold what it was made of")
	}
	query := vectors[20]
	want := make([]Scored, n)
	for i := range want {
		want[i] = Scored{Row: uint32(i), Score: Dot(query, vectors[i])}
	}
	sort.Slice(want, func(i, j int) bool { return before(want[i], want[j]) })
	got := set.TopK(query, 30, nil, nil)
	if !slices.Equal(got, want[:30]) || got[0].Row != 20 || got[1].Row != 400 {
		t.Errorf("got %v, want %v", got, want[:30])
	}
	got = set.TopK(query, 5, func(row uint32) bool { return row == 20 }, got)
	if len(got) != 5 || got[0].Row != 400 {
		t.Errorf("got %v, want none of row 20", got)
	}
	if got := set.TopK(query[1:], 5, nil, nil); len(got) != 0 {
		t.Error("another dimension was compared")
	}
	if got := set.TopK(query, 2*n, nil, nil); len(got) != n {
		t.Errorf("%d rows, want all", len(got))
	}
}
