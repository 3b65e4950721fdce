//go:build !race

package recommend

import (
	"context"
	"testing"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/session/event"
)

// TestRankDoesNotAllocate: an answer costs the collector nothing. The race
// detector makes pools forget, so it is not asked there.
func TestRankDoesNotAllocate(t *testing.T) {
	e := New(Config{})
	e.SetModel(rankedModel(t))
	e.SetCatalog(catalog.Build(makeItems(2100)))
	e.SetPairs(makePairs(itemID(5), itemID(2050), .3, itemID(8), itemID(2051), .2))
	e.SetRules(compileRules(t, `[
		{"id":"b","placements":["cart"],"action":{"type":"boost","strength":50,"filter":{"attribute":"brand","op":"=","value":"b7"}}},
		{"id":"p","placements":["cart"],"action":{"type":"pin","item":"i00003","slot":2}},
		{"id":"d","placements":["cart"],"action":{"type":"diversify","attribute":"brand","max":1,"window":3}}]`))
	cart, _ := PlacementNamed("cart")
	for name, change := range map[string]func(*Request){
		"session":    func(*Request) {},
		"profile":    func(r *Request) { r.Profile = someProfile() },
		"nobody":     func(r *Request) { r.Session = nil },
		"page":       func(r *Request) { r.ContextItem, r.Category, r.Query = itemID(9), "home>c1", "lantern 17" },
		"filter":     func(r *Request) { r.Filter = compileFilter(t, `{"attribute":"brand","op":"=","value":"b7"}`) },
		"wide":       func(r *Request) { r.Filter = compileFilter(t, `{"attribute":"price","op":">","value":5}`) },
		"rules":      func(r *Request) { r.Placement = cart },
		"candidates": func(r *Request) { r.Candidates = []string{itemID(1), itemID(2), "?"} },
		"exclude":    func(r *Request) { r.ExcludeSeen, r.ExcludePurchased, r.Exclude = true, 30, []string{itemID(4)} },
		"plain":      func(*Request) { e.SetRanking(RankPlain) },
		"taken back": func(r *Request) { r.Session.Steps[1].Kind = event.Dislike },
		"new":        func(r *Request) { r.Session = viewOf(itemID(2050)) },
		"capture":    func(r *Request) { r.Capture = &Decision{} },
	} {
		t.Run(name, func(t *testing.T) {
			req := ask(t)
			req.Session = viewOf(itemID(5), itemID(8), itemID(13))
			e.SetRanking(RankFully)
			change(req)
			var ans Answer
			run := func() {
				if err := e.Rank(context.Background(), req, &ans); err != nil {
					t.Fatal(err)
				}
			}
			run()
			if n := testing.AllocsPerRun(200, run); n > 0 {
				t.Errorf("%v allocations per answer, want none", n)
			}
			if len(ans.Items) == 0 {
				t.Error("no items")
			}
		})
	}
}
