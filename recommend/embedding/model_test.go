package embedding

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/fault"
)

// anyModel has random vectors around some directions; every tenth item has
// none.
func anyModel(seed uint64, items, dim int) *Model {
	r := rand.New(rand.NewPCG(seed, 5))
	m := &Model{
		Dim: dim, Tau: .08, Pos: [Steps]float32{.97, .41, .17, .13, .07, .059, -.043, .019},
		E: make([]float32, items*dim), Norm: make([]float32, items), Bias: make([]float32, items),
	}
	centres := make([]float32, (items/40+1)*dim)
	for k := range centres {
		centres[k] = float32(r.NormFloat64())
	}
	for i := range uint32(items) {
		if i%10 == 9 {
			continue
		}
		centre := r.IntN(len(centres) / dim)
		for k := range dim {
			m.Row(i)[k] = centres[centre*dim+k] + .8*float32(r.NormFloat64())
		}
		unit(m.Row(i))
		m.Norm[i], m.Bias[i] = .5+r.Float32(), float32(1.5*r.NormFloat64())
	}
	return m
}

// logit is that of the definition, in double precision.
func logit(m *Model, steps []uint32, weights []float32, i uint32) float64 {
	h := make([]float64, m.Dim)
	for b, s := range steps {
		if b == Steps {
			break
		}
		if int(s) >= m.Len() || m.Norm[s] == 0 {
			continue
		}
		w := float64(m.Pos[b]) * float64(m.Norm[s])
		if weights != nil {
			w *= float64(weights[b])
		}
		for k, x := range m.Row(s) {
			h[k] += w * float64(x)
		}
	}
	square, cosine := 0., 0.
	for k, x := range m.Row(i) {
		square += h[k] * h[k]
		cosine += h[k] * float64(x)
	}
	if square == 0 || m.Norm[i] == 0 {
		return NoLogit
	}
	return cosine/math.Sqrt(square)/float64(m.Tau) + float64(m.Bias[i])
}

func anySteps(t *rapid.T, items int) (steps []uint32, weights []float32) {
	step := rapid.OneOf(rapid.Uint32Range(0, uint32(items)-1), rapid.Just(uint32(Unknown)))
	steps = rapid.SliceOfN(step, 0, 12).Draw(t, "steps")
	if rapid.Bool().Draw(t, "weighted") {
		weights = rapid.SliceOfN(rapid.SampledFrom([]float32{0, .3, .7, 1.1, -1.3}), len(steps), len(steps)).Draw(t, "weights")
	}
	return steps, weights
}

func TestLogitsFollowTheDefinition(t *testing.T) {
	for _, dim := range []int{8, 24, 64} {
		m := anyModel(1, 200, dim)
		q := m.Quantise()
		if err := q.Check(); err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(r *rapid.T) {
			steps, weights := anySteps(r, m.Len())
			items := rapid.SliceOfN(rapid.Uint32Range(0, uint32(m.Len())-1), 1, 20).Draw(r, "items")
			h, d := make([]float32, dim), q.NewDirection()
			ok := m.Session(h, steps, weights)
			if got := q.Session(d, steps, weights); got != ok {
				r.Fatalf("quantised: a direction %v, without: %v", got, ok)
			}
			got, codes := make([]float32, len(items)), make([]float32, len(items))
			m.Logits(got, h, items)
			q.Logits(codes, d, items)
			for n, i := range items {
				want := logit(m, steps, weights, i)
				if !ok { // then every logit is the bias or NoLogit
					want = float64(m.Logit(h, i))
				}
				if math.Abs(float64(got[n])-want) > 1e-4*(1+math.Abs(want)) {
					r.Errorf("logit of %d: %v, want %v", i, got[n], want)
				}
				if ok && math.Abs(float64(codes[n])-want) > 1 {
					r.Errorf("quantised logit of %d: %v, want %v", i, codes[n], want)
				}
			}
		})
	}
}

func TestASessionWithoutVectorsHasNoDirection(t *testing.T) {
	m := anyModel(1, 20, 16)
	q := m.Quantise()
	h, d := make([]float32, 16), q.NewDirection()
	for _, steps := range [][]uint32{nil, {Unknown}, {9, 19, Unknown, 20}} {
		q.Session(d, []uint32{1}, nil) // what an earlier request left
		m.Session(h, []uint32{1}, nil)
		if m.Session(h, steps, nil) || q.Session(d, steps, nil) {
			t.Errorf("steps %v have a direction", steps)
		}
		for i := range uint32(m.Len()) {
			want := m.Bias[i]
			if !m.Has(i) {
				want = NoLogit
			}
			if m.Logit(h, i) != want || q.Logit(d, i) != want {
				t.Errorf("steps %v: item %d has the logit %v, quantised %v, want %v", steps, i, m.Logit(h, i), q.Logit(d, i), want)
			}
		}
	}
}

func TestAnUnknownStepKeepsItsPlace(t *testing.T) {
	m := anyModel(1, 20, 16)
	a, b := make([]float32, 16), make([]float32, 16)
	m.Session(a, []uint32{3, Unknown, 4}, nil)
	m.Session(b, []uint32{3, 5, 4}, []float32{1, 0, 1})
	if !cmp.Equal(a, b, cmpopts.EquateApprox(0, 1e-6)) {
		t.Errorf("direction %v, want that of the other steps at their places %v", a, b)
	}
}

