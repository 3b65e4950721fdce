package recommend

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session"
	"github.com/nextbest/nextbest/session/event"
)

const worldSize = 120

// world is a site and a request, drawn at random.
type world struct {
	engine *Engine
	snap   *catalog.Snapshot
	rules  []merch.Rule
	req    *Request
}

func drawID(t *rapid.T, label string) string {
	return itemID(rapid.IntRange(0, worldSize+9).Draw(t, label)) // some are unknown
}

// drawWorld shares trained models: training is not what is tested.
func drawWorld(t *rapid.T, tb testing.TB, models ...Model) *world {
	w := &world{engine: New(Config{})}
	items := makeItems(worldSize)
	for i := range items {
		if i%5 < 2 {
			items[i].GroupID = fmt.Sprintf("g%d", i/5)
		}
	}
	w.snap = catalog.Build(items)
	w.engine.SetCatalog(w.snap)
	if n := rapid.IntRange(0, len(models)).Draw(t, "model"); n > 0 {
		w.engine.SetModel(models[n-1])
		w.engine.SetRanking(rapid.SampledFrom([]Ranking{RankFully, RankFully, RankPlain}).Draw(t, "ranking"))
	}
	if rapid.Bool().Draw(t, "pairs") {
		w.engine.SetPairs(drawPairs(t, worldSize))
	}
	if rapid.Bool().Draw(t, "popular") {
		w.engine.SetPopular(popular.FromCounts([]string{itemID(7), "g3", itemID(40)}, []float64{5, 4, 3}))
	}
	for n := range rapid.IntRange(0, 60).Draw(t, "sold out") {
		w.snap.Apply(itemID(n*2), catalog.Patch{Available: ptr(false)})
	}
	w.rules = drawRules(t)
	w.setRules(tb, w.rules)
	w.req = drawRequest(t, tb)
	return w
}

func (w *world) setRules(tb testing.TB, rules []merch.Rule) {
	set, err := merch.Compile(rules)
	if err != nil {
		tb.Fatalf("%v: %+v", err, rules)
	}
	w.engine.SetRules(set)
}

// drawPairs are pairs of the first items of a fixture.
func drawPairs(t *rapid.T, items int) *popular.Pairs {
	b := popular.NewPairs(noon().UnixMilli(), 0)
	seen := map[[2]int]bool{}
	for range rapid.IntRange(0, 60).Draw(t, "pairs") {
		key := [2]int{rapid.IntRange(0, items-1).Draw(t, "row"), rapid.IntRange(0, items-1).Draw(t, "partner")}
		if !seen[key] {
			b.Add(itemID(key[0]), itemID(key[1]), rapid.Float64Range(0, 1).Draw(t, "share"))
		}
		seen[key] = true
	}
	return b.Build()
}

func drawFilter(t *rapid.T) string {
	return rapid.SampledFrom([]string{
		`{"attribute":"colour","op":"=","value":"k1"}`,
		`{"attribute":"brand","op":"in","value":["b1","b2","b30"]}`,
		`{"attribute":"price","op":"<","value":15}`,
		`{"not":{"attribute":"tags","op":"contains","value":"t2"}}`,
		`{"any":[{"attribute":"stock","op":">=","value":8},{"attribute":"categories","op":"=","value":"c3"}]}`,
		`{"attribute":"group_id","op":"=","value":"g4"}`,
	}).Draw(t, "filter")
}

