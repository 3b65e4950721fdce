package learn_test

import (
	"slices"
	"testing"

	"github.com/nextbest/nextbest/recommend/best"
	"github.com/nextbest/nextbest/recommend/learn"
)

// TestListedModels: as in an answer, lists are full, name nothing twice and
// nothing that they may not name; unknown items keep their place.
func TestListedModels(t *testing.T) {
	visits := walks(500, 5, 8)
	c := build(t, visits)
	m, err := best.Train(t.Context(), c, best.DefaultParams(), best.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]learn.Live{"rows": liveRows(t, c), "best": learn.ListBest(m)} {
		if l.Latest() != c.Latest() || !l.Knows(visits[0].items[0]) || l.Knows("never seen") {
			t.Errorf("%s knows up to %v, the first item %v, another %v", name, l.Latest(), l.Knows(visits[0].items[0]), l.Knows("never seen"))
		}
		var list []string
		for _, v := range append(visits[:50:50], visit{items: []string{"never seen"}}) {
			session := slices.Clone(v.items)
			slices.Reverse(session)
			for _, exclude := range []learn.Exclude{learn.ExcludeNone, learn.ExcludeCurrent, learn.ExcludeSeen} {
				list = l.List(session, exclude, 20, list)
				kept := slices.Clone(list)
				slices.Sort(kept)
				if len(slices.Compact(kept)) != 20 {
					t.Fatalf("%s excluding %s after %v: %v", name, exclude, session, list)
				}
				if exclude != learn.ExcludeNone && slices.Contains(list, session[0]) {
					t.Fatalf("%s excluding %s names the current item", name, exclude)
				}
				if exclude == learn.ExcludeSeen && slices.ContainsFunc(list, func(id string) bool { return slices.Contains(session, id) }) {
					t.Fatalf("%s excluding %s after %v: %v", name, exclude, session, list)
				}
			}
		}
	}
}
