package recommend

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nextbest/nextbest/internal/fault"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/merch"
	"github.com/nextbest/nextbest/recommend/rows"
	"github.com/nextbest/nextbest/recommend/vector"
	"github.com/nextbest/nextbest/session/event"
)

// varieties are one of each kind, by name.
func varieties() map[string]Variety {
	return map[string]Variety{
		"off":      {},
		"max":      {Diversify: Diversify{Attribute: "categories", Max: 2, Window: 5}},
		"list":     {Diversify: Diversify{Attribute: "categories", Max: 1}},
		"mmr":      {Diversify: Diversify{Lambda: .9}},
		"two":      {Diversify: Diversify{Lambda: .9, Similar: []string{"categories", "colour"}}},
		"rows":     {Diversify: Diversify{Lambda: .9, Similar: []string{SimilarRows}}},
		"rotate":   {Rotate: Rotate{Factor: .8, Least: .25}},
		"fresh":    {Fresh: Fresh{Days: 60, Lift: 2}},
		"together": {Diversify: Diversify{Lambda: .9}, Rotate: Rotate{Factor: .8, Least: .25}, Fresh: Fresh{Days: 60, Lift: 2}},
	}
}

// variedEngine is a shop of 300 items, 7 categories and a model.
func variedEngine(tb testing.TB) *Engine {
	e := New(Config{})
	e.SetModel(makeModel(tb, 300, 900))
	e.SetCatalog(catalog.Build(makeItems(300)))
	return e
}

// TestRotationLowersWhatWasIgnored: the first answer's items come later in the
// next one, the more often they were shown the later; what was clicked stays.
func TestRotationLowersWhatWasIgnored(t *testing.T) {
	e, req := variedEngine(t), ask(t)
	req.Session, req.ExcludeSeen, req.Limit = viewOf(itemID(50), itemID(53)), true, MaxLimit
	plain := rank(t, e, req)
	first := ids(plain)
	req.Placement.Variety.Rotate = Rotate{Factor: .7, Least: .2}
	if got := rank(t, e, req); !cmp.Equal(first, ids(got)) {
		t.Errorf("nothing was shown, but %v became %v", first, ids(got))
	}
	req.Session = shownView([]string{itemID(50), itemID(53)}, 1, first[:5]...)
	once := rank(t, e, req)
	req.Session = shownView([]string{itemID(50), itemID(53)}, 9, first[:5]...)
	often := rank(t, e, req)
	for n, id := range first[:5] {
		s0, s1, s9 := plain.Items[n].Score, scoreOf(once, id), scoreOf(often, id)
		if !near(s1, .7*s0) || !(s9 == 0 || near(s9, .2*s0)) {
			t.Errorf("%s: %v, shown once %v, nine times %v", id, s0, s1, s9)
		}
	}
	if slices.Index(ids(often), first[0]) <= slices.Index(ids(once), first[0]) && slices.Contains(ids(often), first[0]) {
		t.Errorf("%s is no later after nine showings: %v, %v", first[0], ids(once), ids(often))
	}
	req.Session.Shown = []string{first[0], first[1], first[0]} // in any order
	if got := scoreOf(rank(t, e, req), first[0]); !near(got, .49*plain.Items[0].Score) {
		t.Errorf("shown twice, %s has %v of %v", first[0], got, plain.Items[0].Score)
	}
	req.Session, req.ExcludeSeen = shownView([]string{itemID(50), itemID(53)}, 3, itemID(53), first[0]), false
	req.Session.Steps[1].Kind = event.CartAdd
	liked := scoreOf(rank(t, e, req), itemID(53))
	req.Session.Shown = nil
	if want := scoreOf(rank(t, e, req), itemID(53)); liked == 0 || liked != want {
		t.Errorf("an item in the cart was lowered from %v to %v", want, liked)
	}
	req.Session.Steps[1].Kind = event.Dislike
	want := .7 * scoreOf(rank(t, e, req), itemID(53))
	req.Session.Shown = []string{itemID(53)}
	if got := scoreOf(rank(t, e, req), itemID(53)); want == 0 || !near(got, want) {
		t.Errorf("a disliked item was lowered to %v, want %v", got, want)
	}
}

