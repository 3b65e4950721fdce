package neighbors

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/recommend/corpus"
	"github.com/nextbest/nextbest/recommend/rows"
)

// visit is a training session of a test.
type visit struct {
	items []string
	day   float64
}

func corpusOf(t fataler, visits []visit) *corpus.Corpus {
	b := corpus.NewBuilder(corpus.Options{})
	for _, v := range visits {
		b.Add(v.items, v.day)
	}
	c, err := b.Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// slow is a method by its definition: ids, maps, every session compared.
type slow struct {
	visits  []visit // oldest first
	newest  float64
	last    int
	m, k    int
	longest int // distinct items of the longest session that counts
	// similarity of a past session that shares the items at steps (1 is the
	// newest, ascending) with a session of n steps, distinct of them different.
	similarity func(past visit, steps []int, n, distinct int) float64
	// factor of an item of a past session whose newest common item is that of
	// step, at places of the past session counted from 1.
	factor   func(step, place, common int, rarity float64) float64
	relative bool
}

func distinctOf(items []string) []string {
	var out []string
	for _, id := range items {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// near is a past session found.
type near struct {
	past       visit
	steps      []int
	similarity float64
}

// neighbours are the k most similar of the m newest, by the definition. Equal
// to nine digits is equal: the newer one wins.
func (s *slow) neighbours(session []string) []near {
	n, distinct := len(session), len(distinctOf(session))
	for _, id := range session {
		if id == "" && slices.Contains(session, "") {
			distinct++ // unknown items are different ones
		}
	}
	if slices.Contains(session, "") {
		distinct--
	}
	var found []near
	for _, past := range slices.Backward(s.visits) {
		if len(distinctOf(past.items)) > s.longest || len(found) == s.m {
			continue
		}
		var steps []int
		for b, id := range session { // newest first
			if id != "" && !slices.Contains(session[:b], id) && slices.Contains(past.items, id) {
				steps = append(steps, b+1)
			}
		}
		if len(steps) > 0 {
			found = append(found, near{past, steps, s.similarity(past, steps, n, distinct)})
		}
	}
	digits := func(x float64) float64 {
		y, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 9, 64), 64)
		return y
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(digits(b.similarity), digits(a.similarity)) })
	return found[:min(s.k, len(found))]
}

// score is every item's score.
func (s *slow) score(session []string) map[string]float64 {
	session = session[:min(len(session), s.last)]
	pairs, total := map[string]float64{}, 0.
	for _, v := range s.visits {
		for _, id := range distinctOf(v.items) {
			pairs[id]++
			total++
		}
	}
	out := map[string]float64{}
	found := s.neighbours(session)
	for _, f := range found {
		common := lastPlace(f.past.items, session[f.steps[0]-1])
		for _, id := range distinctOf(f.past.items) {
			w := f.similarity
			if s.relative {
				w /= found[0].similarity
			}
			out[id] += w * s.factor(f.steps[0], lastPlace(f.past.items, id), common, math.Log(total/pairs[id]))
		}
	}
	return out
}

func lastPlace(items []string, id string) int {
	for p := len(items) - 1; p >= 0; p-- {
		if items[p] == id {
			return p + 1
		}
	}
	return 0
}

// define fills in a method's formulas, as the papers and the package's
// documentation give them.
func (s *slow) define(method Method) {
	s.last, s.longest = math.MaxInt, math.MaxInt
	switch p := method.(type) {
	case VMIS:
		s.defineVMIS(p)
	case SKNN:
		s.m, s.k = p.M, p.K
		s.similarity = func(past visit, steps []int, _, distinct int) float64 {
			return float64(len(steps)) / math.Sqrt(float64(distinct*len(distinctOf(past.items))))
		}
		s.factor = func(int, int, int, float64) float64 { return 1 }
	case VSKNN:
		s.m, s.k = p.M, p.K
		s.similarity = func(_ visit, steps []int, n, distinct int) float64 {
			sum := 0.
			for _, step := range steps {
				place := n - step + 1
				if p.Weight == 0 {
					sum += 1 / math.Log10(float64(n-place)+1.7)
				} else {
					sum += math.Pow(float64(place)/float64(n), p.Weight)
				}
			}
			return sum / float64(distinct)
		}
		s.factor = func(step, _, _ int, rarity float64) float64 {
			return (1 + p.IDF*rarity) / math.Pow(float64(step), p.Decay)
		}
	case STAN:
		s.defineSTAN(p)
	}
}

func (s *slow) defineVMIS(p VMIS) {
	s.m, s.k, s.last = p.M, p.K, p.Last
	var lengths []int
	for _, v := range s.visits {
		lengths = append(lengths, len(distinctOf(v.items)))
	}
	slices.Sort(lengths)
	for _, longest := range lengths { // the smallest that leaves out at most one in 200
		if longer := len(lengths) - (slices.Index(lengths, longest) + count(lengths, longest)); float64(longer) <= .005*float64(len(lengths))+1e-9 {
			s.longest = longest
			break
		}
	}
	s.similarity = func(_ visit, steps []int, n, distinct int) float64 {
		sum := 0.
		for _, step := range steps {
			sum += float64(n-step+1) / float64(distinct)
		}
		return sum
	}
	s.factor = func(step, _, _ int, rarity float64) float64 {
		if p.IDF == 0 {
			rarity = 1
		} else {
			rarity *= p.IDF
		}
		return (1 - float64(step)/10) * rarity
	}
}

