package recommend

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/session/event"
)

// rankedModel knows the first 360 of 400 items and has an embedding and a
// ranker for everything that a request can leave out. A training keeps what
// does better on few sessions, so more than one may be needed.
func rankedModel(t *testing.T) *best.Model {
	t.Helper()
	p := best.DefaultParams()
	p.Dim, p.Neighbours, p.Hidden, p.Lists = 16, 5, 8, 3000
	for seed := uint64(4); seed < 30; seed++ { // 4 does when this is written
		m, all := trainModel(t, p, walks(360, 1500, seed)), true
		for policy := range best.Policy(best.Policies) {
			all = all && m.Ranked(policy)
		}
		if all && m.Embedded() {
			return m
		}
	}
	t.Fatal("no model has all its parts")
	return nil
}

func stepsOf(t *testing.T, m *best.Model, items ...string) []uint32 {
	t.Helper()
	steps := make([]uint32, len(items))
	for n, id := range items {
		i, ok := m.Index(id)
		if !ok {
			t.Fatalf("the model does not know %s", id)
		}
		steps[n] = i
	}
	return steps
}

// TestTheModelsOrderIsTheAnswers: same candidates, same order, S = e^(score −
// largest), by the ranker of what the request leaves out.
func TestTheModelsOrderIsTheAnswers(t *testing.T) {
	m := rankedModel(t)
	e := New(Config{})
	e.SetModel(m)
	items := []string{itemID(40), itemID(13), itemID(40), itemID(11)}
	steps := stepsOf(t, m, items...)
	for policy, change := range map[best.Policy]func(*Request){
		best.None:    func(r *Request) { r.ExcludeCurrent = false },
		best.Current: func(*Request) {},
		best.Seen:    func(r *Request) { r.ExcludeSeen = true },
	} {
		t.Run(policy.String(), func(t *testing.T) {
			req := ask(t)
			req.Session, req.Capture = viewOf(items...), &Decision{}
			change(req)
			ans := rank(t, e, req)
			want := m.Rank(best.NewScratch(), steps, nil, policy, nil, len(ans.Items), nil)
			if len(ans.Items) != DefaultLimit || len(want) != DefaultLimit {
				t.Fatalf("%d items, the model has %d", len(ans.Items), len(want))
			}
			for n, it := range ans.Items {
				score := math.Exp(float64(want[n].Score) - float64(want[0].Score))
				if it.ItemID != m.ID(want[n].Item) || !near(it.Score, score) || it.Reason != ReasonSession {
					t.Errorf("slot %d = %+v, want %s with %v", n+1, it, m.ID(want[n].Item), score)
				}
			}
			if req.Capture.Policy != policy.String() || !req.Capture.Ranked {
				t.Errorf("decided as %s, ranked %v", req.Capture.Policy, req.Capture.Ranked)
			}
			onPage := *req
			onPage.Session, onPage.ContextItem = viewOf(items[1:]...), items[0]
			if got := rank(t, e, &onPage); !slices.Equal(ids(got), ids(ans)) {
				t.Errorf("on the page of the newest item: %v, want %v", ids(got), ids(ans))
			}
		})
	}
}

// TestWhatIsHiddenLeavesBeforeTheCut: the ranker's places are for what may be
// shown.
func TestWhatIsHiddenLeavesBeforeTheCut(t *testing.T) {
	m := rankedModel(t)
	e := New(Config{})
	e.SetModel(m)
	e.SetCatalog(catalog.Build(makeItems(400)))
	req := ask(t)
	req.Session, req.Filter = viewOf(itemID(40), itemID(13)), compileFilter(t, `{"attribute":"colour","op":"=","value":"k1"}`)
	req.Capture = &Decision{}
	ans := rank(t, e, req)
	want := m.Rank(best.NewScratch(), stepsOf(t, m, itemID(40), itemID(13)), nil, best.Current,
		func(i uint32) bool { return !isColour(m.ID(i), 1) }, DefaultLimit, nil)
	var ranked []string
	for _, r := range want {
		ranked = append(ranked, m.ID(r.Item))
	}
	if got := ids(ans)[:len(ranked)]; !slices.Equal(got, ranked) {
		t.Errorf("items = %v, want %v", got, ranked)
	}
	looked := 0
	for _, x := range req.Capture.Candidates {
		if len(x.Inputs) > 0 {
			looked++
		}
		if x.Drop != "" && len(x.Inputs) > 0 {
			t.Errorf("the ranker looked at %+v", x)
		}
	}
	if looked < len(ranked) {
		t.Errorf("the ranker looked at %d of %d items", looked, len(ranked))
	}
}