// TestRotationSaysOnlyWhatItDid: where the side that names an item weighs
// nothing, it stands by how popular it is, and no line claims more.
func TestRotationSaysOnlyWhatItDid(t *testing.T) {
	e, req := variedEngine(t), ask(t)
	req.Session, req.BlendA, req.Explain = viewOf(itemID(50)), 0, true
	plain := rank(t, e, req)
	req.Session = shownView([]string{itemID(50)}, 3, ids(plain)...)
	req.Placement.Variety.Rotate = Rotate{Factor: .5, Least: .1}
	ans := rank(t, e, req)
	for _, it := range ans.Items {
		was := scoreOf(plain, it.ItemID)
		said := slices.ContainsFunc(it.Ledger, func(l Entry) bool { return l.Stage == "rotate" })
		if was > 0 && near(was, it.Score) == said {
			t.Errorf("%s went from %v to %v: %+v", it.ItemID, was, it.Score, it.Ledger)
		}
	}
}

func scoreOf(ans *Answer, id string) float64 {
	for _, it := range ans.Items {
		if it.ItemID == id {
			return it.Score
		}
	}
	return 0
}

// TestRotationOfWhatIsPopular: a visitor who only looks on is shown something
// new too.
func TestRotationOfWhatIsPopular(t *testing.T) {
	e, req := popularEngine(300), ask(t)
	req.Limit = 5
	req.Session = viewOf()
	first := ids(rank(t, e, req))
	req.Placement.Variety.Rotate = Rotate{Factor: .5, Least: .01}
	req.Session = shownView(nil, 4, first...)
	for _, id := range ids(rank(t, e, req)) {
		if slices.Contains(first, id) {
			t.Errorf("%s is shown again", id)
		}
	}
}

// TestFreshness: new items are lifted, evenly less as they age, and become
// candidates; what is to come, is old or has no date is not.
func TestFreshness(t *testing.T) {
	items := makeItems(300)
	age := func(n int, days float64) {
		items[n].PublishedAt = noon().Add(-time.Duration(days * 24 * float64(time.Hour))).Format(time.RFC3339)
	}
	e, req := variedEngine(t), ask(t)
	req.Limit, req.Explain = MaxLimit, true
	req.Session = viewOf(itemID(50), itemID(53))
	plain := rank(t, e, req)
	near50 := ids(plain)
	index := func(n int) int { var i int; _, _ = fmt.Sscanf(near50[n], "i%d", &i); return i }
	want := map[string]float64{}
	for n, c := range []struct{ age, lift float64 }{{0, 2}, {5, 1.75}, {10, 1.5}, {19, 1.05}, {20, 1}, {300, 1}, {-1, 1}} {
		age(index(n+3), c.age)
		want[near50[n+3]] = c.lift
	}
	age(299, 1) // no row of the session names it
	e.SetCatalog(catalog.Build(items))
	req.Placement.Variety.Fresh = Fresh{Days: 20, Lift: 2}
	req.WhyNot = []string{itemID(299)}
	ans := rank(t, e, req)
	for _, id := range near50[:20] {
		lift, ok := want[id]
		if !ok {
			lift = 1
		}
		if was, is := scoreOf(plain, id), scoreOf(ans, id); !near(is, lift*was) {
			t.Errorf("%s: %v, lifted to %v, want ×%v", id, was, is, lift)
		}
	}
	if why := ans.Explanation.WhyNot[0]; why.Stage != "rank" || ans.Explanation.Candidates["new"] != 5 {
		t.Errorf("the newest are no candidates: %+v %v", why, ans.Explanation.Candidates)
	}
	req.Placement.Variety = Variety{}
	if ans = rank(t, e, req); ans.Explanation.WhyNot[0].Stage != "retrieve" {
		t.Errorf("a new item is a candidate anyway: %+v", ans.Explanation.WhyNot)
	}
}

// TestDiversifyByRelevance: the smaller λ, the more categories at the top; the
// best item stays the first.
func TestDiversifyByRelevance(t *testing.T) {
	items := makeItems(300)
	for n := range items { // neighbours are of one category
		items[n].Categories = []string{fmt.Sprintf("home>c%d", n/10)}
	}
	e := variedEngine(t)
	e.SetCatalog(catalog.Build(items))
	req := ask(t)
	req.Session, req.Limit = viewOf(itemID(50), itemID(53)), 10
	plain := rank(t, e, req)
	last := kinds(plain)
	for _, lambda := range []float64{.9, .5, .05} {
		req.Placement.Variety.Diversify = Diversify{Lambda: lambda}
		ans := rank(t, e, req)
		if n := kinds(ans); n < last {
			t.Errorf("λ %v: %d categories, before %d", lambda, n, last)
		} else {
			last = n
		}
		if ans.Items[0].ItemID != plain.Items[0].ItemID {
			t.Errorf("λ %v: %s took the first slot from %s", lambda, ans.Items[0].ItemID, plain.Items[0].ItemID)
		}
	}
	if last != 10 || kinds(plain) > 8 {
		t.Errorf("of %d categories without, λ .05 made %d of 10", kinds(plain), last)
	}
}

