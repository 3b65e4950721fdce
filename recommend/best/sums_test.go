package best

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/recommend/corpus"
)

// slowPair and slowItem are the definitions, written down one after the other
// without any thought of cost.
type slowPair struct{ together, follow, first, second, third, next, last float64 }

func slowSums(c *corpus.Corpus, p Params, a, b uint32) (slowPair, itemSums) {
	x := slowPair{last: math.Inf(-1)}
	var y itemSums
	for s := range c.Sessions() {
		items := c.Session(s)
		w := math.Exp(-(c.Latest() - c.Day(s)) / p.SWDays)
		set := map[uint32]bool{}
		for _, i := range items {
			set[i] = true
		}
		size := float64(len(set))
		if set[a] && set[b] {
			x.together += w / size
		}
		if set[a] {
			y.together += w
			y.mass += p.A * w / (size * size)
		}
		for n, i := range items {
			if i != a {
				continue
			}
			y.clicks++
			if c.Day(s) >= c.Latest()-p.RecentDays {
				y.recent++
			}
			if n == len(items)-1 {
				continue
			}
			y.steps++
			y.mass += (1 - p.A) * w
			y.first += w
			again := uint32(0)
			for q := n + 1; q < len(items); q++ {
				if items[q] == a {
					again = 1
				}
				slowGap(&x, &y, float64(q-n), w, c.Day(s), items[q] == b, p)
			}
			y.returns += again
		}
	}
	return x, y
}

func slowGap(x *slowPair, y *itemSums, gap, w, day float64, isB bool, p Params) {
	if gap > 10 {
		return
	}
	third := w * math.Exp(-(gap-3)/2)
	switch {
	case gap == 2:
		y.second += w
	case gap >= 3:
		y.third += third
	}
	if !isB {
		return
	}
	x.follow += w * math.Exp(-(gap-1)/p.TW)
	switch {
	case gap == 1:
		x.first += w
		x.next++
		x.last = max(x.last, day)
	case gap == 2:
		x.second += w
	default:
		x.third += third
	}
}

func drawSessions(t *rapid.T) []testSession {
	item := rapid.IntRange(0, 7)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) testSession {
		return testSession{
			items: rapid.SliceOfN(item, 1, 16).Draw(t, "items"),
			day:   rapid.Float64Range(0, 30).Draw(t, "day"),
		}
	}), 1, 8).Draw(t, "sessions")
}

func drawParams(t *rapid.T) Params {
	p := smallParams()
	p.A = rapid.Float64Range(0, 1).Draw(t, "a")
	p.Lambda = rapid.Float64Range(.1, 20).Draw(t, "lambda")
	p.TW = rapid.Float64Range(.2, 5).Draw(t, "tw")
	p.SWDays = rapid.Float64Range(.5, 200).Draw(t, "sw")
	p.RecentDays = rapid.Float64Range(.1, 10).Draw(t, "recent")
	return p
}

func near(x, y float64) bool { return x == y || math.Abs(x-y) <= 1e-6*(1+math.Abs(x)+math.Abs(y)) }

func TestSumsAreTheDefinition(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c, p := newCorpus(t, drawSessions(r)), drawParams(r)
		s := newSummer(newSums(c, p))
		for a := range uint32(c.Len()) {
			sum := s.item(a)
			for n := range s.pairs {
				x := &s.pairs[n]
				want, of := slowSums(c, p, a, x.item)
				got := slowPair{x.together, x.follow, x.first, x.second, x.third, float64(x.next), x.lastDay}
				if !samePair(got, want) {
					r.Fatalf("pair (%d, %d): %+v, want %+v", a, x.item, got, want)
				}
				if !sameItem(sum, of) {
					r.Fatalf("item %d: %+v, want %+v", a, sum, of)
				}
			}
			for b := range uint32(c.Len()) {
				if want, _ := slowSums(c, p, a, b); want.together > 0 && !hasPair(s, b) {
					r.Fatalf("pair (%d, %d) is missing", a, b)
				}
			}
		}
	})
}

func hasPair(s *summer, b uint32) bool {
	for n := range s.pairs {
		if s.pairs[n].item == b {
			return true
		}
	}
	return false
}

func samePair(x, y slowPair) bool {
	return near(x.together, y.together) && near(x.follow, y.follow) && near(x.first, y.first) &&
		near(x.second, y.second) && near(x.third, y.third) && x.next == y.next && x.last == y.last
}

func sameItem(x, y itemSums) bool {
	return x.clicks == y.clicks && x.recent == y.recent && x.steps == y.steps && x.returns == y.returns &&
		near(x.mass, y.mass) && near(x.together, y.together) && near(x.first, y.first) &&
		near(x.second, y.second) && near(x.third, y.third)
}