func drawRules(t *rapid.T) []merch.Rule {
	rules := make([]merch.Rule, rapid.IntRange(0, 5).Draw(t, "rules"))
	for n := range rules {
		r := &rules[n]
		r.ID, r.Priority = fmt.Sprintf("rule-%d", n), rapid.IntRange(0, 2).Draw(t, "priority")
		a := &r.Action
		switch a.Type = rapid.SampledFrom([]string{"pin", "boost", "bury", "hide", "slot", "diversify"}).Draw(t, "type"); a.Type {
		case "pin":
			a.Item, a.Slot = merch.Texts{drawID(t, "pinned")}, rapid.IntRange(1, 12).Draw(t, "slot")
		case "boost", "bury":
			a.Filter, a.Strength = []byte(drawFilter(t)), rapid.IntRange(1, 100).Draw(t, "strength")
		case "hide":
			a.Item = merch.Texts{drawID(t, "hidden"), drawID(t, "hidden")}
		case "slot":
			a.Filter, a.Slots = []byte(drawFilter(t)), []int{rapid.IntRange(1, 8).Draw(t, "slot")}
		case "diversify":
			a.Attribute, a.Max, a.Window = "colour", rapid.IntRange(1, 3).Draw(t, "max"), rapid.IntRange(0, 4).Draw(t, "window")
		}
	}
	return rules
}

func drawRequest(t *rapid.T, tb testing.TB) *Request {
	req := ask(tb)
	req.Limit = rapid.IntRange(1, MaxLimit).Draw(t, "limit")
	req.ExcludeSeen = rapid.Bool().Draw(t, "exclude seen")
	if rapid.Bool().Draw(t, "session") {
		req.Session = viewOf(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawID(t, "step") }), 0, 12).Draw(t, "steps")...)
		for n := range req.Session.Steps {
			req.Session.Steps[n].Kind = rapid.SampledFrom([]event.Kind{event.View, event.CartAdd, event.Dislike}).Draw(t, "kind")
		}
	}
	if rapid.Bool().Draw(t, "profile") {
		req.Profile = &profile.Profile{}
		for n := range rapid.IntRange(0, 30).Draw(t, "affinities") {
			req.Profile.Affinities = append(req.Profile.Affinities, profile.Affinity{ItemID: drawID(t, "liked"), Weight: 1 / float64(n+1)})
		}
	}
	if rapid.Bool().Draw(t, "page") {
		req.ContextItem = drawID(t, "item")
	}
	if rapid.Bool().Draw(t, "filtered") {
		req.Filter = compileFilter(tb, drawFilter(t))
	}
	if rapid.IntRange(0, 3).Draw(t, "given") == 0 {
		req.Candidates = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawID(t, "candidate") }), 0, 30).Draw(t, "candidates")
	}
	return req
}

// TestAnswersKeepTheirPromises draws sites and requests and holds every answer
// against what the rules of ranking promise.
func TestAnswersKeepTheirPromises(t *testing.T) {
	plain, lacking, ranked := makeModel(t, worldSize, 300), makeModel(t, worldSize-10, 300), rankedModel(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt, t, plain, lacking, ranked)
		ans := rank(t, w.engine, w.req)
		w.checkItems(rt, ans)
		w.checkPins(rt, ans)

		if again := rank(t, w.engine, w.req); !cmp.Equal(ids(ans), ids(again)) {
			rt.Fatalf("the same request, another answer: %v, then %v", ids(ans), ids(again))
		}
		longer := *w.req
		longer.Limit = min(MaxLimit, w.req.Limit+5)
		if long := ids(rank(t, w.engine, &longer)); len(long) < len(ans.Items) || !slices.Equal(ids(ans), long[:len(ans.Items)]) {
			rt.Fatalf("%v is not the beginning of %v", ids(ans), long)
		}
		explained := *w.req
		explained.Explain = true
		full := rank(t, w.engine, &explained)
		checkSame(rt, ans, full)
		checkLedgers(t, full)
		checkDecision(rt, w.engine, w.req, ans)
	})
}