// isColour reports whether a fixture's item has the n-th colour.
func isColour(id string, n int) bool {
	number := 0
	for _, c := range id[1:] {
		number = 10*number + int(c-'0')
	}
	return number%4 == n
}

// TestPlainRanking: a model whose ranker is not trusted answers in its hand-set
// order and says so; one without a ranker has nothing to say.
func TestPlainRanking(t *testing.T) {
	m := rankedModel(t)
	e := New(Config{})
	e.SetModel(m)
	req := ask(t)
	req.Session = viewOf(itemID(40), itemID(13), itemID(11))
	full := rank(t, e, req)
	e.SetRanking(RankPlain)
	ans := rank(t, e, req)
	if !slices.Equal(ans.Degraded, []string{DegradedModel}) || len(full.Degraded) != 0 {
		t.Errorf("degraded = %v, before %v", ans.Degraded, full.Degraded)
	}
	s := best.NewScratch()
	all := m.Rank(s, stepsOf(t, m, itemID(40), itemID(13), itemID(11)), nil, best.Current, nil, everything, nil)
	order := make([]best.Candidate, len(all))
	for n := range all {
		order[n] = s.Candidate(n)
	}
	slices.SortStableFunc(order, func(a, b best.Candidate) int {
		switch {
		case a.Pre > b.Pre || a.Pre == b.Pre && a.Item < b.Item:
			return -1
		}
		return 1
	})
	for n, it := range ans.Items {
		if want := FromPre(float64(order[n].Pre), float64(order[0].Pre)); it.ItemID != m.ID(order[n].Item) || !near(it.Score, want) {
			t.Errorf("slot %d = %+v, want %s with %v", n+1, it, m.ID(order[n].Item), want)
		}
	}
	if cmp.Equal(ids(full), ids(ans)) {
		t.Error("the ranker made no difference: nothing was tested")
	}
	e.SetRanking(RankFully)
	if got := rank(t, e, req); !slices.Equal(ids(got), ids(full)) || len(got.Degraded) != 0 {
		t.Errorf("trusted again: %v %v, want %v", ids(got), got.Degraded, ids(full))
	}
	small := smallEngine(t)
	small.SetRanking(RankPlain)
	req.Session = viewOf("x")
	if got := rank(t, small, req); len(got.Degraded) != 0 {
		t.Errorf("a model without a ranker: degraded %v", got.Degraded)
	}
}

func TestFromPreKeepsTheOrder(t *testing.T) {
	for _, largest := range []float64{1.3, .2, 1e-9, 0, -.3} {
		last := math.Inf(1)
		for pre := largest; pre > -1; pre -= .01 {
			s := FromPre(pre, largest)
			if !(s > 0) || s > 1 || s >= last || pre == largest && s != 1 {
				t.Fatalf("FromPre(%v, %v) = %v after %v", pre, largest, s, last)
			}
			last = s
		}
	}
}

// TestTakenBack: what was disliked or taken back is not recommended for the
// session; it may still be popular.
func TestTakenBack(t *testing.T) {
	e := New(Config{})
	e.SetModel(rankedModel(t))
	req := ask(t)
	req.Session, req.ExcludeCurrent, req.Limit = viewOf(itemID(40), itemID(13)), false, MaxLimit
	bySession := func() bool {
		for _, it := range rank(t, e, req).Items {
			if it.ItemID == itemID(40) {
				return it.Reason == ReasonSession
			}
		}
		return false
	}
	if !bySession() {
		t.Fatal("the item looked at is not recommended: nothing is tested")
	}
	req.Session.Steps[0].Kind = event.Dislike
	if bySession() {
		t.Error("a disliked item is recommended for the session")
	}
	req.Session.Steps[1].Kind = event.CartRemove // nothing is wanted any more
	for _, it := range rank(t, e, req).Items {
		if it.Reason == ReasonSession {
			t.Errorf("%+v is recommended to somebody who wants nothing", it)
		}
	}
}