// kinds counts the categories of an answer.
func kinds(ans *Answer) int {
	seen := map[string]bool{}
	for _, it := range ans.Items {
		seen[it.Catalog.Categories[0]] = true
	}
	return len(seen)
}

// TestSimilarity: by the angle of vectors, by the model's rows, by values that
// are shared; what the site lacks is replaced by the categories.
func TestSimilarity(t *testing.T) {
	items := []catalog.Item{
		{ItemID: "a", Categories: []string{"home>lamps"}}, {ItemID: "b", Categories: []string{"home>lamps"}},
		{ItemID: "c", Categories: []string{"home"}}, {ItemID: "d", Categories: []string{"garden"}}, {ItemID: "e"},
	}
	e := New(Config{})
	e.SetCatalog(catalog.Build(items))
	check := func(what string, d Diversify, want map[string]float64) {
		t.Helper()
		c, st := newScratch(), e.state.Load()
		c.begin(st, ask(t))
		m := &c.variety.mmr
		for v := range uint32(st.snap.Len()) {
			c.touch(st.snap.GroupOf(v), byRequest)
			m.ranked = append(m.ranked, merch.Placed{Index: int(v), Variant: v, Group: st.snap.GroupOf(v)})
		}
		c.readLikeness(&d)
		for pair, w := range want {
			i, j := int(pair[0]-'a'), int(pair[1]-'a')
			if m.like == byRows {
				m.alike = make([]float64, len(m.ranked))
				if c.likeRow(i); !near(m.alike[j], w) {
					t.Errorf("%s: %s are %v alike, want %v", what, pair, m.alike[j], w)
				}
			} else if got, back := c.alike(i, j), c.alike(j, i); !near(got, w) || got != back {
				t.Errorf("%s: %s are %v and %v alike, want %v", what, pair, got, back, w)
			}
		}
	}
	categories := map[string]float64{"ab": 1, "ac": .5, "ad": 0, "ae": 0}
	check("nothing said", Diversify{}, categories)
	check("no vectors", Diversify{Similar: []string{SimilarVectors}}, categories)
	check("no model", Diversify{Similar: []string{SimilarRows}}, categories)
	check("two", Diversify{Similar: []string{"categories", "colour"}}, map[string]float64{"ab": .5, "ac": .25})
	set, err := vector.NewSet("v", 2, []string{"a", "b", "c"}, [][]float32{{3, 0}, {1, 1}, {-5, 0}})
	if err != nil {
		t.Fatal(err)
	}
	e.SetVectors(set)
	check("vectors", Diversify{Similar: []string{SimilarVectors}}, map[string]float64{"ab": .70710678, "ac": 0, "ad": 0})
	check("attributes beside vectors", Diversify{}, categories)
	e.SetModel(buildRows(t, []string{"a", "b"}, []string{"a", "b"}, []string{"a", "c"}))
	check("rows", Diversify{Similar: []string{SimilarRows}}, map[string]float64{"ab": 1, "ca": 1, "bc": 0, "ae": 0, "ea": 0, "aa": 0})
}

