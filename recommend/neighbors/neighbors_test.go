package neighbors

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/rows"
)

// methods are all of them with their defaults.
func methods() map[string]Method {
	return map[string]Method{
		"vmis": DefaultVMIS(), "sknn": DefaultSKNN(), "vsknn": DefaultVSKNN(), "stan": DefaultSTAN(), "vstan": DefaultVSTAN(),
	}
}

func trained(t testing.TB, method Method, visits ...visit) (*corpus.Corpus, *Model) {
	t.Helper()
	c := corpusOf(t, visits)
	return c, modelOf(t, c, method.Needs(), method)
}

// list is what a model recommends, as ids.
func list(c *corpus.Corpus, m *Model, k int, session ...string) []string {
	var steps []uint32
	for _, id := range session {
		steps = append(steps, number(c, id))
	}
	out := []string{}
	for _, s := range m.Recommend(NewScratch(), steps, nil, k, nil, nil) {
		out = append(out, c.ID(s.Item))
	}
	return out
}

func day(n float64, items string) visit { return visit{items: strings.Fields(items), day: n} }

func TestNothingIsKnown(t *testing.T) {
	for name, method := range methods() {
		c, m := trained(t, method, day(1, "a b"), day(2, "c d"))
		for _, session := range [][]string{nil, {"z"}, {"z", "y", "z"}} {
			if got := list(c, m, 5, session...); len(got) != 0 {
				t.Errorf("%s: a session of %v is answered with %v", name, session, got)
			}
		}
		if got := m.Recommend(NewScratch(), []uint32{99, rows.Unknown}, nil, 5, nil, nil); len(got) != 0 {
			t.Errorf("%s: items beyond the index are answered with %v", name, got)
		}
		if got := list(c, m, 0, "a"); len(got) != 0 {
			t.Errorf("%s: a list of none holds %v", name, got)
		}
	}
}

// TestTiesGoByID: b and c are alike in everything.
func TestTiesGoByID(t *testing.T) {
	for name, method := range methods() {
		c, m := trained(t, method, day(1, "c a b a"), day(1, "b a c a"), day(1, "d e"), day(1, "d e"))
		got := list(c, m, 5, "a")
		if i, j := slices.Index(got, "b"), slices.Index(got, "c"); i < 0 || j != i+1 {
			t.Errorf("%s: the list is %v, want b right before c", name, got)
		}
	}
}

// TestNewerNeighboursWin: of sessions that are equally similar the K newest
// score, and only the M newest are looked at.
func TestNewerNeighboursWin(t *testing.T) {
	visits := []visit{day(1, "a old"), day(2, "a b middle"), day(3, "a new"), day(3, "a newest")}
	for name, c := range map[string]struct {
		method  Method
		session string
		want    string
	}{
		"k":    {SKNN{M: 100, K: 2}, "a", "a new newest"},
		"m":    {SKNN{M: 3, K: 100}, "a", "a b middle new newest"},
		"best": {SKNN{M: 100, K: 1}, "b a", "a b middle"},
		"both": {SKNN{M: 2, K: 2}, "b a", "a new newest"},
		"vmis": {VMIS{M: 2, K: 2, Last: 4}, "a", "a new newest"},
		"last": {VMIS{M: 9, K: 9, Last: 1}, "b a", "a b middle"},
	} {
		corpus, m := trained(t, c.method, visits...)
		got := list(corpus, m, 20, strings.Fields(c.session)...)
		slices.Sort(got)
		want := strings.Fields(c.want)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %+v names %v, want %v", name, c.method, got, want)
		}
	}
}

// TestEqualButForRounding: 3/√18 is 1/√2, but not in 53 bits.
func TestEqualButForRounding(t *testing.T) {
	c, m := trained(t, SKNN{M: 9, K: 1}, day(1, "x y z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"), day(2, "x newer"))
	if got := list(c, m, 20, "z", "y", "x"); len(got) != 2 || got[0] != "newer" {
		t.Errorf("the most similar session holds %v, want the newer one's x and newer", got)
	}
}

func TestSkippedItemsAreReplaced(t *testing.T) {
	c, m := trained(t, DefaultVMIS(), day(1, "a b c"), day(2, "a b d"), day(3, "e f"))
	a, b := number(c, "a"), number(c, "b")
	got := m.Recommend(NewScratch(), []uint32{a}, nil, 2, func(i uint32) bool { return i == a || i == b }, nil)
	if len(got) != 2 || c.ID(got[0].Item) != "c" || c.ID(got[1].Item) != "d" {
		t.Errorf("without a and b the list is %v", got)
	}
}