// TestStepsWeigh: a purchase says more than a view.
func TestStepsWeigh(t *testing.T) {
	m := rankedModel(t)
	e := New(Config{})
	e.SetModel(m)
	req := ask(t)
	items := []string{itemID(40), itemID(200), itemID(201)}
	req.Session = viewOf(items...)
	req.Session.Steps[1].Kind = event.Purchase
	ans := rank(t, e, req)
	want := m.Rank(best.NewScratch(), stepsOf(t, m, items...), []float32{1, 4, 1}, best.Current, nil, 3, nil)
	for n, r := range want {
		if ans.Items[n].ItemID != m.ID(r.Item) {
			t.Errorf("slot %d is %s, want %s", n+1, ans.Items[n].ItemID, m.ID(r.Item))
		}
	}
}

// TestTheModelsInputsAreInTheLedger: by name, the largest first, nothing lost.
func TestTheModelsInputsAreInTheLedger(t *testing.T) {
	m := rankedModel(t)
	e := New(Config{})
	e.SetModel(m)
	req := ask(t)
	req.Session, req.Explain, req.Limit = viewOf(itemID(40), itemID(13)), true, MaxLimit
	ans := rank(t, e, req)
	checkLedgers(t, ans)
	names := map[string]bool{"session.others": true, "session.base": true}
	for _, name := range best.InputNames() {
		names["session."+name] = true
	}
	first := ans.Items[0].Ledger
	if len(first) < 9 || len(first) > 10 {
		t.Errorf("%d lines, want eight inputs, the others and the base: %+v", len(first), first)
	}
	for n, l := range first {
		if !names[l.Signal] || l.Stage != "score" || l.Factor != 1 {
			t.Errorf("line %+v", l)
		}
		if n > 0 && n < 8 && math.Abs(l.Value) > math.Abs(first[n-1].Value) {
			t.Errorf("line %+v is larger than the one before", l)
		}
	}
	if last := ans.Items[45].Ledger; len(last) != 1 || last[0].Signal != "session" {
		t.Errorf("what the ranker did not look at: %+v, want one line", last)
	}
	e.SetRanking(RankPlain)
	checkLedgers(t, rank(t, e, req))
}

// newShop has the 360 items of the model and 40 that it does not know.
func newShop(m *best.Model, change func([]catalog.Item)) *Engine {
	e := New(Config{})
	e.SetModel(m)
	items := makeItems(400)
	change(items)
	e.SetCatalog(catalog.Build(items))
	return e
}

func unchanged([]catalog.Item) {}

func slotOf(ans *Answer, id string) (int, Reason) {
	for _, it := range ans.Items {
		if it.ItemID == id {
			return it.Slot, it.Reason
		}
	}
	return 0, ""
}

func makePairs(rows ...any) *popular.Pairs {
	b := popular.NewPairs(noon().UnixMilli(), 0)
	for n := 0; n < len(rows); n += 3 {
		b.Add(rows[n].(string), rows[n+1].(string), rows[n+2].(float64))
	}
	return b.Build()
}