func (s *slow) defineSTAN(p STAN) {
	s.m, s.k, s.relative = p.M, p.K, true
	s.similarity = func(past visit, steps []int, _, _ int) float64 {
		sum := 0.
		for _, step := range steps {
			sum += math.Exp(-float64(step-1) / p.L1)
		}
		return sum / math.Sqrt(float64(len(distinctOf(past.items)))) * math.Exp(-(s.newest-past.day)/p.L2)
	}
	s.factor = func(step, place, common int, rarity float64) float64 {
		w := math.Exp(-math.Abs(float64(place-common)) / p.L3)
		if p.L4 > 0 {
			w *= math.Exp(-float64(step-1) / p.L4)
		}
		return w * (1 + p.IDF*rarity)
	}
}

func count(list []int, x int) int {
	n := 0
	for _, y := range list {
		if x == y {
			n++
		}
	}
	return n
}

func anyVisits(t *rapid.T, most int) []visit {
	var out []visit
	for range rapid.IntRange(1, most).Draw(t, "sessions") {
		v := visit{day: float64(rapid.IntRange(0, 6).Draw(t, "day"))}
		for range rapid.IntRange(1, 9).Draw(t, "length") {
			v.items = append(v.items, fmt.Sprintf("i%d", rapid.IntRange(0, 11).Draw(t, "item")))
		}
		out = append(out, v)
	}
	return out
}

func anyMethod(t *rapid.T) Method {
	m, k := rapid.IntRange(1, 25).Draw(t, "m"), rapid.IntRange(1, 15).Draw(t, "k")
	idf := float64(rapid.IntRange(0, 3).Draw(t, "idf"))
	tenths := func(name string, from int) float64 { return float64(rapid.IntRange(from, 60).Draw(t, name)) / 10 }
	switch rapid.IntRange(0, 3).Draw(t, "method") {
	case 0:
		return VMIS{M: m, K: k, Last: rapid.IntRange(1, 9).Draw(t, "last"), IDF: idf}
	case 1:
		return SKNN{M: m, K: k}
	case 2:
		return VSKNN{M: m, K: k, Weight: tenths("weight", 0) / 2, Decay: tenths("decay", 0) / 2, IDF: idf}
	}
	return STAN{M: m, K: k, L1: tenths("l1", 2), L2: tenths("l2", 2), L3: tenths("l3", 2), L4: tenths("l4", 0), IDF: idf}
}

// anySession is a running session, newest first; "" is an unknown item.
func anySession(t *rapid.T) []string {
	var session []string
	for range rapid.IntRange(0, 12).Draw(t, "steps") {
		id := ""
		if i := rapid.IntRange(0, 13).Draw(t, "step"); i < 13 {
			id = fmt.Sprintf("i%d", i)
		}
		session = append(session, id)
	}
	return session
}

// TestMethodsAgainstTheDefinition compares every item's score with that of the
// slow reference, on one Scratch that is used again and again.
func TestMethodsAgainstTheDefinition(t *testing.T) {
	w := NewScratch()
	rapid.Check(t, func(t *rapid.T) {
		visits := anyVisits(t, 40)
		method := anyMethod(t)
		c := corpusOf(t, visits)
		o := method.Needs()
		if rapid.Bool().Draw(t, "whole index") {
			o.Recent = 0
		}
		m := modelOf(t, c, o, method)
		slices.SortStableFunc(visits, func(a, b visit) int { return cmp.Compare(a.day, b.day) })
		ref := slow{visits: visits, newest: c.Latest()}
		ref.define(method)
		session := anySession(t)
		steps := make([]uint32, len(session))
		for b, id := range session {
			steps[b] = number(c, id)
			if steps[b] == rows.Unknown {
				session[b] = ""
			}
		}
		want := ref.score(session)
		var sums rows.Scratch
		m.Score(w, &sums, steps, nil)
		for i := range uint32(c.Len()) {
			got, _ := sums.Get(i)
			if x := want[c.ID(i)]; math.Abs(float64(got)-x) > 1e-5*max(1, math.Abs(x)) {
				t.Fatalf("%+v, session %v: %s scores %v, want %v", method, session, c.ID(i), got, x)
			}
		}
	})
}

func modelOf(t fataler, c *corpus.Corpus, o Options, method Method) *Model {
	x, err := NewIndex(context.Background(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(x, method)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// number is an item's number by its id, rows.Unknown when training lacks it.
func number(c *corpus.Corpus, id string) uint32 {
	for i := range uint32(c.Len()) {
		if c.ID(i) == id {
			return i
		}
	}
	return rows.Unknown
}

// fataler is a test or a rapid check.
type fataler interface{ Fatal(args ...any) }
