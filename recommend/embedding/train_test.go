package embedding

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
)

// small are parameters for tests on a few hundred items.
func small() Params {
	p := DefaultParams()
	p.Dim, p.Epochs, p.Batch, p.Negatives = 16, 8, 64, 64
	return p
}

const (
	families   = 30
	familySize = 8
)

// familySessions stay in one family of items each: item i is of family
// i % families.
func familySessions(seed uint64, n int) [][]int {
	r := rand.New(rand.NewPCG(seed, 0))
	var lists [][]int
	for range n {
		family := r.IntN(families)
		list := make([]int, 2+r.IntN(6))
		for k := range list {
			list[k] = family + families*r.IntN(familySize)
		}
		lists = append(lists, list)
	}
	return lists
}

func train(t testing.TB, c *corpus.Corpus, p Params, o Options) *Model {
	t.Helper()
	m, err := Train(context.Background(), c, p, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	return m
}

// together is the share of neighbours that are of the item's own family.
func together(t testing.TB, m *Model, o NeighbourOptions) float64 {
	t.Helper()
	near, err := m.Neighbours(context.Background(), familySize-1, o)
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for n, j := range near {
		if j != Unknown && int(j)%families == n/(familySize-1)%families {
			same++
		}
	}
	return float64(same) / float64(len(near))
}

func TestTrainFindsFamilies(t *testing.T) {
	m := train(t, sessions(t, familySessions(1, 3000)), small(), Options{Seed: 1})
	if share := together(t, m, NeighbourOptions{}); share < .95 {
		t.Errorf("%.3f of the neighbours are of the same family, want nearly all", share)
	}
	if !slices.IsSortedFunc(m.Pos[:2], func(a, b float32) int { return int(math.Copysign(1, float64(b-a))) }) || m.Pos[0] <= 0 {
		t.Errorf("weights of positions %v: the newest step should count most", m.Pos)
	}
	for i := range uint32(m.Len()) {
		length := 0.
		for _, x := range m.Row(i) {
			length += float64(x) * float64(x)
		}
		if math.Abs(length-1) > 1e-5 || !m.Has(i) {
			t.Fatalf("item %d: squared length %v, want 1", i, length)
		}
	}
}

func TestBiasFollowsPopularity(t *testing.T) {
	lists := familySessions(2, 2000)
	for n := range lists { // item 0 comes into every third session
		if n%3 == 0 {
			lists[n] = append(lists[n], 0)
		}
	}
	m := train(t, sessions(t, lists), small(), Options{Seed: 1})
	if most := slices.Index(m.Bias, slices.Max(m.Bias)); most != 0 {
		t.Errorf("item %d has the largest bias, want the popular item 0", most)
	}
}

func TestTrainGivesTheSameForASeed(t *testing.T) {
	c := sessions(t, familySessions(3, 600))
	p := small()
	p.Epochs, p.MaxExamples = 2, 900
	want := train(t, c, p, Options{Seed: 9, Workers: 1})
	for _, workers := range []int{1, 2, 5} {
		if got := train(t, c, p, Options{Seed: 9, Workers: workers}); !cmp.Equal(got, want) {
			t.Errorf("%d workers: another model than one worker's", workers)
		}
	}
	if other := train(t, c, p, Options{Seed: 10, Workers: 1}); cmp.Equal(other, want) {
		t.Error("another seed gives the same model")
	}
}

func TestTrainLeavesItemsWithoutClicksOut(t *testing.T) {
	lists := append(familySessions(4, 400), []int{5, 1000, 1001}, []int{1001, 5})
	c := sessions(t, lists)
	m := train(t, c.Prefix(400), small(), Options{Seed: 1})
	last := uint32(c.Len() - 1)
	if m.Has(last) || m.Has(Unknown) || !m.Has(0) {
		t.Errorf("items with a vector: %v %v %v, want the clicked one only", m.Has(last), m.Has(Unknown), m.Has(0))
	}
	if m.Bias[last] != 0 || m.Norm[last] != 0 || slices.Max(m.Row(last)) != 0 {
		t.Error("an item without clicks has values")
	}
	near, err := m.Neighbours(t.Context(), 3, NeighbourOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(near[:3*int(last)], last) || !slices.Equal(near[3*last:], []uint32{Unknown, Unknown, Unknown}) {
		t.Error("an item without a vector has neighbours or is one")
	}
}

func TestContinue(t *testing.T) {
	lists := append(familySessions(5, 2000), familySessions(6, 200)...)
	for n, list := range lists[2000:] { // a new item 240 of family 0
		if list[0]%families == 0 {
			lists[2000+n] = append(list, familySize*families, list[0])
		}
	}
	c := sessions(t, lists)
	p := small()
	before := train(t, c.Prefix(2000), p, Options{Seed: 1})
	was := slices.Clone(before.E)
	examples := int64(0)
	after, err := Continue(t.Context(), before, c, p.Further(c), Options{Seed: 2, Progress: func(_, total int64) { examples = total }})
	if err != nil {
		t.Fatal(err)
	}
	if all := int64(c.Clicks() - c.Sessions()); examples < all*8/10 || examples > all {
		t.Errorf("went on with %d examples of %d, want three passes over three tenths", examples, all)
	}
	if !slices.Equal(before.E, was) {
		t.Error("the given model was changed")
	}
	added := uint32(familySize * families)
	if before.Has(added) || !after.Has(added) {
		t.Errorf("the new item has a vector: before %v, after %v", before.Has(added), after.Has(added))
	}
	near, err := after.Neighbours(t.Context(), 4, NeighbourOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range near[4*added:] {
		if j%families != 0 {
			t.Errorf("the new item's neighbours are %v, want items of family 0", near[4*added:])
		}
	}
	p.Dim = 8
	if _, err := Continue(t.Context(), before, c, p, Options{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("another dim: error %v, want an Invalid fault", err)
	}
}

func TestTrainStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	_, err := Train(ctx, sessions(t, familySessions(7, 500)), small(), Options{Progress: func(done, total int64) {
		calls++
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("error %v after %d updates, want context.Canceled after the first", err, calls)
	}
}

func TestProgressEndsAtTheTotal(t *testing.T) {
	p := small()
	for _, limit := range []int{1 << 20, 700} {
		p.Epochs, p.MaxExamples = 2, limit
		c := sessions(t, familySessions(8, 500))
		last, all := int64(-1), int64(0)
		train(t, c, p, Options{Progress: func(done, total int64) {
			if done <= last || done > total {
				t.Errorf("progress went from %d to %d of %d", last, done, total)
			}
			last, all = done, total
		}})
		if last != all {
			t.Errorf("limit %d: progress ended at %d of %d", limit, last, all)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultParams().Validate(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(p *Params){
		"dim":          func(p *Params) { p.Dim = 60 },
		"epochs":       func(p *Params) { p.Epochs = 0 },
		"closing":      func(p *Params) { p.Closing = -1 },
		"batch":        func(p *Params) { p.Batch = -1 },
		"negatives":    func(p *Params) { p.Negatives = 1 << 20 },
		"power":        func(p *Params) { p.Power = math.NaN() },
		"tau":          func(p *Params) { p.Tau = 0 },
		"lr":           func(p *Params) { p.LR = math.Inf(1) },
		"lr_end":       func(p *Params) { p.LREnd = 2 },
		"pos_lr":       func(p *Params) { p.PosLR = -1 },
		"max_examples": func(p *Params) { p.MaxExamples = 0 },
	} {
		p := DefaultParams()
		spoil(&p)
		_, err := Train(t.Context(), nil, p, Options{})
		got := fault.Of(err)
		if got == nil || got.Kind != fault.Invalid || len(got.Fields) != 1 || got.Fields[0].Pointer != "/"+field {
			t.Errorf("bad %s: error %v, want an Invalid fault at /%s only", field, err, field)
		}
	}
}

func TestPlanPrefersNewSessions(t *testing.T) {
	c := sessions(t, familySessions(11, 4000))
	all := c.Clicks() - c.Sessions()
	limit := all / 4
	p := newPlan(c, limit, 1)
	visits := make([]int, c.Sessions())
	const epochs = 20
	for epoch := range epochs {
		r := p.start(epoch)
		n, seen := 0, map[example]bool{}
		for list := p.take(nil, 100, r); len(list) > 0; list = p.take(list, 100, r) {
			for _, e := range list {
				visits[e.session()]++
				if seen[e] || e.target() < 1 || e.target() >= len(c.Session(e.session())) {
					t.Fatalf("example %d of session %d comes twice or is none", e.target(), e.session())
				}
				seen[e] = true
				n++
			}
		}
		if math.Abs(float64(n-limit)) > .1*float64(limit) {
			t.Errorf("epoch %d has %d examples, want about %d", epoch, n, limit)
		}
	}
	never := 0
	for s, n := range visits {
		if want := epochs * (len(c.Session(s)) - 1); s >= p.from && n != want {
			t.Fatalf("new session %d gave %d examples, want %d", s, n, want)
		}
		if n == 0 {
			never++
		}
	}
	if never > c.Sessions()/5 {
		t.Errorf("%d of %d sessions were never visited", never, c.Sessions())
	}
}

func TestSamplerDrawsByWeight(t *testing.T) {
	lists := [][]int{{0, 1}, {0, 2}, {0, 1}, {0, 0, 0, 0}, {7, 8}}
	c := sessions(t, lists).Prefix(4) // items 3 and 4 (7 and 8) have no clicks there
	s := newSampler(c, .75)
	r := rand.New(rand.NewPCG(1, 1))
	const draws = 200_000
	got := make([]float64, c.Len())
	for range draws {
		got[s.draw(r)]++
	}
	weights, sum := make([]float64, c.Len()), 0.
	for i := range weights {
		if k := c.Count(uint32(i)); k > 0 {
			weights[i] = math.Pow(float64(k)+.5, .75)
			sum += weights[i]
		}
	}
	for i, w := range weights {
		want := w / sum
		if math.Abs(got[i]/draws-want) > 5*math.Sqrt(want*(1-want)/draws) {
			t.Errorf("item %d: drawn %.4f of the time, want %.4f", i, got[i]/draws, want)
		}
		if want > 0 && math.Abs(float64(s.logQ[i])-math.Log(want)) > 1e-5 {
			t.Errorf("item %d: ln q %v, want %v", i, s.logQ[i], math.Log(want))
		}
	}
}