// TestWeightsOfSteps: a weight counts like that much of the step, and what is
// disliked finds nothing.
func TestWeightsOfSteps(t *testing.T) {
	c, m := trained(t, VMIS{M: 9, K: 9, Last: 9}, day(1, "a x"), day(2, "b y"))
	steps := []uint32{number(c, "b"), number(c, "a")}
	score := func(weights []float32, id string) float64 {
		var sums rows.Scratch
		m.Score(NewScratch(), &sums, steps, weights)
		v, _ := sums.Get(number(c, id))
		return float64(v)
	}
	for _, w := range []struct {
		weights []float32
		x, y    float64
	}{
		{nil, .5 * .8, 1 * .9}, {[]float32{1, 1}, .5 * .8, 1 * .9}, {[]float32{2, 4}, 2 * .8, 2 * .9},
		{[]float32{0, 1}, .5 * .8, 0}, {[]float32{1, -3}, 0, .9}, {[]float32{1, float32(math.NaN())}, 0, .9},
	} {
		if x, y := score(w.weights, "x"), score(w.weights, "y"); math.Abs(x-w.x) > 1e-6 || math.Abs(y-w.y) > 1e-6 {
			t.Errorf("weights %v give x %v and y %v, want %v and %v", w.weights, x, y, w.x, w.y)
		}
	}
}

// TestOldSessionsStillAnswer: where all neighbours are ages old, their
// similarities are too small for a float32, and count all the same.
func TestOldSessionsStillAnswer(t *testing.T) {
	for _, method := range []STAN{DefaultSTAN(), DefaultVSTAN()} {
		method.L2 = 1
		c, m := trained(t, method, day(0, "a b"), day(500, "c d"))
		if got := list(c, m, 5, "a"); len(got) != 2 {
			t.Errorf("%+v: the list is %v, want a and b", method, got)
		}
	}
}

// TestLongSessionsOfVMIS: those beyond the 99.5 % quantile of distinct items
// find nothing, but count in the rarity of their items.
func TestLongSessionsOfVMIS(t *testing.T) {
	var visits []visit
	for n := range 599 {
		visits = append(visits, day(float64(n), fmt.Sprintf("a b%d a", n)))
	}
	long := []string{"a"}
	for n := range 50 {
		long = append(long, fmt.Sprintf("l%02d", n))
	}
	visits = append(visits, visit{items: long, day: 1000})
	c, m := trained(t, DefaultVMIS(), visits...)
	if got := list(c, m, 20, "l00"); len(got) != 0 {
		t.Errorf("the longest of 600 sessions answers %v", got)
	}
	_, all := trained(t, DefaultSKNN(), visits...)
	if got := list(c, all, 20, "l00"); len(got) != 20 {
		t.Errorf("sknn names %d items of the longest session, want 20", len(got))
	}
	want := math.Log((599*2 + 51) / 600.)
	if got := float64(m.s.item[number(c, "a")]); math.Abs(got-want) > 1e-6 {
		t.Errorf("the rarity of a is %v, want %v", got, want)
	}
}

// TestIndexIsBoundedByItsItems: sessions that no item leads to are not kept.
func TestIndexIsBoundedByItsItems(t *testing.T) {
	var visits []visit
	for n := range 500 {
		visits = append(visits, day(float64(n), "a b a"))
	}
	visits = append(visits, day(-1, "a c"))
	c := corpusOf(t, visits)
	x, err := NewIndex(t.Context(), c, Options{Recent: 10})
	if err != nil {
		t.Fatal(err)
	}
	if x.Sessions() != 11 || len(x.Posts(number(c, "a"))) != 10 || len(x.Posts(number(c, "c"))) != 1 || x.Len() != 3 {
		t.Errorf("%d sessions, %v lead to a, %v to c", x.Sessions(), x.Posts(number(c, "a")), x.Posts(number(c, "c")))
	}
	whole, err := NewIndex(t.Context(), c, Options{})
	if err != nil || whole.Sessions() != 501 || whole.Bytes() < 20*x.Bytes() {
		t.Errorf("the whole index has %d sessions and %d bytes, the bounded one %d bytes; error %v", whole.Sessions(), whole.Bytes(), x.Bytes(), err)
	}
	items, places := x.Session(10) // the newest
	if got := c.ID(items[0]) + c.ID(items[1]); got != "ba" || !slices.Equal(places, []uint16{2, 3}) {
		t.Errorf("the newest session is %s at %v, want ba at the last places 2 and 3", got, places)
	}
}

