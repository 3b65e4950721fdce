//go:build !race

package recommend

import (
	"context"
	"testing"
	"time"

	"github.com/nextbest/nextbest/recommend/catalog"
	"github.com/nextbest/nextbest/recommend/vector"
)

// TestVarietyDoesNotAllocate: like the rest of an answer.
func TestVarietyDoesNotAllocate(t *testing.T) {
	items := makeItems(300)
	var known []string
	var vectors [][]float32
	for n := range items {
		items[n].PublishedAt = noon().Add(-time.Duration(n) * 24 * time.Hour).Format(time.RFC3339)
		known, vectors = append(known, itemID(n)), append(vectors, []float32{float32(n%7) - 3.5, 1})
	}
	set, err := vector.NewSet("v", 2, known, vectors)
	if err != nil {
		t.Fatal(err)
	}
	e := variedEngine(t)
	e.SetCatalog(catalog.Build(items))
	kinds := varieties()
	kinds["vectors"] = Variety{Diversify: Diversify{Lambda: .9, Similar: []string{SimilarVectors}}}
	for name, v := range kinds {
		t.Run(name, func(t *testing.T) {
			e.SetVectors(nil)
			if name == "vectors" {
				e.SetVectors(set)
			}
			req := ask(t)
			req.Placement.Variety = v
			req.Session = shownView([]string{itemID(50), itemID(53)}, 4, known[30:90]...)
			var ans Answer
			run := func() {
				if err := e.Rank(context.Background(), req, &ans); err != nil {
					t.Fatal(err)
				}
			}
			run()
			if n := testing.AllocsPerRun(1000, run); n > 0 {
				t.Errorf("%v allocations per answer, want none", n)
			}
			if len(ans.Items) != DefaultLimit {
				t.Errorf("%d items", len(ans.Items))
			}
		})
	}
}