// TestVarietyIsExplained: each kind has its line, with what it took or gave.
func TestVarietyIsExplained(t *testing.T) {
	e, req := variedEngine(t), ask(t)
	items := makeItems(300)
	for n := range items {
		items[n].PublishedAt = noon().Add(-10 * 24 * time.Hour).Format(time.RFC3339)
	}
	e.SetCatalog(catalog.Build(items))
	req.Explain, req.ExcludeSeen, req.Limit = true, true, MaxLimit
	req.Session = viewOf(itemID(50), itemID(53))
	first := ids(rank(t, e, req))
	e.SetRules(compileRules(t, `[{"id":"more","action":{"type":"boost","strength":10,"item":"`+first[0]+`"}}]`))
	boosted := rank(t, e, req)
	req.Session = shownView([]string{itemID(50), itemID(53)}, 2, first[0])
	req.Placement.Variety = Variety{
		Diversify: Diversify{Attribute: "categories", Max: 1, Window: 3},
		Rotate:    Rotate{Factor: .5, Least: .1}, Fresh: Fresh{Days: 20, Lift: 2},
	}
	ans := rank(t, e, req)
	checkLedgers(t, ans)
	at := slices.Index(ids(ans), first[0])
	if at < 0 {
		t.Fatalf("%s is gone: %v", first[0], ids(ans))
	}
	lines, was := sides(ans.Items[at].Ledger), sides(boosted.Items[0].Ledger)
	stages := make([]string, len(lines))
	for n, l := range lines {
		stages[n] = l.Stage
	}
	if got := strings.Join(stages[:4], " "); got != "score fresh rotate boost" {
		t.Fatalf("stages %s: %+v", got, lines)
	}
	s := was[0].Value
	for n, want := range []Entry{
		{Stage: "score", Signal: "session", Value: s, Factor: 1},
		{Stage: "fresh", Signal: "published", Value: .5 * s, Factor: 1.5},
		{Stage: "rotate", Signal: "shown", Value: -.75 * 1.5 * s, Factor: .25},
		{Stage: "boost", Rule: "more", Value: was[1].Value * 1.5 * .25, Factor: was[1].Factor},
	} {
		got := lines[n]
		if !near(got.Value, want.Value) || !near(got.Factor, want.Factor) || got.Signal != want.Signal || got.Rule != want.Rule {
			t.Errorf("line %d = %+v, want %+v", n, got, want)
		}
	}
	for _, v := range []Diversify{req.Placement.Variety.Diversify, {Lambda: .3}} {
		req.Placement.Variety.Diversify = v
		if !slices.ContainsFunc(rank(t, e, req).Items, func(it Item) bool {
			last := it.Ledger[len(it.Ledger)-1]
			return last.Stage == "diversify" && last.Signal == "placement" && last.MovedFrom > it.Slot
		}) {
			t.Errorf("%+v moved nothing that says so", v)
		}
	}
}

// TestVarietyComesBeforeSlotAndPin: what a merchandiser puts somewhere stays.
func TestVarietyComesBeforeSlotAndPin(t *testing.T) {
	e, req := variedEngine(t), ask(t)
	req.Session, req.Limit = viewOf(itemID(50), itemID(53)), MaxLimit
	first := ids(rank(t, e, req))
	e.SetRules(compileRules(t, `[{"id":"p","action":{"type":"pin","item":"`+first[0]+`","slot":2}},
		{"id":"s","action":{"type":"slot","slots":[1],"filter":{"attribute":"colour","op":"=","value":"k1"}}}]`))
	last := ids(rank(t, e, req))
	for name, v := range varieties() {
		req.Placement.Variety = v
		if again := ids(rank(t, e, req)); (v.Diversify.Max == 1 || v.Diversify.relevance()) && slices.Equal(again, last) {
			t.Errorf("%s: beside rules it changes nothing", name)
		}
		req.Session = shownView([]string{itemID(50), itemID(53)}, 4, first...)
		ans := rank(t, e, req)
		req.Session = viewOf(itemID(50), itemID(53))
		if ans.Items[1].ItemID != first[0] || ans.Items[0].Reason != ReasonRule || string(ans.Items[0].Catalog.Attributes["colour"]) != `"k1"` {
			t.Errorf("%s: %+v", name, ans.Items[:2])
		}
	}
}

// TestSlotAfterDiversify: a slot rule chooses from the diversified list. What it
// chooses, and what follows, do not depend on how much of it is asked for.
func TestSlotAfterDiversify(t *testing.T) {
	e, req := variedEngine(t), ask(t)
	req.Session = viewOf(itemID(50), itemID(53))
	for name, v := range varieties() {
		req.Placement.Variety = v
		for _, colour := range []string{"k0", "k1", "k2", "k3"} {
			e.SetRules(compileRules(t, `[{"id":"s","action":{"type":"slot","slots":[1,2],"filter":{"attribute":"colour","op":"=","value":"`+colour+`"}}}]`))
			req.Limit = 20
			long := ids(rank(t, e, req))
			for limit := range 19 {
				req.Limit = limit + 1
				if got := ids(rank(t, e, req)); !slices.Equal(got, long[:limit+1]) {
					t.Fatalf("%s: %v is not the beginning of %v", name, got, long)
				}
			}
		}
	}
}

