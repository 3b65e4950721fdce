package recommend

import (
	"context"
	"testing"
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

// BenchmarkRankVariety is what each kind costs beside an answer without, for a
// session that was shown 64 items.
func BenchmarkRankVariety(b *testing.B) {
	const items = 30_000
	e := benchEngine(b, items)
	for _, name := range []string{"off", "max", "list", "mmr", "two", "rows", "rotate", "fresh", "together"} {
		v := varieties()[name]
		reqs := benchRequests(b, items, func(r *Request) {
			r.Placement.Variety = v
			var ans Answer
			long := *r
			long.Limit, long.Placement.Variety = 64, Variety{}
			if err := e.Rank(context.Background(), &long, &ans); err != nil {
				b.Fatal(err)
			}
			r.Session.Shown = ids(&ans)
		})
		b.Run(name, func(b *testing.B) {
			var ans Answer
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if err := e.Rank(context.Background(), reqs[n%len(reqs)], &ans); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