// TestNewItemsComeThroughTheirFirstSessions: on the first page, in the order
// of their shares, never before the model's first.
func TestNewItemsComeThroughTheirFirstSessions(t *testing.T) {
	e := newShop(rankedModel(t), func(items []catalog.Item) {
		for n := range items {
			items[n].Categories = nil
		}
	})
	req := ask(t)
	req.Session = viewOf(itemID(40), itemID(13))
	before := ids(rank(t, e, req))
	e.SetPairs(makePairs(itemID(40), itemID(380), .02, itemID(40), itemID(381), .9, itemID(13), itemID(382), .5,
		itemID(40), itemID(383), .01, itemID(40), itemID(384), .01, itemID(40), itemID(385), .01, itemID(40), "gone", 1.))
	e.Catalog().Apply(itemID(384), catalog.Patch{Available: ptr(false)})
	ans := rank(t, e, req)
	if ans.Items[0].ItemID != before[0] {
		t.Errorf("%s leads, want %s", ans.Items[0].ItemID, before[0])
	}
	last := 0
	for _, n := range []int{381, 380, 383, 385} {
		slot, reason := slotOf(ans, itemID(n))
		if slot <= last || slot > 15 || reason != ReasonNew {
			t.Errorf("%s is in slot %d for %q, want behind slot %d and reason new: %v", itemID(n), slot, reason, last, ids(ans))
		}
		last = slot
	}
	if slot, _ := slotOf(ans, itemID(384)); slot != 0 {
		t.Error("a sold-out item is recommended")
	}
	req.Explain, req.WhyNot = true, []string{itemID(382)}
	full := rank(t, e, req)
	checkLedgers(t, full)
	slot, _ := slotOf(full, itemID(381))
	if l := full.Items[slot-1].Ledger; len(l) != 1 || l[0].Signal != "session.pairs" || full.Explanation.Candidates["pairs"] != 5 {
		t.Errorf("ledger %+v, candidates %v", l, full.Explanation.Candidates)
	}
}

// TestOnTheNewItemsPage: what goes with it leads, whether the model knows the
// rest of the session or not.
func TestOnTheNewItemsPage(t *testing.T) {
	e := newShop(rankedModel(t), unchanged)
	e.SetPairs(makePairs(itemID(380), itemID(77), .4, itemID(380), itemID(381), .2))
	for name, items := range map[string][]string{"alone": {itemID(380)}, "after others": {itemID(380), itemID(40)}} {
		req := ask(t)
		req.Session = viewOf(items...)
		ans := rank(t, e, req)
		known, why := slotOf(ans, itemID(77))
		other, whyOther := slotOf(ans, itemID(381))
		if known == 0 || known > 10 || why != ReasonSession || other <= known || other > 11 || whyOther != ReasonNew {
			t.Errorf("%s: slots %d %s and %d %s: %v", name, known, why, other, whyOther, ids(ans))
		}
		if name == "alone" && (known != 1 || ans.Items[0].Score != 1) {
			t.Errorf("%+v, want the only thing that is known first", ans.Items[0])
		}
	}
}

// TestNobodysItemsComeThroughTheirCategory: one newcomer that is not to be
// found in any session stands behind the strongest candidates.
func TestNobodysItemsComeThroughTheirCategory(t *testing.T) {
	date := func(n int, at string) func([]catalog.Item) {
		return func(items []catalog.Item) {
			for i := 360; i < 400; i++ {
				items[i].PublishedAt = "2025-01-01T00:00:00Z"
			}
			items[n].PublishedAt = at
		}
	}
	m := rankedModel(t)
	req := ask(t)
	req.Session = viewOf(itemID(40), itemID(13)) // 40 is of category c5, as 362, 369 … 397
	for _, c := range []struct {
		name string
		e    *Engine
		want int
	}{
		{"newest", newShop(m, date(383, "2026-11-23T00:00:00Z")), 383},
		{"undated", newShop(m, date(376, "")), 376},
		{"old", newShop(m, date(376, "2026-01-01T00:00:00Z")), 0},
		{"to come", newShop(m, date(376, "2026-12-01T00:00:00Z")), 0},
		{"another category", newShop(m, date(384, "2026-11-23T00:00:00Z")), 0},
	} {
		ans := rank(t, c.e, req)
		found := 0
		for _, it := range ans.Items {
			if it.ItemID >= itemID(360) {
				found++
			}
		}
		slot, reason := slotOf(ans, itemID(c.want))
		if c.want == 0 && found != 0 || c.want != 0 && (found != 1 || !onShelf(slot) || reason != ReasonNew) {
			t.Errorf("%s: slot %d, %q, %d newcomers: %v", c.name, slot, reason, found, ids(ans))
		}
	}
	e := newShop(m, unchanged)
	e.SetPopular(popular.FromCounts([]string{itemID(390)}, []float64{1}))
	if slot, _ := slotOf(rank(t, e, req), itemID(390)); !onShelf(slot) {
		t.Errorf("the newcomer that is clicked most is in slot %d", slot)
	}
	req.Explain, req.Exclude = true, []string{itemID(390)}
	ans := rank(t, e, req)
	checkLedgers(t, ans)
	at := slices.IndexFunc(ans.Items, func(it Item) bool { return it.ItemID >= itemID(360) })
	if at < 0 || ans.Items[at].Ledger[0].Signal != "session.attribute" {
		t.Errorf("no newcomer with its ledger: %+v", ans.Items)
	}
}