func TestQueriesDoNotAllocate(t *testing.T) {
	m := anyModel(1, 300, 64)
	q := m.Quantise()
	h, d := make([]float32, 64), q.NewDirection()
	steps, items, dst := []uint32{1, 2, Unknown, 9, 4}, make([]uint32, 100), make([]float32, 100)
	for n := range items {
		items[n] = uint32(n)
	}
	if n := testing.AllocsPerRun(100, func() {
		m.Session(h, steps, nil)
		m.Logits(dst, h, items)
		q.Session(d, steps, nil)
		q.Logits(dst, d, items)
	}); n > 0 {
		t.Errorf("%v allocations a query, want none", n)
	}
}

func TestMultiplyIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := 8 * rapid.IntRange(1, MaxDim/8).Draw(t, "eighths")
		edge := rapid.OneOf(rapid.Uint8(), rapid.Just(uint8(255)))
		codes := rapid.SliceOfN(edge, n, n).Draw(t, "codes")
		values := rapid.SliceOfN(rapid.OneOf(rapid.Uint64Range(0, 63), rapid.Just(uint64(63))), n, n).Draw(t, "values")
		words, want := make([]uint64, n/4), uint64(0)
		for k := range n {
			words[k/8*2+k%2] |= values[k] << (48 - 16*(k%8/2))
			want += uint64(codes[k]) * values[k]
		}
		if got := multiply(codes, words); got != want {
			t.Fatalf("the sum of products is %d, want %d", got, want)
		}
	})
}

func TestPlace(t *testing.T) {
	m := anyModel(1, 30, 16)
	if m.Place(9) || m.Place(9, 19, 29, Unknown, 9) || m.Place(30, 1) || m.Has(9) {
		t.Fatal("an item was placed without another's vector")
	}
	if !m.Place(9, 1, 2, 19) {
		t.Fatal("the item was not placed")
	}
	want := make([]float32, 16)
	for k := range want {
		want[k] = m.Row(1)[k] + m.Row(2)[k]
	}
	unit(want)
	if !cmp.Equal(m.Row(9), want, cmpopts.EquateApprox(0, 1e-5)) {
		t.Errorf("placed at %v, want %v", m.Row(9), want)
	}
	if m.Bias[9] != min(m.Bias[1], m.Bias[2]) || math.Abs(float64(m.Norm[9]-(m.Norm[1]+m.Norm[2])/2)) > 1e-6 {
		t.Errorf("bias %v and length %v, want the smaller of %v and %v, and the mean of %v and %v",
			m.Bias[9], m.Norm[9], m.Bias[1], m.Bias[2], m.Norm[1], m.Norm[2])
	}
}

func TestRenumber(t *testing.T) {
	m := anyModel(1, 30, 16)
	m.Sums = Sums{E: make([]float32, 30), Bias: make([]float32, 30), Pos: m.Pos}
	m.Sums.E[4], m.Sums.Bias[4] = 3, 2
	got := m.Renumber([]uint32{4, Unknown, 9, 2})
	if err := got.Check(); err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(got.Row(0), m.Row(4)) || !cmp.Equal(got.Row(3), m.Row(2)) || got.Bias[3] != m.Bias[2] || got.Pos != m.Pos {
		t.Error("items did not keep their vectors and biases")
	}
	if got.Has(1) || got.Has(2) || got.Sums.E[0] != 3 || got.Sums.Bias[0] != 2 || got.Sums.Pos != m.Sums.Pos {
		t.Error("a new item has a vector, or sums were lost")
	}
}

func TestCheckRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for name, spoil := range map[string]func(m *Model){
		"short vectors": func(m *Model) { m.E = m.E[1:] },
		"short bias":    func(m *Model) { m.Bias = nil },
		"dim":           func(m *Model) { m.Dim = 12 },
		"sums":          func(m *Model) { m.Sums.E = make([]float32, 3) },
		"tau":           func(m *Model) { m.Tau = 0 },
		"vector":        func(m *Model) { m.E[7] = nan },
		"bias":          func(m *Model) { m.Bias[7] = float32(math.Inf(1)) },
		"position":      func(m *Model) { m.Pos[7] = nan },
	} {
		m := anyModel(1, 20, 16)
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		spoil(m)
		if err := m.Check(); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: error %v, want an Invalid fault", name, err)
		}
	}
	for name, spoil := range map[string]func(q *Quantised){
		"short codes": func(q *Quantised) { q.Codes = q.Codes[1:] },
		"short meta":  func(q *Quantised) { q.Meta = q.Meta[:7] },
		"meta":        func(q *Quantised) { q.Meta[7] = nan },
		"tau":         func(q *Quantised) { q.Tau = nan },
	} {
		q := anyModel(1, 20, 16).Quantise()
		spoil(q)
		if err := q.Check(); fault.KindOf(err) != fault.Invalid {
			t.Errorf("quantised, %s: error %v, want an Invalid fault", name, err)
		}
	}
}
