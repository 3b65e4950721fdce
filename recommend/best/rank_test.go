package best

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"pgregory.net/rapid"
)

// slowRank is the kernel's definition on maps and float64: what every
// candidate's inputs are, pre, the cut, the score. It reads the same entries.
func slowRank(m *Model, steps []uint32, policy Policy, skip map[uint32]bool) (map[uint32][]float64, []uint32) {
	rows, cos := map[uint32]float64{}, map[uint32]float64{}
	codes := map[uint32]*entry{} // of the newest three rows
	at := func(i uint32) *entry {
		if codes[i] == nil {
			codes[i] = &entry{age: codeAbsent}
		}
		return codes[i]
	}
	back1 := map[uint32]uint8{}
	for b, a := range steps {
		if b >= m.params.Last || !m.has(a) {
			continue
		}
		w := math.Exp(-float64(b) / m.params.Delta)
		for row := m.row(a); len(row) > 0; row = row[entryWords:] {
			e := unpack(row)
			rows[e.item] += w * float64(decodeWeight(e.weight))
			x := at(e.item)
			switch b {
			case 0:
				x.first, x.together, x.times, x.age = e.first, e.together, e.times, e.age
			case 1:
				x.second, back1[e.item] = e.second, e.first
			case 2:
				x.third = e.third
			}
			if b > 0 {
				cos[e.item] += w * float64(m.tables.rate.value[e.together])
			}
		}
		if b < nearSteps {
			for _, j := range m.nearOf(a) {
				rows[j] += 0
			}
		}
	}
	for _, a := range steps {
		if m.has(a) {
			rows[a] += 0
		}
	}
	return slowInputs(m, steps, rows, cos, codes, back1), slowCut(m, steps, rows, codes, policy, skip)
}

func slowInputs(m *Model, steps []uint32, rows, cos map[uint32]float64, codes map[uint32]*entry, back1 map[uint32]uint8) map[uint32][]float64 {
	es, most := slowLogits(m, steps, rows), slowMost(rows)
	rate, all := &m.tables.rate, map[uint32][]float64{}
	distinct := map[uint32]bool{}
	unknown := 0
	for _, a := range steps {
		if m.has(a) {
			distinct[a] = true
		} else {
			unknown++
		}
	}
	for i, b0 := range rows {
		e := codes[i]
		if e == nil {
			e = &entry{age: codeAbsent}
		}
		x := make([]float64, inputs)
		x[inRowsShare] = b0 / most
		x[inRows] = math.Log1p(1000 * b0 / most)
		for k, code := range map[int]uint8{inFirst: e.first, inSecond: e.second, inThird: e.third, inFirstBack: back1[i], inTogether: e.together} {
			x[k] = math.Log1p(1000 * float64(rate.value[code]))
		}
		x[inTogetherBack] = math.Log1p(1000 * cos[i])
		t := m.traitsOf(i)
		x[inPopularity], x[inTrend] = float64(t[traitPopularity]), float64(t[traitTrend])
		count, place := 0., 0.
		for b, a := range steps {
			if a == i {
				if count++; place == 0 {
					place = float64(b + 1)
				}
				if b < 2 {
					x[[]int{inIsNewest, inIsPrevious}[b]] = 1
				}
			}
		}
		if count > 0 {
			x[inBack], x[inCount], x[inReturns] = 1/place, min(count, 4), float64(t[traitReturns])
		}
		x[inTimes] = math.Log1p(float64(m.tables.times.value[e.times]))
		if e.age != codeAbsent {
			x[inFresh] = 8 - math.Log1p(float64(m.tables.age.value[e.age]))
		}
		x[inEmbedding], x[inFirstRate] = es[i], float64(rate.value[e.first])
		if m.vectors != nil {
			x[inBias] = float64(m.vectors.Bias(i))
			x[inSimilar] = slowLikeness(m, steps[0], i)
		}
		x[inLength] = math.Log(float64(len(steps)))
		x[inDistinct] = float64(len(distinct)+unknown) / float64(len(steps))
		if m.has(steps[0]) {
			x[inNewestSteps] = float64(m.traitsOf(steps[0])[traitSteps])
			if len(steps) > 1 && steps[0] == steps[1] {
				x[inRepeated] = 1
			}
		}
		all[i] = x
	}
	return all
}