// checkDecision: capturing the decision changes nothing, and it can be
// repeated.
func checkDecision(rt *rapid.T, e *Engine, req *Request, ans *Answer) {
	captured, d := *req, &Decision{}
	captured.Capture = d
	again := &Answer{}
	if err := e.Rank(rt.Context(), &captured, again); err != nil {
		rt.Fatal(err)
	}
	checkSame(rt, ans, again)
	if again.Explanation != nil {
		rt.Fatal("nobody asked for an explanation")
	}
	scores, err := Replay(e.parts.model, d)
	if err != nil {
		rt.Fatalf("%+v", fault.Of(err))
	}
	for n, it := range ans.Items {
		if x := &d.Candidates[n]; x.Slot != n+1 || x.ItemID != it.ItemID || x.Score != it.Score || !near(scores[n], it.Score) || !x.Available {
			rt.Fatalf("slot %d is %+v, captured as %+v with score %v", n+1, it, x, scores[n])
		}
	}
}

// checkSame: an explanation looks at every candidate, an answer without one
// only at as many as it needs; both find the same.
func checkSame(rt *rapid.T, ans, full *Answer) {
	if !slices.Equal(ids(full), ids(ans)) {
		rt.Fatalf("explaining changed the answer: %v, %v", ids(ans), ids(full))
	}
	for n := range ans.Items {
		a, b := &ans.Items[n], &full.Items[n]
		if a.Score != b.Score || a.Reason != b.Reason {
			rt.Fatalf("explaining changed %+v to %+v", a, b)
		}
	}
}

// checkItems: known, available, passing, not hidden, not excluded, once, above
// 0, in their slots.
func (w *world) checkItems(rt *rapid.T, ans *Answer) {
	var filter catalog.Bound
	w.snap.Bind(w.req.Filter, &filter)
	groups := map[uint32]bool{}
	for n, it := range ans.Items {
		g, v := w.snap.Resolve(it.ItemID)
		switch {
		case v == catalog.None:
			rt.Fatalf("%s is not in the catalog", it.ItemID)
		case !w.snap.Available(v):
			rt.Fatalf("%s is not available", it.ItemID)
		case !filter.Match(v):
			rt.Fatalf("%s does not pass the filter", it.ItemID)
		case groups[g]:
			rt.Fatalf("%s: a group twice", it.ItemID)
		case w.req.Candidates != nil && !slices.Contains(w.req.Candidates, it.ItemID):
			rt.Fatalf("%s was not among the candidates", it.ItemID)
		case !(it.Score > 0) || math.IsInf(it.Score, 0):
			rt.Fatalf("%s has score %v", it.ItemID, it.Score)
		case it.Slot != n+1 || it.Reason == "" || it.Catalog.ItemID != it.ItemID:
			rt.Fatalf("item %d = %+v", n, it)
		}
		groups[g] = true
		for _, r := range w.rules {
			if r.Action.Type == "hide" && slices.Contains(r.Action.Item, it.ItemID) {
				rt.Fatalf("%s is hidden by %s", it.ItemID, r.ID)
			}
		}
		if w.req.ExcludeSeen && w.req.Session != nil {
			w.checkUnseen(rt, g, it.ItemID)
		}
	}
}

func (w *world) checkUnseen(rt *rapid.T, g uint32, id string) {
	for _, s := range w.req.Session.Steps {
		if seen, _ := w.snap.Resolve(s.ItemID); seen == g {
			rt.Fatalf("%s was seen", id)
		}
	}
}

// checkPins: the pin of the highest precedence on a slot is there when its item
// may be shown.
func (w *world) checkPins(rt *rapid.T, ans *Answer) {
	taken := map[int]bool{}
	used := map[string]bool{}
	rules := slices.Clone(w.rules)
	slices.SortStableFunc(rules, func(a, b merch.Rule) int { return b.Priority - a.Priority })
	for _, r := range rules {
		if r.Action.Type != "pin" {
			continue
		}
		id, slot := r.Action.Item[0], r.Action.Slot
		if taken[slot] || used[id] {
			continue
		}
		probe := *w.req
		probe.WhyNot, probe.Limit = []string{id}, MaxLimit
		full := &Answer{}
		if err := w.engine.Rank(rt.Context(), &probe, full); err != nil {
			rt.Fatal(err)
		}
		if full.Explanation.WhyNot[0].Stage != "answer" {
			continue // it may not be shown
		}
		taken[slot], used[id] = true, true
		if slot > len(ans.Items) {
			continue
		}
		if got := ans.Items[slot-1]; got.ItemID != id || got.Reason != ReasonPinned {
			rt.Fatalf("slot %d = %+v, want %s by %s", slot, got, id, r.ID)
		}
	}
}