// TestRowsHoldTheLargest checks rows, entries and traits against the slow sums.
func TestRowsHoldTheLargest(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c, p := newCorpus(t, drawSessions(r)), drawParams(r)
		p.Top = rapid.IntRange(1, 8).Draw(r, "top")
		m := rowsOf(t, c, p, 1)
		for a := range uint32(c.Len()) {
			checkRow(r, m, c, p, a)
		}
	})
}

func checkRow(r *rapid.T, m *Model, c *corpus.Corpus, p Params, a uint32) {
	weights, kept, pairs := map[uint32]float64{}, map[uint32]bool{}, map[uint32]slowPair{}
	var y itemSums
	for b := range uint32(c.Len()) {
		x, of := slowSums(c, p, a, b)
		pairs[b], y = x, of
		weights[b] = (p.A*x.together + (1-p.A)*x.follow) / (y.mass + p.Lambda)
	}
	least := math.Inf(1)
	for row := m.row(a); len(row) > 0; row = row[entryWords:] {
		e := unpack(row)
		x := pairs[e.item]
		kept[e.item] = true
		least = min(least, weights[e.item])
		weight := max(weights[e.item], 0x1p-56) // there is no smaller one
		if got := float64(decodeWeight(e.weight)); math.Abs(got-weight) > 1e-3*weight {
			r.Fatalf("weight (%d, %d) is %v, want %v", a, e.item, got, weight)
		}
		rate, seen := m.tables.rate.seen, seenRate
		for k, want := range []float64{seen(x.first / (y.first + 1)), seen(x.second / (y.second + 1)),
			seen(x.third / (y.third + 1)), seen(x.together / (y.together + 1))} {
			got := float64(rate[[]uint8{e.first, e.second, e.third, e.together}[k]])
			if math.Abs(got-want) > .0137 { // half a step of the table
				r.Fatalf("rate %d of (%d, %d) is seen as %v, want %v", k, a, e.item, got, want)
			}
		}
		if got, want := float64(m.tables.times.value[e.times]), x.next; got != want {
			r.Fatalf("times of (%d, %d): %v, want %v", a, e.item, got, want)
		}
		age := math.Log1p(min(c.Latest()-x.last, maxAge))
		if got := float64(m.tables.age.seen[e.age]); math.Abs(got-age) > .0137 {
			r.Fatalf("age of (%d, %d) is seen as %v, want %v", a, e.item, got, age)
		}
	}
	for b, w := range weights {
		if !kept[b] && (len(kept) < p.Top && w > 0 || w > least*(1+1e-6)) {
			r.Fatalf("row %d lacks item %d of weight %v; its least is %v", a, b, w, least)
		}
	}
}

// rowsOf is a model with rows alone.
func rowsOf(t testing.TB, c *corpus.Corpus, p Params, workers int) *Model {
	t.Helper()
	m := &Model{params: p}
	m.prepare()
	if err := m.buildRows(t.Context(), newSums(c, p), workers, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTraitsAreFrozenAtTheNewestSession(t *testing.T) {
	c := newCorpus(t, []testSession{
		{items: []int{0, 1, 0, 2}, day: 1}, {items: []int{1, 2}, day: 9}, {items: []int{2, 2, 1}, day: 10},
	})
	p := smallParams()
	p.RecentDays = 2
	m := rowsOf(t, c, p, 1)
	// Clicks 2, 3, 4 of 9; recent (days 8 to 10) 0, 2, 3 of 5; steps 2, 2, 2, returns 1, 0, 1.
	want := [][traitWords]float64{
		{math.Log(3), math.Log(1 / (2*5./9 + 1)), (1 + 10*2./6) / 12, math.Log(3)},
		{math.Log(4), math.Log(3 / (3*5./9 + 1)), (0 + 10*2./6) / 12, math.Log(3)},
		{math.Log(5), math.Log(4 / (4*5./9 + 1)), (1 + 10*2./6) / 12, math.Log(3)},
	}
	for i, traits := range want {
		for k, x := range traits {
			if got := float64(m.traitsOf(uint32(i))[k]); math.Abs(got-x) > 1e-6 {
				t.Errorf("trait %d of item %d is %v, want %v", k, i, got, x)
			}
		}
	}
}

func TestRowsDoNotDependOnWorkers(t *testing.T) {
	c := newCorpus(t, walk(400, 700, 5))
	one, four := rowsOf(t, c, smallParams(), 1), rowsOf(t, c, smallParams(), 4)
	if len(one.entries) == 0 || !equal(one.entries, four.entries) || !equal(one.rowOff, four.rowOff) || !equal(one.traits, four.traits) {
		t.Error("four workers make other rows than one")
	}
}

func equal[T comparable](x, y []T) bool {
	if len(x) != len(y) {
		return false
	}
	for n := range x {
		if x[n] != y[n] {
			return false
		}
	}
	return true
}