func slowMost(rows map[uint32]float64) float64 {
	most := 0.
	for _, x := range rows {
		most = max(most, x)
	}
	if most == 0 {
		return 1
	}
	return most
}

func slowLogits(m *Model, steps []uint32, rows map[uint32]float64) map[uint32]float64 {
	es := map[uint32]float64{}
	if m.vectors == nil {
		return es
	}
	d := m.vectors.NewDirection()
	if !m.vectors.Session(d, steps, nil) {
		return es
	}
	best := math.Inf(-1)
	for i := range rows {
		if m.vectors.Has(i) {
			es[i] = float64(m.vectors.Logit(d, i))
			best = max(best, es[i])
		}
	}
	for i := range rows {
		if !m.vectors.Has(i) {
			es[i] = -10
			continue
		}
		es[i] = max(es[i]-best, -15)
	}
	return es
}

func slowLikeness(m *Model, a, j uint32) float64 {
	d := m.vectors.NewDirection()
	if !m.has(a) || !m.vectors.Has(j) || !m.vectors.Session(d, []uint32{a}, nil) {
		return 0
	}
	return float64(m.vectors.Logit(d, j)) - float64(m.vectors.Bias(j))
}

// slowCut are all that may be named, best pre first.
func slowCut(m *Model, steps []uint32, rows map[uint32]float64, codes map[uint32]*entry, policy Policy, skip map[uint32]bool) []uint32 {
	es, most := slowLogits(m, steps, rows), slowMost(rows)
	pre := map[uint32]float64{}
	var list []uint32
	for i, b0 := range rows {
		seen := false
		for _, a := range steps {
			seen = seen || a == i
		}
		if skip[i] || policy == Current && i == steps[0] || policy == Seen && seen {
			continue
		}
		pre[i] = b0/most + .07*max(es[i], -10)
		if e := codes[i]; e != nil {
			pre[i] += .3 * float64(m.tables.rate.value[e.first])
		}
		if seen {
			pre[i] += .1
		}
		list = append(list, i)
	}
	sort.Slice(list, func(x, y int) bool {
		a, b := list[x], list[y]
		return pre[a] > pre[b] || pre[a] == pre[b] && a < b
	})
	return list
}

// slowScore is the network by its definition.
func slowScore(r *ranker, x []float64) float64 {
	score := float64(r.base)
	for n, v := range x {
		score += float64(r.linear[n]) * v
	}
	for h := range r.hidden {
		sum := float64(r.bias[h])
		for n, v := range x {
			sum += float64(r.first[n*r.hidden+h]) * v
		}
		score += float64(r.second[h]) * max(sum, 0)
	}
	return score
}

// TestRankIsTheSlowReference compares inputs, cut, scores and order.
func TestRankIsTheSlowReference(t *testing.T) {
	m, s := smallModel(t), NewScratch()
	plain := *m
	plain.vectors, plain.near = nil, nil
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 600 {
		model := m
		if n%5 == 4 {
			model = &plain
		}
		steps := randomSteps(r, m.Len(), 14)
		if len(steps) == 0 {
			continue
		}
		policy, skip := Policy(n%3), map[uint32]bool{uint32(r.IntN(m.Len())): true, uint32(r.IntN(m.Len())): true}
		got := model.Rank(s, steps, nil, policy, func(i uint32) bool { return skip[i] }, 1000, nil)
		all, order := slowRank(model, steps, policy, skip)
		if len(got) != len(order) {
			t.Fatalf("%v: %d candidates, want %d", steps, len(got), len(order))
		}
		checkInputs(t, model, s, policy, all)
		checkOrder(t, model, s, order)
	}
}

