package recommend

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/session"
)

// drawVaried is a world whose items have dates, and a request for a placement
// with variety in a session that was shown something.
func drawVaried(t *rapid.T, tb testing.TB, m Model) *world {
	w := drawWorld(t, tb, m)
	w.publish(t)
	if rapid.Bool().Draw(t, "short") {
		w.req.Limit = rapid.IntRange(1, 8).Draw(t, "short limit")
	}
	v := &w.req.Placement.Variety
	switch rapid.SampledFrom([]string{"", "max", "λ"}).Draw(t, "diversify") {
	case "max":
		v.Diversify = Diversify{
			Attribute: rapid.SampledFrom([]string{"colour", "categories", "none"}).Draw(t, "attribute"),
			Max:       rapid.IntRange(1, 3).Draw(t, "max of a value"), Window: rapid.IntRange(0, 6).Draw(t, "window"),
		}
	case "λ":
		v.Diversify = Diversify{Lambda: rapid.Float64Range(.05, .99).Draw(t, "λ"), Similar: rapid.SampledFrom([][]string{
			nil, {"colour", "brand"}, {"tags"}, {SimilarRows}, {SimilarVectors},
		}).Draw(t, "similar")}
	}
	if rapid.Bool().Draw(t, "rotate") {
		v.Rotate.Factor = rapid.Float64Range(.05, .95).Draw(t, "factor")
		v.Rotate.Least = v.Rotate.Factor * rapid.Float64Range(.1, 1).Draw(t, "least")
	}
	if rapid.Bool().Draw(t, "fresh") {
		v.Fresh = Fresh{Days: float64(rapid.IntRange(1, 90).Draw(t, "days")), Lift: rapid.Float64Range(1.01, 2).Draw(t, "lift")}
	}
	if w.req.Session == nil {
		w.req.Session = viewOf()
	}
	for range rapid.IntRange(0, 30).Draw(t, "showings") {
		id := drawID(t, "shown")
		for range rapid.IntRange(1, 4).Draw(t, "times") {
			w.req.Session.Shown = append(w.req.Session.Shown, id)
		}
	}
	return w
}

// publish dates two thirds of the items, some of them in the future.
func (w *world) publish(t *rapid.T) {
	items := make([]catalog.Item, w.snap.Len())
	for v := range items {
		items[v] = *w.snap.Item(uint32(v))
		if days := rapid.IntRange(-3, 120).Draw(t, "age"); v%3 > 0 {
			items[v].PublishedAt = noon().Add(-time.Duration(days) * 24 * time.Hour).Format(time.RFC3339)
		}
	}
	w.snap = catalog.Build(items)
	w.engine.SetCatalog(w.snap)
}

// TestVarietyKeepsThePromises: whatever a placement does for variety, what
// holds of every answer holds of its answers.
func TestVarietyKeepsThePromises(t *testing.T) {
	m := makeModel(t, worldSize, 300)
	rapid.Check(t, func(rt *rapid.T) {
		w := drawVaried(rt, t, m)
		ans := rank(t, w.engine, w.req)
		w.checkItems(rt, ans)
		w.checkPins(rt, ans)
		if again := rank(t, w.engine, w.req); !cmp.Equal(ids(ans), ids(again)) {
			rt.Fatalf("the same request, another answer: %v, then %v", ids(ans), ids(again))
		}
		for _, limit := range []int{w.req.Limit + 5, MaxLimit} {
			longer := *w.req
			longer.Limit = min(MaxLimit, limit)
			if long := ids(rank(t, w.engine, &longer)); len(long) < len(ans.Items) || !slices.Equal(ids(ans), long[:len(ans.Items)]) {
				rt.Fatalf("%v is not the beginning of %v", ids(ans), long)
			}
		}
		explained := *w.req
		explained.Explain = true
		full := rank(t, w.engine, &explained)
		checkSame(rt, ans, full)
		checkLedgers(t, full)
	})
}

// TestVarietyHidesNothing: it orders. Where an answer has room for all, the
// same items are in it with and without; only what is new may join.
func TestVarietyHidesNothing(t *testing.T) {
	m := makeModel(t, worldSize, 300)
	rapid.Check(t, func(rt *rapid.T) {
		w := drawVaried(rt, t, m)
		w.req.Limit = MaxLimit
		varied := ids(rank(t, w.engine, w.req))
		w.req.Placement.Variety = Variety{}
		for _, id := range ids(rank(t, w.engine, w.req)) {
			if !slices.Contains(varied, id) && len(varied) < MaxLimit {
				rt.Fatalf("%s is in no slot of %v", id, varied)
			}
		}
	})
}

// TestWhatIsNamedStaysAhead: neither rotation nor freshness brings what nobody
// named before what the session or the profile names.
func TestWhatIsNamedStaysAhead(t *testing.T) {
	m := makeModel(t, worldSize, 300)
	rapid.Check(t, func(rt *rapid.T) {
		w := drawVaried(rt, t, m)
		w.setRules(t, nil)
		w.req.Limit, w.req.Explain, w.req.Placement.Variety.Diversify = MaxLimit, true, Diversify{}
		others := ""
		for _, it := range rank(t, w.engine, w.req).Items {
			switch sides(it.Ledger)[0].Signal {
			case "session", "profile":
				if others != "" {
					rt.Fatalf("%s is behind %s: %+v", it.ItemID, others, it.Ledger)
				}
			default:
				others = it.ItemID
			}
		}
	})
}