func TestParseVariety(t *testing.T) {
	all, err := ParseVariety([]byte(`{
		"home":{"diversify":{"attribute":"categories","max":2,"window":5},"rotate":{},"fresh":{}},
		"item":{"diversify":{"lambda":0.9,"similar":"vectors"},"rotate":{"factor":0.1},"fresh":{"days":7,"lift":1.2}},
		"cart":{"diversify":{"lambda":0.8,"similar":["categories","colour"]},"rotate":{"factor":0.9,"least":0.5}},"email":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Variety{
		"home": {Diversify{Attribute: "categories", Max: 2, Window: 5}, Rotate{.9, .5}, Fresh{30, 1.5}},
		"item": {Diversify{Lambda: .9, Similar: []string{"vectors"}}, Rotate{.1, .1}, Fresh{7, 1.2}},
		"cart": {Diversify{Lambda: .8, Similar: []string{"categories", "colour"}}, Rotate{.9, .5}, Fresh{}}, "email": {},
	}
	if d := cmp.Diff(want, all); d != "" {
		t.Error(d)
	}
	if all, err = ParseVariety([]byte(`{}`)); err != nil || len(all) > 0 {
		t.Errorf("nothing said: %v, %v", all, err)
	}
}

func TestParseVarietyRefuses(t *testing.T) {
	for _, c := range []struct{ text, pointers string }{
		{`[`, ""}, {`[]`, ""}, {`{"home":1}`, "/home"},
		{`{"home":{"rotate":{"speed":1}}}`, "/home/rotate/speed"},
		{`{"home":{"rotate":{"factor":"x"}}}`, "/home/rotate/factor"},
		{`{"home":{},"home":{}}`, "/home"},
		{`{"a/b":{}}`, "/a~1b"},
		{`{"home":{"diversify":{}}}`, "/home/diversify/attribute /home/diversify/max"},
		{`{"home":{"diversify":{"attribute":"x","max":101,"window":-1}}}`, "/home/diversify/max /home/diversify/window"},
		{`{"home":{"diversify":{"attribute":"x","max":1,"similar":["y"]}}}`, "/home/diversify/similar"},
		{`{"home":{"diversify":{"lambda":1,"max":3}}}`, "/home/diversify/lambda /home/diversify/lambda"},
		{`{"home":{"diversify":{"lambda":0.5,"similar":["a","b","c","d","e"]}}}`, "/home/diversify/similar"},
		{`{"home":{"diversify":{"lambda":0.5,"similar":["","rows"]}}}`, "/home/diversify/similar/0 /home/diversify/similar/1"},
		{`{"home":{"rotate":{"factor":1}},"cart":{"rotate":{"factor":0}}}`, "/cart/rotate/factor /home/rotate/factor"},
		{`{"home":{"rotate":{"factor":0.5,"least":0.6}},"cart":{"rotate":{"least":0}}}`, "/cart/rotate/least /home/rotate/least"},
		{`{"home":{"fresh":{"days":0,"lift":1}},"cart":{"fresh":{"days":366,"lift":2.1}}}`, "/cart/fresh/days /cart/fresh/lift /home/fresh/days /home/fresh/lift"},
	} {
		_, err := ParseVariety([]byte(c.text))
		f := fault.Of(err)
		if f == nil || f.Kind != fault.Invalid {
			t.Errorf("%s: %v, want it refused", c.text, err)
			continue
		}
		var got []string
		for _, field := range f.Fields {
			got = append(got, field.Pointer)
		}
		if d := strings.Join(got, " "); d != c.pointers {
			t.Errorf("%s: faults at %q, want %q", c.text, d, c.pointers)
		}
	}
}

// buildRows is a model of sessions.
func buildRows(tb testing.TB, sessions ...[]string) *rows.Model {
	tb.Helper()
	b := rows.NewBuilder(rows.DefaultParams())
	for n, s := range sessions {
		b.Add(s, 20_000+float64(n)/100)
	}
	m, err := b.Build(context.Background(), &rows.BuildOptions{TrainedAt: noon()})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}