func checkInputs(t *testing.T, m *Model, s *Scratch, policy Policy, all map[uint32][]float64) {
	t.Helper()
	for n := range s.Len() {
		c := s.Candidate(n)
		got := s.AppendInputs(nil, n)
		if !c.Reranked {
			if got != nil {
				t.Fatalf("item %d has inputs below the cut", c.Item)
			}
			continue
		}
		want := all[c.Item]
		for k := range want {
			if math.Abs(float64(got[k])-want[k]) > 1e-4 {
				t.Fatalf("item %d has %s %v, want %v", c.Item, InputNames()[k], got[k], want[k])
			}
		}
		if score := slowScore(m.rankers[policy], want); math.Abs(float64(c.Score)-score) > 1e-3 {
			t.Fatalf("item %d has score %v, want %v", c.Item, c.Score, score)
		}
	}
}

// checkOrder: the first of order are above the cut and sorted by score, the
// others follow in their order. Orders of equal pre may differ by rounding.
func checkOrder(t *testing.T, m *Model, s *Scratch, order []uint32) {
	t.Helper()
	limit := min(m.params.Candidates, len(order))
	above := map[uint32]bool{}
	for n := range s.Len() {
		c := s.Candidate(n)
		if c.Reranked != (n < limit) {
			t.Fatalf("place %d of %d: reranked %v with a cut of %d", n, s.Len(), c.Reranked, limit)
		}
		if n > 0 && before(s.ranking[n], s.ranking[n-1]) {
			t.Fatalf("place %d is better than the one before", n)
		}
		above[c.Item] = c.Reranked
	}
	for n, i := range order {
		if n == limit-1 || n == limit || above[i] == (n < limit) {
			continue
		}
		t.Fatalf("item %d, in place %d by pre, is on the wrong side of the cut", i, n)
	}
}

func TestPoliciesNeverLeak(t *testing.T) {
	m, s := smallModel(t), NewScratch()
	rapid.Check(t, func(r *rapid.T) {
		item := rapid.OneOf(rapid.Uint32Range(0, uint32(m.Len()-1)), rapid.Just(Unknown))
		steps := rapid.SliceOfN(item, 0, 80).Draw(r, "steps")
		weights := rapid.SliceOfN(rapid.Float32Range(-3, 4), len(steps), len(steps)).Draw(r, "weights")
		skipped := rapid.Uint32Range(0, uint32(m.Len()-1)).Draw(r, "skipped")
		policy := Policy(rapid.IntRange(0, Policies-1).Draw(r, "policy"))
		k := rapid.IntRange(0, 100).Draw(r, "k")
		list := m.Rank(s, steps, weights, policy, func(i uint32) bool { return i == skipped }, k, nil)
		if len(list) > k {
			r.Fatalf("%d items of %d", len(list), k)
		}
		named := map[uint32]bool{}
		for n, c := range list {
			if named[c.Item] || c.Item == skipped || !m.has(c.Item) || c.Score-c.Score != 0 {
				r.Fatalf("place %d: %+v", n, c)
			}
			named[c.Item] = true
		}
		for b, i := range steps[:min(len(steps), MaxSteps)] {
			if named[i] && (policy == Seen || policy == Current && b == 0) {
				r.Fatalf("%v names item %d, step %d of the session", policy, i, b)
			}
		}
	})
}

func TestShorterListsArePrefixes(t *testing.T) {
	m, s := smallModel(t), NewScratch()
	r := rand.New(rand.NewPCG(2, 2))
	for range 200 {
		steps := randomSteps(r, m.Len(), 10)
		long := m.Rank(s, steps, nil, None, nil, 50, nil)
		for _, k := range []int{0, 1, 5, 15, 16, 30} {
			short := m.Rank(s, steps, nil, None, nil, k, nil)
			if !equal(short, long[:min(k, len(long))]) {
				t.Fatalf("the best %d of %v are %v, the best 50 %v", k, steps, short, long)
			}
		}
	}
}