// onShelf reports whether a slot is where a newcomer of the category belongs:
// just behind the shelfPlace strongest and what scores as good as the last of them.
func onShelf(slot int) bool { return slot > shelfPlace && slot <= shelfPlace+3 }

// TestColdStarts: whatever is missing, the best of what is there answers, and
// the answer is healthy.
func TestColdStarts(t *testing.T) {
	dated := makeItems(400)
	dated[399].PublishedAt = "2026-11-24T00:00:00Z"
	snap := catalog.Build(dated)
	model := rankedModel(t)
	clicks := popular.FromCounts([]string{itemID(300), itemID(13), itemID(14)}, []float64{3, 2, 1})
	first := func(items ...int) (want []string) {
		for _, n := range items {
			want = append(want, itemID(n))
		}
		return want
	}
	for _, c := range []struct {
		name   string
		build  func(*Engine)
		change func(*Request)
		want   []string
		reason Reason
	}{
		{"no data at all", func(*Engine) {}, func(*Request) {}, nil, ""},
		{"no data at all, a session", func(*Engine) {}, func(r *Request) { r.Session = viewOf("a", "b") }, nil, ""},
		{"clicks only", func(e *Engine) { e.SetPopular(clicks) }, func(*Request) {}, first(300, 13, 14), ReasonPopular},
		{"a catalog only", func(e *Engine) { e.SetCatalog(snap) }, func(*Request) {}, first(399), ReasonNew},
		{"a model only, nobody", func(e *Engine) { e.SetModel(model) }, func(*Request) {}, []string{model.ID(model.Popular(1)[0])}, ReasonPopular},
		{"no model, a session: its category's popular items", func(e *Engine) {
			e.SetCatalog(snap)
			e.SetPopular(clicks)
		}, func(r *Request) { r.Session = viewOf(itemID(6)) }, first(300, 13), ReasonPopular}, // of c6
		{"no model, the page's category", func(e *Engine) {
			e.SetCatalog(snap)
			e.SetPopular(clicks)
		}, func(r *Request) { r.Category = "home>c0" }, first(14), ReasonPopular},
		{"a new visitor", func(e *Engine) {
			e.SetCatalog(snap)
			e.SetModel(model)
			e.SetPopular(clicks)
		}, func(r *Request) { r.Session = viewOf() }, nil, ReasonPopular},
		{"a session of items that nobody knows", func(e *Engine) {
			e.SetCatalog(snap)
			e.SetModel(model)
			e.SetPopular(popular.FromCounts([]string{itemID(300)}, []float64{1e6}))
		}, func(r *Request) { r.Session = viewOf("?", "??") }, first(300), ReasonPopular},
		{"a session of a new item: its category's popular items", func(e *Engine) {
			e.SetCatalog(snap)
			e.SetModel(model)
			e.SetPopular(popular.FromCounts([]string{itemID(300)}, []float64{1e6}))
		}, func(r *Request) { r.Session = viewOf(itemID(363)) }, first(300), ReasonPopular}, // of c6
	} {
		t.Run(c.name, func(t *testing.T) {
			e, req := New(Config{}), ask(t)
			c.build(e)
			c.change(req)
			ans := rank(t, e, req)
			if len(ans.Degraded) != 0 || len(ans.Items) < len(c.want) {
				t.Fatalf("degraded %v, items %v", ans.Degraded, ids(ans))
			}
			if got := ids(ans)[:len(c.want)]; !slices.Equal(got, c.want) && len(c.want) > 0 {
				t.Errorf("items = %v, want %v first", ids(ans), c.want)
			}
			if c.reason != "" && (len(ans.Items) == 0 || ans.Items[0].Reason != c.reason) {
				t.Errorf("reason of the first of %v, want %s", ans.Items, c.reason)
			}
		})
	}
}