// TestBoostNeverLowersItsItemAmongVaried boosts one item, which no variety may
// turn into a loss for it; and, where no slot depends on what stands before,
// many at once.
func TestBoostNeverLowersItsItemAmongVaried(t *testing.T) {
	m := makeModel(t, worldSize, 300)
	rapid.Check(t, func(rt *rapid.T) {
		w := drawVaried(rt, t, m)
		w.req.Limit, w.req.Candidates = MaxLimit, nil
		w.setRules(t, nil)
		before := ids(rank(t, w.engine, w.req))
		rule := merch.Rule{ID: "b", Action: merch.Action{Type: "boost", Strength: rapid.IntRange(1, 100).Draw(rt, "strength")}}
		about := func(id string) bool { return len(rule.Action.Item) > 0 && rule.Action.Item[0] == id }
		if w.req.Placement.Variety.Diversify.on() {
			rule.Action.Item = merch.Texts{drawID(rt, "boosted")}
		} else {
			raw := drawFilter(rt)
			rule.Action.Filter = []byte(raw)
			var bound catalog.Bound
			w.snap.Bind(compileFilter(t, raw), &bound)
			about = func(id string) bool { return bound.Match(w.snap.Variant(id)) }
		}
		w.setRules(t, []merch.Rule{rule})
		after := ids(rank(t, w.engine, w.req))
		for n, id := range before {
			if at := slices.Index(after, id); about(id) && (at < 0 || at > n) {
				rt.Fatalf("%+v moved %s from slot %d to %d", rule.Action, id, n+1, at+1)
			}
		}
	})
}

// TestVarietyIsBounded: no showing takes all, no novelty gives more than
// double, whatever a placement asks for; more showings never lift, age never
// does.
func TestVarietyIsBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := Rotate{Factor: rapid.Float64().Draw(rt, "factor"), Least: rapid.Float64().Draw(rt, "least")}
		f := Fresh{Days: rapid.Float64().Draw(rt, "days"), Lift: rapid.Float64().Draw(rt, "lift")}
		n := rapid.Uint8Range(0, 254).Draw(rt, "showings")
		fewer, more := r.factor(n), r.factor(n+1)
		if !(more >= leastRotated && more <= fewer && fewer <= 1) || r.factor(neverShown) != 1 {
			rt.Fatalf("%+v: %v after %d showings, %v after one more", r, fewer, n, more)
		}
		age := rapid.Float64Range(-5, 400).Draw(rt, "age")
		young, old := f.factor(age), f.factor(age+1)
		if !(young >= 1 && young <= MaxLift) || age >= 0 && old > young {
			rt.Fatalf("%+v: ×%v at %v days, ×%v a day later", f, young, age, old)
		}
	})
}

// plainRelevance is maximal marginal relevance, word by word.
func plainRelevance(score []float64, alike func(i, j int) float64, lambda float64) []int {
	var out []int
	for range score {
		best, most := -1, 0.0
		for i := range score {
			if slices.Contains(out, i) {
				continue
			}
			worst := 0.0
			for _, j := range out {
				worst = max(worst, alike(i, j))
			}
			if worth := float64(lambda*score[i]/score[0]) - float64((1-lambda)*worst); best < 0 || worth > most {
				best, most = i, worth
			}
		}
		out = append(out, best)
	}
	return out
}

// TestRelevanceIsWhatItSays: leaving out what cannot win any more changes
// nothing.
func TestRelevanceIsWhatItSays(t *testing.T) {
	m := makeModel(t, worldSize, 300)
	rapid.Check(t, func(rt *rapid.T) {
		w := drawVaried(rt, t, m)
		w.setRules(t, nil)
		w.req.Limit = MaxLimit
		lambda := rapid.Float64Range(.05, .99).Draw(rt, "the λ")
		w.req.Placement.Variety = Variety{}
		plain := rank(t, w.engine, w.req)
		var score []float64
		for _, it := range plain.Items {
			score = append(score, it.Score)
		}
		colour := w.snap.Attribute("colour")
		want := make([]string, 0, len(score))
		for _, i := range plainRelevance(score, func(i, j int) float64 {
			return shared(colour, w.snap.Variant(plain.Items[i].ItemID), w.snap.Variant(plain.Items[j].ItemID))
		}, lambda) {
			want = append(want, plain.Items[i].ItemID)
		}
		w.req.Placement.Variety.Diversify = Diversify{Lambda: lambda, Similar: []string{"colour"}}
		if got := ids(rank(t, w.engine, w.req)); !slices.Equal(got, want) {
			rt.Fatalf("λ %v: %v, want %v", lambda, got, want)
		}
	})
}

// shownView is a session of steps, newest first, that was shown items, newest
// first, so many times each.
func shownView(steps []string, times int, shown ...string) *session.View {
	v := viewOf(steps...)
	for _, id := range shown {
		for range times {
			v.Shown = append(v.Shown, id)
		}
	}
	return v
}
