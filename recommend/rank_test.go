package recommend

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/popular"
	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/recommend/vector"
	"github.com/nextbest/nextbest/session/event"
)

func ptr[T any](x T) *T { return &x }

// popularEngine has a catalog of n items, item 0 the most popular, and no
// model.
func popularEngine(n int) *Engine {
	e := New(Config{})
	e.SetCatalog(catalog.Build(makeItems(n)))
	keys, counts := make([]string, n), make([]float64, n)
	for i := range keys {
		keys[i], counts[i] = itemID(i), float64(n-i)
	}
	e.SetPopular(popular.FromCounts(keys, counts))
	return e
}

func TestEmptyEngineAnswersNothing(t *testing.T) {
	ans := rank(t, New(Config{}), ask(t))
	if len(ans.Items) != 0 || len(ans.Degraded) != 0 {
		t.Errorf("answer = %+v, want nothing, and healthy", ans)
	}
}

func TestWithoutCatalogTheModelsItems(t *testing.T) {
	e := New(Config{})
	e.SetPopular(popular.FromCounts([]string{"clicked"}, []float64{9}))
	if got := ids(rank(t, e, ask(t))); !slices.Equal(got, []string{"clicked"}) {
		t.Errorf("without model: %v, want what was clicked", got)
	}
	small := smallEngine(t)
	small.SetCatalog(nil)
	small.SetPopular(popular.FromCounts([]string{"clicked"}, []float64{9}))
	ans := rank(t, small, ask(t))
	if got := ids(ans); !slices.Equal(got, []string{"x", "y", "z"}) {
		t.Errorf("items = %v, want the model's by count", got)
	}
	if ans.Items[0].Catalog != nil || ans.Versions.Catalog != "" || small.Catalog() != nil {
		t.Error("there is no catalog, yet the answer carries one")
	}
}

func TestOnlyCatalogItems(t *testing.T) {
	e := smallEngine(t)
	e.SetCatalog(catalog.Build([]catalog.Item{{ItemID: "y"}, {ItemID: "w"}}))
	req := ask(t)
	req.Session = viewOf("x") // delisted: its row still counts
	if got := ids(rank(t, e, req)); !slices.Equal(got, []string{"y", "w"}) {
		t.Errorf("items = %v, want y by x's row, then w", got)
	}
}