// TestBoostNeverLowersItsItems adds one boost to a site without other rules.
func TestBoostNeverLowersItsItems(t *testing.T) {
	plain, lacking, ranked := makeModel(t, worldSize, 300), makeModel(t, worldSize-10, 300), rankedModel(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt, t, plain, lacking, ranked)
		w.req.Limit, w.req.Candidates = MaxLimit, nil
		w.setRules(t, nil)
		before := ids(rank(t, w.engine, w.req))
		raw := drawFilter(rt)
		strength := rapid.IntRange(1, 100).Draw(rt, "strength")
		w.setRules(t, []merch.Rule{{ID: "b", Action: merch.Action{Type: "boost", Filter: []byte(raw), Strength: strength}}})
		after := ids(rank(t, w.engine, w.req))
		var about catalog.Bound
		w.snap.Bind(compileFilter(t, raw), &about)
		for n, id := range before {
			if !about.Match(w.snap.Variant(id)) {
				continue
			}
			if m := slices.Index(after, id); m < 0 || m > n {
				rt.Fatalf("boosting %s moved %s from slot %d to %d", raw, id, n+1, m+1)
			}
		}
	})
}

// TestNarrowFilterFillsTheAnswer: whatever the popularity, a filter that 50 of
// 5,000 items pass fills 20 slots, for everybody.
func TestNarrowFilterFillsTheAnswer(t *testing.T) {
	items := makeItems(5000)
	for i := range items {
		items[i].Attributes["one"] = json.RawMessage(fmt.Sprintf(`"v%d"`, i%100))
	}
	e := popularEngine(0)
	e.SetCatalog(catalog.Build(items))
	e.SetModel(makeModel(t, 5000, 3000))
	for name, raw := range map[string]string{
		"value":    `{"attribute":"one","op":"=","value":"v99"}`,
		"price":    `{"all":[{"attribute":"price","op":">=","value":98.5}]}`,
		"negated":  `{"not":{"attribute":"price","op":"<","value":99}}`,
		"test":     `{"attribute":"name","op":"contains","value":"no 42"}`,
		"any":      `{"any":[{"attribute":"rare","op":"in","value":["r1","r2"]},{"attribute":"one","op":"=","value":"v3"}]}`,
		"two":      `{"all":[{"attribute":"colour","op":"=","value":"k3"},{"attribute":"one","op":"=","value":"v3"}]}`,
		"not wide": `{"not":{"attribute":"one","op":"!=","value":"v42"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			req := ask(t)
			req.Filter, req.Explain = compileFilter(t, raw), true
			for _, v := range []*session.View{nil, viewOf(itemID(17)), viewOf(itemID(4999), itemID(99))} {
				req.Session = v
				ans := rank(t, e, req)
				if len(ans.Items) != DefaultLimit {
					t.Errorf("%d items for %s, want 20; %+v", len(ans.Items), raw, ans.Explanation)
				}
			}
		})
	}
}

// TestSmallestFilter: all of very few.
func TestSmallestFilter(t *testing.T) {
	e := popularEngine(20_000)
	req := ask(t)
	req.Filter = compileFilter(t, `{"attribute":"rare","op":"=","value":"r9999"}`)
	if got := ids(rank(t, e, req)); strings.Join(got, " ") != "i09999 i19999" {
		t.Errorf("items = %v, want both", got)
	}
}