func TestRefusals(t *testing.T) {
	c := corpusOf(t, []visit{day(1, "a b")})
	for _, o := range []Options{{Recent: -1}, {Quantile: -.1}, {Quantile: 1.1}, {Quantile: math.NaN()}} {
		if _, err := NewIndex(t.Context(), c, o); fault.KindOf(err) != fault.Invalid {
			t.Errorf("options %+v: error %v, want an Invalid fault", o, err)
		}
	}
	x, err := NewIndex(t.Context(), c, Options{Recent: 10})
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	for _, r := range []struct {
		method Method
		want   []string
	}{
		{VMIS{M: 0, K: 0, Last: 10, IDF: -1}, []string{"/m", "/k", "/last", "/idf"}},
		{VMIS{M: 1, K: 1, Last: 0, IDF: math.Inf(1)}, []string{"/last", "/idf"}},
		{SKNN{M: MaxSessions + 1, K: MaxSessions + 1}, []string{"/m", "/k"}},
		{VSKNN{M: 1, K: 1, Weight: -1, Decay: 101, IDF: nan}, []string{"/weight", "/decay", "/idf"}},
		{STAN{M: 1, K: 1, L4: -1, IDF: -1}, []string{"/l1", "/l2", "/l3", "/l4", "/idf"}},
		{STAN{M: 1, K: 1, L1: nan, L2: nan, L3: nan, L4: nan}, []string{"/l1", "/l2", "/l3", "/l4"}},
	} {
		_, err := New(x, r.method)
		f := fault.Of(err)
		if f == nil || f.Kind != fault.Invalid {
			t.Errorf("%+v: error %v, want an Invalid fault", r.method, err)
			continue
		}
		var got []string
		for _, field := range f.Fields {
			got = append(got, field.Pointer)
		}
		if !slices.Equal(got, r.want) {
			t.Errorf("%+v: refused for %v, want %v", r.method, got, r.want)
		}
	}
	if _, err := New(x, SKNN{M: 11, K: 1}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an index of 10 sessions per item for M = 11: error %v, want an Invalid fault", err)
	}
	if _, err := New(x, SKNN{M: 10, K: 1}); err != nil {
		t.Errorf("M = 10: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewIndex(ctx, c, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// powerLaw makes a shop's sessions: few items get most clicks, and an item's
// neighbours in number tend to follow it. The returned ones were not trained on.
func powerLaw(t testing.TB, items, sessions int) (*corpus.Corpus, [][]uint32) {
	rnd := rand.New(rand.NewPCG(7, 1))
	zipf := rand.NewZipf(rnd, 1.2, 8, uint64(items-1))
	visit := func() []string {
		var ids []string
		at := zipf.Uint64()
		for range 2 + int(rnd.ExpFloat64()*2.5) {
			ids = append(ids, fmt.Sprintf("%07d", at))
			if rnd.IntN(3) == 0 {
				at = zipf.Uint64()
			} else {
				at = (at*7 + uint64(rnd.IntN(20))) % uint64(items)
			}
		}
		return ids
	}
	b := corpus.NewBuilder(corpus.Options{})
	for n := range sessions {
		b.Add(visit(), float64(n)/float64(sessions))
	}
	c, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	index := map[string]uint32{}
	for i := range uint32(c.Len()) {
		index[c.ID(i)] = i
	}
	running := make([][]uint32, 2000)
	for n := range running {
		for _, id := range visit() {
			i, ok := index[id]
			if !ok {
				i = rows.Unknown
			}
			running[n] = append(running[n], i)
		}
	}
	return c, running
}

func TestRecommendDoesNotAllocate(t *testing.T) {
	c, running := powerLaw(t, 3000, 20_000)
	for name, method := range methods() {
		m := modelOf(t, c, method.Needs(), method)
		w, dst, n := NewScratch(), make([]rows.Scored, 0, 20), 0
		for _, steps := range running[:300] { // the scratch grows to what these need
			dst = m.Recommend(w, steps, nil, 20, nil, dst)
		}
		if got := testing.AllocsPerRun(200, func() {
			dst = m.Recommend(w, running[n%300], nil, 20, nil, dst)
			n++
		}); got != 0 {
			t.Errorf("%s: %v allocations a prediction", name, got)
		}
	}
}

// TestReadersShareAModel is for the race detector, and for answers that do not
// depend on what a Scratch did before.
func TestReadersShareAModel(t *testing.T) {
	c, running := powerLaw(t, 500, 3000)
	m := modelOf(t, c, DefaultVMIS().Needs(), DefaultVMIS())
	answers := make(chan []rows.Scored, 4)
	for range cap(answers) {
		go func() {
			w := NewScratch()
			var all []rows.Scored
			for _, steps := range running[:300] {
				all = append(all, m.Recommend(w, steps, nil, 20, nil, nil)...)
			}
			answers <- all
		}()
	}
	want := <-answers
	if len(want) < 300 {
		t.Errorf("only %d items in all answers", len(want))
	}
	for range cap(answers) - 1 {
		if !slices.Equal(<-answers, want) {
			t.Error("two readers got different answers")
		}
	}
}

func BenchmarkRecommend(b *testing.B) {
	for _, items := range []int{10_000, 100_000} {
		c, running := powerLaw(b, items, 10*items)
		for _, name := range []string{"vmis", "sknn", "vsknn", "vstan"} {
			method := methods()[name]
			m := modelOf(b, c, method.Needs(), method)
			b.Run(fmt.Sprintf("%s/%dk", name, items/1000), func(b *testing.B) {
				w, dst, n := NewScratch(), make([]rows.Scored, 0, 20), 0
				b.ReportAllocs()
				for b.Loop() {
					dst = m.Recommend(w, running[n%len(running)], nil, 20, nil, dst)
					n++
				}
			})
		}
	}
}