func TestExclusions(t *testing.T) {
	bought := &profile.Profile{Purchased: []profile.Purchase{
		{ItemID: itemID(0), Time: noon().AddDate(0, 0, -3).UnixMilli()},
		{ItemID: itemID(1), Time: noon().AddDate(0, 0, -30).UnixMilli()},
	}}
	for _, c := range []struct {
		name   string
		change func(*Request)
		gone   []int
	}{
		{"request", func(r *Request) { r.Exclude = []string{itemID(2), "?"} }, []int{2}},
		{"current by page", func(r *Request) { r.ContextItem = itemID(3) }, []int{3}},
		{"current by session", func(r *Request) { r.Session = viewOf(itemID(4), itemID(5)) }, []int{4}},
		{"current wanted", func(r *Request) { r.ContextItem, r.ExcludeCurrent = itemID(3), false }, nil},
		{"seen", func(r *Request) { r.Session, r.ExcludeSeen = viewOf(itemID(4), itemID(5)), true }, []int{4, 5}},
		{"purchased ever", func(r *Request) { r.Profile, r.ExcludePurchased = bought, 0 }, []int{0, 1}},
		{"purchased lately", func(r *Request) { r.Profile, r.ExcludePurchased = bought, 7 }, []int{0}},
		{"purchased, never mind", func(r *Request) { r.Profile = bought }, nil},
		{"purchased now", func(r *Request) {
			r.Session, r.ExcludePurchased = viewOf(), 7
			r.Session.Purchased = []string{itemID(6)}
		}, []int{6}},
		{"cart elsewhere", func(r *Request) { r.Cart = []string{itemID(1)} }, nil},
		{"cart on cart", func(r *Request) {
			r.Placement, _ = PlacementNamed("cart")
			r.Cart = []string{itemID(1)}
		}, []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := ask(t)
			req.Limit = 10
			c.change(req)
			got := ids(rank(t, popularEngine(10), req))
			var want []string
			for n := range 10 {
				if !slices.Contains(c.gone, n) {
					want = append(want, itemID(n))
				}
			}
			slices.Sort(got) // who is gone is asked, not who leads
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func variants() []catalog.Item {
	return []catalog.Item{
		{ItemID: "s-blue", GroupID: "shirt", Attributes: map[string]json.RawMessage{"colour": json.RawMessage(`"blue"`)}},
		{ItemID: "s-green", GroupID: "shirt", Attributes: map[string]json.RawMessage{"colour": json.RawMessage(`"green"`)}},
		{ItemID: "s-red", GroupID: "shirt", Attributes: map[string]json.RawMessage{"colour": json.RawMessage(`"red"`)}},
		{ItemID: "hat"},
	}
}

func TestVariants(t *testing.T) {
	e := New(Config{})
	snap := catalog.Build(variants())
	e.SetCatalog(snap)
	e.SetPopular(popular.FromCounts([]string{"s-red", "s-blue", "hat"}, []float64{5, 1, 2}))
	if got := ids(rank(t, e, ask(t))); !slices.Equal(got, []string{"s-red", "hat"}) {
		t.Errorf("items = %v, want the most popular shirt, once", got)
	}
	snap.Apply("s-red", catalog.Patch{Available: ptr(false)})
	if got := ids(rank(t, e, ask(t))); !slices.Equal(got, []string{"s-blue", "hat"}) {
		t.Errorf("items = %v, want the shirt in stock", got)
	}
	req := ask(t)
	req.Filter = compileFilter(t, `{"attribute":"colour","op":"=","value":"green"}`)
	if got := ids(rank(t, e, req)); !slices.Equal(got, []string{"s-green"}) {
		t.Errorf("items = %v, want the green shirt", got)
	}
	req = ask(t)
	req.Session = viewOf("s-green") // all of the group is what is looked at
	if got := ids(rank(t, e, req)); !slices.Equal(got, []string{"hat"}) {
		t.Errorf("items = %v, want no shirt", got)
	}
	req = ask(t)
	req.Candidates = []string{"s-green", "s-blue", "s-red", "?"}
	if got := ids(rank(t, e, req)); !slices.Equal(got, []string{"s-blue"}) {
		t.Errorf("items = %v, want the best of the named shirts", got)
	}
	if e.Group("s-red") != "shirt" || e.Group("hat") != "hat" || e.Group("?") != "?" {
		t.Error("Group does not name the unit of ranking")
	}
}

func TestLiveChangesShowInTheNextAnswer(t *testing.T) {
	e := popularEngine(5)
	e.Catalog().Apply(itemID(0), catalog.Patch{Available: ptr(false)})
	e.Catalog().Apply(itemID(1), catalog.Patch{Price: ptr(55.5)})
	req := ask(t)
	ans := rank(t, e, req)
	if got := ids(ans); slices.Contains(got, itemID(0)) {
		t.Errorf("items = %v, want no sold-out item", got)
	}
	if p := ans.Items[0].Catalog.Price; p == nil || *p != 55.5 {
		t.Errorf("price = %v, want the live one", p)
	}
	req.Filter = compileFilter(t, `{"attribute":"price","op":">","value":50}`)
	if got := ids(rank(t, e, req)); !slices.Equal(got, []string{itemID(1)}) {
		t.Errorf("items = %v, want the one that became dear", got)
	}
}

func TestCandidatesOnly(t *testing.T) {
	req := ask(t)
	req.Session = viewOf("x")
	req.Candidates = []string{"w", "z", "nowhere", "x"}
	req.WhyNot = []string{"nowhere", "y", "x"}
	ans := rank(t, smallEngine(t), req)
	if got := ids(ans); !slices.Equal(got, []string{"z", "w"}) {
		t.Fatalf("items = %v, want the given ones by the rows", got)
	}
	if ans.Items[0].Score != 1 {
		t.Errorf("score = %v, want the side divided by its largest among the given", ans.Items[0].Score)
	}
	e := ans.Explanation
	if e == nil || e.Drops["unknown"] != 1 || e.Drops["current"] != 1 {
		t.Fatalf("explanation = %+v, want the unknown and the current one dropped", e)
	}
	for n, stage := range []string{"catalog", "retrieve", "exclude"} {
		if e.WhyNot[n].Stage != stage {
			t.Errorf("why not %s: %+v, want stage %s", e.WhyNot[n].ItemID, e.WhyNot[n], stage)
		}
	}
}

func TestRules(t *testing.T) {
	blue := `{"attribute":"colour","op":"=","value":"k3"}` // items 3, 7, 11 …
	for _, c := range []struct {
		name, rules string
		want        []int // first items
		reason      Reason
		slot        int
	}{
		{"pin", `[{"id":"p","action":{"type":"pin","item":"i00009","slot":2}}]`, []int{0, 9, 1, 2}, ReasonPinned, 2},
		{"pin, two on a slot", `[{"id":"a","action":{"type":"pin","item":"i00009","slot":1}},
			{"id":"b","priority":5,"action":{"type":"pin","item":"i00008","slot":1}}]`, []int{8, 0, 1, 2}, ReasonPinned, 1},
		{"boost", `[{"id":"b","action":{"type":"boost","strength":100,"filter":` + blue + `}}]`, []int{3, 7, 11, 15}, ReasonBoosted, 1},
		{"bury", `[{"id":"b","action":{"type":"bury","strength":100,"item":"i00000"}}]`, []int{1, 2, 3, 4}, ReasonPopular, 1},
		{"hide", `[{"id":"h","action":{"type":"hide","filter":` + blue + `}}]`, []int{0, 1, 2, 4}, ReasonPopular, 1},
		{"filter", `[{"id":"f","action":{"type":"filter","only":` + blue + `}}]`, []int{3, 7, 11, 15}, ReasonPopular, 1},
		{"slot", `[{"id":"s","action":{"type":"slot","slots":[1,2],"filter":` + blue + `}}]`, []int{3, 7, 0, 1}, ReasonRule, 1},
		{"diversify", `[{"id":"d","action":{"type":"diversify","attribute":"colour","max":1,"window":2}},
			{"id":"f","action":{"type":"filter","only":{"attribute":"colour","op":"in","value":["k0","k1"]}}}]`, []int{0, 1, 4, 5}, ReasonPopular, 1},
		{"hidden is not pinned", `[{"id":"p","action":{"type":"pin","item":"i00003","slot":1}},
			{"id":"h","action":{"type":"hide","filter":` + blue + `}}]`, []int{0, 1, 2, 4}, ReasonPopular, 1},
		{"other placement", `[{"id":"p","placements":["cart"],"action":{"type":"pin","item":"i00009","slot":1}}]`, []int{0, 1, 2}, ReasonPopular, 1},
		{"disabled", `[{"id":"p","enabled":false,"action":{"type":"pin","item":"i00009","slot":1}}]`, []int{0, 1, 2}, ReasonPopular, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := popularEngine(40)
			e.SetRules(compileRules(t, c.rules))
			req := ask(t)
			req.Explain = true
			ans := rank(t, e, req)
			for n, w := range c.want {
				if got := ans.Items[n].ItemID; got != itemID(w) {
					t.Fatalf("items = %v, want %v first", ids(ans), c.want)
				}
			}
			if got := ans.Items[c.slot-1].Reason; got != c.reason {
				t.Errorf("reason = %s, want %s", got, c.reason)
			}
			checkLedgers(t, ans)
		})
	}
}

// checkLedgers demands that every item's account adds up.
func checkLedgers(t *testing.T, ans *Answer) {
	t.Helper()
	for _, it := range ans.Items {
		sum := 0.0
		for _, line := range it.Ledger {
			sum += line.Value
		}
		if !near(sum, it.Score) || len(it.Ledger) == 0 {
			t.Errorf("ledger of %s adds up to %v, score %v: %+v", it.ItemID, sum, it.Score, it.Ledger)
		}
	}
}

func TestWhyNot(t *testing.T) {
	e := popularEngine(300)
	e.SetRules(compileRules(t, `[{"id":"no-5","action":{"type":"hide","item":"i00005"}}]`))
	e.Catalog().Apply(itemID(6), catalog.Patch{Available: ptr(false)})
	req := ask(t)
	req.Limit, req.ExcludeSeen = 5, true
	req.Session = viewOf(itemID(1), itemID(2))
	req.Exclude = []string{itemID(3)}
	req.Filter = compileFilter(t, `{"attribute":"item_id","op":"!=","value":"i00004"}`)
	for _, c := range []struct{ id, stage, detail string }{
		{"nowhere", "catalog", "unknown item"},
		{itemID(6), "available", "not available"},
		{itemID(5), "hide", `rule "no-5"`},
		{itemID(4), "filter", "filter"},
		{itemID(3), "exclude", "request excludes"},
		{itemID(1), "exclude", "looked at"},
		{itemID(2), "exclude", "seen"},
		{itemID(299), "retrieve", "not a candidate"},
		{itemID(0), "rank", "in place 43 "}, // behind the 42 of what is looked at's category
		{itemID(8), "answer", "slot 1"},
	} {
		req.WhyNot = []string{c.id}
		got := rank(t, e, req).Explanation.WhyNot[0]
		if got.ItemID != c.id || got.Stage != c.stage || !strings.Contains(got.Detail, c.detail) {
			t.Errorf("why not %s: %+v, want %s, %q", c.id, got, c.stage, c.detail)
		}
	}
}

func TestDegradedOnlyWhenExpected(t *testing.T) {
	e := New(Config{})
	ans := &Answer{Degraded: []string{DegradedProfile}}
	e.Expect(Expected{Model: true, Catalog: true, Rules: true})
	for range 2 {
		if err := e.Rank(context.Background(), ask(t), ans); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{DegradedProfile, DegradedModel, DegradedCatalog, DegradedRules}
	if d := cmp.Diff(want, ans.Degraded); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestRankRefuses(t *testing.T) {
	e := popularEngine(3)
	for _, change := range []func(*Request){
		func(r *Request) { r.Limit = -1 },
		func(r *Request) { r.Limit = MaxLimit + 1 },
		func(r *Request) { r.Candidates = make([]string, MaxCandidates+1) },
	} {
		req := ask(t)
		change(req)
		if err := e.Rank(context.Background(), req, &Answer{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("error = %v, want an invalid request", err)
		}
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Rank(done, ask(t), &Answer{}); err == nil {
		t.Error("a request whose time is over was answered")
	}
}

// TestPage: for nobody, the page's category and search lead the popular ones.
func TestPage(t *testing.T) {
	e := popularEngine(50)
	req := ask(t)
	req.Category, req.Limit = "home>c6", 3
	if got := ids(rank(t, e, req)); !slices.Equal(got, []string{itemID(6), itemID(13), itemID(20)}) {
		t.Errorf("items = %v, want those of the category first", got)
	}
	req = ask(t)
	req.Query, req.Limit = "Lantern 41!", 2
	if got := ids(rank(t, e, req)); !slices.Equal(got, []string{itemID(41), itemID(0)}) {
		t.Errorf("items = %v, want the one that both words name", got)
	}
}

func TestTrendingAndNew(t *testing.T) {
	items := makeItems(30)
	items[25].PublishedAt = noon().Add(-time.Hour).Format(time.RFC3339)
	e := New(Config{})
	e.SetCatalog(catalog.Build(items))
	c := popular.NewCounter(popular.Options{})
	for n := range 1000 {
		at := noon().Add(-time.Duration(n) * 20 * time.Minute)
		for i := range 20 {
			c.Add(itemID(i), float64(20-i), at.UnixMilli())
		}
	}
	for n := range 800 {
		c.Add(itemID(19), 1, noon().Add(-time.Duration(n)*time.Second).UnixMilli())
	}
	e.SetPopular(c.Table(noon()))
	req := ask(t)
	req.Limit = 30
	reasons := map[string]Reason{}
	for _, it := range rank(t, e, req).Items {
		reasons[it.ItemID] = it.Reason
	}
	for id, want := range map[string]Reason{
		itemID(0): ReasonPopular, itemID(19): ReasonTrending, itemID(25): ReasonNew, itemID(27): ReasonFallback,
	} {
		if reasons[id] != want {
			t.Errorf("reason of %s = %q, want %q", id, reasons[id], want)
		}
	}
}

func TestUploadedProfile(t *testing.T) {
	e := popularEngine(60)
	req := ask(t)
	req.Profile = &profile.Profile{Version: "v1", List: []string{itemID(50), "?", itemID(40)}}
	if got := ids(rank(t, e, req)); !slices.Equal(got[:3], []string{itemID(50), itemID(40), itemID(0)}) {
		t.Errorf("items = %v, want the list first", got)
	}
	req.Profile = &profile.Profile{Attributes: []profile.Attribute{{Name: "brand", Value: "b9", Weight: 2}}}
	if got := ids(rank(t, e, req)); !slices.Equal(got[:4], []string{itemID(27), itemID(28), itemID(29), itemID(0)}) {
		t.Errorf("items = %v, want those of the brand first", got)
	}
}

func TestVectors(t *testing.T) {
	e := popularEngine(40)
	var names []string
	var vectors [][]float32
	for n := range 40 {
		v := []float32{.1, 0, 0, 0}
		v[1+n%3] = 1
		names, vectors = append(names, itemID(n)), append(vectors, v)
	}
	set, err := vector.NewSet("m1", 4, names, vectors)
	if err != nil {
		t.Fatal(err)
	}
	e.SetVectors(set)
	req := ask(t)
	req.Profile = &profile.Profile{Space: "m1", Vector: []float32{0, 0, 5, 0}}
	ans := rank(t, e, req)
	for n, it := range ans.Items[:13] {
		if it.ItemID != itemID(1+3*n) || it.Reason != ReasonProfile {
			t.Fatalf("slot %d = %+v, want the items of the profile's direction", n+1, it)
		}
	}
	req.Profile.Space = "another"
	if got := ids(rank(t, e, req)); got[0] != itemID(0) {
		t.Errorf("items = %v: vectors of two spaces met", got)
	}
	req = ask(t)
	req.Session = viewOf(itemID(2))
	if got := ids(rank(t, e, req)); got[0] != itemID(5) {
		t.Errorf("items = %v, want the session's direction first", got)
	}
}

// TestDislike: what is taken back lowers what its row names.
func TestDislike(t *testing.T) {
	e := smallEngine(t)
	req := ask(t)
	req.Session = viewOf("z", "x")
	req.Session.Steps[0].Kind = event.Dislike
	req.ExcludeCurrent = false
	for _, it := range rank(t, e, req).Items {
		if it.ItemID == "z" && it.Reason == ReasonSession {
			t.Errorf("%+v: a disliked item is recommended for the session", it)
		}
	}
}