func TestOnlyProportionsOfWeightsCount(t *testing.T) {
	m, s := smallModel(t), NewScratch()
	steps := []uint32{3, 4, 9}
	plain := m.Rank(s, steps, nil, None, nil, 30, nil)
	if got := m.Rank(s, steps, []float32{4, 4, 4}, None, nil, 30, nil); !equal(got, plain) {
		t.Errorf("weights of 4 rank %v, of 1 %v", got, plain)
	}
	if got := m.Rank(s, steps, []float32{1, 1, .01}, None, nil, 30, nil); equal(got, plain) {
		t.Error("a weight of .01 changes nothing")
	}
}

// TestNegativeWeightTakesAway: what goes with a disliked item sinks, and the
// item does not count as one to come back to.
func TestNegativeWeightTakesAway(t *testing.T) {
	m, s := smallModel(t), NewScratch()
	rows := func(weights []float32) (share, count float32) {
		m.Rank(s, []uint32{20, 3}, weights, None, nil, 100, nil)
		for n := range s.Len() {
			if x := s.AppendInputs(nil, n); x != nil && s.Candidate(n).Item == 20 {
				count = x[inCount]
			}
			if c := s.find(21); c != nil {
				share = c.rows
			}
		}
		return share, count
	}
	liked, was := rows([]float32{1, 1})
	disliked, is := rows([]float32{-1, 1})
	if !(liked > 0) || disliked >= liked || was != 1 || is != 0 {
		t.Errorf("next to a liked item: share %v, count %v; next to a disliked one: %v, %v", liked, was, disliked, is)
	}
}

func TestRankAllocatesNothing(t *testing.T) {
	m, s := smallModel(t), NewScratch()
	steps := []uint32{1, 2, 3, 2, 5, 9, 30, 31, 32, 33, 34}
	weights := []float32{1, 3, 1, -1, 1, 1, 1, 1, 1, 1, 1}
	skip := func(i uint32) bool { return i == 7 }
	dst := make([]Scored, 0, 100)
	var x []float32
	for _, k := range []int{20, 100} {
		m.Rank(s, steps, weights, Seen, skip, 100, dst)
		x = s.AppendInputs(x[:0], 0)
		got := testing.AllocsPerRun(100, func() {
			for policy := range policies {
				dst = m.Rank(s, steps, weights, policy, skip, k, dst)
			}
			x = s.AppendInputs(x[:0], 0)
			m.ScoreInputs(x, Seen)
		})
		if got != 0 {
			t.Errorf("%d items: %v allocations", k, got)
		}
	}
}

// TestInputsReplay: the inputs of a candidate have its score, bit for bit, with
// a ranker and without.
func TestInputsReplay(t *testing.T) {
	m, s := smallModel(t), NewScratch()
	bare := *m
	bare.rankers = [policies]*ranker{}
	r := rand.New(rand.NewPCG(4, 4))
	replayed := 0
	for range 300 {
		steps := randomSteps(r, m.Len(), 12)
		for _, model := range []*Model{m, &bare} {
			for policy := range policies {
				model.Rank(s, steps, nil, policy, nil, 40, nil)
				for n := range s.Len() {
					c := s.Candidate(n)
					if !c.Reranked {
						continue
					}
					replayed++
					if got := model.ScoreInputs(s.AppendInputs(nil, n), policy); math.Float32bits(got) != math.Float32bits(c.Score) {
						t.Fatalf("replayed %v, served %v", got, c.Score)
					}
				}
			}
		}
	}
	if replayed == 0 {
		t.Error("nothing was replayed")
	}
}

func TestKeysOrderLikeScores(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := rapid.Float32Range(-1e6, 1e6)
		x, y := Scored{Item: rapid.Uint32().Draw(r, "i"), Score: f.Draw(r, "x")}, Scored{Item: rapid.Uint32().Draw(r, "j"), Score: f.Draw(r, "y")}
		a, b := rankKey(x.Score, x.Item), rankKey(y.Score, y.Item)
		if x.Score != y.Score && (a > b) != before(x, y) || keyItem(a) != x.Item || keyScore(a) != x.Score {
			r.Errorf("%v %v: keys %x %x, back %v %v", x, y, a, b, keyItem(a), keyScore(a))
		}
	})
}
