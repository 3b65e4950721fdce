package recommend

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/popular"
)

const leanSize = 400

// leanWorld is a shop in which everything comes in that the tail is made of:
// variants, of which the model knows one, several or their group, novelties,
// trends, sold-out items.
func leanWorld(t *rapid.T, models ...Model) *Engine {
	items := makeItems(leanSize)
	grouped, fresh := rapid.IntRange(0, 3).Draw(t, "of five grouped"), rapid.IntRange(1, 9).Draw(t, "every n-th new")
	for i := range items {
		if i%5 < grouped {
			items[i].GroupID = fmt.Sprintf("g%d", i/5)
		}
		if i%(7*fresh) == 0 {
			items[i].PublishedAt = noon().Add(-time.Duration(i) * time.Hour).Format(time.RFC3339)
		}
	}
	snap := catalog.Build(items)
	e := New(Config{})
	if rapid.Bool().Draw(t, "catalog") {
		e.SetCatalog(snap)
	}
	if n := rapid.IntRange(0, len(models)).Draw(t, "model"); n > 0 {
		e.SetModel(models[n-1])
		e.SetRanking(rapid.SampledFrom([]Ranking{RankFully, RankFully, RankPlain}).Draw(t, "ranking"))
	}
	if rapid.Bool().Draw(t, "pairs") {
		e.SetPairs(drawPairs(t, leanSize))
	}
	c := popular.NewCounter(popular.Options{})
	for range rapid.IntRange(1, 3).Draw(t, "tables") {
		addClicks(t, c)
		e.SetPopular(c.Table(noon()))
	}
	for n := range rapid.IntRange(0, 100).Draw(t, "sold out") {
		snap.Apply(itemID(n*3), catalog.Patch{Available: ptr(false)})
	}
	return e
}

func addClicks(t *rapid.T, c *popular.Counter) {
	many, spread := rapid.IntRange(0, 300).Draw(t, "clicks"), rapid.IntRange(1, leanSize).Draw(t, "spread")
	for n := range many {
		c.Add(itemID(n*n%spread), float64(1+n%3), noon().Add(-time.Duration(n)*2*time.Hour).UnixMilli())
	}
	for n := range rapid.IntRange(0, 12).Draw(t, "hot") {
		c.Add(itemID((spread+n)%leanSize), 9, noon().UnixMilli())
	}
}

// TestFewCandidatesGiveTheSameAnswer: what is left out without an explanation
// never belonged in the answer.
func TestFewCandidatesGiveTheSameAnswer(t *testing.T) {
	plain, ranked := makeModel(t, leanSize, 300), rankedModel(t)
	rapid.Check(t, func(rt *rapid.T) {
		e := leanWorld(rt, plain, ranked)
		for range 8 {
			req := drawRequest(rt, t)
			req.Profile, req.Candidates = nil, nil
			if rapid.IntRange(0, 4).Draw(rt, "searched") == 0 {
				req.Category, req.Query = "home>c2", "lantern 21"
			}
			if rapid.IntRange(0, 4).Draw(rt, "overridden") == 0 {
				req.BlendA = rapid.SampledFrom([]float64{0, .3, 1}).Draw(rt, "a")
			}
			ans := rank(t, e, req)
			explained := *req
			explained.Explain = true
			checkSame(rt, ans, rank(t, e, &explained))
		}
	})
}

// TestWidePage: of a category too wide to be brought in, all that popularity
// brings in leads.
func TestWidePage(t *testing.T) {
	e := popularEngine(7 * (alwaysCheap + 1))
	req := ask(t)
	req.Category, req.Limit = "home>c6", 10
	var want []string
	for n := range req.Limit {
		want = append(want, itemID(6+7*n))
	}
	if got := ids(rank(t, e, req)); !slices.Equal(got, want) {
		t.Errorf("items = %v, want %v", got, want)
	}
}

// TestPopularityGoesOn: taking over from the last table changes nothing.
func TestPopularityGoesOn(t *testing.T) {
	m := makeModel(t, leanSize, 300)
	rapid.Check(t, func(rt *rapid.T) {
		build := func() *Engine {
			e := New(Config{})
			e.SetModel(m)
			return e
		}
		items := makeItems(leanSize)
		for i := range items {
			items[i].GroupID = fmt.Sprintf("g%d", i/3)
		}
		snap := catalog.Build(items)
		grown, c := build(), popular.NewCounter(popular.Options{MaxKeys: 150})
		for n := range rapid.IntRange(1, 5).Draw(rt, "tables") {
			addClicks(rt, c)
			table := c.Table(noon())
			grown.SetPopular(table)
			if n == 1 {
				grown.SetCatalog(snap)
			}
			made := build()
			made.SetCatalog(grown.Catalog())
			made.SetPopular(table)
			a, b := grown.state.Load().pop, made.state.Load().pop
			a.counted, b.counted = nil, nil
			if d := cmp.Diff(b, a, cmp.AllowUnexported(popularity{}, place{})); d != "" {
				rt.Fatalf("table %d: -made +grown:\n%s", n, d)
			}
		}
	})
}

func TestSortKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOf(rapid.Uint64()).Draw(t, "keys")
		want := slices.Clone(keys)
		slices.SortStableFunc(want, func(a, b uint64) int { return int(int64(a>>32) - int64(b>>32)) })
		if sortKeys(keys); !slices.Equal(keys, want) {
			t.Fatalf("%x, want %x", keys, want)
		}
	})
}

// TestSharedGroups: a group is as good as the best of its items, however many
// of them take places before the others.
func TestSharedGroups(t *testing.T) {
	m := modelOf(t, best.DefaultParams(), []string{"x", "a1"}, []string{"x", "a2"}, []string{"x", "b"}, []string{"x", "a1"},
		[]string{"x", "a2"}, []string{"x", "a1"}, []string{"x", "a2"}, []string{"x", "b"})
	e := New(Config{})
	e.SetModel(m)
	e.SetCatalog(catalog.Build([]catalog.Item{{ItemID: "x"}, {ItemID: "a1", GroupID: "a"}, {ItemID: "a2", GroupID: "a"}, {ItemID: "b"}}))
	req := ask(t)
	req.Session, req.Limit = viewOf("x"), 2
	if got := ids(rank(t, e, req)); !slices.Equal(got, []string{"a1", "b"}) {
		t.Errorf("items = %v, want one variant of the group, then the other item", got)
	}
}
